"""What is known of the path between the suite and the server, and what follows from it for judging.

A server is blamed for nothing that its path explains. So what must arrive is said again until its loss has odds below
one in a million, a conversation that fails is held again until the path no longer explains it, and what is larger than
what the path carries is not judged.
"""

import math
from typing import NamedTuple

from conformance.outcome.findings import TOO_LARGE

ODDS = 1e-6
"""What the path explains only with lower odds is the server's doing."""
UNBOUNDED = 65_507
"""Bytes: no datagram is larger."""
MOST_LOSS = 0.5
"""No path is taken to lose more: beyond it nothing can be judged in reasonable time."""
CONTROL, RELAYED = "control", "relayed"
"""How a path was measured: between two sockets of the suite, or by what the server relays."""
KEEPS, MERGES, UNSURE = "kept", "one for all", "unknown"
"""Whether a server sees the clients' own addresses: it does, it sees one for all, nobody knows."""


class Path(NamedTuple):
    """A path. `by`: how it was measured: by a "control" between two sockets of the suite, by what the server "relayed",
    or "" for not at all; `sent`: datagrams that this rests on; `loss_up`, `loss_down` (towards and from the server),
    `doubled`, `reordered`: parts of 1; `late`: seconds by which a datagram may come later than another; `largest_up`,
    `largest_down`: bytes; `round_trip`: seconds; `sources`: KEEPS, MERGES or UNSURE.
    """

    by: str = ""
    sent: int = 0
    loss_up: float = 0.0
    loss_down: float = 0.0
    doubled: float = 0.0
    reordered: float = 0.0
    late: float = 0.0
    largest_up: int = UNBOUNDED
    largest_down: int = UNBOUNDED
    round_trip: float = 0.0
    sources: str = UNSURE

    @property
    def clean(self) -> bool:
        """Whether each datagram arrives, once, and in order."""
        return not (self.loss_up or self.loss_down or self.doubled or self.reordered)

    @property
    def lost(self) -> float:
        """Upper estimate of the odds that a datagram, or what the server sends of it, is lost on its way."""
        if not (self.loss_up or self.loss_down):
            return 0.0
        lost = 1 - (1 - self.loss_up) * (1 - self.loss_down)
        return min(MOST_LOSS, 1.25 * lost + 0.01)

    @property
    def tries(self) -> int:
        """How often something is said before its loss has odds below ODDS."""
        return _times(self.lost)

    @property
    def rounds(self) -> int:
        """The same of something that takes two datagrams to the server and one back."""
        return _times(min(MOST_LOSS, 1.5 * self.lost))

    @property
    def copies(self) -> int:
        """How often something is said at once that has no answer, so that it is not lost."""
        return min(6, _times(self.lost, 1e-4))

    @property
    def repeats(self) -> int:
        """How often a conversation must fail, without ever passing, before the path does not explain it."""
        if self.clean:
            return 1
        return _times(0.25 if self.lost < 0.08 and not self.doubled else 0.5)

    @property
    def interval(self) -> float:
        """Seconds after which what has not been heard is said again."""
        return 0.03 + 2 * self.round_trip + self.late

    @property
    def narrow(self) -> str:
        """Why something is not judged that the path does not carry."""
        return f"{TOO_LARGE} {self.largest} bytes"

    @property
    def largest(self) -> int:
        """Bytes of the largest datagram. What is relayed is shorter on its way down, so that only the way up tells."""
        return self.largest_up if self.by == RELAYED else min(self.largest_up, self.largest_down)

    @property
    def odds(self) -> str:
        """What the path does to datagrams, in words: `loses 2 % of datagrams and reorders them`."""
        said = []
        if self.loss_up or self.loss_down:
            said.append(f"loses {percent(max(self.loss_up, self.loss_down))} of datagrams")
        if self.doubled:
            said.append(f"doubles {percent(self.doubled)}")
        if self.reordered:
            said.append("reorders them")
        return " and ".join(said) or "carries every datagram"


CLEAN = Path(by=CONTROL, sources=KEEPS)
UNKNOWN = Path(loss_up=0.1, loss_down=0.1, doubled=0.05, reordered=0.2, late=0.05)
"""What is assumed of a path before it has been measured."""


def percent(part: float) -> str:
    """`2 %`, `0.5 %`."""
    return f"{100 * part:.0f} %" if part >= 0.1 else f"{100 * part:.2g} %"


def _times(odds: float, wanted: float = ODDS) -> int:
    return 1 if odds <= 0 else math.ceil(math.log(wanted) / math.log(odds))
