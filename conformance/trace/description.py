"""What the steps of a conversation say, for whoever shows it or repeats it."""

from collections.abc import Iterable, Iterator, Sequence

from conformance.trace.names import MARKER_SIZE, NONCE_SIZE
from conformance.trace.recording import BEFORE, FENCE, KEEP_ALIVE, SETTLE, Step, StepKind, Steps, is_tcp
from tcrp import Dialect
from tcrp.annotate import Row
from tcrp.decoding import DELIVERY, FRAME, PACKET, Decoded, Summary, counted, decode
from tcrp.policy import Register

SETTLED = ""
"""Who settles: several at once."""
SEGMENTS = (StepKind.SEND, StepKind.HEAR)
LONGEST = {"token": 8}
LONG = 34
"""Characters of a part that is shown in a line."""


def without_keep_alives(steps: Iterable[Step]) -> Steps:
    """The steps that a person wants to see or repeat."""
    return tuple(step for step in steps if step.note != KEEP_ALIVE)


def parted(steps: Steps) -> tuple[Steps, Steps]:
    """What made the shared rooms, and the conversation itself."""
    count = max((number for number, step in enumerate(steps, 1) if step.note == BEFORE), default=0)
    return steps[:count], steps[count:]


def runs(steps: Iterable[Step], longest_gap: float = float("inf")) -> Iterator[list[Step]]:
    """The steps, where segments of one direction of a connection that follow each other are taken together."""
    run: list[Step] = []
    for step in steps:
        joins = run and is_tcp(step.who) and step.does in SEGMENTS and (step.who, step.does) == run[-1][1:3]
        if run and not (joins and step.at - run[-1].at < longest_gap):
            yield run
            run = []
        run.append(step)
    if run:
        yield run


def in_short(steps: Steps) -> Steps:
    """Members that settle are one line, and an ordinary message that is heard, so that the rest may be judged, another.

    What the conversation ends with is left as it is: it may be what failed.
    """
    others = (StepKind.HEAR, StepKind.CLOSE)
    last = max((n for n, step in enumerate(steps) if step.note != SETTLE and step.does not in others), default=0)
    found: list[Step] = []
    fences: dict[bytes, tuple[int, list[str]]] = {}
    for number, step in enumerate(steps):
        if step.note == SETTLE and number < last:
            settling = found[-1] if found and found[-1].who == SETTLED else None
            if settling is None:
                found.append(settling := Step(step.at, SETTLED, StepKind.NOTE))
            names = dict.fromkeys([*settling.note.split(", "), step.who]) if settling.note else {step.who: None}
            found[-1] = settling._replace(note=", ".join(names))
            if (mark := step.data[-NONCE_SIZE:])[:MARKER_SIZE] in step.data[
                :-NONCE_SIZE
            ]:  # no registration, but a word
                fences[mark] = (-1, [])
        elif step.note == FENCE:
            fences[step.data[-NONCE_SIZE:]] = (len(found), [])
            found.append(step)
        elif (
            step.does is StepKind.HEAR
            and (heard := next((one for one in fences if one in step.data), None)) is not None
        ):
            fences[heard][1].append(step.who)
        else:
            found.append(step)
    for place, listeners in fences.values():
        if place >= 0:
            by = listed([*dict.fromkeys(listeners)]) or "nobody"
            found[place] = found[place]._replace(note=f"heard by {by}")
    return tuple(found)


def joined(run: Sequence[Step]) -> bytes:
    """The bytes of segments that belong together."""
    return b"".join(step.data for step in run)


def described(act: Step, dialect: Dialect) -> str:
    """What was done to the server, in words: `a datagram of 0 bytes from a stranger`."""
    who = "a stranger" if act.who.startswith("stranger") else act.who
    size = counted(len(act.data), "byte")
    if not is_tcp(act.who):
        said = words(decoded(act.who, act.does, act.data, dialect)) if act.data else ""
        return f"a datagram of {size} from {who}" + (f" ({said})" if said else "")
    match act.does:
        case StepKind.SEND:
            return f"{size} on TCP ({words(decoded(act.who, act.does, act.data, dialect))})"
        case StepKind.RESET:
            return "a connection that is reset"
        case StepKind.HALF_CLOSE:
            return "a connection on which no more bytes follow"
        case _:
            return "a connection that is closed"


def decoded(who: str, does: StepKind, data: bytes, dialect: Dialect) -> list[Decoded]:
    """The frames in segments, or the one datagram."""
    if _is_port(who, does, data, dialect):
        port = str(_number(data))
        return [Decoded("UDP port", 0, (Row(0, data, "UDP port", port),), Summary("UDP PORT", (("port", port),)), "")]
    return list(decode(data, FRAME if is_tcp(who) else PACKET if does is StepKind.SEND else DELIVERY, dialect))


def _is_port(who: str, does: StepKind, data: bytes, dialect: Dialect) -> bool:
    """Whether it is the port that a client tells once it has its token: it is none of those below 32768."""
    tells = dialect.policy.register is Register.HANDSHAKE and is_tcp(who) and does is StepKind.SEND
    return tells and len(data) == 2 and _number(data) >= 1 << 15


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def words(parts: Iterable[Decoded], known: dict[str, str] | None = None) -> str:
    """The frames or the datagram in a few words. `known`: parts by name that need not be said again."""
    return ", then ".join(_in_words(part, known or {}) for part in parts)


def _in_words(part: Decoded, known: dict[str, str]) -> str:
    if part.summary is not None:
        what, parts = part.summary
        return str(Summary(what, tuple((n, _cut(n, t)) for n, t in parts if known.get(n) != t)))
    if not part.whole:
        size = sum(len(row.data) for row in part.rows)
        return f"{counted(size, 'byte')} that {'is' if size == 1 else 'are'} no frame: {part.error}"
    return f"wrong: {part.error}"


def _cut(name: str, text: str) -> str:
    limit = LONGEST.get(name, LONG)
    return text if len(text) <= limit else f"{text[: limit - 2]}…{text[-1]}"


def listed(names: Sequence[str]) -> str:
    """`alicia, bob and charles`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
