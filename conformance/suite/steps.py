"""Steps that tests of several modules take."""

from conformance.bench import Bench, nonce
from conformance.findings import Mismatch
from conformance.peers import Peer
from tcrp import HEADER_SIZE, Frame, FrameReader, RemoteProtocolError

OVERHEAD = 2
"""The two sizes at the beginning of a client's datagram."""


def frames_of(data: bytes) -> tuple[list[Frame], int]:
    """The whole frames at the beginning of a reply, and how many bytes follow the last."""
    reader, frames, used = FrameReader(), list[Frame](), 0
    reader.feed(data)
    try:
        while (frame := reader.next_frame()) is not None:
            frames.append(frame)
            used += HEADER_SIZE + len(frame.room.encode()) + len(frame.payload)
    except RemoteProtocolError:
        pass
    return frames, len(data) - used


def arrive(bench: Bench, alice: Peer, bob: Peer, how: str) -> None:
    """Send from the new port until alice's words come there; UDP has no order, so once may be too early."""
    for _ in range(5):
        if how == "empty":
            bench.register(bob)
        else:
            bench.say(bob, nonce())
        probe = nonce()
        bench.say(alice, probe)
        if bench.hear(bob, probe, bench.waits.answer / 5):
            return
    raise Mismatch(
        f"bob to receive messages at his new port after {'an empty' if how == 'empty' else 'a'} message from there",
        f"nothing in {bench.waits.answer:.1f} s",
    )
