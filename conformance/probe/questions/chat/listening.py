"""Whether anything listens on the server's UDP port, and what comes of datagrams where nothing is known of it."""

import socket
import time
from collections.abc import Iterator

from conformance.net.ports import HALF_OPEN_SECONDS, refuses
from conformance.probe.notebook import shown
from conformance.probe.questions.chat.chat import ProbedChat
from conformance.probe.questions.chat.client_layouts import BINARY, ClientLayout, without_rooms
from conformance.probe.questions.chat.members import ProbedMember
from conformance.probe.questions.chat.talk import NoChat
from conformance.probe.random_names import random_message
from conformance.probe.wire.server import Sent
from conformance.probe.wire.wire import Wire

REFUSED_SECONDS = 0.1
"""How long an unreachable port may take to be told."""
PORT_CLOSED = "its UDP port is closed"
MOST_RENEWALS = 10
"""How often a server is started anew because a datagram ended it."""
NAMES = ("alicia", "bob")
DATAGRAMS = (
    ("a name with its size, and a message", [bytes([len(name)]) + name.encode() + b"hello" for name in NAMES]),
    ("plain text", [f"{name}: hello".encode() for name in NAMES]),
    ("JSON", [f'{{"username": "{name}", "message": "hello"}}'.encode() for name in NAMES]),
)
"""What is sent, in words and for each name."""


class UdpPort:
    """Watches the server's UDP port through the datagrams of a member that says nothing else."""

    def __init__(self, chat: ProbedChat) -> None:
        self._chat = chat
        self._server = chat.wire.server
        self._sender: tuple[ProbedMember, socket.socket] | None = None

    def is_open(self) -> bool:
        """Whether something listens. If the first datagram has ended a server of our own, it is started anew.

        Raises NoChat if it has ended another's server, or no member can be made.
        """
        chat = self._chat
        layout = ClientLayout(layout=BINARY[0]) if self._server.has_tcp else next(without_rooms())
        host, guest = chat.rooms.pair(tell_port=True)
        data = layout.write(guest, random_message()) or b""
        connected = chat.wire.udp.connected()
        self._sender = guest, connected
        chat.rooms.leave_behind(host, guest)
        deadline = time.monotonic() + HALF_OPEN_SECONDS  # the port may be opened later than that of TCP
        while refuses(connected, data, REFUSED_SECONDS):
            if time.monotonic() > deadline or self._server.target.ended() is not None:
                return False
        self._server.sent = Sent(f"a datagram, {layout.words}", data, over_tcp=False)
        if refuses(connected, data, REFUSED_SECONDS):
            self._renew()
        return True

    def was_closed(self) -> bool:
        """Whether the last layout has ended chat. Then a server of our own is started anew; NoChat for another's.

        A member that nobody listens to sends a datagram of that layout, and does not wait: what the port answers to it,
        or has answered to the one before, is known at once.
        """
        if self._sender is None:
            return False
        guest, connected = self._sender
        data = self._chat.facts.layout.write(guest, random_message())
        if data is None or not refuses(connected, data, 0.0):
            return False
        self._renew()
        return True

    def _renew(self) -> None:
        server = self._server
        server.blame_last(PORT_CLOSED)
        if not server.owned or server.restarts >= MOST_RENEWALS:
            raise NoChat(f"nothing listens on UDP port {server.udp[1]} any more after {server.last}")
        server.renew()
        _, guest = self._chat.rooms.pair(tell_port=True)
        self._sender = guest, self._chat.wire.udp.connected()


def overheard(wire: Wire) -> Iterator[str]:
    """Let two clients say something in several forms. Yields one line for each datagram that one of them hears."""
    sockets = [wire.udp.open(name) for name in NAMES]
    try:
        for what, datagrams in DATAGRAMS:
            for one in sockets:
                one.inbox.clear()
            for one, data in zip(sockets, datagrams, strict=True):
                wire.udp.send(one, data, what)
            wire.udp.listen()
            for one in sockets:
                for data in one.inbox[:2]:
                    yield f"  {what}: {one.name} heard {shown(data)}"
    finally:
        wire.udp.drop(sockets)
