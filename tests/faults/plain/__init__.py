"""A plain TCRP server that is right in every clause: threads, blocking sockets, the standard library.

It is written from the protocol alone and shares nothing with the project's own server. The wrong servers of this
folder, and the right but unusual ones in tests/odd, each replace a method or two of it.
"""

from tests.faults.plain.chat import INFORMATION, MAX_DOWN, MAX_UP, NOTICE, Datagram, Dropped, Member, Room
from tests.faults.plain.control import (
    ACK,
    COMPLETE,
    CREATE,
    HEADER_SIZE,
    JOIN,
    LIMIT_REACHED,
    MALFORMED,
    MAX_NAME,
    MAX_PASSWORD,
    MAX_PAYLOAD,
    OK,
    REQUEST,
    ROOM_EXISTS,
    ROOM_NOT_FOUND,
    SERVER_ERROR,
    UNREAD,
    WRONG_PASSWORD,
    Header,
    Refused,
    Request,
)
from tests.faults.plain.server import Server
from tests.faults.plain.stream import Address, Stream, Vanished

__all__ = [
    "ACK",
    "COMPLETE",
    "CREATE",
    "HEADER_SIZE",
    "INFORMATION",
    "JOIN",
    "LIMIT_REACHED",
    "MALFORMED",
    "MAX_DOWN",
    "MAX_NAME",
    "MAX_PASSWORD",
    "MAX_PAYLOAD",
    "MAX_UP",
    "NOTICE",
    "OK",
    "REQUEST",
    "ROOM_EXISTS",
    "ROOM_NOT_FOUND",
    "SERVER_ERROR",
    "UNREAD",
    "WRONG_PASSWORD",
    "Address",
    "Datagram",
    "Dropped",
    "Header",
    "Member",
    "Refused",
    "Request",
    "Room",
    "Server",
    "Stream",
    "Vanished",
]
