"""What a clause asks for in the dialect under test, and requests that are wrong in one way."""
