"""The events that a TCP conversation returns to its caller, on the server's side and on the client's."""

from typing import Final, NamedTuple, TypeAlias

from tcrp.errors import RemoteProtocolError
from tcrp.messages import Address, Want


class Requested(NamedTuple):
    """Server: a whole request has arrived. Answer with `send(Ack(...))` and, after OK, with `send(Complete(...))`.

    `udp`: the client's UDP address, in dialects where the request declares it.
    """

    want: Want
    udp: Address | None = None


class Bound(NamedTuple):
    """Server: the client has sent its UDP address on TCP, after it got the token."""

    udp: Address


class Accepted(NamedTuple):
    """Client: the server has accepted the request; the token follows."""


NO_STATUS: Final = -1
"""The status of a refusal that carries no status, or one whose meaning is unknown."""


class Refused(NamedTuple):
    """Client: the server has refused the request.

    `status`: a `Status` if the reply has that meaning in this dialect, else the integer that came, else `NO_STATUS`.
    `text`: the server's words, or "".
    """

    status: int
    text: str = ""


class Joined(NamedTuple):
    """Client: the server has sent the token.

    `udp`: the address to receive on, in dialects where the server gives it out.
    """

    token: bytes
    udp: Address | None = None


class Listed(NamedTuple):
    """Client: the names of all rooms."""

    rooms: tuple[str, ...]


class Malformed(NamedTuple):
    """Either side: the peer's bytes break the protocol. If there is a reply to them, `data_to_send()` returns it."""

    error: RemoteProtocolError


class Ended(NamedTuple):
    """Either side: the peer has closed. `early`: it closed before the conversation was complete."""

    early: bool


class TimedOut(NamedTuple):
    """Either side: the peer took too long. `after`: the limit in seconds."""

    after: float


Event: TypeAlias = Requested | Bound | Accepted | Refused | Joined | Listed | Malformed | Ended | TimedOut
