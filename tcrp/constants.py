"""The constants of the protocol. Every size is in bytes, never in characters (TCRP-2.3a)."""

from enum import IntEnum
from typing import Final

TCP_PORT: Final = 9001
UDP_PORT: Final = 9002

HEADER_SIZE: Final = 32
"""The header before every TCP body (TCRP-2.1)."""
MAX_ROOM_SIZE: Final = 255
MAX_USER_SIZE: Final = 255
MAX_TOKEN_SIZE: Final = 255
MAX_PASSWORD_SIZE: Final = 1024
MAX_PAYLOAD_SIZE: Final = 2**29
MIN_PAYLOAD_LIMIT: Final = 1024
"""The lowest limit on payloads that a server may set (TCRP-2.4c)."""

MAX_UP_SIZE: Final = 4096
"""The longest datagram from a client (TCRP-4.1)."""
MAX_DOWN_SIZE: Final = 4094
"""The longest datagram from a server (TCRP-4.6e)."""

LEAVE: Final = b"exit"
"""The message that leaves a room (TCRP-5.1a)."""
SEPARATOR: Final = b": "
"""The bytes between user name and message in a server's datagram (TCRP-4.6a)."""


class Operation(IntEnum):
    """What a request asks for (TCRP-3.1a)."""

    CREATE = 1
    JOIN = 2


class State(IntEnum):
    """The State byte of a frame: which step of the exchange the frame is (TCRP-3.1b)."""

    REQUEST = 0
    ACK = 1
    COMPLETE = 2


class Status(IntEnum):
    """The payload of an ACK, one byte (TCRP-3.4a)."""

    OK = 0
    ROOM_EXISTS = 1
    ROOM_NOT_FOUND = 2
    WRONG_PASSWORD = 3
    MALFORMED = 4
    SERVER_ERROR = 5
    LIMIT_REACHED = 6


class NoticeKind(IntEnum):
    """The first byte of a notice. It tells a notice from chat, because no user name begins with it (TCRP-5.4a)."""

    DISCONNECT = 4
    INFORMATION = 5
