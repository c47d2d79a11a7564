"""Raw sockets towards an unknown server, how long they wait, and what becomes of the server."""
