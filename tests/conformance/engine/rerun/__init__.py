"""Tests of holding a failure again."""
