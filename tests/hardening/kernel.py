"""What the kernel says that it dropped: datagrams that came faster than their socket was read. Only Linux says it."""

import contextlib
import socket
import struct
from pathlib import Path
from typing import Final

SO_MEMINFO: Final = 55
"""Nine numbers about a socket's memory. The last one is how many datagrams were dropped."""
_MEMINFO = struct.Struct("9I")


def drops(sock: socket.socket) -> int:
    """Datagrams that the system has dropped at a socket so far, because its buffer was full."""
    with contextlib.suppress(OSError):
        return int(_MEMINFO.unpack(sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO.size))[-1])
    return 0


def drops_at(port: int) -> int:
    """Datagrams dropped at the UDP sockets with this port. The kernel says it to every process."""
    found = 0
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
            words = line.split()
            if int(words[1].rpartition(":")[2], 16) == port:
                found += int(words[-1])
    return found


def backlog_drops() -> int:
    """Packets that the kernel dropped before any socket, on all cores."""
    with contextlib.suppress(OSError):
        return sum(int(line.split()[1], 16) for line in Path("/proc/net/softnet_stat").read_text().splitlines())
    return 0
