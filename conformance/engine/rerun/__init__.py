"""A failing conversation, held again as it was and with one thing changed."""
