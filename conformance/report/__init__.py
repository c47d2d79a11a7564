"""What a reader sees of a run: on the screen, in files, and as a conversation to repeat."""
