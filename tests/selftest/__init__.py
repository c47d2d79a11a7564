"""The suite run against servers that are wrong on purpose, and against ones right but unusual."""
