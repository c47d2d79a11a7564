"""Tests of the load: members, figures and the search for the highest rate."""
