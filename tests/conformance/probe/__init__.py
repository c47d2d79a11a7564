"""Tests of the probe, with servers that no dialect describes."""
