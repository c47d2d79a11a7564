"""A server as a student writes it the first time: many clauses fail at once, and its threads die."""
