"""By which messages members leave, and who is told."""

from collections.abc import Sequence
from typing import NamedTuple

from conformance.probe.notebook import Sure
from conformance.probe.questions.chat.chat import ProbedChat
from conformance.probe.questions.chat.client_layouts import BYTE_TYPES, LEAVE_TYPES, DatagramType
from conformance.probe.questions.chat.members import ProbedMember
from conformance.probe.questions.chat.notices import HeardNotices, is_chat, learn_notice, notices_since
from conformance.probe.questions.chat.talk import NoChat
from conformance.probe.random_names import random_message
from tcrp.dialects.settings import NoticeSettings

WORDS = (
    "exit", "/exit", "quit", "/quit", "LEAVE", "/leave", "__LEAVE__", "@quit", "leave", "bye", "/bye", "@leave",
    "__EXIT__", "logout", "q",
)  # fmt: skip
FOLDED = b" EXIT\n"
"""The first of the words in capitals, with white space around it: some servers take it for the same."""
SLOW = 0.5
"""Seconds: where an answer is waited for longer, fewer words are tried."""
FEW = 8


class LeaveAttempt(NamedTuple):
    """What a member may leave by: a word, or a datagram of a type without a message."""

    word: bytes
    type: DatagramType = None


def learn_leaving(chat: ProbedChat) -> None:
    """Let every guest try another word or type: a guest that hears nothing afterwards has left. Then the host tries.

    Raises NoChat and OutOfTime.
    """
    attempts = [LeaveAttempt(word.encode()) for word in WORDS]
    layout = chat.facts.layout
    if layout.typed:
        types: tuple[DatagramType, ...] = BYTE_TYPES if layout.form == "binary" else LEAVE_TYPES
        taken = (layout.type, layout.register_type)
        attempts = [*(LeaveAttempt(b"", one) for one in types if one not in taken), *attempts]
    attempts.append(LeaveAttempt(FOLDED))
    if chat.wire.timing.answer_wait > SLOW:
        attempts = attempts[:FEW]
    left = _let_guests_try(chat, attempts)
    _learn_words(chat, left)
    if chat.wire.server.has_tcp:
        _let_host_try(chat, left, attempts)
    elif not left:
        _learn_none(chat, len(attempts))


def _learn_none(chat: ProbedChat, tried: int) -> None:
    chat.notes.learn("chat.leave", False, f"none of {tried} words had an effect", sure=Sure.LIKELY)


class _Tried(NamedTuple):
    """What came of a guest's attempt. `relayed`: it came to the host as chat; `heard`: notices of it."""

    relayed: bool
    heard: HeardNotices


def _let_guests_try(chat: ProbedChat, attempts: Sequence[LeaveAttempt]) -> list[LeaveAttempt]:
    """The attempts after which a guest had left."""
    rooms, talk = chat.rooms, chat.talk
    chat.wire.timing.check()
    host = rooms.member(None, "alicia")
    guests = [rooms.member(host.room, f"guest{number}") for number in range(len(attempts))]
    rooms.enter(host, *guests)
    talk.reach(host, *guests)
    present = [guest for guest in guests if guest.heard_anything()]
    tried: dict[int, _Tried] = {}
    for number, (guest, attempt) in enumerate(zip(guests, attempts, strict=True)):
        if guest in present:
            bystander = next(one for one in (*reversed(guests), host) if one is not guest)
            tried[number] = _let_guest_try(chat, guest, attempt, host, bystander)
    deaf = _deaf(chat, host, present)
    if deaf and len(deaf) == len(present):
        chat.notes.remark("after the words that guests leave by elsewhere, nobody heard anything any more")
        rooms.leave_behind(host, *guests)
        return []
    left = [number for number, guest in enumerate(guests) if guest in deaf]
    if left:
        first = left[0]
        relayed = tried[first].relayed
        chat.notes.learn("chat.leave-relayed", relayed, "it came as chat first" if relayed else "nobody saw it")
        learn_notice(chat, "left", guests[first], tried[first].heard)
    rooms.leave_behind(host, *guests)
    return [attempts[number] for number in left]


def _let_guest_try(
    chat: ProbedChat, guest: ProbedMember, attempt: LeaveAttempt, host: ProbedMember, bystander: ProbedMember
) -> _Tried:
    """`bystander`: another member that may be told of it, beside the host."""
    before, own, seen = len(host.main.inbox), len(guest.main.inbox), len(bystander.main.inbox)
    chat.talk.say(guest, attempt.word, type_=attempt.type)
    chat.wire.udp.hear(lambda: len(host.main.inbox) > before, chat.wire.timing.datagram_wait)
    chat.wire.udp.listen(0.02)
    word, came = attempt.word, host.main.inbox[before:]
    relayed = any(is_chat(chat, data) and (not word or word.strip() in data) for data in came)
    others = notices_since(chat, host, before) or notices_since(chat, bystander, seen)
    return _Tried(relayed, HeardNotices(others, notices_since(chat, guest, own)))


def _deaf(chat: ProbedChat, host: ProbedMember, present: Sequence[ProbedMember]) -> list[ProbedMember]:
    """Those of the guests to whom no message of the host comes."""
    deaf: list[ProbedMember] = []
    for _ in range(2):
        message = random_message()
        chat.talk.say(host, message)
        wait = 2 * chat.wire.timing.datagram_wait
        chat.wire.udp.hear(lambda: all(guest.heard(message) for guest in present), wait)  # noqa: B023
        deaf = [guest for guest in present if not guest.heard(message)]
        if not deaf:
            break
    return deaf


def _learn_words(chat: ProbedChat, left: Sequence[LeaveAttempt]) -> None:
    """Learn what guests leave by. `left`: what had an effect."""
    notes = chat.notes
    words = [one.word for one in left if one.type is None]
    types = [one.type for one in left if one.type is not None]
    if types:
        notes.learn("up.leave-type", types[0], "after it a guest hears nothing any more")
        notes.learn("chat.guests-may-leave", True, "as above")
    plain = [word for word in words if word != FOLDED]
    if plain:
        notes.learn("chat.leave", plain[0].decode(), "after it a guest hears nothing any more", plain[0])
        notes.learn("chat.guests-may-leave", True, "as above")
        if len(plain) > 1:
            notes.remark(f"{b', '.join(plain[1:]).decode()} leave too, a dialect file knows one word")
        if plain[0] == b"exit":
            folded = FOLDED in words
            notes.learn("chat.leave-match", "folded" if folded else "exact",
                        f"' EXIT' with a newline {'leaves too' if folded else 'is chat'}")  # fmt: skip
    elif types:
        notes.learn("chat.leave", False, "a type leaves, no word does")


def _let_host_try(chat: ProbedChat, left: Sequence[LeaveAttempt], attempts: Sequence[LeaveAttempt]) -> None:
    """Learn what a host leaves by, who is told, and whether the room is closed then. `left`: what guests leave by."""
    attempts = left[:1] or [one for one in attempts if one.word != FOLDED]
    host, first = chat.rooms.settled()
    second = chat.rooms.member(host.room, "guest1")
    chat.rooms.enter(second)
    if not chat.talk.reach(first, second) and not chat.talk.reach(second, first):
        raise NoChat("a third member hears nothing")
    if not any(_has_left(chat, host, first, second, attempt, guests_too=bool(left)) for attempt in attempts):
        if left:
            chat.notes.remark("what guests leave by has no effect on the room when its host says it")
            chat.notes.learn("notices.host-left", NoticeSettings(), "nobody was told anything")
        else:
            _learn_none(chat, len(attempts))
    chat.rooms.leave_behind(host, first, second)


def _has_left(
    chat: ProbedChat, host: ProbedMember, first: ProbedMember, second: ProbedMember, attempt: LeaveAttempt, *,
    guests_too: bool,
) -> bool:  # fmt: skip
    """Whether the host's attempt had an effect. If it had, what it was is learnt. `first`, `second`: the guests;
    `guests_too`: guests leave by it too.
    """
    notes, word = chat.notes, attempt.word
    chat.wire.timing.check()
    seen, own, other = len(first.main.inbox), len(host.main.inbox), len(second.main.inbox)
    chat.talk.say(host, word, type_=attempt.type)
    chat.wire.udp.listen()
    others = notices_since(chat, first, seen) or notices_since(chat, second, other)
    heard = HeardNotices(others, notices_since(chat, host, own))
    relayed = any(is_chat(chat, data) and word and word in data for data in first.main.inbox[seen:])
    if chat.talk.reach(first, second, host):
        return False
    closed = not chat.talk.reach(first, second)
    if not guests_too:
        notes.learn("chat.leave", word.decode(), "after it the host's room is closed; guests do not leave by it", word)
        notes.learn("chat.guests-may-leave", False, "a guest that says it still hears the others")
        notes.learn("chat.leave-relayed", relayed, "it came as chat first" if relayed else "nobody saw it")
    if not closed:
        notes.remark("when the host leaves, the room stays open for the others")
    learn_notice(chat, "host-left", host, heard)
    return True
