"""What was said on the wire while one test or one example ran: step by step, in order, with times and tokens.

A finding carries its recording, and everything that shows or repeats a conversation is made from it: the ladder, the
annotated dump, the replay, the script. `who` names a TCP connection (`tcp 1`, `tcp 2`, those that made the shared rooms
`shared tcp 1`, ...) or a UDP peer by its user (`alicia`, `bob`, `bob 2`, `stranger`).
"""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, NamedTuple, Self


class StepKind(StrEnum):
    """What a step is."""

    CONNECT = "connect"  # a TCP connection is opened; `local`: the source address, where it matters
    OPEN = "open"  # a UDP socket is opened; `local`: its address, or `=tcp 1` for the port of that connection
    SEND = "send"  # a segment or a datagram to the server
    HALF_CLOSE = "half-close"  # the client says that no more bytes follow
    CLOSE = "close"  # the client closes, a connection or a UDP socket
    RESET = "reset"  # the client closes with RST
    HEAR = "hear"  # bytes or a datagram from the server; `note`: the source, where it is not the server's chat port
    END = "end"  # the server closed; `note`: "reset" if by RST
    WAIT = "wait"  # nothing came within the time that was waited; `note`: how long
    TOKEN = "token"  # the token that came on this connection
    NOTE = "note"  # a word of the test about what follows


class Step(NamedTuple):
    """One thing that happened. `at`: seconds since the recording began."""

    at: float
    who: str
    does: StepKind
    data: bytes = b""
    local: str = ""
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As reports and replay files hold it: the bytes as hex."""
        return {
            "at": round(self.at, 4), "who": self.who, "does": str(self.does), "bytes": self.data.hex(),
            "local": self.local, "note": self.note,
        }  # fmt: skip

    @classmethod
    def of_dict(cls, row: dict[str, Any]) -> Self:
        """From a report or a replay file. ValueError or KeyError for what is none."""
        return cls(
            float(row["at"]), str(row["who"]), StepKind(row["does"]), bytes.fromhex(row["bytes"]),
            str(row["local"]), str(row["note"]),
        )  # fmt: skip


Steps = tuple[Step, ...]


def is_tcp(who: str) -> bool:
    """Whether this is the name of a TCP connection, not of a UDP peer."""
    return re.fullmatch(r"(shared )?tcp \d+", who) is not None


KEEP_ALIVE = "keep-alive"
"""The note of a datagram that only keeps a member from being idle; it may be left out where a person reads."""
SETTLE = "settle"
"""The note of what members send until each has heard another: registration has no answer."""
FENCE = "fence"
"""The note of an ordinary message that must be heard, so that what was to come before it has come."""
BEFORE = "before"
"""The note of a step that set up the shared rooms, before the test itself began."""


class Stopped(BaseException):
    """The conversation has come to the act before which it was to stop. No test catches it."""


_ACTS = (StepKind.SEND, StepKind.HALF_CLOSE, StepKind.CLOSE, StepKind.RESET)
_NO_ACTS = (KEEP_ALIVE, SETTLE, FENCE)


class Recorder:
    """Takes the steps down. `begin` starts a new conversation; the prologue is how the shared rooms were made."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._prologue: list[Step] = []
        self._names: Counter[str] = Counter()
        self._prologue_names: Counter[str] = Counter()
        self._began = time.monotonic()
        self._connections = 0
        self._shared = False
        self._note = ""
        self._prefix = ""
        self.acts = 0
        """What has been done to the server in this conversation: segments, datagrams, closes. What only keeps members
        alive or proves silence does not count: how often that is said is the machine's affair.
        """
        self.last_act: Step | None = None
        self._stop_before: int | None = None

    def begin(self) -> None:
        """A new test or example: forget what was said, but for the prologue."""
        self._steps = []
        self._names = Counter(self._prologue_names)
        self._connections = 0
        self._began = time.monotonic()
        self._shared = False
        self.acts, self.last_act = 0, None

    def take(self, who: str, does: StepKind, data: bytes = b"", *, local: str = "", note: str = "") -> None:
        """One step, now."""
        note = note or (self._note if does is StepKind.SEND else "")
        step = Step(time.monotonic() - self._began, who, does, data, local, note)
        if does in _ACTS and note not in _NO_ACTS and (is_tcp(who) or does is StepKind.SEND):
            if self.acts == self._stop_before:
                self._stop_before = None
                raise Stopped
            self.acts, self.last_act = self.acts + 1, step
        self._steps.append(step)

    def connection(self) -> str:
        """The name of a new TCP connection."""
        self._connections += 1
        return f"{self._prefix}tcp {self._connections}"

    def peer(self, user: str) -> str:
        """The name of a new UDP peer: the user's, numbered if it is taken in this conversation."""
        self._names[user] += 1
        return user if self._names[user] == 1 else f"{user} {self._names[user]}"

    @contextmanager
    def stopping_before(self, act: int | None) -> Iterator[None]:
        """Raise Stopped in place of this act, counted from 0. None: of none."""
        self._stop_before = act
        try:
            yield
        finally:
            self._stop_before = None

    @contextmanager
    def noting(self, note: str) -> Iterator[None]:
        """What is sent meanwhile is sent for this."""
        outer, self._note = self._note, self._note or note
        try:
            yield
        finally:
            self._note = outer

    @contextmanager
    def prologue(self) -> Iterator[None]:
        """What is said meanwhile makes the shared rooms: it belongs to every conversation that uses them."""
        outer, self._steps = self._steps, []
        connections, self._connections, self._prefix = self._connections, 0, "shared "
        try:
            yield
        except BaseException:
            self._steps = [*outer, *self._steps]
            raise
        finally:
            self._connections, self._prefix = connections, ""
        self._prologue = [
            step._replace(note=step.note if step.does is StepKind.HEAR and step.note else BEFORE)
            for step in self._steps
        ]
        self._prologue_names = Counter(self._names)
        self._steps = outer
        self._shared = True

    def drop_prologue(self) -> None:
        """There are no shared rooms any more."""
        self._prologue = []
        self._prologue_names = Counter()

    def use_shared(self) -> None:
        """The conversation uses the shared rooms."""
        self._shared = True

    def adopt(self, steps: Steps) -> None:
        """The conversation rests on what was said in an earlier test."""
        self._steps[:0] = steps

    def steps(self) -> Steps:
        """The conversation so far. What made the shared rooms comes first, at the time 0."""
        earlier = self._prologue if self._shared else []
        return (*(step._replace(at=0.0) for step in earlier), *self._steps)
