"""Tests of the proxy that makes a path bad."""
