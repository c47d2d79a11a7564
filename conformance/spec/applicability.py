"""Which clauses a dialect replaces or has no use for, and why: said once, for each question that dialects answer
differently. A clause that is not listed applies, in the dialect's traits.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from conformance.dialect.traits import Traits
from conformance.spec.clauses import IN_DIALECT, PREFIX
from tcrp import NoticeReason
from tcrp.policy import IdleScope, MemberKey, Register

MANY = 10
"""More delivery failures than anybody would call several."""


class Exemption(NamedTuple):
    """What a dialect may do otherwise than the canonical one, and the clauses that do not apply then."""

    reason: str
    clauses: tuple[str, ...]
    holds: Callable[[Traits], bool]


def why_not(traits: Traits, clause_id: str) -> str | None:
    """Why the clause is not judged in this dialect; None if it is."""
    name = clause_id.removeprefix(PREFIX)
    return next((f"{IN_DIALECT}{traits.dialect.name} {reason}" for reason in _reasons(traits, name)), None)


def exemptions(traits: Traits) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Everything that the dialect does otherwise: the reason, and the clauses that do not apply then."""
    for one in _EXEMPTIONS:
        if one.holds(traits):
            yield one.reason, one.clauses
            if not traits.dialect.can.rooms:
                break  # nothing else can be asked of it


def _reasons(traits: Traits, name: str) -> Iterator[str]:
    for one in _EXEMPTIONS:
        if _named(name, one.clauses) and one.holds(traits):
            yield one.reason


def _named(name: str, clauses: tuple[str, ...]) -> bool:
    """`3.2` names every clause of its group, `3.` every one of its section."""
    return any(
        name.startswith(one) and (one.endswith(".") or not name.removeprefix(one)[:1].isdigit()) for one in clauses
    )


def _tells(*whys: NoticeReason) -> Callable[[Traits], bool]:
    """Nobody is told of any of these, or in no words."""
    return lambda traits: all(not traits.datagrams.tells(why) for why in whys)


_EXEMPTIONS = (
    Exemption(
        "there is one room and no TCP: whoever sends is in it",
        ("1.", "2.", "3.", "4.", "5.", "6."),
        lambda traits: not traits.dialect.can.rooms,
    ),
    Exemption(
        "requests are no frames with sizes of 29 bytes",
        ("2.1", "2.2", "2.3a", "2.4", "3.1", "3.7", "6.1d"),
        lambda traits: not traits.forge.frames,
    ),
    Exemption(
        "the payload of a request is no JSON object with the user name",
        ("3.2",),
        lambda traits: not traits.forge.is_json,
    ),
    Exemption("a request holds no user name", ("3.3a", "3.3b", "3.3c"), lambda traits: not traits.forge.names_user),
    Exemption("there are no passwords", ("3.2b", "3.2e", "3.10a"), lambda traits: not traits.dialect.can.passwords),
    Exemption("one reply is all", ("3.1b", "3.4b"), lambda traits: not traits.replies.acknowledges),
    Exemption("the client is the one to close", ("3.6a", "2.6b"), lambda traits: not traits.replies.server_closes),
    Exemption(
        "the client says more after its request",
        ("2.6", "3.6a", "3.11"),
        lambda traits: traits.dialect.policy.register is Register.HANDSHAKE,
    ),
    Exemption(
        "a request is not said at once",
        ("2.6", "3.6a", "3.9", "3.11", "6.1b", "6.2b"),
        lambda traits: not traits.dialect.can.whole_requests,
    ),
    Exemption("another request may follow", ("2.6",), lambda traits: traits.replies.asks_again),
    Exemption(
        "a room is found by its host's token, and its name is nobody's",
        ("2.3c", "3.4d", "3.8a", "3.8d", "3.9", "3.11", "5.2c", "5.3e"),
        lambda traits: not traits.by_name,
    ),
    Exemption(
        "who speaks is said in each datagram, and believed",
        ("3.8d",),
        lambda traits: traits.datagrams.names_in_datagrams,
    ),
    Exemption(
        "whoever has a token may use it",
        ("3.8e", "4.2e"),
        lambda traits: not traits.binds,
    ),
    Exemption(
        "members are known by their addresses",
        ("3.8e", "4.2d", "4.2e"),
        lambda traits: traits.dialect.policy.member_key is MemberKey.ADDRESS,
    ),
    Exemption("a datagram names no room", ("4.2c",), lambda traits: not traits.datagrams.rooms_in_datagrams),
    Exemption(
        "a member's address is settled on TCP",
        ("4.2f", "4.3", "4.4"),
        lambda traits: traits.dialect.policy.register not in (Register.LATEST, Register.MESSAGE),
    ),
    Exemption("no message registers unheard", ("4.4",), lambda traits: not traits.datagrams.registers),
    Exemption("registering is no activity", ("4.4c",), lambda traits: not traits.dialect.can.keepalive),
    Exemption("a guest cannot leave", ("5.1a", "5.1b", "5.1c", "5.3e"), lambda traits: not traits.guests_leave),
    Exemption("leaving is relayed", ("5.1c",), lambda traits: traits.dialect.policy.relay_leave),
    Exemption("no word of a message leaves", ("5.1d",), lambda traits: not traits.datagrams.words_leave),
    Exemption("nobody is told when the host leaves", ("5.2a", "5.4a"), _tells(NoticeReason.HOST_LEFT)),
    Exemption(
        "silence is looked at only when the host speaks",
        ("5.3a", "5.3b", "5.3c", "5.3d", "5.3e"),
        lambda traits: traits.dialect.policy.idle.scope is IdleScope.ROOM,
    ),
    Exemption(
        "nobody is removed for being silent",
        ("4.4c", "5.3a", "5.3b", "5.3c", "5.3d"),
        lambda traits: traits.dialect.policy.idle.seconds is None,
    ),
    Exemption("the idle are not told", ("5.3c",), _tells(NoticeReason.IDLE)),
    Exemption(
        "there is no mark that tells notices from chat",
        ("5.4a", "5.4b", "5.5"),
        lambda traits: not traits.dialect.can.notices,
    ),
    Exemption(
        "a member is not removed for several failed deliveries",
        ("5.6",),
        lambda traits: (traits.dialect.policy.max_failures or MANY) >= MANY,
    ),
    Exemption("nobody is told that the server stops", ("5.7",), _tells(NoticeReason.STOPPED)),
    Exemption("nobody is told that a message is too long", ("4.7b",), _tells(NoticeReason.TOO_LONG)),
)
