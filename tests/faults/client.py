"""A client for the tests of the plain server.

Requests and datagrams are made by hand here, byte by byte, and share nothing with the server or the library.
"""

import itertools
import socket

from tests.faults.processes import WAIT, Target

numbers = itertools.count()


def new_room() -> bytes:
    return b"room %d" % next(numbers)


def request(operation: int, room: bytes, payload: bytes, state: int = 0, size: int | None = None) -> bytes:
    size = len(payload) if size is None else size
    return bytes([len(room), operation, state]) + size.to_bytes(29, "big") + room + payload


def connect(target: Target, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(target.tcp, WAIT, (source, 0))


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def ask(target: Target, data: bytes) -> bytes:
    connection = connect(target)
    connection.sendall(data)
    return answer(connection)


def status(target: Target, data: bytes) -> int:
    """The status of a refusal, which is one ACK and nothing more, or 0 for ACK and COMPLETE."""
    replies = ask(target, data)
    room_size, _, state = replies[:3]
    assert state == 1
    assert int.from_bytes(replies[3:32], "big") == 1
    assert len(replies) == 33 + room_size or replies[32 + room_size] == 0
    return replies[32 + room_size]


def enter(target: Target, operation: int, room: bytes, payload: bytes) -> bytes:
    """The token of whoever creates or joins `room`."""
    replies = ask(target, request(operation, room, payload))
    ack = bytes([len(room), operation, 1]) + b"\0" * 28 + b"\1" + room + b"\0"
    assert replies.startswith(ack)
    complete = replies[len(ack) :]
    token_size = int.from_bytes(complete[3:32], "big")
    assert complete[:3] == bytes([len(room), operation, 2])
    assert complete[32:-token_size] == room
    return complete[-token_size:]


class Member:
    """One member with a UDP socket of its own, registered by an empty message."""

    def __init__(self, target: Target, operation: int, room: bytes, payload: bytes, *, register: bool = True) -> None:
        self.target, self.room = target, room
        self.token = enter(target, operation, room, payload)
        self.socket = self.new_socket()
        if register:
            self.say(b"")

    def new_socket(self, ip: str = "127.0.0.1") -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((ip, 0))
        sock.settimeout(WAIT)
        return sock

    def datagram(self, message: bytes) -> bytes:
        return bytes([len(self.room), len(self.token)]) + self.room + self.token + message

    def say(self, message: bytes) -> None:
        self.socket.sendto(self.datagram(message), self.target.udp)

    def hear(self) -> bytes:
        data, source = self.socket.recvfrom(65535)
        assert source == self.target.udp
        return data
