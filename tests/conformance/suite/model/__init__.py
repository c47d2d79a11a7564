"""Tests of the model of the rooms, and of holding conversations against it."""
