"""Attacks by datagrams, and by what the server says: to members, into its log, to those who never read."""

import socket
from collections import Counter
from typing import Final

from tcrp import Create, Join, List, dialects
from tests.hardening.member import Member, NotServed
from tests.hardening.torment.aim import FOE, GONE, Aim, tcp, udp

VICTIM: Final = "127.0.0.9"
"""A third party's address."""
JUNK_A_SECOND: Final = 100_000
MESSAGES_A_SECOND: Final = 20_000
DEBUG_JUNK_A_SECOND: Final = 10_000
"""Datagrams of the floods. What a core cannot read the system throws away, whoever sent it: no server can help that.
The last one is for a server that logs a line for each.
"""


def flood_junk(aim: Aim) -> Counter[str]:
    return _flood(aim, JUNK_A_SECOND)


def drip_junk(aim: Aim) -> Counter[str]:
    return _flood(aim, DEBUG_JUNK_A_SECOND)


def _flood(aim: Aim, rate: float) -> Counter[str]:
    """Invalid datagrams, so many a second."""
    did: Counter[str] = Counter()
    junk = [b"", b"\x01", b"\xff" * 40, b"\x06\x24canary" + b"0" * 36 + b"hello", b"x" * 1400]
    with udp(aim) as sock:
        for _ in aim.paced(rate, 100):
            for data in junk * 20:
                sock.send(data)
            did["sent"] += 100
    return did


def flood_messages(aim: Aim) -> Counter[str]:
    """Valid messages to a room of fifty, most of them beyond the limit."""
    did: Counter[str] = Counter()
    try:
        host = Member.enter(aim.server, Create("loud", "foe"), FOE)
        guests = [Member.enter(aim.server, Join("loud", f"foe{number}"), FOE) for number in range(49)]
    except NotServed:
        return did
    for _ in aim.paced(MESSAGES_A_SECOND, 100):
        for _ in range(100):
            host.say(b"x" * 200)
        did["sent"] += 100
    for guest in guests:
        guest.close()
    host.leave()
    return did


def churn(aim: Aim) -> Counter[str]:
    """Rooms with names that are made to disturb a log, created and left at once."""
    did: Counter[str] = Counter()
    for number in aim.steps():
        room = f"\n\x1b[31m{number % 50}\u202e" + "n" * 200
        try:
            host = Member.enter(aim.server, Create(room, "f\u202eoe\u2028"), FOE)
            host.leave()
            did["created"] += 1
        except GONE:
            did["refused"] += 1
    return did


def ask_and_never_read(aim: Aim) -> Counter[str]:
    """Lists of rooms with long names, which nobody reads, on 60 connections."""
    did: Counter[str] = Counter()
    dialect = dialects.get("json-envelope")
    rooms = []
    for number in range(90):
        try:
            want = Create(f"{number}" + "n" * 200, "foe")
            rooms.append(Member.enter(aim.server, want, FOE, dialect=dialect))
            did["rooms"] += 1
        except GONE:
            did["refused"] += 1
    asking = dialect.client(List(), None, 0.0).data_to_send() * 50
    held: list[socket.socket] = []
    for _ in aim.steps():
        while len(held) < 60:
            try:
                held.append(tcp(aim))
                held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                held[-1].setblocking(False)
            except GONE:
                break
        for sock in tuple(held):
            try:
                did["asked"] += 50 * sock.send(asking) // len(asking)
            except BlockingIOError:
                continue
            except OSError:
                held.remove(sock)
                sock.close()
                did["closed"] += 1
    for sock in held:
        sock.close()
    for member in rooms:
        member.leave()
    return did


def aim_at_a_third_party(aim: Aim) -> Counter[str]:
    """Members that declare somebody else's address: everything that is said would go there."""
    did: Counter[str] = Counter()
    dialect = dialects.get("json-status")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
        victim.bind((VICTIM, 0))
        victim.setblocking(False)
        for number in aim.steps():
            want = Create("aimed", "foe") if not number else Join("aimed", f"foe{number}")
            try:
                with tcp(aim) as sock:
                    sock.settimeout(0.3)
                    sock.sendall(dialect.client(want, victim.getsockname(), 0.0).data_to_send())
                    sock.recv(65536)
                did["asked"] += 1
            except (*GONE, OSError):
                did["refused"] += 1
        try:
            host = Member.enter(aim.server, Create("mine", "foe"), FOE, dialect=dialect)
            host.say(b"hello")
            host.leave()
        except GONE:
            did["refused"] += 1
        try:
            while victim.recv(65536) is not None:
                did["the third party heard"] += 1
        except BlockingIOError:
            pass
    return did
