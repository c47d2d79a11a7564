"""What a test holds in its hands: the server's TCP and UDP, rooms and members, and what is known of the run.

    bench.tcp        requests and their answers            bench.rooms    rooms of this conversation, their members
    bench.udp        datagrams to the server               bench.shared   two rooms that tests share
    bench.hearing    who has heard what                    bench.fences   settling, and the proof of silence
    bench.datagrams  what a datagram of the server is      bench.record   what this test has judged and noted
    bench.trace      the recording of the conversation     bench.context  what these parts share

After each test and each example `tidy` ends what it began.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from conformance.client.context import Context
from conformance.client.datagrams import DatagramKinds
from conformance.client.drawing import Drawing
from conformance.client.fences import Fences
from conformance.client.hearing import Hearing
from conformance.client.rooms import Rooms
from conformance.client.roster import Roster
from conformance.client.shared_rooms import SharedRooms
from conformance.client.tcp import Tcp
from conformance.client.test_record import TestRecord
from conformance.client.udp import Udp
from conformance.dialect.traits import Traits
from conformance.net.pacing import Waits
from conformance.net.target import AddressTarget, Target
from conformance.outcome.findings import Check, Mismatch, TargetLost, unsupported
from conformance.trace.names import NameState, fresh, names
from conformance.trace.recording import Recorder, Steps
from tcrp import Create, Dialect

Held = TypeVar("Held")
ONE_FOR_ALL = "the server may see one address for all"


class Bench:
    """A run's access to the server."""

    def __init__(
        self,
        target: Target,
        dialect: Dialect,
        waits: Waits,
        idle_timeout: float | None = None,
        drawing: Drawing | None = None,
    ) -> None:
        self.context = Context(target, dialect, waits, idle_timeout, drawing or Drawing())
        self._roster = Roster(idle_timeout)
        self.udp = Udp(self.context, self._roster)
        self.tcp = Tcp(self.context, self._roster, self.udp)
        self.datagrams = DatagramKinds(self.context)
        self.hearing = Hearing(self.context, self.udp, self.datagrams)
        self.fences = Fences(self.context, self.udp, self.hearing)
        self.rooms = Rooms(self.context, self._roster, self.tcp, self.udp, self.fences)
        self.shared = SharedRooms(self.context, self._roster, self.rooms, self.udp, self.fences, self.tidy)
        self.record = TestRecord()
        self.began_with = names.state()
        """Where the names stood when the conversation began."""
        self._round = 0
        self._held: dict[tuple[str, int], tuple[Any, Steps, NameState]] = {}

    @property
    def target(self) -> Target:
        return self.context.target

    @property
    def dialect(self) -> Dialect:
        return self.context.dialect

    @property
    def traits(self) -> Traits:
        return self.context.traits

    @property
    def waits(self) -> Waits:
        return self.context.waits

    @property
    def trace(self) -> Recorder:
        return self.context.recorder

    @contextlib.contextmanager
    def apart(self) -> Iterator[str]:
        """What rests on two source addresses that the server can tell apart: a second one of this machine. Unsupported
        if there is none, or if what goes on meanwhile fails and the server may see one address for all. Where it may,
        a guest of the first shared room must first be heard from there.
        """
        source = self.context.second_address()
        try:
            if not self.context.addresses_kept:
                here, _ = self.shared.settled()
                self.fences.settle(here[0], self.shared.guest("elsewhere", source))
            yield source
        except Mismatch:
            if self.context.addresses_kept:
                raise
            unsupported(ONE_FOR_ALL)

    def begin_test(self) -> None:
        """Another test begins: its record is empty."""
        self.record = TestRecord()

    def begin(self) -> None:
        """A new conversation, of a test or of one of its examples."""
        self.trace.begin()
        self.udp.begin()
        self.tcp.begin()
        self.rooms.begin()
        self.began_with = names.state()

    @contextlib.contextmanager
    def repetition(self, number: int) -> Iterator[None]:
        """Conversations that several tests judge are held once in each repetition. The run itself is number 0."""
        outer, self._round = self._round, number
        try:
            yield
        finally:
            self._round = outer

    def once(self, what: Callable[["Bench"], Held]) -> Held:
        """A conversation that several tests judge, held at the first need, and anew when they are repeated."""
        key = (what.__qualname__, self._round)
        if key in self._held:
            self.trace.adopt(self._held[key][1])
            self.began_with = self._held[key][2]
        else:
            began = self.began_with
            held = what(self)
            self._held[key] = held, self.trace.steps(), began
        return cast(Held, self._held[key][0])

    def still_serves(self, after: str, data: bytes | None = None) -> None:
        """Mismatch if a well-formed request is not answered any more (TCRP-6.1). `data`: the bytes that came before."""
        if not self.dialect.can.rooms:
            self.fences.settle(*self.rooms.strangers())
            return
        answer = self.tcp.ask(Create(fresh(), "alicia"))
        if answer.token is None:
            raise Mismatch(
                f"a CREATE to be served after {after}", str(answer), data=data,
                check=Check("answer", answer.who, statuses=(0,), token=True),
            )  # fmt: skip

    def tidy(self) -> None:
        """End what a test or an example began: connections closed, rooms closed by their hosts, sockets gone."""
        with contextlib.suppress(TargetLost):
            for leaver in (*self._roster.hosted, *self._roster.guests):
                self.udp.leave_if_possible(leaver)
            if self._roster.guests and not self.traits.guests_leave:
                self.shared.drop()  # they would stay
        self._end()

    def _end(self) -> None:
        self.tcp.end()
        self.rooms.begin()
        self._roster.clear()

    def close(self) -> None:
        """End everything, the shared rooms too."""
        self.tidy()
        with contextlib.suppress(TargetLost):
            self.shared.drop()

    def release(self) -> None:
        """Give every port back: the server has been stopped, or is left alone."""
        self._roster.release()

    def forget(self) -> None:
        """The server was started anew: nothing that stood before stands now."""
        self._end()
        self._roster.forget()
        self.trace.drop_prologue()
        self.rooms.forget()
        self.tcp.forget_tokens()


def bench_at(bench: Bench, host: str) -> Bench:
    """A bench for the same ports at another address of the server's machine."""
    endpoint = bench.target.endpoint._replace(host=host)
    other = Bench(AddressTarget(endpoint, bench.target.tls), bench.dialect, bench.waits)
    other.context.path = bench.context.path
    return other
