"""Servers to compare ours with, each written in as few lines as possible, and `start`, which runs them."""
