"""Tests of the server under test as a process, and of the sockets to it."""
