"""Who lives through the 2 T + 1 seconds in which the idle clauses are judged."""
