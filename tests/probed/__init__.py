"""A small chat server whose habits are options, written apart from everything else here. A probe must learn them."""
