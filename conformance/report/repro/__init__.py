"""A finding as files that repeat it: a replay file, and a script for Python alone."""
