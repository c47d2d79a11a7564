"""Attacks by TCP connections: held, stalled, reset, one after another; by requests, by passwords, by TLS."""

import errno
import socket
import struct
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from tcrp import Create, Join
from tests.hardening.member import Member, NotServed
from tests.hardening.torment.aim import FOE, GONE, Aim, answered, request, tcp
from tests.hardening.torment.canary import ROOM

HELD: Final = 620
"""Connections that are held."""
NO_TLS: Final = (b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", b"\0" * 500)
_LINGER: Final = struct.pack("ii", 1, 0)


def _hold(aim: Aim, first: bytes, sources: Sequence[str] = (FOE,), port: int | None = None) -> Counter[str]:
    """Hold as many connections as can be had, on each of which so much was said; those that are closed are replaced."""
    did: Counter[str] = Counter()
    held: list[socket.socket] = []
    for number in aim.steps():
        try:
            held.append(tcp(aim, sources[number % len(sources)], port))
            held[-1].sendall(first)
            held[-1].setblocking(False)
            did["opened"] += 1
        except GONE:
            did["refused"] += 1
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            time.sleep(0.01)
        if len(held) >= HELD:
            held = [sock for sock in held if not _is_closed(sock)]
        if len(held) >= HELD:
            time.sleep(0.01)
    time.sleep(max(0.0, aim.until - time.monotonic()))
    for sock in held:
        sock.close()
    return did


def _is_closed(sock: socket.socket) -> bool:
    try:
        closed = sock.recv(65536) == b""
    except BlockingIOError:
        return False
    except OSError:
        closed = True
    if closed:
        sock.close()
    return closed


def hold_silent(aim: Aim) -> Counter[str]:
    return _hold(aim, b"")


def hold_stalled(aim: Aim) -> Counter[str]:
    return _hold(aim, b"\x06\x01\x00")


def hold_from_everywhere(aim: Aim) -> Counter[str]:
    return _hold(aim, b"", [f"127.0.1.{number}" for number in range(1, 100)])


def hold_metrics(aim: Aim) -> Counter[str]:
    return _hold(aim, b"GET /met", port=aim.extra)


def create_rooms(aim: Aim) -> Counter[str]:
    did: Counter[str] = Counter()
    for number in aim.steps():
        try:
            with tcp(aim) as sock:
                answer = answered(sock, request(Create(f"foe{number}", "foe")))
            did["created" if len(answer) > 60 else "refused"] += 1
        except GONE:
            did["refused"] += 1
    return did


def fill_the_room(aim: Aim) -> Counter[str]:
    did: Counter[str] = Counter()
    for number in aim.steps():
        try:
            with tcp(aim) as sock:
                answer = answered(sock, request(Join(ROOM, f"foe{number}")))
            did["joined" if len(answer) > 60 else "refused"] += 1
        except GONE:
            did["refused"] += 1
    return did


def crowd_of_passwords(aim: Aim) -> Counter[str]:
    """Eighty joins with a password at the same time, again and again."""
    did: Counter[str] = Counter()
    try:
        host = Member.enter(aim.server, Create("locked", "foe", "secret"), FOE)
    except NotServed:
        return did
    join = request(Join("locked", "foe", "secret"))
    for _ in aim.steps():
        crowd = []
        for _ in range(80):
            try:
                crowd.append(tcp(aim))
                crowd[-1].sendall(join)
            except GONE:
                did["refused"] += 1
        for sock in crowd:
            with sock:
                try:
                    did["joined" if len(answered(sock, b"")) > 60 else "refused"] += 1
                except GONE:
                    did["refused"] += 1
    host.leave()
    return did


def guess_passwords(aim: Aim) -> Counter[str]:
    did: Counter[str] = Counter()
    try:
        host = Member.enter(aim.server, Create("locked", "foe", "secret"), "127.0.0.4")
    except NotServed:
        return did
    for number in aim.steps():
        try:
            with tcp(aim) as sock:
                answer = answered(sock, request(Join("locked", "foe", f"guess{number}")))
            did[f"status {answer[-1]}" if answer else "closed"] += 1
        except GONE:
            did["closed"] += 1
    host.leave()
    return did


def reset_connections(aim: Aim) -> Counter[str]:
    did: Counter[str] = Counter()
    whole = request(Create("never", "foe"))
    for number in aim.steps():
        try:
            sock = tcp(aim)
            sock.sendall(whole[: number % len(whole)])
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            sock.close()
            did["reset"] += 1
        except GONE:
            did["refused"] += 1
    return did


def claim_sizes(aim: Aim) -> Counter[str]:
    did: Counter[str] = Counter()
    for number in aim.steps():
        try:
            with tcp(aim) as sock:
                size = ((1 << 29) + (number << 20)).to_bytes(29, "big")
                answered(sock, b"\xff\x01\x00" + size + b"\xff" * 4000)
            did["claimed"] += 1
        except GONE:
            did["refused"] += 1
    return did


def stall_handshakes(aim: Aim) -> Counter[str]:
    return _hold(aim, b"\x16\x03\x01\x02\x00")


def say_no_tls(aim: Aim) -> Counter[str]:
    did: Counter[str] = Counter()
    for number in aim.steps():
        try:
            with tcp(aim) as sock:
                answered(sock, NO_TLS[number % len(NO_TLS)])
            did["said"] += 1
        except GONE:
            did["refused"] += 1
    return did
