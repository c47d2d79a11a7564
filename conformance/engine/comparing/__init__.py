"""Judging a server whose replies nobody can read: it is compared with itself."""
