"""A request on its way to becoming a membership."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from relay.decisions import Decision
from relay.rooms import Room
from tcrp.messages import Address


class Stage(Enum):
    BEGUN = auto()  # admit or abandon is due
    AWAITED = auto()  # bind or abandon is due
    OVER = auto()


@dataclass(slots=True, eq=False)
class Admission:
    """A request that may succeed, and what is reserved for it. Only `password` is for others than the relay."""

    room: Room
    user: str
    ip: str
    creates: bool
    token: bytes | None = None
    address: Address | None = None
    stage: Stage = Stage.BEGUN

    @property
    def password(self) -> bytes | None:
        """What the room's creator left for verifying the password offered. None: there is nothing to verify."""
        return None if self.creates else self.room.password


class Admitted(NamedTuple):
    """The request succeeded. Answer with the token, and the address where one is given out; act on `decisions`."""

    token: bytes
    address: Address | None
    decisions: Sequence[Decision]
