"""What a TCP conversation tells its caller, on either side."""

from typing import Final, NamedTuple, TypeAlias

from tcrp.errors import RemoteProtocolError
from tcrp.messages import Address, Want


class Requested(NamedTuple):
    """Server: a whole request came. Answer with `send(Ack(...))`, and after OK `send(Complete(...))`.

    `udp`: where the client declared that its datagrams go, in dialects that declare it.
    """

    want: Want
    udp: Address | None = None


class Bound(NamedTuple):
    """Server: the member's UDP address came on TCP, after the token."""

    udp: Address


class Accepted(NamedTuple):
    """Client: the server agreed; the token follows."""


NO_STATUS: Final = -1
"""The status of a refusal that has none, or none that is known."""


class Refused(NamedTuple):
    """Client: the server said no. `status` is a `Status` where the dialect's answer has that meaning, or another
    integer as it came, or `NO_STATUS`; `text` is what the server said in words, if anything.
    """

    status: int
    text: str = ""


class Joined(NamedTuple):
    """Client: in the room. `udp`: the address to receive on, where the server gives it out."""

    token: bytes
    udp: Address | None = None


class Listed(NamedTuple):
    """Client: the rooms there are."""

    rooms: tuple[str, ...]


class Malformed(NamedTuple):
    """Either side: the peer broke the protocol. What is to be answered is already in `data_to_send()`."""

    error: RemoteProtocolError


class Ended(NamedTuple):
    """Either side: the peer closed. `early`: before the conversation had come to its end."""

    early: bool


class TimedOut(NamedTuple):
    """Either side: the peer took too long. `after`: seconds, the limit that passed."""

    after: float


Event: TypeAlias = Requested | Bound | Accepted | Refused | Joined | Listed | Malformed | Ended | TimedOut
