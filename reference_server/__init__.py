"""The reference server: asyncio sockets around `tcrp` and `relay`, as the command `tcrp-server` or embedded.

async with Server(tcp_port=0, udp_port=0) as server:
    print(server.tcp_address, server.udp_address)
"""

from reference_server.limits import ServerLimits
from reference_server.server import Server
from reference_server.sockets import BindError
from reference_server.state_file import StateError

__all__ = ["BindError", "Server", "ServerLimits", "StateError"]
