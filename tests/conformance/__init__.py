"""Tests of the conformance suite, a folder for each of its packages."""
