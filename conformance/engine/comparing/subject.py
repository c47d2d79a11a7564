"""The server under comparison: one request, said again and again as it stands, and how the server reacts."""

import contextlib
import itertools
import random
import time
from collections.abc import Iterator, Sequence

from conformance.client.bench import Bench
from conformance.engine.comparing.likeness import Likeness, Reaction
from conformance.net.connection import Connection
from conformance.outcome.findings import TargetLost
from conformance.trace.recording import StepKind

SAMPLES = 3
"""Equal requests that are compared. One is sent before them: the first of all may find another state."""
FIRST_SECONDS = 2.0
"""How long the very first answers are waited for."""
PROMPT_SECONDS, ROUND_TRIPS = 1.0, 20
"""An answer is due within the larger of so many seconds and so many times the slowest of before (TCRP-6.1b)."""
QUIET_SECONDS = 0.2
"""An answer is over when nothing more came for so long."""
MOST_BYTES = 1 << 16
RECEIVE_SIZE = 65536


class Subject:
    """A server and a request that it reacts to. `likeness`: what its reactions have in common."""

    def __init__(self, bench: Bench, request: bytes) -> None:
        self.bench = bench
        self.request = request
        self.likeness = Likeness([])

    @property
    def wait(self) -> float:
        """Seconds within which a reaction is due."""
        return max(PROMPT_SECONDS, ROUND_TRIPS * self.likeness.slowest)

    def learn(self) -> bool:
        """Send equal requests, and learn what the reactions have in common. False if there is none, or not always."""
        samples: list[Reaction] = []
        for number in range(1 + SAMPLES):
            reaction = self.ask(wait=FIRST_SECONDS)
            if not reaction.any or self.is_gone():
                return False
            samples += [reaction] if number else []
        if len({bool(one.data) for one in samples}) > 1:
            return False
        self.likeness = Likeness(samples)
        return True

    def is_gone(self) -> bool:
        """Whether the process has ended, as far as that can be known."""
        return self.bench.target.ended() is not None

    def ask(self, data: bytes | None = None, *, cuts: Sequence[int] = (), wait: float | None = None) -> Reaction:
        """Send bytes on a connection of their own, in place of the request if given, and read the reaction. `cuts`: the
        offsets at which a new segment begins.
        """
        try:
            with self.connected() as connection:
                return self.converse(connection, self.request if data is None else data, cuts=cuts, wait=wait)
        except TargetLost:
            return Reaction(refused=True)

    @contextlib.contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection that is closed in the end. Raises TargetLost."""
        connection = self.bench.tcp.connect()
        try:
            yield connection
        finally:
            self.bench.tcp.drop(connection)

    def converse(
        self, connection: Connection, data: bytes, *, cuts: Sequence[int] = (), wait: float | None = None
    ) -> Reaction:
        """Send bytes on this connection, and read the reaction."""
        edges = [0, *cuts, len(data)]
        for number, (start, end) in enumerate(itertools.pairwise(edges)):
            if number:
                self._let_read(connection)
            connection.send(data[start:end])
        return self.read(connection, self.wait if wait is None else wait)

    def _let_read(self, connection: Connection) -> None:
        """Return once the server has read the segment before, so that the next is one of its own."""
        waits = self.bench.waits
        if not (connection.prompt and connection.wait_until_read(waits.until_read)):
            connection.prompt = False
            time.sleep(waits.between_segments)
        time.sleep(waits.between_segments)

    def read(self, connection: Connection, wait: float) -> Reaction:
        """Read until the server closes, or says nothing for a while."""
        began, data, seconds = time.monotonic(), b"", 0.0
        while len(data) < MOST_BYTES:
            connection.socket.settimeout(QUIET_SECONDS if data else max(0.01, began + wait - time.monotonic()))
            try:
                more = connection.socket.recv(RECEIVE_SIZE)
            except TimeoutError:
                if not data:
                    connection.recorder.take(connection.label, StepKind.WAIT, note=f"{wait:.1f} s")
                return Reaction(data, closed=False, seconds=seconds if data else time.monotonic() - began)
            except OSError:
                more = b""
            seconds = seconds or time.monotonic() - began
            if not more:
                connection.recorder.take(connection.label, StepKind.END)
                return Reaction(data, closed=True, seconds=seconds)
            connection.recorder.take(connection.label, StepKind.HEAR, more)
            data += more
        return Reaction(data, closed=False, seconds=seconds)

    def garbage(self, number: int) -> bytes:
        """Bytes of the request's size that are no request: the same for the same number."""
        return random.Random(number).randbytes(max(1, len(self.request)))
