"""Who is there: the UDP peers of the conversation, the hosts and guests among them, and the shared rooms."""

import contextlib
import resource
import socket
import time
from collections import deque
from collections.abc import Iterator

from conformance.net.peer import Peer

RETIRED = min(256, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
"""Upper bound of the sockets that stay open after use."""
RETIRED_SECONDS = 2.0
"""How long a socket stays open after use. By then the server has sent what it still had to send there."""

SharedMembers = tuple[list[Peer], list[Peer]]
"""The members of the two shared rooms."""


class Roster:
    """The peers of a bench. `hosted`: the host of each room that was created; `guests`: guests of a shared room."""

    def __init__(self, idle_timeout: float | None) -> None:
        self.peers: list[Peer] = []
        self.hosted: list[Peer] = []
        self.guests: list[Peer] = []
        self.shared: SharedMembers | None = None
        # to members that have become idle a server sends later
        self._retired_for = RETIRED_SECONDS if idle_timeout is None else RETIRED_SECONDS + 2 * idle_timeout + 1
        self._retired: deque[tuple[float, socket.socket]] = deque()

    def everybody(self) -> Iterator[Peer]:
        """Every peer whose socket is read."""
        yield from self.peers
        for members in self.shared or ():
            yield from members

    def waiting_hosts(self) -> Iterator[Peer]:
        """Hosts of rooms that a request made and no test has used yet."""
        return (host for host in self.hosted if host not in self.peers)

    def forget(self) -> None:
        """Close the sockets of the conversation, and those of the shared rooms without a word."""
        self.clear()
        for members in self.shared or ():
            for member in members:
                member.close()
        self.shared = None

    def clear(self) -> None:
        """End the peers of the conversation. The shared rooms stay."""
        for peer in (*self.peers, *self.hosted):
            self.retire(peer)
        for peers in (self.peers, self.hosted, self.guests):
            peers.clear()

    def retire(self, peer: Peer) -> None:
        """Keep the peer's socket open for a while: the server may still send there, and no other run must hear it."""
        now = time.monotonic()
        self._retired.append((now, peer.retire()))
        while len(self._retired) > RETIRED or now - self._retired[0][0] > self._retired_for:
            self._retired.popleft()[1].close()

    def release(self) -> None:
        """Close every retired socket: the server has been stopped, or is left alone."""
        while self._retired:
            self._retired.pop()[1].close()

    @contextlib.contextmanager
    def set_aside(self) -> Iterator[None]:
        """Put the peers and hosts of the conversation aside meanwhile. Peers made meanwhile are not put among them."""
        peers, self.peers = self.peers, []
        hosted, self.hosted = self.hosted, []
        try:
            yield
        finally:
            self.peers, self.hosted = peers, hosted
