"""Servers that answer as a test says."""

import contextlib
import socket
import threading
from collections.abc import Callable

from tcrp import Frame, Operation, State, decode_packet, encode_frame
from tcrp.endpoint import Endpoint
from tcrp.messages import ChatPacket
from tests.reference_client.processes import PATIENCE

Handler = Callable[[socket.socket], object]
"""What a server does with a TCP connection."""

TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"


def ack(status: int) -> bytes:
    """The ACK of a JOIN of room r, with this status."""
    return encode_frame(Frame("r", Operation.JOIN, State.ACK, bytes([status])))


WELCOME = ack(0) + encode_frame(Frame("r", Operation.JOIN, State.COMPLETE, TOKEN))
"""ACK and COMPLETE of a JOIN of room r, with the token TOKEN."""


def drain(connection: socket.socket) -> None:
    """Read until the client closes, and answer nothing."""
    while connection.recv(65536):
        pass


def answering(*pieces: bytes, requests: list[bytes] | None = None) -> Handler:
    """Read the request, send the pieces one by one, close. `requests`: a list to keep the request in."""

    def handle(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = connection.recv(65536)
        if requests is not None:
            requests.append(request)
        for piece in pieces:
            connection.sendall(piece)
        connection.close()

    return handle


class OddServer:
    """Both sockets of a server. `handle` is called for each TCP connection; the test reads and writes `udp`."""

    def __init__(self, handle: Handler) -> None:
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.settimeout(PATIENCE)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._handle = handle
        self._connections: list[socket.socket] = []
        self.endpoint = Endpoint("127.0.0.1", self._listener.getsockname()[1], self.udp.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def packet(self) -> tuple[ChatPacket, tuple[str, int]]:
        """The next datagram and its source."""
        data, source = self.udp.recvfrom(65535)
        return decode_packet(data), source

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for sock in (self._listener, self.udp, *self._connections):
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._handle(connection)


StartOdd = Callable[[Handler], OddServer]
"""`odd(handle)`: an odd server that is closed after the test."""
