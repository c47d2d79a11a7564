"""How much a server bears: many members with sockets of their own send evenly; what arrives is counted and timed."""
