"""Tests, and the servers that they need: a folder for each package, and those that are wrong or odd on purpose."""
