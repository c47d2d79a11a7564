"""Servers that speak what only a dialect in Python says, written apart from the dialects in examples/."""
