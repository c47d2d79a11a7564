"""Tests of the tests of the suite."""
