"""Tests of what a reader sees of a run."""
