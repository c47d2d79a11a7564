"""What a test holds: the server's TCP and UDP, and the rooms and members on it."""
