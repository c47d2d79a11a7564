"""Questions on UDP: which datagram is understood, who hears it, and what the server makes of it."""
