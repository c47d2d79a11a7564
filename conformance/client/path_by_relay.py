"""Measuring a path by what the server itself relays: many numbered messages, and ever larger ones."""

import time
from collections import Counter

from conformance.client.bench import Bench
from conformance.net.path import RELAYED, UNBOUNDED, UNKNOWN, UNSURE, Path
from conformance.net.peer import Peer
from conformance.trace.names import nonce

MESSAGES = 240
PAUSE = 0.002
"""Seconds between two messages: no faster than members talk in a lively room."""
PAUSES_AT_ONCE = 5
LEAST = 256
"""Bytes of a datagram that every path carries."""


def by_relay(bench: Bench) -> Path:
    """The path between two members of a new room. UNKNOWN if there is no chat by which it could be measured."""
    alice, bob = bench.rooms.settled("alicia", "bob") if bench.dialect.can.rooms else bench.rooms.strangers()
    bench.fences.settle(alice, bob)
    path = _numbered(bench, alice, bob)
    bench.context.path = path
    up, down = _sizes(bench, alice, bob, path)
    return path._replace(largest_up=up, largest_down=down)


def _numbered(bench: Bench, alice: Peer, bob: Peer) -> Path:
    """What becomes of many small messages. A relay's loss may be on either way: each is taken to lose it all."""
    since = len(bob.inbox)
    marks = [nonce() for _ in range(MESSAGES)]
    sent: dict[bytes, float] = {}
    for number, mark in enumerate(marks):
        sent[mark] = time.monotonic()
        bench.udp.say(alice, mark)
        if number % PAUSES_AT_ONCE == 0:
            bench.udp.pump(0.0)
            time.sleep(PAUSE * PAUSES_AT_ONCE)
    quiet = max(0.1, 4 * bench.waits.round_trip)
    while True:
        before = len(bob.inbox)
        bench.udp.pump(quiet)
        if len(bob.inbox) == before:
            break
    came, ages = list[int](), list[float]()
    for datagram in bob.inbox[since:]:
        for place in (place for place, mark in enumerate(marks) if mark in datagram.data):
            came.append(place)
            ages.append(datagram.at - sent[marks[place]])
    times = Counter(came)
    loss = 1 - len(times) / MESSAGES
    if not times:
        return UNKNOWN
    firsts = list(dict.fromkeys(came))
    overtaken = sum(one < max(firsts[:place]) for place, one in enumerate(firsts) if place)
    doubled = min(1.0, (len(came) - len(times)) / MESSAGES)
    return Path(
        RELAYED, MESSAGES, loss, 0.0, doubled, overtaken / MESSAGES,
        max(ages) - min(ages) if overtaken or doubled else 0.0, UNBOUNDED, UNBOUNDED, min(ages), UNSURE,
    )  # fmt: skip


def _sizes(bench: Bench, alice: Peer, bob: Peer, path: Path) -> tuple[int, int]:
    """Bytes of the largest datagrams that were relayed, towards the server and from it. A message that comes cut was
    carried: no path cuts.
    """
    traits = bench.traits.datagrams
    longest = min(traits.sendable(alice.member), traits.deliverable(alice.member))
    if _arrives(bench, alice, bob, longest, path):
        return UNBOUNDED, UNBOUNDED
    good, bad = 1, longest
    while bad - good > 1:
        middle = (good + bad) // 2
        if _arrives(bench, alice, bob, middle, path):
            good = middle
        else:
            bad = middle
    up, down = bench.udp.chat_datagram(alice, b"x" * good), traits.delivery(alice.member, b"x" * good) or b""
    return max(LEAST, len(up)), max(LEAST, len(down))


def _arrives(bench: Bench, alice: Peer, bob: Peer, size: int, path: Path) -> bool:
    mark = nonce()
    bench.udp.say(alice, (mark + b"x" * size)[: max(size, len(mark))])
    return bench.hearing.hear(bob, mark, max(0.3, 8 * path.round_trip)) is not None
