"""One accepted TCP connection on a plain blocking socket: what a server reads from it and sends on it."""

import select
import socket
import struct
import time

Address = tuple[str, int, *tuple[int, ...]]
"""What a socket says of the other side: (ip, port), or (ip, port, flow, scope) over IPv6."""
SILENT_SECONDS = 60.0  # how long a connection may say nothing at all
REQUEST_SECONDS = 20.0  # how long a request may take from its first byte to its last
DRAIN_SECONDS = 2.0  # how long what follows a request is read, once it is answered


class Vanished(Exception):
    """The client ended its side before its request was whole."""


class Stream:
    """`peer` is the address that accept() gave."""

    def __init__(self, connection: socket.socket, peer: Address) -> None:
        self.socket = connection
        self.peer = peer
        self.counted = False  # whether the server still counts it among its open connections
        self.begun = False  # whether a byte has come
        self.deadline = time.monotonic() + SILENT_SECONDS
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def recv(self, size: int) -> bytes:
        """What one recv of at most `size` bytes gives, or b"" once the client has ended its side."""
        self.socket.settimeout(max(0.01, self.deadline - time.monotonic()))
        data = self.socket.recv(size)
        if not self.begun:
            self.begun = True
            self.deadline = time.monotonic() + REQUEST_SECONDS
        return data

    def recv_exactly(self, size: int) -> bytes:
        """`size` bytes, in however many segments they come (2.5). Raises Vanished."""
        data = bytearray()
        while len(data) < size:
            chunk = self.recv(min(size - len(data), 65536))
            if not chunk:
                raise Vanished
            data += chunk
        return bytes(data)

    def recv_until_closed(self, size: int) -> bytes:
        """`size` bytes, or fewer where the client ends its side before."""
        data = bytearray()
        while len(data) < size:
            chunk = self.recv(min(size - len(data), 65536))
            if not chunk:
                break
            data += chunk
        return bytes(data)

    def peek(self, seconds: float, size: int = 1) -> bytes | None:
        """What waits to be read, and stays there: None if nothing came in time, b"" if the client ended its side."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return None
        return self.socket.recv(size, socket.MSG_PEEK)

    def send(self, data: bytes) -> None:
        self.socket.settimeout(REQUEST_SECONDS)
        self.socket.sendall(data)

    def end(self) -> None:
        """Ends this side with a FIN; the client now sees a closed connection (3.6)."""
        self.socket.shutdown(socket.SHUT_WR)

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Reads and ignores what follows the request, so that closing sends no reset after the answer (2.6)."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.socket.settimeout(left)
            if not self.socket.recv(65536):
                return

    def reset(self) -> None:
        """Closes with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()
