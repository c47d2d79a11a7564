"""What a failure hinges on: the same conversation with one thing changed, until it passes.

Each change comes with what it says about the code of the server, for its author.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from conformance.engine.rerun.attempt import Attempt, Trial
from conformance.net.variation import AS_IS, Variation
from conformance.outcome.findings import Check
from conformance.trace.recording import StepKind, Steps, is_tcp
from tcrp import HEADER_SIZE

PAUSE = 0.05
BISECTIONS = 20


class Hinge(NamedTuple):
    """With which one change it passes, and what that says about the code ("" where it says nothing)."""

    text: str
    advice: str


Try = Callable[[Trial, Variation], Attempt]
"""Holds the conversation once more on an endpoint that is as good as new."""


def find(
    trial: Trial, steps: Steps, check: Check | None, passed: list[Mapping[str, Any]], again: Try
) -> Hinge | None:  # fmt: skip
    """The first change with which the conversation passes. `passed`: examples of the same test that did."""
    requests = _requests(steps)
    cut = next((segments for segments in requests if len(segments) > 1), None)
    if cut is not None and again(trial, Variation(cuts=())).passed:
        return _of_segments(trial, cut, again)
    for variation, hinge in _ways(steps, check, cuttable=bool(requests) and cut is None):
        if again(trial, variation).passed:
            return hinge
    return _of_the_example(trial, passed, again)


def _ways(steps: Steps, check: Check | None, *, cuttable: bool) -> Iterator[tuple[Variation, Hinge]]:
    """The changes that may matter: segments where an answer is wrong, ports and order where somebody hears nothing."""
    if cuttable and check is not None and check.kind == "answer":
        yield (
            Variation(cuts=(HEADER_SIZE,), pause=PAUSE),
            Hinge(
                "passes when header and body come as two segments, fails when they come as one",
                "one recv took more than the header and the rest of it was lost: keep what came beyond the 32 bytes",
            ),
        )
    senders = {step.who for step in steps if step.does is StepKind.SEND and not is_tcp(step.who)}
    if len(senders) > 1 and check is not None and check.kind == "hears":
        yield (
            Variation(pause=PAUSE),
            Hinge(
                f"passes with {1000 * PAUSE:.0f} ms between the messages, fails without",
                "messages that come close together get lost or mixed: look for state that two of them share",
            ),
        )
        yield (
            Variation(same_port=True),
            Hinge(
                "passes when each member's UDP port is that of its TCP connection, fails when it is another",
                "the server takes the TCP peer's port for the UDP port: take the source of its latest datagram",
            ),
        )
        yield (
            Variation(reverse=True),
            Hinge(
                "passes when the members register in the other order",
                "an address is kept for the wrong member, or for one member only: keep one for each token",
            ),
        )


def _requests(steps: Steps) -> list[list[bytes]]:
    """The segments of what was sent on each connection."""
    found: dict[str, list[bytes]] = {}
    for step in steps:
        if is_tcp(step.who) and step.does is StepKind.SEND:
            found.setdefault(step.who, []).append(step.data)
    return list(found.values())


def _of_segments(trial: Trial, segments: list[bytes], again: Try) -> Hinge:
    """Where one cut is enough for it to fail: that tells which part is read with one recv."""
    request = b"".join(segments)
    room_end = HEADER_SIZE + request[0]
    places = {
        "in the header": HEADER_SIZE // 2,
        "after the header": HEADER_SIZE,
        "in the room name": HEADER_SIZE + request[0] // 2,
        "in the payload": (room_end + len(request)) // 2,
    }
    bad = {part: cut for part, cut in places.items() if again(trial, Variation(cuts=(cut,), pause=PAUSE)).failed}
    if not bad:
        edges = [sum(map(len, segments[:n])) for n in range(1, len(segments))]
        how = "byte by byte" if len(edges) > 8 else f"when cut after {' and '.join(map(str, edges))} bytes"
        return Hinge(f"passes in one segment, fails {how}", f"a recv returns what has come so far: {_LOOPS}")
    where = ", ".join(f"{cut} ({part})" for part, cut in bad.items())
    return Hinge(f"passes in one segment, fails when cut after byte {where}", _of_parts(set(bad)))


_BODY = "loop until RoomNameSize + OperationPayloadSize bytes have come"
_LOOPS = f"loop until {HEADER_SIZE} bytes have come, then until RoomNameSize + OperationPayloadSize more have"


def _of_parts(bad: set[str]) -> str:
    if "in the header" in bad:
        if "after the header" in bad:
            return f"one recv is taken for the whole request: {_LOOPS}"
        if len(bad) > 1:
            return f"header and body are each read with one recv: {_LOOPS}"
        return f"the header is read with one recv: loop until {HEADER_SIZE} bytes have come"
    if "after the header" in bad:
        return f"what comes later than the header is not waited for: {_BODY}"
    if "in the room name" in bad:
        return f"the body is read with one recv: {_BODY}"
    return "the payload is read with one recv: loop until OperationPayloadSize bytes have come"


def _of_the_example(trial: Trial, passed: list[Mapping[str, Any]], again: Try) -> Hinge | None:
    for name, value in trial.example.items():
        if isinstance(value, str) and not value.isascii():
            if (hinge := _of_text(trial, name, value, again)) is not None:
                return hinge
        elif isinstance(value, int) and not isinstance(value, bool):
            if (hinge := _of_number(trial, name, value, passed, again)) is not None:
                return hinge
        elif isinstance(value, bytes) and not value.isascii():
            plain = bytes(byte & 0x7F | 0x40 for byte in value)
            if again(_with(trial, name, plain), AS_IS).passed:
                return Hinge(
                    f"passes with {name} {plain[:24]!r} of the same size, fails with {value[:24]!r}",
                    "bytes are taken for text, or for text of another encoding: relay them as they came",
                )
    return None


def _of_text(trial: Trial, name: str, value: str, again: Try) -> Hinge | None:
    plain = "".join(c if c.isascii() else "x" * len(c.encode()) for c in value)
    if not again(_with(trial, name, plain), AS_IS).passed:
        return None
    return Hinge(
        f"passes with {plain[:24]!r} of the same size in bytes, fails with {value[:24]!r}",
        "sizes are counted in characters, or text is taken for ASCII: encode as UTF-8 first, then count bytes",
    )


def _of_number(
    trial: Trial, name: str, value: int, passed: list[Mapping[str, Any]], again: Try
) -> Hinge | None:  # fmt: skip
    """Between the nearest example that passed and the one that failed, where does it begin to fail?"""
    others = {key: other for key, other in trial.example.items() if key != name}
    near = [one[name] for one in passed if {k: v for k, v in one.items() if k != name} == others]
    if not near:
        return None
    good, bad = min(near, key=lambda one: abs(one - value)), value
    for _ in range(BISECTIONS):
        if abs(good - bad) <= 1:
            break
        middle = (good + bad) // 2
        tried = again(_with(trial, name, middle), AS_IS)
        if tried.passed:
            good = middle
        elif tried.failed:
            bad = middle
        else:
            break
    if abs(good - bad) > 1:
        return Hinge(f"passes with {name} {good}, fails with {bad}", "")
    return Hinge(f"passes with {name} {good}, fails from {bad} on", _of_bound(max(good, bad)))


def _of_bound(first: int) -> str:
    if first in (1 << 7, 1 << 8, 1 << 15, 1 << 16, 1 << 31, 1 << 32):
        return f"{first} is where an integer of {(first - 1).bit_length()} bits ends"
    return ""


def _with(trial: Trial, name: str, value: object) -> Trial:
    return trial._replace(example={**trial.example, name: value})
