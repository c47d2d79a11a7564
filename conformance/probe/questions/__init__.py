"""The questions that a probe asks, one subject in each module."""
