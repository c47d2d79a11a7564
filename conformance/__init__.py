"""The conformance suite: tells what is wrong with a TCRP server, in which clause, with the bytes.

`tcrp-conformance run -t HOST:TCP:UDP` from a shell, `pytest --tcrp-target HOST:TCP:UDP --pyargs conformance` from a
repository's own tests. It is an outsider with sockets: it knows the protocol from `tcrp` and nothing of any server.
"""
