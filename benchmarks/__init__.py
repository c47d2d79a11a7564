"""Measures our code side by side with simpler code that does the same.

`make bench` runs all benchmarks and writes RESULTS.md.
"""
