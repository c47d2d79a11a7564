"""How much a server bears: many members at many real addresses, evenly paced, and what of it arrives, how fast."""
