"""The limits of one address that are about TCP: connections, silent ones among them, requests, guesses of passwords.

Rooms, members and messages of an address are counted by the relay.
"""

from collections.abc import Callable, Iterable
from enum import Enum, auto
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, Protocol

from reference_server.limits import (
    FREE_GUESSES,
    GUESS_PATIENCE,
    GUESSES_PER_SECOND,
    MIN_LIMIT,
    RESERVE_CONNECTIONS,
    RESERVE_CONNECTIONS_PER_ADDRESS,
    Network,
    ServerLimits,
)
from reference_server.refusals import Refusals
from relay import TokenBuckets, network_of
from tcrp.messages import Join

MAX_CONNECTIONS: Final = "max-connections"
MAX_CONNECTIONS_PER_ADDRESS: Final = "max-connections-per-address"
SILENT_CONNECTIONS: Final = "silent-connections"
REQUESTS_PER_SECOND: Final = "requests-per-second"
PASSWORD_GUESSES: Final = "password-guesses"
UNREAD_ANSWERS: Final = "unread-answers"
"""The names of limits, as `Refusals` counts them."""

_REMEMBERED = 4096  # addresses that were asked for lately


def limited_unless(exempt: Iterable[Network]) -> Callable[[str], str | None]:
    """A function of an IP address: what it counts as (`network_of`), or None if it is in one of these networks."""
    networks = tuple(exempt)

    @lru_cache(_REMEMBERED)
    def limited(ip: str) -> str | None:
        counted = network_of(ip)
        try:
            address = ip_address(ip.partition("%")[0] if "/" in counted else counted)
        except ValueError:  # no address: nobody is connected
            return counted
        return None if any(address in network for network in networks) else counted

    return limited


class Entry(Enum):
    """What becomes of a new connection."""

    SERVED = auto()
    REFUSED = auto()  # its request is answered with LIMIT_REACHED
    CLOSED = auto()  # at once


class Closable(Protocol):
    """A connection, as far as the limits need it."""

    def says_nothing(self) -> bool:
        """Whether nothing has come that is not read yet."""

    def close_silent(self) -> None:
        """Close a connection on which nothing has come."""


class _Connections:
    """The connections of one address. `silent`: those without a byte so far, the oldest first."""

    def __init__(self) -> None:
        self.count = 0
        self.silent: dict[Closable, None] = {}


class AddressLimits:
    """Limits of `ServerLimits` that hold for one address, and the number of connections in all.

    `limited`: what an address counts as, None for an exempt one. What is refused is told to `refusals`. All times are
    in seconds of one clock that never goes back.
    """

    def __init__(self, limits: ServerLimits, limited: Callable[[str], str | None], refusals: Refusals) -> None:
        self._limits = limits
        self._limited = limited
        self._refusals = refusals
        self._max_silent = max(MIN_LIMIT, limits.connections_per_address // 2)
        self._count = 0
        self._by_network: dict[str, _Connections] = {}
        rate = limits.requests_per_second
        self._requests = TokenBuckets(rate, rate) if rate else None
        self._guesses = TokenBuckets(GUESSES_PER_SECOND, FREE_GUESSES)

    def enter(self, connection: Closable, ip: str, now: float) -> Entry:
        """A connection is open. Unless it is CLOSED, `leave` must follow when it is not any more.

        If its address has too many silent connections, the oldest of them is closed.
        """
        limits, network = self._limits, self._limited(ip)
        if self._count >= limits.connections + RESERVE_CONNECTIONS:
            self._refusals.note(MAX_CONNECTIONS, ip, now)
            return Entry.CLOSED
        refused = MAX_CONNECTIONS if self._count >= limits.connections else None
        if network is not None and limits.connections_per_address:
            mine = self._by_network.setdefault(network, _Connections())
            if mine.count >= limits.connections_per_address:
                refused = MAX_CONNECTIONS_PER_ADDRESS
                if mine.count >= limits.connections_per_address + RESERVE_CONNECTIONS_PER_ADDRESS:
                    self._refusals.note(refused, ip, now)
                    return Entry.CLOSED
            mine.count += 1
            if refused is None:
                self._enter_silent(mine, connection, ip, now)
        self._count += 1
        if refused is None:
            return Entry.SERVED
        self._refusals.note(refused, ip, now)
        return Entry.REFUSED

    def _enter_silent(self, mine: _Connections, connection: Closable, ip: str, now: float) -> None:
        if len(mine.silent) >= self._max_silent:
            oldest = next(iter(mine.silent))
            del mine.silent[oldest]
            if oldest.says_nothing():  # asyncio accepts many connections before it reads from the first
                self._refusals.note(SILENT_CONNECTIONS, ip, now)
                oldest.close_silent()
        mine.silent[connection] = None

    def spoke(self, connection: Closable, ip: str) -> None:
        """The first byte has come on a connection."""
        if mine := self._by_network.get(network_of(ip)):
            mine.silent.pop(connection, None)

    def leave(self, connection: Closable, ip: str) -> None:
        """A connection that was not CLOSED by `enter` is not open any more."""
        self._count -= 1
        network = network_of(ip)
        if mine := self._by_network.get(network):
            mine.silent.pop(connection, None)
            mine.count -= 1
            if not mine.count:
                del self._by_network[network]

    def may_request(self, ip: str, now: float) -> bool:
        """Whether the address has a request left (TCRP-6.3d). It is used up."""
        network = self._limited(ip)
        if self._requests is None or network is None or self._requests.take(network, now) is not None:
            return True
        self._refusals.note(REQUESTS_PER_SECOND, ip, now)
        return False

    def guess_delay(self, want: Join, ip: str, now: float) -> float | None:
        """The seconds that the password of a join must wait before it is looked at. None: the join is refused.

        What is slowed down counts as refused, too. The join counts as a wrong guess of the address for the room, until
        `guessed_right` says otherwise.
        """
        network = self._limited(ip)
        if network is None:
            return 0.0
        delay = self._guesses.take((want.room, want.invite, network), now, GUESS_PATIENCE)
        if delay is None or delay > 0.0:
            self._refusals.note(PASSWORD_GUESSES, ip, now)
        return delay

    def guessed_right(self, want: Join, ip: str) -> None:
        """The password of a join, for which `guess_delay` was asked, was right."""
        self._guesses.give_back((want.room, want.invite, network_of(ip)))
