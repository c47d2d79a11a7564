"""Tests of verdicts, causes and deviations."""
