"""Section 3, continued: tokens. Every token that the run has seen is evidence, and more are asked for if need be."""

import math
import string
from collections import Counter
from itertools import pairwise

from conformance.bench import Bench, fresh, nonce
from conformance.findings import Mismatch
from conformance.marks import clause, must_have_status, needs_chat
from tcrp import MAX_TOKEN_SIZE, Create, Join, Membership, Status

WANTED = 64
RANDOM_BITS = 120
BYTES = 256
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
    while len(bench.tokens) < WANTED:
        bench.create()
        bench.tidy()
    return bench.tokens


def _alphabet_size(tokens: list[bytes]) -> int:
    used = frozenset(b"".join(tokens)) - frozenset(b"-")
    return next((len(alphabet) for alphabet in _ALPHABETS if used <= alphabet), BYTES)


def _spread(tokens: list[bytes]) -> float:
    """Bits by which the tokens differ: the entropy of each position, summed."""
    total = 0.0
    for position in range(max(map(len, tokens))):
        counts = Counter(token[position : position + 1] for token in tokens)
        total -= sum(n / len(tokens) * math.log2(n / len(tokens)) for n in counts.values())
    return total


def _rising(values: list[bytes]) -> float:
    return sum(a < b for a, b in pairwise(values)) / (len(values) - 1)


@clause("TCRP-3.8a")
def test_no_token_is_given_out_twice(bench: Bench) -> None:
    tokens = _tokens(bench)
    token, times = Counter(tokens).most_common(1)[0]
    if times > 1:
        raise Mismatch(f"{len(tokens)} different tokens", f"one of them {times} times", data=token)


@clause("TCRP-3.8a")
def test_the_same_room_and_user_get_another_token_each_time(bench: Bench) -> None:
    room, seen = fresh(), list[bytes]()
    for _ in range(2):
        host = bench.create(room, "alicia")
        seen += [host.member.token, *(bench.join(room, "bob").member.token for _ in range(2))]
        bench.leave(host)
        if not _gone(bench, room):
            break  # which is a finding of other clauses
    token, times = Counter(seen).most_common(1)[0]
    if times > 1:
        raise Mismatch("a new token for every membership", f"{times} of {len(seen)} are the same", data=token)


def _gone(bench: Bench, room: str) -> bool:
    """Whether the room goes, now that its host has left."""
    for _ in range(20):
        if bench.ask(Join(room, "zoe")).status == Status.ROOM_NOT_FOUND:
            return True
        bench.waits.pause()
    return False


@clause("TCRP-3.8b")
def test_tokens_are_long_enough_and_show_no_counter_clock_or_constant(bench: Bench) -> None:
    tokens = _tokens(bench)[-4 * WANTED :]
    letters = _alphabet_size(tokens)
    if letters < BYTES:
        tokens = [token.replace(b"-", b"") for token in tokens]  # as in a UUID
    shortest = min(tokens, key=len)
    bits = len(shortest) * math.log2(letters)
    if bits < RANDOM_BITS:
        raise Mismatch(
            f"tokens that can hold {RANDOM_BITS} random bits",
            f"{len(shortest)} characters out of {letters} hold {bits:.0f}",
            data=shortest,
        )
    spread = _spread(tokens[-WANTED:])
    if spread < SPREAD_BITS:
        raise Mismatch(
            f"{WANTED} tokens that differ as random ones do, by at least {SPREAD_BITS} bits",
            f"they differ by {spread:.0f}: most of each token is the same, or counts",
            data=tokens[-1],
        )
    for what, seen in (("", tokens), (" read backwards", [token[::-1] for token in tokens])):
        rising = _rising(seen)
        if rising > 0.9 or rising < 0.1:
            raise Mismatch(
                "tokens in no order", f"{len(seen)} tokens{what} in order: a counter or a clock", data=tokens[-1]
            )


@clause("TCRP-3.8c")
def test_a_token_is_1_to_255_bytes(bench: Bench) -> None:
    for want in (Create(fresh(), "alicia"), Create(fresh(), "alicia", "secret")):
        answer = bench.ask(want)
        if answer.token is None or not 1 <= len(answer.token) <= MAX_TOKEN_SIZE:
            raise Mismatch(f"a token of 1 to {MAX_TOKEN_SIZE} bytes", str(answer), data=answer.data[:128])


@needs_chat
@clause("TCRP-3.8d")
def test_each_token_speaks_with_the_name_it_was_given_for(bench: Bench) -> None:
    members = bench.room("alicia", "太郎", " spaced ", "e\u0301", "alicia-2", "u" * 60)
    for speaker in (*members, members[0]):
        mark = nonce()
        bench.say(speaker, mark)
        for listener in members:
            if listener is speaker:
                continue
            heard = bench.must_hear(listener, mark, f"a message of {speaker}")
            name = speaker.member.user.encode()
            others = [m.member.user for m in members if heard.data.startswith(m.member.user.encode() + b":")]
            if not heard.data.startswith(name) or (others and speaker.member.user not in others):
                raise Mismatch(f"a message of {speaker} to carry that name", repr(heard.data), data=heard.data)


@needs_chat
@clause("TCRP-3.8d")
def test_a_token_speaks_in_its_own_room_only(bench: Bench) -> None:
    here, there = bench.common()
    mark = nonce()
    alice, dave = here[0].member, there[0].member
    borrowed = bench.peer(Membership(dave.room, alice.user, alice.token, False))
    bench.say(borrowed, mark)
    bench.fence(*there, after="a datagram with a token of another room")
    bench.fence(*here, after="a datagram that named another room")
    for peer in (*here, *there):
        bench.must_not_hear(peer, mark, "a message sent with another room's token")


@needs_chat
@clause("TCRP-3.8e")
def test_a_token_is_bound_to_the_address_of_its_tcp_connection(bench: Bench) -> None:
    other = bench.second_address()
    alice, carol = bench.room("alicia", "charles")
    bob = bench.join(alice.member.room, "bob", source=other)
    thief = bench.peer(bob.member)  # at the address that everybody else has
    for when in ("before its first datagram", "after it"):
        mark = nonce()
        bench.say(thief, mark)
        bench.fence(alice, carol, after="a datagram from another address than the token's")
        what = f"a message with a token of {other} from {bench.local_host}, {when}"
        bench.must_not_hear(alice, mark, what)
        bench.settle(alice, bob)  # from the address that he joined from


@needs_chat
@clause("TCRP-3.8f")
def test_creating_makes_the_host(bench: Bench) -> None:
    alice, bob, carol, namesake = bench.room("alicia", "bob", "charles", "alicia")
    room = alice.member.room
    for guest in (bob, namesake):
        bench.leave(guest)
        bench.fence(alice, carol, after="a guest has left")
        must_have_status(bench.ask(Create(room, "x")), Status.ROOM_EXISTS, "a CREATE after a guest has left")
    bench.leave(alice)
    if not _gone(bench, room):
        raise Mismatch("the room to close when the one who created it leaves", "it can still be joined")
