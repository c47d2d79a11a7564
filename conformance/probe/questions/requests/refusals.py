"""Requests that are to be refused, and what their replies say of the server."""

from dataclasses import dataclass, field, replace

from conformance.probe.notebook import Sure
from conformance.probe.questions.requests.asking import AnsweredRequest, Requester
from conformance.probe.questions.requests.narrowing import HALF_AN_OBJECT

OUTCOMES = ("room-exists", "room-not-found", "wrong-password", "malformed")
PASSWORD_PATIENCE = 3.0
"""Factor of the waits where passwords are hashed, which is slow on purpose."""


@dataclass
class Refusals:
    """Replies to requests that were refused, by outcome. An outcome that was not asked, or got a token, is missing."""

    found: dict[str, AnsweredRequest] = field(default_factory=dict)

    def items(self) -> list[tuple[str, AnsweredRequest]]:
        """Outcomes and replies, in the order of OUTCOMES."""
        return [(outcome, self.found[outcome]) for outcome in OUTCOMES if outcome in self.found]


def ask_refusals(requester: Requester, room: str) -> dict[str, AnsweredRequest]:
    """The two refusals that every server has, by outcome. `room`: a room that exists."""
    found: dict[str, AnsweredRequest] = {}
    notes = requester.notes
    again = requester.ask("CREATE of a room that exists", room, "carola")
    if again.token is None:
        found["room-exists"] = again
    else:
        notes.remark("a CREATE of a room that exists gets a token too")
    missing = requester.ask("JOIN of a room that does not exist", f"no{room}", "carola", join=True)
    if missing.token is None:
        found["room-not-found"] = missing
    else:
        notes.remark("a JOIN of a room that does not exist gets a token too")
    return found


def ask_password(requester: Requester, refusals: Refusals) -> None:
    """Learn whether rooms can have a password, and how a wrong one is refused."""
    notes, key = requester.notes, "request.password-key"
    if requester.facts.shape.payload != "json":
        return
    if not requester.is_healthy():
        notes.leave_open(key, "the server no longer creates rooms")
        return
    timing = requester.wire.timing
    timing.patience = max(PASSWORD_PATIENCE, timing.patience)
    made = requester.create("CREATE with a password", password="right-1")
    if made.token is None:
        notes.learn(key, False, "a CREATE with a password gets no token", made.got, sure=Sure.LIKELY)
        return
    wrong = requester.ask("JOIN with another password", made.room, "carola", join=True, password="other-2")
    right = requester.ask("JOIN with the same password", made.room, "carola", join=True, password="right-1")
    if wrong.token is None and right.token is not None:
        why = "a JOIN with another password was refused, with the same it was not"
        notes.learn(key, requester.facts.shape.password_keys[0], why, wrong.got)
        refusals.found["wrong-password"] = wrong
    elif right.token is None:
        notes.learn(key, False, "a room with a password cannot be joined with it", right.got, sure=Sure.LIKELY)
    else:
        notes.learn(key, False, "a JOIN with another password gets a token", wrong.sent)


def ask_malformed(requester: Requester, refusals: Refusals) -> None:
    """Send requests that cannot be served. Ask this last: some servers do not survive it."""
    if not requester.is_healthy():
        requester.notes.leave_open("reply.bad-payload", "the server no longer creates rooms")
        return
    _ask_bad_payload(requester, refusals)
    _ask_bad_operation(requester, refusals)
    shape = requester.facts.shape
    state = 7 if shape.state != 7 else 6
    other = requester.create(f"CREATE with State {state}", shape=replace(shape, state=state))
    if other.token is not None:  # a broken rule (TCRP-3.7b), and no way to talk: it stays a finding
        requester.notes.remark(f"a CREATE with State {state} gets a token (TCRP-3.7b)")


def _ask_bad_payload(requester: Requester, refusals: Refusals) -> None:
    if requester.notes.value("request.payload") == "raw":
        return
    bad = {"json-string": b"alicia", "length-prefixed": b"\xffal"}.get(requester.facts.shape.payload, HALF_AN_OBJECT)
    broken = requester.create("CREATE with a payload that does not parse", payload=bad)
    _learn_bad(requester, "reply.bad-payload", broken)
    if broken.token is None and broken.got:
        refusals.found["malformed"] = broken


def _ask_bad_operation(requester: Requester, refusals: Refusals) -> None:
    notes = requester.notes
    odd = requester.create("CREATE with operation 9", operation=9)
    if odd.token is not None:
        notes.remark("a request with operation 9 gets a token")
        return
    not_found = refusals.found.get("room-not-found")
    if not_found is not None and odd.got and not _is_cut_off(requester, odd) and _essence(odd) == _essence(not_found):
        notes.learn("reply.bad-header", "room-not-found", "operation 9 is answered as an unknown room", odd.got)
        return
    _learn_bad(requester, "reply.bad-header", odd)
    if odd.got and "malformed" not in refusals.found:
        refusals.found["malformed"] = odd


def _learn_bad(requester: Requester, key: str, answered: AnsweredRequest) -> None:
    if answered.token is not None:
        return
    what, closed = answered.exchange.what, answered.exchange.closed
    if answered.got and not _is_cut_off(requester, answered):
        requester.notes.learn(key, "malformed", f"{what}: answered", answered.got)
    else:
        how = "the server closed" if closed else f"nothing came within {requester.wire.timing.answer_wait:.1f} s"
        requester.notes.learn(key, "close", f"{what}: {how}", sure=Sure.SURE if closed else Sure.LIKELY)


def _is_cut_off(requester: Requester, answered: AnsweredRequest) -> bool:
    example = requester.facts.example
    return example is not None and is_cut_off(answered, example.first)


def is_cut_off(answered: AnsweredRequest, good: AnsweredRequest) -> bool:
    """Whether a reply is the beginning of a good one and no more, so that what is missing says no."""
    parts, whole = answered.reply.parts, good.reply.parts
    return 0 < len(parts) < len(whole) and all(
        (one.state, one.payload) == (like.state, like.payload) for one, like in zip(parts, whole, strict=False)
    )


def _essence(answered: AnsweredRequest) -> list[tuple[int, bytes]]:
    """The States and payloads of a reply, without the room's name."""
    return [(part.state, part.payload.replace(answered.room.encode(), b"")) for part in answered.reply.parts]
