"""Datagrams that had no effect, and why."""

from enum import StrEnum
from typing import Final, NamedTuple


class DropKind(StrEnum):
    """Why a datagram had no effect, or its message was not relayed, in one word."""

    MALFORMED = "malformed"  # its sizes or its text are wrong (TCRP-4.2a to TCRP-4.2c)
    STRANGER = "stranger"  # no member is known by it (TCRP-4.2d)
    FOREIGN = "foreign"  # it does not come from the member's address (TCRP-4.2e)
    LIMIT = "limit"  # a limit was reached
    TOO_LONG = "too_long"  # the message does not fit into a datagram to the members (TCRP-4.7a)
    CLOSED = "closed"  # the room was closed before


class Dropped(NamedTuple):
    """A fact: a datagram had no effect (TCRP-4.2), or its message was not relayed.

    `reason`: a sentence that never contains a token. `limit`: which limit was reached (`relay.limits`), if one was.
    """

    reason: str
    limit: str | None = None
    kind: DropKind = DropKind.LIMIT


STRANGER: Final = Dropped("no member of a room is known by what the datagram says", None, DropKind.STRANGER)
FOREIGN: Final = Dropped("the datagram comes from an address that is not the member's", None, DropKind.FOREIGN)
CLOSED: Final = Dropped(
    "the room closed before the member's address came, or the member could not be saved", None, DropKind.CLOSED
)
