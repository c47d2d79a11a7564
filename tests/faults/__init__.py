"""A plain TCRP server that is right, and hundreds that are wrong in one way each. Standard library only."""
