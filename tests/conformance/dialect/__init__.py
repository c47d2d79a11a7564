"""Tests of the suite in each dialect."""
