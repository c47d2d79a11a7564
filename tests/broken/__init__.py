"""Our own server, wrong in one way at a time, in the dialects that the servers of tests/faults do not speak."""
