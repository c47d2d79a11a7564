"""Several clients at once against a naive model of the rooms."""
