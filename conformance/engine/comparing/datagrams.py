"""Datagrams to a server whose chat nobody understands (TCRP-6.1f, TCRP-6.1g): its process lives on, its port stays
open, what comes is read, and it prints no exception.
"""

import socket
import time
from collections.abc import Sequence

from conformance.client.bench import Bench
from conformance.engine.comparing.verdicts import Verdicts
from conformance.engine.health import DYING_SECONDS, OUTPUT_LINES
from conformance.net import kernel
from conformance.net.ports import refuses
from conformance.net.queues import POLL_SECONDS
from conformance.outcome.trouble import exception_of

TOKEN = b"00000000-0000-4000-8000-000000000000"
ALL = {
    "6.1f": (
        b"hello", b"", b"\0", b"\xff", b"\xff\xff", b"\x02\x02", b"\x02\x01\xc3\x28x", b"\xff" * 512, b"{",
        b"\0" * 4096,
    ),
    "6.1g": (
        b"\x02\x24r1" + TOKEN + b"hello", b"\x24" + TOKEN + b"hello", TOKEN + b"hello",
        b'{"room":"r1","room_name":"r1","token":"' + TOKEN + b'","username":"bob","message":"hello"}',
        b"r1:" + TOKEN + b":hello",
    ),
}  # fmt: skip
"""What is sent, by clause."""
CLOSED = "nothing listens on its UDP port any more"
REFUSED_SECONDS = 0.1
"""How long the machine may take to say that nobody has the port."""
UNREAD_SECONDS = 3.0
"""A server that reads nothing for so long, and has read before, reads no more."""


def judge(bench: Bench, verdicts: Verdicts, clause: str, sent: Sequence[bytes]) -> None:
    """Send datagrams, one after another, and look at the server after each. Nothing is said of a server of which nobody
    can see whether it reads them.
    """
    endpoint, target = bench.target.endpoint, bench.target
    if endpoint.udp is None or not (target.owned or bench.context.is_local):
        return
    read = False
    with socket.socket(bench.context.family, socket.SOCK_DGRAM) as asking:
        asking.connect(bench.context.udp_address)
        if kernel.is_open(socket.SOCK_DGRAM, endpoint.udp) is False or refuses(asking, sent[0], REFUSED_SECONDS):
            return
        read = _is_read(endpoint.udp, UNREAD_SECONDS)
        before = sent[0]
        for data in sent:
            closed = refuses(asking, data, REFUSED_SECONDS)
            if (closed or target.output(OUTPUT_LINES)) and target.owned and _ends(bench):
                verdicts.died(clause, _words(before if closed else data), before if closed else data)
                return
            if closed:
                verdicts.lost(clause, _words(before), CLOSED, before)
                return
            if read and not _is_read(endpoint.udp, UNREAD_SECONDS):
                unread = f"it has read nothing of what came in the {UNREAD_SECONDS:g} s after it"
                verdicts.lost(clause, _words(before), unread, before)
                return
            before = data
        words, data, closed = _words(before), before, refuses(asking, before, REFUSED_SECONDS)
        if read and not _is_read(endpoint.udp, UNREAD_SECONDS):
            verdicts.lost(clause, words, "it reads no datagram any more", data)
            return
    if target.owned and _ends(bench):
        verdicts.died(clause, words, data)
    elif closed:
        verdicts.lost(clause, words, CLOSED, data)
    elif (found := exception_of(target.output(OUTPUT_LINES))) is not None:
        verdicts.unjudged(clause, f"it printed {found}, and whether chat goes on cannot be seen")
    elif read:
        verdicts.served(clause, len(sent))


def _words(data: bytes) -> str:
    return f"a datagram of {len(data)} bytes: {data[:16]!r}"


def _is_read(port: int, seconds: float) -> bool:
    """Whether the server reads what has come to its port. False where the kernel does not tell."""
    deadline = time.monotonic() + seconds
    while kernel.waiting(socket.SOCK_DGRAM, port):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return kernel.waiting(socket.SOCK_DGRAM, port) == 0


def _ends(bench: Bench) -> bool:
    deadline = time.monotonic() + DYING_SECONDS
    while bench.target.ended() is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
