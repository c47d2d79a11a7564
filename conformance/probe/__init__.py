"""How a server that nobody here has seen talks: ask it, read what comes, say it as a dialect."""
