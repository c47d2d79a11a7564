"""Why the plain conversation broke: the same again with one thing changed, until something works.

What works then names the clause. If nothing does, the finding stays what it was.
"""

import json
from collections.abc import Callable

from conformance.client.bench import Bench, bench_at
from conformance.dialect import forge
from conformance.net.elsewhere import elsewhere
from conformance.net.peer import Peer
from conformance.net.variation import AS_IS, Variation
from conformance.outcome.findings import Mismatch, TargetLost
from conformance.trace.names import fresh, nonce
from tcrp import Create, Membership, UpKind

HASTY = Variation(patience=0.25)
"""For a server that has said nothing at all: it has been waited for once, and what wakes it does so soon."""


class NoPort(Mismatch):
    """Nothing listens where datagrams are sent to. `tried`: the datagram that was refused."""

    tried = b""


def why_no_rooms(bench: Bench, found: Mismatch) -> Mismatch:
    """A CREATE of a new room got no token. Is there a request that does?"""
    room, user = fresh().encode(), {"username": "alicia"}
    plain = forge.payload(**user)
    patient = bool(found.data)
    if bench.tcp.request(Create(room.decode(), "alicia")) != forge.canonical_frame(room, plain):
        return found  # what follows is about the canonical requests
    for clause, right, works, data in (
        ("TCRP-3.1a", "operation 1 to create a room", "operation 2 does", bench.tcp.frame(room, plain, operation=2)),
        ("TCRP-3.1a", "operation 1 to create a room", "operation 0 does", bench.tcp.frame(room, plain, operation=0)),
        ("TCRP-3.1b", "a request to have state 0", "one with state 1 is served", bench.tcp.frame(room, plain, state=1)),
        ("TCRP-3.2b", "an absent password to mean none", 'only "" or null does',
         bench.tcp.frame(room, forge.payload(**user, password=""))),
        ("TCRP-3.2b", "an absent password to mean none", "a password must be given",
         bench.tcp.frame(room, forge.payload(**user, password="secret"))),
        ("TCRP-3.2a", 'the user name under the key "username"', 'it must be "user_name"',
         bench.tcp.frame(room, forge.payload(user_name="alicia", password=""))),
        ("TCRP-3.2a", "a JSON object as payload", "only the raw user name is taken", bench.tcp.frame(room, b"alicia")),
        ("TCRP-3.2a", "a JSON object as payload", "a JSON string is taken", bench.tcp.frame(room, b'"alicia"')),
    ):  # fmt: skip
        try:
            with bench.context.varied(AS_IS if patient else HASTY):
                answer = bench.tcp.ask(Create(room.decode(), "alicia"), data=data)
            if answer.token is not None:
                return Mismatch(right, works, data=data, clause=clause)
            if answer.endless or answer.accepted is False:
                break
            patient = patient and not answer.waited
        except TargetLost:
            break
    return found


def why_no_chat(bench: Bench, alice: Peer, bob: Peer) -> Mismatch:
    """Both registered, and a message of alice does not reach bob. Does another message, token, layout or address?"""
    wait = bench.waits.prompt / 2
    mute = Mismatch(
        "a message of alicia to reach bob, both being registered",
        "nothing reached him",
        data=bench.udp.chat_datagram(alice, b"hello"),
        clause="TCRP-4.5a",
    )
    got = [datagram for peer in (alice, bob) for datagram in peer.inbox]
    if got and not any(bench.datagrams.is_message(datagram) for datagram in got):
        return Mismatch("datagrams `user: message`", repr(got[0].data), data=got[0].data, clause="TCRP-4.6a")
    if got:
        deaf = bob if alice.inbox else alice
        other = alice if deaf is bob else bob
        return Mismatch(
            f"messages to pass both ways between {alice} and {bob}", f"{deaf} hears nothing of {other}",
            data=bench.udp.chat_datagram(other, b"hello"), clause="TCRP-4.5a",
        )  # fmt: skip
    if bench.udp.is_refused(mute.data or b""):
        _pair(bench)  # TargetLost if the server is gone altogether
        port = bench.target.server.udp
        where = elsewhere(bench.target.server)
        closed = f"nothing listens on UDP port {port}, where datagrams are refused"
        none = NoPort(mute.expected, f"{closed}; {where}" if where else closed, clause=mute.clause)
        none.tried = mute.data or b""
        return _over_ipv6(bench) or none
    for trial in (_by_chat, _by_part_of_the_token, *(_by_layout(what, layout) for what, layout in _LAYOUTS)):
        try:
            found = trial(bench, *_pair(bench), wait)
        except Mismatch:
            break
        if found is not None:
            return found
    return _over_ipv6(bench) or mute


Trial = Callable[[Bench, Peer, Peer, float], Mismatch | None]


def _by_chat(bench: Bench, alice: Peer, bob: Peer, wait: float) -> Mismatch | None:
    for _ in range(2):
        bench.udp.say(bob, nonce())
        if _reaches(bench, alice, bob, wait):
            bench.context.registers_by_chat = True
            return Mismatch(
                "bob to receive messages after an empty message of his",
                "he receives them only after one that is not empty",
                data=bench.dialect.write_up(bob.member, UpKind.REGISTER),
                clause="TCRP-4.4a",
            )
    return None


def _by_part_of_the_token(bench: Bench, alice: Peer, bob: Peer, wait: float) -> Mismatch | None:
    members = [peer.member._replace(token=_unwrapped(peer.member.token)) for peer in (alice, bob)]
    if not all(member.token for member in members) or members == [alice.member, bob.member]:
        return None
    pair = [bench.rooms.peer(member) for member in members]
    for peer in pair:
        bench.udp.register(peer)
    if not _reaches(bench, pair[0], pair[1], wait):
        return None
    return Mismatch(
        "the payload of COMPLETE to be the token", "chat works only with a part of it",
        data=alice.member.token, clause="TCRP-3.5a",
    )  # fmt: skip


def _by_layout(what: str, layout: Callable[[Membership, bytes], bytes]) -> Trial:
    def trial(bench: Bench, alice: Peer, bob: Peer, wait: float) -> Mismatch | None:
        mark = nonce()
        bench.udp.send(bob, layout(bob.member, b"bob says hello"))
        bench.udp.send(alice, layout(alice.member, mark))
        if not bench.hearing.hear(bob, mark, wait):
            return None
        return Mismatch(
            "RoomNameSize, TokenSize, room name, token, message to be chat", f"only a datagram with {what} is",
            data=bench.udp.chat_datagram(alice, b"hello"), clause="TCRP-4.1",
        )  # fmt: skip

    return trial


def _reaches(bench: Bench, speaker: Peer, listener: Peer, wait: float) -> bool:
    mark = nonce()
    bench.udp.say(speaker, mark)
    return bench.hearing.hear(listener, mark, wait) is not None


def _unwrapped(token: bytes) -> bytes:
    """What a careless author may have wrapped into the payload: white space, JSON."""
    try:
        value = json.loads(token)
    except ValueError:
        return token.strip()
    for inner in value.values() if isinstance(value, dict) else [value]:
        if isinstance(inner, str):
            return inner.encode()
    return token


def _token_first(member: Membership, message: bytes) -> bytes:
    room = member.room.encode()
    return bytes([len(room), len(member.token)]) + member.token + room + message


def _wide_sizes(member: Membership, message: bytes) -> bytes:
    room = member.room.encode()
    return len(room).to_bytes(2, "big") + len(member.token).to_bytes(2, "big") + room + member.token + message


def _with_user(member: Membership, message: bytes) -> bytes:
    room, user = member.room.encode(), member.user.encode()
    return bytes([len(room), len(user), len(member.token)]) + room + user + member.token + message


def _with_user_last(member: Membership, message: bytes) -> bytes:
    room, user = member.room.encode(), member.user.encode()
    return bytes([len(room), len(member.token), len(user)]) + room + member.token + user + message


_LAYOUTS = (
    ("the token before the room name", _token_first),
    ("sizes of two bytes", _wide_sizes),
    ("a third size and the user name, second", _with_user),
    ("a third size and the user name, last", _with_user_last),
)


def _over_ipv6(bench: Bench) -> Mismatch | None:
    """A server that listens on both families may see one address in two forms."""
    if bench.target.endpoint.host != "127.0.0.1":
        return None
    other = bench_at(bench, "::1")
    try:
        other.fences.settle(*_pair(other), wait=bench.waits.prompt)
    except (Mismatch, TargetLost):
        return None
    finally:
        other.close()
    return Mismatch(
        "chat over IPv4", "only over IPv6: the address ::ffff:127.0.0.1 is not taken for 127.0.0.1", clause="TCRP-4.2f"
    )


def _pair(bench: Bench) -> tuple[Peer, Peer]:
    """Two new members: the ones before may have become idle meanwhile."""
    host = bench.rooms.create(user="alicia")
    return host, bench.rooms.join(host.member.room, "bob")
