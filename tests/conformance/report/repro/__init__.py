"""Tests of the files that repeat a finding."""
