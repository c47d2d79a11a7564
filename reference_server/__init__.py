"""The reference server: asyncio sockets around `tcrp` and `relay`, to run (`tcrp-server`) or to embed.

async with Server(tcp_port=0, udp_port=0) as server:
    print(server.tcp_address, server.udp_address)
"""

from reference_server.limits import ServerLimits
from reference_server.server import Server
from reference_server.sockets import BindError

__all__ = ["BindError", "Server", "ServerLimits"]
