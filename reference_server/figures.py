"""What a running server counts, as plain numbers. `metrics` publishes them."""

from collections import Counter
from typing import Final, NamedTuple

LISTED: Final = "listed"
MALFORMED: Final = "malformed"
TIMED_OUT: Final = "timed_out"
ENDED_EARLY: Final = "ended_early"
"""Outcomes of requests that have no status."""


class Traffic:
    """Counts since the server was started. They only grow.

    `received`, `sent`: datagrams; `sent` counts the attempts. `messages`: chat messages that were relayed. `delivered`:
    datagrams that they were sent in, one for each hearer. `dropped`: by the reason. `requests`: by the name of the
    status that was answered, in small letters, or one of the outcomes above.
    """

    __slots__ = ("delivered", "dropped", "messages", "received", "requests", "sent")

    def __init__(self) -> None:
        self.received = 0
        self.sent = 0
        self.messages = 0
        self.delivered = 0
        self.dropped: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()


class Figures(NamedTuple):
    """The state of a server at one moment.

    `connections`: that are open. `unserved`: that were closed because no more could be accepted. `passwords`: that are
    being hashed or verified or wait for it. `unsent`: datagrams that the system did not take. `lost`: datagrams that it
    threw away before they were read. `state_failures`: changes that could not be written to the state file.
    """

    dialect: str
    rooms: int
    members: int
    connections: int
    unserved: int
    passwords: int
    unsent: int
    lost: int
    state_failures: int
    traffic: Traffic
    refusals: Counter[str]
