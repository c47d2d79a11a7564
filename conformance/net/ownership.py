"""Whether the server's own process has its ports, as the kernel of this machine shows (Linux).

A port of a container, of a virtual machine or of WSL belongs to a program that only hands on what comes: behind it the
server sees one address for all clients.
"""

import contextlib
import socket
from collections.abc import Collection
from pathlib import Path

from conformance.net import kernel
from tcrp.endpoint import Endpoint

FORWARDERS = frozenset(
    {
        "docker-proxy", "rootlessport", "rootlesskit", "slirp4netns", "pasta", "pasta.avx2", "passt", "passt.avx2",
        "gvproxy", "vpnkit", "vpnkit-bridge", "com.docker.backend", "com.docker.vpnkit", "limactl", "qemu-system-x86",
        "qemu-system-x86_64", "socat", "ssh", "kubectl", "udp2raw", "nginx", "haproxy", "envoy",
    }
)  # fmt: skip
"""Programs that hand on what comes at their ports. Linux cuts names after 15 bytes."""
PROC = Path("/proc")


def owns_its_ports(server: Endpoint, ours: Collection[int] | None = None) -> bool:
    """Whether a process has both ports of this server itself, so that it sees where its datagrams come from. `ours`:
    the processes that we have started, one of which must have each port; None: one process must have both. False where
    the kernel does not tell.
    """
    owners = [_owners(kind, port, ours) for kind, port in _ports(server)]
    if ours is None and not set.intersection(*owners):
        return False
    return all(owners) and not any(_name(pid) in _CUT for pid in set.union(*owners))


def is_all_of_others(server: Endpoint, ours: Collection[int]) -> bool:
    """Whether both ports of this server are open, and none of these processes has one of them. False where the kernel
    does not tell.
    """
    return all(kernel.is_open(kind, port) and not _owners(kind, port, ours) for kind, port in _ports(server))


def _ports(server: Endpoint) -> list[tuple[socket.SocketKind, int]]:
    kinds = ((socket.SOCK_DGRAM, server.udp), (socket.SOCK_STREAM, server.tcp))
    return [(kind, port) for kind, port in kinds if port is not None]


_CUT = {name[:15] for name in FORWARDERS}


def _owners(kind: socket.SocketKind, port: int, among: Collection[int] | None) -> set[int]:
    """The processes that have the port, of those that can be seen."""
    files = {f"socket:[{one.inode}]" for one in kernel.bound(kind, port) or () if one.inode}
    if not files:
        return set()
    pids = among if among is not None else [int(one.name) for one in PROC.iterdir() if one.name.isdecimal()]
    return {pid for pid in pids if _has(pid, files)}


def _has(pid: int, files: set[str]) -> bool:
    try:
        for file in (PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                if str(file.readlink()) in files:
                    return True
    except OSError:  # another user's, or it has ended
        pass
    return False


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    return ""
