"""Which clauses a dialect replaces or has no use for, and why: said once, for each question that dialects answer
differently. A clause that is not listed applies, in the dialect's terms.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from conformance.clauses import IN_DIALECT, PREFIX
from conformance.terms import Terms
from tcrp import Why
from tcrp.policy import IdleScope, MemberKey, Register

MANY = 10
"""More delivery failures than anybody would call several."""


class Otherwise(NamedTuple):
    """What a dialect may do otherwise than the canonical one, and the clauses that do not apply then."""

    reason: str
    clauses: tuple[str, ...]
    holds: Callable[[Terms], bool]


def why_not(terms: Terms, clause_id: str) -> str | None:
    """Why the clause is not judged in this dialect; None if it is."""
    name = clause_id.removeprefix(PREFIX)
    return next((f"{IN_DIALECT}{terms.dialect.name} {reason}" for reason in _reasons(terms, name)), None)


def _reasons(terms: Terms, name: str) -> Iterator[str]:
    for one in _OTHERWISE:
        if _named(name, one.clauses) and one.holds(terms):
            yield one.reason


def _named(name: str, clauses: tuple[str, ...]) -> bool:
    """`3.2` names every clause of its group, `3.` every one of its section."""
    return any(
        name.startswith(one) and (one.endswith(".") or not name.removeprefix(one)[:1].isdigit()) for one in clauses
    )


def _tells(*whys: Why) -> Callable[[Terms], bool]:
    """Nobody is told of any of these, or in no words."""
    return lambda terms: all(not terms.tells(why) for why in whys)


_OTHERWISE = (
    Otherwise(
        "there is one room and no TCP: whoever sends is in it",
        ("1.", "2.", "3.", "4.", "5.", "6."),
        lambda terms: not terms.dialect.can.rooms,
    ),
    Otherwise(
        "requests are no frames with sizes of 29 bytes",
        ("2.1", "2.2", "2.3a", "2.4", "3.1", "3.7", "6.1d"),
        lambda terms: not terms.forge.frames,
    ),
    Otherwise(
        "the payload of a request is no JSON object with the user name", ("3.2",), lambda terms: not terms.forge.is_json
    ),
    Otherwise("a request holds no user name", ("3.3a", "3.3b", "3.3c"), lambda terms: not terms.forge.names_user),
    Otherwise("there are no passwords", ("3.2b", "3.2e", "3.10a"), lambda terms: not terms.dialect.can.passwords),
    Otherwise("one reply is all", ("3.1b", "3.4b"), lambda terms: not terms.acknowledges),
    Otherwise("the client is the one to close", ("3.6a", "2.6b"), lambda terms: not terms.server_closes),
    Otherwise(
        "the client says more after its request",
        ("2.6", "3.6a", "3.11"),
        lambda terms: terms.dialect.policy.register is Register.HANDSHAKE,
    ),
    Otherwise("another request may follow", ("2.6",), lambda terms: terms.asks_again),
    Otherwise(
        "a room is found by its host's token, and its name is nobody's",
        ("2.3c", "3.4d", "3.8a", "3.8d", "3.9", "3.11", "5.2c", "5.3e"),
        lambda terms: not terms.by_name,
    ),
    Otherwise("who speaks is said in each datagram, and believed", ("3.8d",), lambda terms: terms.names_in_datagrams),
    Otherwise(
        "whoever has a token may use it",
        ("3.8e", "4.2e"),
        lambda terms: not terms.binds,
    ),
    Otherwise(
        "members are known by their addresses",
        ("3.8e", "4.2d", "4.2e"),
        lambda terms: terms.dialect.policy.member_key is MemberKey.ADDRESS,
    ),
    Otherwise("a datagram names no room", ("4.2c",), lambda terms: not terms.rooms_in_datagrams),
    Otherwise(
        "a member's address is settled on TCP",
        ("4.2f", "4.3", "4.4"),
        lambda terms: terms.dialect.policy.register not in (Register.LATEST, Register.MESSAGE),
    ),
    Otherwise("no message registers unheard", ("4.4",), lambda terms: not terms.registers),
    Otherwise("registering is no activity", ("4.4c",), lambda terms: not terms.dialect.can.keepalive),
    Otherwise("a guest cannot leave", ("5.1a", "5.1b", "5.1c", "5.3e"), lambda terms: not terms.guests_leave),
    Otherwise("leaving is relayed", ("5.1c",), lambda terms: terms.dialect.policy.relay_leave),
    Otherwise("no word of a message leaves", ("5.1d",), lambda terms: not terms.words_leave),
    Otherwise("nobody is told when the host leaves", ("5.2a", "5.4a"), _tells(Why.HOST_LEFT)),
    Otherwise(
        "silence is looked at only when the host speaks",
        ("5.3a", "5.3b", "5.3c", "5.3d", "5.3e"),
        lambda terms: terms.dialect.policy.idle.scope is IdleScope.ROOM,
    ),
    Otherwise(
        "nobody is removed for being silent",
        ("4.4c", "5.3a", "5.3b", "5.3c", "5.3d"),
        lambda terms: terms.dialect.policy.idle.seconds is None,
    ),
    Otherwise("the idle are not told", ("5.3c",), _tells(Why.IDLE)),
    Otherwise(
        "there is no mark that tells notices from chat",
        ("5.4a", "5.4b", "5.5"),
        lambda terms: not terms.dialect.can.notices,
    ),
    Otherwise(
        "a member is not removed for several failed deliveries",
        ("5.6",),
        lambda terms: (terms.dialect.policy.max_failures or MANY) >= MANY,
    ),
    Otherwise("nobody is told that the server stops", ("5.7",), _tells(Why.STOPPED)),
    Otherwise("nobody is told that a message is too long", ("4.7b",), _tells(Why.TOO_LONG)),
)
