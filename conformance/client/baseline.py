"""The plain conversation that almost every test needs: create, join, register, talk.

It is held once, before the tests. Where it breaks, the clause that it broke under is the finding, and what needs
the missing part is not judged, rather than reported again under its own name.
"""

from typing import NamedTuple

from conformance.client.bench import Bench
from conformance.client.diagnosis import why_no_chat, why_no_rooms
from conformance.net.connection import Answer
from conformance.net.peer import Peer
from conformance.outcome.findings import Check, Mismatch, TargetLost
from conformance.trace.names import fresh
from conformance.trace.recording import StepKind, Steps
from tcrp import HEADER_SIZE, MAX_PAYLOAD_SIZE, Create, Join, Membership, Status, UpKind, decode_header

ROOMS = "rooms"
CHAT = "chat"
NO_UDP = "the endpoint has no UDP"
"""In place of the clause for want of which there is no chat."""
_GOOD = "by an ACK with status 0 and a COMPLETE with a token"


class Baseline(NamedTuple):
    """What works. `no_rooms`, `no_chat`, `no_json`: the clause for want of which there are no rooms, there is no chat,
    and the payload of a request is not read as JSON. A finding has its clause.

    `lost`: how it was seen that the server has ended in this conversation.
    """

    findings: tuple[Mismatch, ...] = ()
    no_rooms: str | None = None
    no_chat: str | None = None
    no_json: str | None = None
    lost: str | None = None


class NoRoom(Mismatch):
    """The very first CREATE got no token."""


def plain(bench: Bench) -> None:
    """The plain conversation. A Mismatch where it breaks."""
    raw, bench.context.raw_names = bench.context.raw_names, False
    try:
        pair = _pair(bench) if bench.dialect.can.rooms else bench.rooms.strangers()
        bench.fences.settle(*pair)
        if (taken := _raw_name(bench, *pair)) is not None:
            raise taken
    finally:
        bench.context.raw_names = raw


def hold(bench: Bench) -> Baseline:
    """Hold the plain conversation, and where it breaks find out why. TargetLost if nobody is there."""
    bench.begin()
    has_udp = bench.target.endpoint.udp is not None
    if not bench.dialect.can.rooms:
        return _hold_without_rooms(bench)
    try:
        alice, bob = _pair(bench)
    except Mismatch as mismatch:
        steps = bench.trace.steps()
        finding = why_no_rooms(bench, mismatch) if isinstance(mismatch, NoRoom) else mismatch
        if finding is not mismatch:
            finding.check = mismatch.check
            steps += _last_exchange(bench)
        finding.steps, finding.names = steps, bench.began_with
        return Baseline((finding,), no_rooms=finding.clause, no_chat=finding.clause)
    except TargetLost as lost:
        steps = bench.trace.steps()
        if all(step.does is not StepKind.TOKEN for step in steps):
            raise
        finding = Mismatch("a JOIN of a room that stands to be answered", str(lost), clause="TCRP-3.4a")
        finding.steps, finding.names = steps, bench.began_with
        return Baseline((finding,), no_rooms=finding.clause, no_chat=finding.clause)
    else:
        if not has_udp:
            return Baseline(no_chat=NO_UDP)
        if bench.traits.knowledge.why_no_chat is not None:
            return Baseline(no_chat=bench.traits.knowledge.why_no_chat)
        try:
            bench.fences.settle(alice, bob)
        except Mismatch as mismatch:
            steps = bench.trace.steps()
            try:
                finding = why_no_chat(bench, alice, bob)
            except TargetLost as lost:
                return _lost_in_chat(bench, lost, steps, mismatch.expected)
            finding.check = finding.check or mismatch.check
            finding.steps, finding.names = steps, bench.began_with
            return Baseline((finding,), no_chat=None if bench.context.registers_by_chat else finding.clause)
        except TargetLost as lost:
            return _lost_in_chat(bench, lost, bench.trace.steps())
        if (taken := _raw_name(bench, alice, bob)) is not None:
            taken.steps, taken.names = bench.trace.steps(), bench.began_with
            bench.context.raw_names = True
            return Baseline((taken,), no_json=taken.clause)
        if bench.context.raw_names:
            return Baseline(no_json="TCRP-3.2a")
    finally:
        bench.tidy()
    return Baseline()


def _raw_name(bench: Bench, alice: Peer, bob: Peer) -> Mismatch | None:
    """Whether the server takes the whole payload of a request, a JSON object, for the user name (TCRP-3.2a)."""
    if not bench.traits.forge.is_json or bench.context.raw_names:
        return None
    payload = bench.tcp.request(Create(alice.member.room, alice.member.user))[HEADER_SIZE + len(alice.member.room) :]
    said = next((one.data for one in bob.inbox if payload and one.data.startswith(payload)), None)
    if said is None:
        return None
    return Mismatch(
        'the user name under the key "username" of the JSON object',
        f"the whole object is taken for the name: {said[: len(payload) + 8].decode(errors='replace')!r}",
        data=said, clause="TCRP-3.2a",
    )  # fmt: skip


def _lost_in_chat(bench: Bench, lost: TargetLost, steps: Steps, expected: str = "chat over UDP") -> Baseline:
    finding = Mismatch(expected, str(lost), clause="TCRP-4.5a")
    finding.steps, finding.names = steps, bench.began_with
    return Baseline((finding,), no_chat=finding.clause, lost=str(lost))


def _hold_without_rooms(bench: Bench) -> Baseline:
    try:
        bench.fences.settle(*bench.rooms.strangers())
    except (Mismatch, TargetLost) as found:
        hello = bench.dialect.write_up(Membership("", "alicia", b"", False), UpKind.CHAT, b"hello")
        if not bench.target.owned and bench.udp.is_refused(hello or b""):
            raise TargetLost(f"nothing listens on UDP {bench.target.server}, where datagrams are refused") from None
        expected = found.expected if isinstance(found, Mismatch) else "chat over UDP"
        actual = found.actual if isinstance(found, Mismatch) else str(found)
        finding = Mismatch(expected, actual, clause="TCRP-7.1")
        finding.steps, finding.names = bench.trace.steps(), bench.began_with
        return Baseline((finding,), no_rooms=finding.clause, no_chat=finding.clause)
    finally:
        bench.tidy()
    return Baseline()


def _last_exchange(bench: Bench) -> Steps:
    """What was said on the latest connection."""
    steps = bench.trace.steps()
    latest = next((step.who for step in reversed(steps) if step.does is StepKind.CONNECT), "")
    return tuple(step for step in steps if step.who == latest)


def _pair(bench: Bench) -> tuple[Peer, Peer]:
    alice = _enter(bench, Create(fresh(), "alicia"))
    return alice, _enter(bench, Join(alice.member.room, "bob"))


def still_works(bench: Bench) -> str | None:
    """After a failure: what no longer works of what did, in words, or None. TargetLost if nobody is there."""
    try:
        host, guest = _pair(bench) if bench.dialect.can.rooms else bench.rooms.strangers()
    except Mismatch:
        return ROOMS
    else:
        try:
            if bench.context.chat_works:
                bench.fences.settle(host, guest, wait=bench.waits.prompt)
        except Mismatch:
            return CHAT
    finally:
        bench.tidy()
    return None


def _enter(bench: Bench, want: Create | Join) -> Peer:
    answer = bench.tcp.ask(want)
    if answer.token is None:
        creating = isinstance(want, Create)
        what = "a CREATE of a new room" if creating else "a JOIN of a room that stands"
        raise (NoRoom if creating else Mismatch)(
            f"{what} to be answered " + (_GOOD if bench.traits.replies.acknowledges else "with a token"),
            _what_came(answer),
            data=answer.data,
            clause=_clause_of(answer, want.room.encode()),
            check=Check("answer", answer.who, statuses=(0,), token=True),
        )
    bench.waits.measured(answer.seconds)
    return bench.rooms.enter(want, answer)


def _what_came(answer: Answer) -> str:
    """The answer in words; of a server that does not speak this dialect, what its bytes look like."""
    if answer.status is not None or not answer.data:
        return str(answer)
    try:
        text = answer.data.decode()
    except UnicodeDecodeError:
        text = ""
    readable = bool(text) and all(c.isprintable() or c.isspace() for c in text)
    looks = "JSON" if text[:1] in ("{", "[") else "text" if readable else ""
    if looks:
        return f"{len(answer.data)} bytes of {looks} without a header: {text[:60]!r}"
    return str(answer)


def _clause_of(answer: Answer, room: bytes) -> str:
    """Under which clause a CREATE or JOIN went wrong, as far as the reply alone tells."""
    if room in answer.data and not answer.data.startswith(room, HEADER_SIZE):
        return "TCRP-2.1" if answer.data.index(room) < HEADER_SIZE else "TCRP-2.2"
    if answer.status is None:
        return _clause_of_bytes(answer)
    if answer.status != Status.OK:
        return "TCRP-3.4c"
    return _clause_of_problem(answer) or "TCRP-3.5a"


def _clause_of_bytes(answer: Answer) -> str:
    if not answer.data:
        return "TCRP-3.4a"
    if len(answer.data) < HEADER_SIZE or decode_header(answer.data[:HEADER_SIZE]).payload_size > MAX_PAYLOAD_SIZE:
        return "TCRP-2.1"
    return _clause_of_problem(answer) or "TCRP-2.2"


def _clause_of_problem(answer: Answer) -> str | None:
    last = answer.problems[-1].clause if answer.problems else None
    if last is not None and last.startswith(_OF_REQUESTS):
        return "TCRP-3.4a"
    return "TCRP-2.2" if last in _FRAMING else last


_OF_REQUESTS = ("TCRP-3.2", "TCRP-3.3", "TCRP-3.7")
"""Clauses about what is said in a request, where a reply that was to be written likewise is no such thing."""
_FRAMING = ("TCRP-2.1", "TCRP-2.3b", "TCRP-2.4a")
"""A later frame that is nonsense began in the wrong place: the one before was longer or shorter than it said."""
