"""Fuzzing: `python -m tests.hardening.fuzz`. A target takes bytes, and raises where the code under test is wrong."""
