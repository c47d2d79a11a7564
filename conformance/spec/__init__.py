"""What is judged: the clauses, which of them apply in a dialect, and which tests judge them."""
