"""Tests of the registry of clauses."""
