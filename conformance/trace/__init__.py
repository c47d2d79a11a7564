"""What was said on the wire, step by step, and in words."""
