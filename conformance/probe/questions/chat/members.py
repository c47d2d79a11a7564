"""Members of rooms, and the sockets at which they hear."""

from dataclasses import dataclass

from conformance.probe.questions.requests.asking import FREE
from conformance.probe.wire.udp import UdpSocket


@dataclass
class ProbedMember:
    """A member of a room. `sockets`: those at which the server may know it, by the names of `Requester.ask`."""

    room: str
    user: str
    token: bytes
    host: bool
    sockets: dict[str, UdpSocket]

    @property
    def main(self) -> UdpSocket:
        """The socket from which it speaks."""
        return self.sockets[FREE]

    def heard(self, mark: bytes) -> list[bytes]:
        """The datagrams that came to it, at whatever socket, and hold the mark."""
        return [data for one in self.sockets.values() for data in one.inbox if mark in data]

    def heard_anything(self) -> bool:
        """Whether any datagram came to it."""
        return any(one.inbox for one in self.sockets.values())

    def sockets_that_heard(self, mark: bytes) -> list[str]:
        """The names of its sockets to which a datagram with the mark came."""
        return [name for name, one in self.sockets.items() if any(mark in data for data in one.inbox)]
