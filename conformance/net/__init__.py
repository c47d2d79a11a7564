"""The endpoint under test, and sockets to it."""
