"""Finding out how an unknown server talks: questions, what the answers mean, and a dialect file."""
