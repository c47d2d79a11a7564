"""A seeded proxy that loses, doubles, reorders and delays what goes between suite and server. It knows no dialect."""
