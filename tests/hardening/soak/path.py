"""The way between members and server, and what it takes from the datagrams that go along it.

A soak only blames the server for what is lost beyond that. Here the way is loopback: full buffers are all that loses
something there, and the kernel counts it. A way that impairs on purpose is one more `Path`, given to `soak`.
"""

from typing import NamedTuple, Protocol

from tcrp.endpoint import Endpoint
from tests.hardening.kernel import backlog_drops, drops_at


class Taken(NamedTuple):
    """Datagrams that were lost on the way to the server (`up`), to members (`down`), or came twice (`doubled`).

    `up` and `down` may both count one that could have been either. What is dropped at a member's own socket is in
    neither: the member counts it itself.
    """

    up: int
    down: int
    doubled: int


class Path(Protocol):
    """`endpoint`: where members send to. `taken()`: what has been lost or doubled so far."""

    @property
    def endpoint(self) -> Endpoint: ...

    def taken(self) -> Taken: ...


class Loopback:
    """The direct way to a server on 127.0.0.1."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._backlog = backlog_drops()

    @property
    def endpoint(self) -> Endpoint:
        """The server's own."""
        return self._endpoint

    def taken(self) -> Taken:
        """What was dropped at the server's socket, and in the backlog that all sockets of the machine share."""
        backlog = backlog_drops() - self._backlog
        return Taken(drops_at(self._endpoint.udp or 0) + backlog, backlog, 0)
