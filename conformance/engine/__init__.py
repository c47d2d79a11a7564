"""One run of the suite: its options, its life, and what becomes of a failure."""
