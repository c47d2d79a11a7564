"""How fast, side by side with what one would write instead. `make bench` runs all of it and writes RESULTS.md."""
