"""Tests of recording a conversation and putting it in words."""
