"""Who has heard what, and who must hear it."""

import time

from conformance.client.context import Context
from conformance.client.datagrams import DatagramKinds
from conformance.client.udp import Udp
from conformance.net.peer import Datagram, Peer
from conformance.outcome.findings import Check, Mismatch
from conformance.trace.text import shown

LOOK_SECONDS = 0.1
"""How often it is looked whether the server still reads, while something is waited for."""
ENOUGH_IN_VAIN, SHORTER = 3, 0.25
"""After so many waits in vain no notice is expected any more, and the others are shorter by this factor."""


class Hearing:
    """Looks into the inboxes of the peers, and waits for what must come. A `mark` is a nonce that a message holds."""

    def __init__(self, context: Context, udp: Udp, kinds: DatagramKinds) -> None:
        self._waits = context.waits
        self._udp = udp
        self._kinds = kinds
        self._in_vain = 0
        """How often in a row a notice was waited for that did not come."""

    def heard(self, peer: Peer, mark: bytes) -> Datagram | None:
        """A datagram that holds the mark, if one has come already."""
        return next((datagram for datagram in reversed(peer.inbox) if self._kinds.holds(datagram, mark)), None)

    def hear(self, peer: Peer, mark: bytes, wait: float | None = None) -> Datagram | None:
        """Wait for a datagram that holds the mark, at most `wait` seconds. On a path that loses datagrams it is said
        again meanwhile, and waited for until it has been said often enough.
        """
        deadline = time.monotonic() + (self._waits.answer if wait is None else wait)
        self._udp.watch()
        saying = self._udp.repeats.of(mark)
        while (found := self.heard(peer, mark)) is None:
            left = deadline - time.monotonic()
            if left <= 0 and saying.done:
                break
            self._udp.pump(min(left if saying.done else saying.left, LOOK_SECONDS))
            saying.go_on()
            if self._udp.is_deaf():  # nothing of what is sent now can be relayed
                self._udp.pump(0.0)  # but what was sent before may have come
                return self.heard(peer, mark)
        return found

    def must_hear(self, peer: Peer, mark: bytes, what: str, *, data: bytes | None = None) -> Datagram:
        """Wait for a datagram that must come. Mismatch if it does not. `what`: in words, such as `the message`."""
        found = self.hear(peer, mark)
        if found is None:
            raise Mismatch(
                f"{peer} to receive {what}", f"it did not come within {self._waits.answer:.1f} s", data=data,
                check=Check("hears", peer.label, mark),
            )  # fmt: skip
        return found

    def hears_words(self, peer: Peer, words: bytes, since: int, speaker: Peer) -> bool:
        """Whether the peer receives, after its first `since` datagrams, what the speaker has just said: words without a
        nonce. They are said again as `hear` does.
        """
        deadline = time.monotonic() + self._waits.answer
        saying = self._udp.repeats.of_latest(speaker)
        while not any(self._kinds.says(datagram, words) for datagram in self.strays(peer, since)):
            left = deadline - time.monotonic()
            if left <= 0 and saying.done:
                return False
            self._udp.pump(left if saying.done else min(LOOK_SECONDS, saying.left))
            saying.go_on()
        return True

    def must_not_hear(self, peer: Peer, mark: bytes, what: str, *, data: bytes | None = None) -> None:
        """Mismatch if what has come so far holds the mark. Fence first."""
        found = self.heard(peer, mark)
        if found is not None:
            raise Mismatch(
                f"{peer} not to receive {what}", f"the datagram {shown(found.data)}", data=data,
                check=Check("silent", peer.label, mark),
            )  # fmt: skip

    def await_notice(self, peer: Peer, since: int, wait: float | None = None) -> Datagram | None:
        """Wait for a disconnect notice among what comes after the first `since` datagrams."""
        usual = self._waits.answer if self._in_vain < ENOUGH_IN_VAIN else self._waits.answer * SHORTER
        deadline = time.monotonic() + (usual if wait is None else wait)
        self._udp.watch()
        while not (found := self.notices(peer, since)) and (left := deadline - time.monotonic()) > 0:
            self._udp.pump(min(left, LOOK_SECONDS))
            if self._udp.is_deaf():
                self._udp.pump(0.0)
                found = self.notices(peer, since)
                break
        self._in_vain = 0 if found else self._in_vain + (wait is None)
        return found[0] if found else None

    def count(self, peer: Peer, mark: bytes) -> int:
        """How many datagrams that hold the mark have come for each that was sent; 1 or less if none is too many."""
        times = sum(self._kinds.holds(datagram, mark) for datagram in peer.inbox)
        return times - self._udp.repeats.said(mark) + 1

    def notices(self, peer: Peer, since: int = 0) -> list[Datagram]:
        """The disconnect notices that came after the first `since` datagrams."""
        return [datagram for datagram in peer.inbox[since:] if self._kinds.is_notice(datagram)]

    def strays(self, peer: Peer, since: int) -> list[Datagram]:
        """What came after the first `since` datagrams and is neither a message of this run nor information."""
        known = (self._kinds.is_message, self._kinds.is_information)
        return [datagram for datagram in peer.inbox[since:] if not any(is_kind(datagram) for is_kind in known)]
