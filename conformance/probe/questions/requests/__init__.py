"""Questions on TCP: which request is understood, and how it is answered and refused."""
