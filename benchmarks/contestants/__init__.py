"""What one would write instead of tcrp-server, in as few lines as it takes, and `start`, which runs them."""
