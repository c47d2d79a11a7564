"""The real server with a fault of the kinds that a soak must find: `python -m tests.hardening.soak.planted PLANT ...`.

The words after the plant are the options of `tcrp-server`.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Final

from reference_server import sockets
from reference_server.cli import main
from relay import Decision, Notice, Relay, Relayed
from tcrp.messages import Address

EVERY: Final = 50
"""Of so many messages one meets the fault."""
LEAKED_BYTES: Final = 16_384


def _kept() -> None:
    """A datagram is kept for ever, with what else a careless server keeps of it."""
    kept = []
    right = Relay.receive_datagram

    def wrong(self: Relay, data: bytes, source: Address, now: float) -> Sequence[Decision]:
        kept.append(b"x" * LEAKED_BYTES)
        return right(self, data, source, now)

    Relay.receive_datagram = wrong  # type: ignore[method-assign]


def _opened() -> None:
    """A descriptor for every request."""
    right = Relay.begin

    def wrong(self: Relay, *words: Any) -> Any:
        os.open(os.devnull, os.O_RDONLY)
        return right(self, *words)

    Relay.begin = wrong  # type: ignore[assignment, method-assign]


def _ended() -> None:
    """The first request is the last one."""
    Relay.begin = lambda *words: os._exit(1)  # type: ignore[method-assign]


def _reads_late() -> None:
    """No fault: the server has too little time, and the system holds few datagrams for it and drops the others."""
    vars(sockets)["RECEIVE_BUFFER"] = 16_384
    right, count = Relay.receive_datagram, itertools.count(1)

    def late(self: Relay, data: bytes, source: Address, now: float) -> Sequence[Decision]:
        if next(count) % (10 * EVERY) == 0:
            time.sleep(0.3)
        return right(self, data, source, now)

    Relay.receive_datagram = late  # type: ignore[method-assign]


def _every_so_often(change: Callable[[Relayed], Sequence[Decision]]) -> None:
    right, count = Relay.receive_datagram, itertools.count()

    def wrong(self: Relay, data: bytes, source: Address, now: float) -> Sequence[Decision]:
        decisions = right(self, data, source, now)
        if len(decisions) == 1 and isinstance(relayed := decisions[0], Relayed) and next(count) % EVERY == 0:
            return change(relayed)
        return decisions

    Relay.receive_datagram = wrong  # type: ignore[method-assign]


def _lost_for_one() -> None:
    """One member does not get a message that all others get."""
    _every_so_often(
        lambda one: [
            Notice(one.payload, [who for index, who in enumerate(one.audience) if index != one.skip][1:])
        ]
    )  # fmt: skip


def _lost_for_all() -> None:
    """A message is forgotten."""
    _every_so_often(lambda one: ())


def _doubled() -> None:
    """A message is relayed twice."""
    _every_so_often(lambda one: (one, one))


FAULTS: Final = MappingProxyType(
    {
        "memory": (_kept, "the memory grew by"),
        "descriptors": (_opened, "descriptors stayed open"),
        "loss for one": (_lost_for_one, "deliveries are missing"),
        "loss for all": (_lost_for_all, "messages were heard by nobody"),
        "doubles": (_doubled, "deliveries came twice"),
    }
)
"""By name: what breaks the server, and how the soak must put it."""
PLANTS: Final = {name: change for name, (change, _) in FAULTS.items()} | {
    "end": _ended,
    "late": _reads_late,
}


if __name__ == "__main__":
    PLANTS[sys.argv.pop(1)]()
    sys.exit(main())
