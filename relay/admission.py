"""A request that the relay has accepted, until it becomes a membership or is abandoned, and what it reserves."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from relay.addresses import network_of
from relay.decisions import Decision
from relay.rooms import Key, Member, Room
from relay.tally import Tally
from tcrp.constants import Status
from tcrp.messages import Address


class Stage(Enum):
    """Which call of `Relay` an admission waits for."""

    BEGUN = auto()  # `admit` or `abandon`
    AWAITING_ADDRESS = auto()  # `bind` or `abandon`
    OVER = auto()  # none


@dataclass(slots=True, eq=False)
class Admission:
    """A request that may succeed, and what the relay has reserved for it.

    Callers of the relay read only `password`. `room`: the one to join, or the one to open, which has no `id` and no
    password yet. `ip`: of the TCP connection. `creates`: the request is a Create. `member`: what became of it.
    """

    room: Room
    user: str
    ip: str
    creates: bool
    token: bytes | None = None
    address: Address | None = None
    stage: Stage = Stage.BEGUN
    member: Member | None = None

    @property
    def password(self) -> bytes | None:
        """The stored hash to verify the offered password against (TCRP-3.10a). None: no password is checked."""
        return None if self.creates else self.room.password


class Refusal(NamedTuple):
    """The request is refused. `limit`: which limit was reached (`relay.limits`); None: none that the server sets."""

    status: Status
    limit: str | None = None


class Admitted(NamedTuple):
    """The request succeeded. The caller answers with `token` and `address`, and then acts on `decisions`.

    `address`: the one assigned to the member; None where the dialect's policy assigns no addresses.
    """

    token: bytes
    address: Address | None
    decisions: Sequence[Decision]


class Reservations:
    """What open admissions hold: names of rooms to open, tokens, and places in rooms for members to come."""

    def __init__(self) -> None:
        self._names: dict[Key, Admission] = {}
        self._networks: Tally[str] = Tally()  # of the names
        self._tokens: set[bytes] = set()
        self._places: Tally[tuple[int, str]] = Tally()  # by the room's id, and by network or "" for all

    def take_name(self, admission: Admission) -> None:
        """Nobody else may create the admission's room. The name is free."""
        self._names[admission.room.key] = admission
        self._networks.add(network_of(admission.ip), 1)

    def has_name(self, key: Key) -> bool:
        """Whether an admission holds this name."""
        return key in self._names

    def holds_name(self, admission: Admission) -> bool:
        """Whether this admission holds its name."""
        return self._names.get(admission.room.key) is admission

    def count_names(self, network: str | None = None) -> int:
        """How many names are held; from this network if it is not None."""
        return len(self._names) if network is None else self._networks[network]

    def take_token(self, token: bytes) -> bool:
        """Reserve a token. False: it is reserved already."""
        if token in self._tokens:
            return False
        self._tokens.add(token)
        return True

    def take_place(self, admission: Admission) -> None:
        """One member less can enter the admission's room."""
        self._count_places(admission, 1)

    def count_places(self, room: Room, network: str | None = None) -> int:
        """How many places in the room are held; from this network if it is not None."""
        return self._places[room.id, "" if network is None else network]

    def release(self, admission: Admission) -> None:
        """Free all that the admission holds."""
        if self.holds_name(admission):
            del self._names[admission.room.key]
            self._networks.add(network_of(admission.ip), -1)
        if admission.token is not None:
            self._tokens.discard(admission.token)
        if admission.stage is Stage.AWAITING_ADDRESS and not admission.creates:
            self._count_places(admission, -1)

    def release_names(self) -> None:
        """Free all names. Their admissions cannot succeed any more."""
        self._names.clear()
        self._networks.clear()

    def _count_places(self, admission: Admission, change: int) -> None:
        for network in ("", network_of(admission.ip)):
            self._places.add((admission.room.id, network), change)
