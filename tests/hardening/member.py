"""A client in any dialect, from any source address, in plain blocking sockets."""

import socket
import ssl
import time
from typing import Self

from tcrp import Create, Down, Join, Joined, Membership, Refused, Status, UpKind, dialects
from tcrp.dialects import Dialect
from tcrp.endpoint import Endpoint

PATIENCE = 10.0


class NotServed(Exception):
    """The server refused, or did not answer in time. The message says how."""


class Member:
    """A member of a room. `sock`: its UDP socket, connected to the server."""

    def __init__(self, membership: Membership, sock: socket.socket, dialect: Dialect) -> None:
        self.membership = membership
        self.sock = sock
        self._dialect = dialect

    @classmethod
    def enter(
        cls,
        server: Endpoint,
        want: Create | Join,
        source: str,
        *,
        dialect: Dialect | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Self:
        """Enter a room, and register there. Raises NotServed."""
        dialect = dialect or dialects.get()
        udp = _udp_socket(source, (server.host, server.udp or 0))
        try:
            token = _token(server, want, source, udp, dialect, tls)
        except BaseException:
            udp.close()
            raise
        member = cls(Membership(want.room, want.user, token, isinstance(want, Create)), udp, dialect)
        member.send(UpKind.REGISTER)
        return member

    def send(self, kind: UpKind, body: bytes = b"") -> None:
        """Send a datagram, if the dialect has one of this kind."""
        data = self._dialect.write_up(self.membership, kind, body)
        if data is not None:
            self.sock.send(data)

    def say(self, body: bytes) -> None:
        """Send a message."""
        self.send(UpKind.CHAT, body)

    def hear(self) -> bytes:
        """What the next datagram says. Raises OSError; TimeoutError after the socket's time."""
        return self.receive().body

    def receive(self) -> Down:
        """The next datagram. Raises OSError; TimeoutError after the socket's time."""
        return self.read(self.sock.recv(65536))

    def read(self, data: bytes) -> Down:
        """What a datagram to this member is."""
        return self._dialect.read_down(data, self.membership)

    def move(self) -> socket.socket:
        """Go on from another port of the same address. Returns the socket that was left, which is still open."""
        left = self.sock
        self.sock = _udp_socket(left.getsockname()[0], left.getpeername())
        self.send(UpKind.REGISTER)
        return left

    def leave(self) -> None:
        """Leave the room."""
        self.send(UpKind.LEAVE)
        self.close()

    def close(self) -> None:
        """Close the socket, without a word."""
        self.sock.close()


def _udp_socket(source: str, server: tuple[str, int]) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind((source, 0))
        sock.connect(server)
        sock.settimeout(PATIENCE)
    except BaseException:
        sock.close()
        raise
    return sock


def _token(
    server: Endpoint,
    want: Create | Join,
    source: str,
    udp: socket.socket,
    dialect: Dialect,
    tls: ssl.SSLContext | None,
) -> bytes:
    assert server.tcp is not None
    tcp: socket.socket | None = None
    try:
        tcp = socket.create_connection((server.host, server.tcp), PATIENCE, (source, 0))
        if tls is not None:
            tcp = tls.wrap_socket(tcp, server_hostname=server.host)
        conversation = dialect.client(want, udp.getsockname(), time.monotonic())
        token = None
        while True:
            tcp.sendall(conversation.data_to_send())
            if conversation.closing:
                break
            data = tcp.recv(65536)
            events = conversation.receive_data(data, time.monotonic()) if data else conversation.receive_eof(0.0)
            for event in events:
                if isinstance(event, Joined):
                    token = event.token
                elif isinstance(event, Refused):
                    raise NotServed(f"{type(want).__name__} refused: {_named(event.status)}")
            if not data:
                break
    except OSError as error:
        raise NotServed(f"{type(want).__name__}: {error}") from None
    finally:
        if tcp is not None:
            tcp.close()
    if token is None:
        raise NotServed(f"{type(want).__name__}: closed without an answer")
    return token


def _named(status: int) -> str:
    return Status(status).name if status in list(Status) else str(status)
