"""Section 3, continued: tokens. Every token that the run has seen is evidence, and more are asked for if need be."""

import contextlib
import math
import string
from collections import Counter
from itertools import pairwise

from conformance.client.assertions import must_be_served, must_have_status
from conformance.client.bench import Bench
from conformance.dialect import forge
from conformance.outcome.findings import Mismatch
from conformance.suite.marks import clause, late, needs_chat
from conformance.suite.steps import ask_until
from conformance.trace.names import fresh, nonce
from tcrp import MAX_TOKEN_SIZE, Create, Join, Membership, Status

WANTED = 64
RANDOM_BITS = 120
BYTES = 256
LEADING_ZERO_BITS = 20
"""What a number printed without leading zeros may lack, in the shortest of some hundred tokens."""
SPREAD_BITS = 72
"""How many bits of difference, summed over the positions, 64 random tokens of 120 bits show at the least."""

_ALPHABETS = tuple(
    frozenset(alphabet.encode())
    for alphabet in (
        string.digits,
        string.digits + "abcdef",
        string.digits + "ABCDEF",
        string.ascii_letters + string.digits,
        string.ascii_letters + string.digits + "+/=-_",
        string.printable,
    )
)


def _tokens(bench: Bench) -> list[bytes]:
    while len(bench.tcp.tokens) < WANTED:
        bench.rooms.create()
        bench.tidy()
    return bench.tcp.tokens


def _alphabet_size(tokens: list[bytes]) -> int:
    used = frozenset(b"".join(tokens)) - frozenset(b"-")
    return next((len(alphabet) for alphabet in _ALPHABETS if used <= alphabet), BYTES)


def _spread(tokens: list[bytes]) -> float:
    """Bits by which the tokens differ: the entropy of each position, summed."""
    total = 0.0
    columns = {tuple(token[at : at + 1] for token in tokens) for at in range(max(map(len, tokens)))}
    for column in columns:  # what is repeated within the tokens counts once
        counts = Counter(column)
        total -= sum(n / len(tokens) * math.log2(n / len(tokens)) for n in counts.values())
    return total


def _bits(tokens: list[bytes]) -> list[float]:
    """The random bits that each of them can hold, sorted."""
    if len({tuple(i for i, byte in enumerate(token) if byte == ord("-")) for token in tokens}) == 1:
        tokens = [token.replace(b"-", b"") for token in tokens]  # as in a UUID
    a_letter = math.log2(_alphabet_size(tokens))
    return sorted(len(token) * a_letter for token in tokens)


def _rising(values: list[bytes]) -> float:
    return sum(a < b for a, b in pairwise(values)) / (len(values) - 1)


def _behind_order(tokens: list[bytes]) -> list[bytes]:
    """The tokens without what puts them in order: a clock or a counter may stand in front of what is random."""
    for values in (tokens, tokens[::-1]):
        if _rising(values) > 0.9:
            for size in range(1, max(map(len, tokens)) + 1):
                if _rising([token[:size] for token in values]) > 0.9:
                    return [token[size:] for token in tokens]
    return tokens


@clause("TCRP-3.8a")
def test_no_token_is_given_out_twice(bench: Bench) -> None:
    tokens = _tokens(bench)
    token, times = Counter(tokens).most_common(1)[0]
    if times > 1:
        raise Mismatch(f"{len(tokens)} different tokens", f"one of them {times} times", data=token)


@clause("TCRP-3.8a")
def test_the_same_room_and_user_get_another_token_each_time(bench: Bench) -> None:
    host = bench.rooms.create(user="alicia")
    room = host.member.room
    seen = [host.member.token]
    with contextlib.suppress(Mismatch):  # a refusal is a finding of other clauses
        seen.extend(bench.rooms.join(room, "bob").member.token for _ in range(2))
    bench.udp.leave(host)
    with contextlib.suppress(Mismatch):
        if _gone(bench, room):
            seen.append(bench.rooms.create(room, "alicia").member.token)
    token, times = Counter(seen).most_common(1)[0]
    if times > 1:
        raise Mismatch("a new token for every membership", f"{times} of {len(seen)} are the same", data=token)


def _gone(bench: Bench, room: str) -> bool:
    """Whether the room goes, now that its host has left."""
    answer = ask_until(bench, Join(room, "zoe"), lambda answer: answer.says(Status.ROOM_NOT_FOUND))
    return answer.says(Status.ROOM_NOT_FOUND)


@late
@clause("TCRP-3.8b")
def test_tokens_are_long_enough_and_show_no_counter_clock_or_constant(bench: Bench) -> None:
    """Late, when the run has seen enough of them."""
    _look_random(_tokens(bench)[-4 * WANTED :])


@late
@clause("TCRP-3.8b")
def test_the_tokens_of_guests_show_no_counter_clock_or_constant_either(bench: Bench) -> None:
    while len(bench.tcp.guest_tokens) < WANTED:
        room = bench.rooms.create().member.room
        for _ in range(min(12, WANTED - len(bench.tcp.guest_tokens))):
            bench.rooms.join(room)
        bench.tidy()
    _look_random(bench.tcp.guest_tokens[-4 * WANTED :])
    seen = bench.tcp.tokens[-4 * WANTED :]
    for token in seen:
        if any(token in other for other in seen if other != token):
            raise Mismatch("tokens of which none holds another", "one does", data=token)


def _look_random(tokens: list[bytes]) -> None:
    shortest, *_, longest = _bits(tokens)
    if (bits := min(longest, shortest + LEADING_ZERO_BITS)) < RANDOM_BITS:
        token = min(tokens, key=len)
        raise Mismatch(
            f"tokens that can hold {RANDOM_BITS} random bits",
            f"{len(token)} characters out of {_alphabet_size(tokens)} hold {bits:.0f}",
            data=token,
        )
    for what, seen in (("", tokens), (" read backwards", [token[::-1] for token in tokens])):
        behind = _behind_order(seen)
        if _bits(behind)[-1] < RANDOM_BITS:
            raise Mismatch(
                "tokens in no order", f"{len(seen)} tokens{what} in order: a counter or a clock", data=tokens[-1]
            )
        if (spread := _spread(behind[-WANTED:])) < SPREAD_BITS:
            raise Mismatch(
                f"{WANTED} tokens that differ as random ones do, by at least {SPREAD_BITS} bits",
                f"they differ by {spread:.0f}: most of each token is the same, or counts",
                data=tokens[-1],
            )


@clause("TCRP-3.8c")
def test_a_token_is_1_to_255_bytes(bench: Bench) -> None:
    answer = bench.tcp.ask(Create(fresh(), "alicia"))
    if answer.token is None or not all(1 <= len(token) <= MAX_TOKEN_SIZE for token in bench.tcp.tokens):
        raise Mismatch(f"a token of 1 to {MAX_TOKEN_SIZE} bytes", str(answer), data=answer.data[:128])


@needs_chat
@clause("TCRP-3.8d")
def test_each_token_speaks_with_the_name_it_was_given_for(bench: Bench) -> None:
    members = [bench.shared.settled()[0][0]]
    users = ("太郎", " spaced ", "\ufeffe\u0301\u200d", "Alicia: 2  &<b>%s%%\\n\u00a0", "u" * bench.traits.longest_user)
    members += [bench.rooms.stay(bench.shared.guest(user)) for user in users]
    bench.fences.settle(*members)
    for speaker in (*members, members[0]):
        mark = nonce()
        bench.udp.say(speaker, mark)
        for listener in members:
            if listener is speaker:
                continue
            heard = bench.hearing.must_hear(listener, mark, f"a message of {speaker}")
            named = [other for other in members if bench.datagrams.names(heard, other.member.user)]
            begins = heard.data.startswith(speaker.member.user.encode())  # in whatever layout
            if speaker not in named and (named or not begins):
                raise Mismatch(f"a message of {speaker} to carry that name", repr(heard.data), data=heard.data)


@needs_chat
@clause("TCRP-3.8d")
def test_a_token_speaks_in_its_own_room_only(bench: Bench) -> None:
    here, there = bench.shared.settled()
    mark = nonce()
    alice, dave = here[0].member, there[0].member
    borrowed = bench.rooms.peer(Membership(dave.room, alice.user, alice.token, False))
    bench.udp.say(borrowed, mark)
    bench.fences.fence(*there, after="a datagram with a token of another room")
    bench.fences.fence(*here, after="a datagram that named another room")
    for peer in (*here, *there):
        bench.hearing.must_not_hear(peer, mark, "a message sent with another room's token")


@needs_chat
@clause("TCRP-3.8e")
def test_a_token_is_bound_to_the_address_of_its_tcp_connection(bench: Bench) -> None:
    with bench.apart() as other:
        alice, _, carol = bench.shared.settled()[0]
        want, here = Join(alice.member.room, "bob"), bench.context.local_host
        claims = dict.fromkeys(("ip", "address", "host", "user_ip", "client_ip"), here)
        declaring = None  # the usual payload
        if bench.traits.forge.is_json:
            declaring = forge.payload(username="bob", user_address=[here, 8080], **claims)  # as other dialects do
        data = bench.tcp.frame(want.room.encode(), declaring, user="bob", join=True)
        answer = bench.tcp.ask(want, data=data, source=other)
        must_be_served(bench, answer, f"a JOIN from {other} that declares {here}")
        bob = bench.rooms.enter(want, answer, other)
        thief = bench.rooms.peer(bob.member)  # at the address that everybody else has
        for when in ("before its first datagram", "after it"):
            mark = nonce()
            bench.udp.say(thief, mark)
            bench.fences.fence(alice, carol, after="a datagram from another address than the token's")
            what = f"a message with a token of {other} from {bench.context.local_host}, {when}"
            bench.hearing.must_not_hear(alice, mark, what)
            bench.fences.settle(alice, bob)  # from the address that he joined from


@needs_chat
@clause("TCRP-3.8f")
def test_creating_makes_the_host(bench: Bench) -> None:
    alice, bob, carol, namesake = bench.rooms.settled("alicia", "bob", "charles", "alicia")
    room = alice.member.room
    for guest in (bob, namesake) if bench.traits.guests_leave else ():
        bench.udp.leave(guest)
        bench.fences.fence(alice, carol, after="a guest has left")
    if bench.traits.by_name:
        must_have_status(
            bench, bench.tcp.ask(Create(room, "x")), Status.ROOM_EXISTS, "a CREATE after two guests have left"
        )
    if bench.traits.guests_leave:
        bench.udp.leave(carol)
        bench.waits.pause()
        bench.fences.settle(alice, bench.rooms.join(room, "bob"))  # a room without guests is a room
    similar = Join(bench.rooms.create(room + "b").member.room, "bob")
    bench.udp.leave(alice)
    if not _gone(bench, room):
        return  # that is a finding of TCRP-5.2c
    must_be_served(bench, bench.tcp.ask(similar), f"a JOIN of {similar.room!r}, whose host has not left,")
    try:
        bench.udp.leave(bench.rooms.stay(bench.rooms.create(room)))
    except Mismatch:
        return  # so is a name that is not free
    if not _gone(bench, room):
        raise Mismatch("the room to close when the one who created it anew leaves", "it can still be joined")
