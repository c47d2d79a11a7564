"""What a test holds in its hands: the server's TCP and UDP, rooms and members, and what is known of the run.

Each layer has a module: chat.py what is sent and heard over UDP, exchanges.py what is asked over TCP, rooms.py rooms,
members and fences. Here is the run: its conversations, what it notes, and what of them is kept.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from conformance.endpoint import AddressTarget, Target
from conformance.findings import Check, Mismatch, TargetLost
from conformance.names import NameState, fresh, names, nonce
from conformance.pacing import Waits
from conformance.recording import Steps
from conformance.rooms import Rooms
from conformance.terms import Terms
from tcrp import Create, Dialect

__all__ = ["Bench", "fresh", "nonce"]

Held = TypeVar("Held")


class Bench(Rooms):
    """The run's access to the server. After each test and example `tidy` ends what it began."""

    def __init__(self, target: Target, dialect: Dialect, waits: Waits, idle_timeout: float | None = None) -> None:
        super().__init__(target, dialect, waits, idle_timeout)
        self.judged = 0
        self.waived: list[str] = []
        """Why something was not judged, in the test that runs: in this dialect it is otherwise."""
        self.notes: list[str] = []
        self.examples = 0
        self.passed: list[Mapping[str, Any]] = []
        """What was drawn for the test that runs, and passed."""
        self.began_with = names.state()
        self.round = 0
        """Which repetition of a test this is; 0 is the run itself."""
        self.chat_works = True
        self.vanished_rooms = 0
        self._held: dict[tuple[str, int], tuple[Any, Steps, NameState]] = {}

    def speak(self, dialect: Dialect) -> None:
        """Another dialect from here on."""
        self.dialect = dialect
        self.terms = Terms(dialect, self.terms.host)
        self.registers_by_chat = False

    def at(self, host: str) -> "Bench":
        """The same ports at another address of the server's machine."""
        return Bench(AddressTarget(self.target.endpoint._replace(host=host)), self.dialect, self.waits)

    def begin(self) -> None:
        """A new conversation, of a test or of an example of it."""
        self.recorder.begin()
        self.left = False
        self.as_sent.clear()
        self._standing = None
        self.began_with = names.state()

    def once(self, what: Callable[["Bench"], Held]) -> Held:
        """A conversation that several tests judge, held at the first need, and anew when they are repeated."""
        key = (what.__qualname__, self.round)
        if key in self._held:
            self.recorder.adopt(self._held[key][1])
            self.began_with = self._held[key][2]
        else:
            began = self.began_with
            held = what(self)
            self._held[key] = held, self.recorder.steps(), began
        return cast(Held, self._held[key][0])

    def waive(self, reason: str) -> None:
        """What was asked means something else in this dialect, so that the answer is not judged."""
        if reason not in self.waived:
            self.waived.append(reason)

    def still_serves(self, after: str, data: bytes | None = None) -> None:
        """A well-formed request must be answered, whatever happened before (TCRP-6.1). `data`: the bytes of that."""
        if not self.dialect.can.rooms:
            self.settle(*self.strangers())
            return
        want = Create(fresh(), "alicia")
        answer = self.ask(want)
        if answer.token is None:
            raise Mismatch(
                f"a CREATE to be served after {after}", str(answer), data=data,
                check=Check("answer", answer.who, statuses=(0,), token=True),
            )  # fmt: skip

    def close(self) -> None:
        """End everything, the shared rooms too."""
        self.tidy()
        with contextlib.suppress(TargetLost):
            self.drop_common()

    def forget(self) -> None:
        """The server was started anew: nothing of before stands."""
        self._drop_sockets()
        for members in self._common or ():
            for member in members:
                member.close()
        self._common = None
        self.recorder.drop_prologue()
        self.vanished_rooms = 0
        self.tokens.clear()  # a server that counts from where it began has not given one out twice
