"""The generator's loop: one process, one thread, one epoll over the sockets of its members.

Whatever is not needed while messages fly is computed before or after. It watches itself: how late it sends, how long a
datagram of its own to itself takes, how much of a core it uses, what was dropped because it did not read in time.
"""

import contextlib
import gc
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from conformance.load import marking
from conformance.load.figures import SIZE as STEPS
from conformance.load.figures import Figures, Latencies, Moment, counts_of, step_of
from conformance.load.marking import (
    MARK_SIZE,
    NUMBER_BITS,
    NUMBER_DIGITS,
    NUMBER_MASK,
    TIME_DIGITS,
    WHO_DIGITS,
    Writer,
)
from conformance.load.members import Entrance, Member
from conformance.load.plan import Plan
from tcrp import DownKind, UpKind
from tcrp.policy import Register

EVENTS = 256
"""Datagrams that are read before it is looked whether something is to be sent."""
BURST = 8
"""Messages that are sent before it is looked whether something is to be read, however late they are."""
TICK, MAX_WAIT = 0.001, 0.005
"""Seconds: the least that epoll can wait, and the most that it does."""
NEVER = 1 << 62
COMPLETE, LINGER, LONGEST_WAIT = 100_000_000, 1_500_000_000, 15_000_000_000
"""Nanoseconds of silence after which nothing more is expected: if all has come, and if not; and of waiting at all."""
OWN_EVERY = 10_000_000
"""Nanoseconds between two datagrams of the generator to itself."""
ATTEMPTS = 5
SETTLE_SECONDS = 0.25
REST_DIGITS = TIME_DIGITS + WHO_DIGITS + NUMBER_DIGITS
HEARD, NOT_FOR_IT = 1, 2
DATAGRAM = 65536
SO_MEMINFO = 55
"""Linux: nine numbers about a socket's memory; the last is how many datagrams were dropped."""
_MEMINFO = struct.Struct("9I")


class Sink(NamedTuple):
    """Where what comes in at a socket goes. `first`: the number of the room's host; `flags`: what was heard, by sender
    and message. `member`: None of the generator's own.
    """

    receive: Callable[[int], bytes]
    first: int
    flags: bytearray
    member: Member | None


class Turn(NamedTuple):
    """Who speaks when. `offset`: nanoseconds from the beginning of each interval."""

    offset: int
    member: Member
    write: Writer


class Watch:
    """Latencies that are noted one by one."""

    def __init__(self) -> None:
        self._steps = [0] * STEPS
        self._most = 0

    def note(self, ns: int) -> None:
        self._steps[step_of(ns)] += 1
        self._most = max(self._most, ns)

    def latencies(self) -> Latencies:
        return Latencies(counts_of(self._steps), self._most)


class Generator:
    """Members of whole rooms, and what they say and hear. `stopped`: asked between two turns of the loop."""

    def __init__(self, entrance: Entrance, stopped: Callable[[], bool]) -> None:
        self.entrance = entrance
        self.stopped = stopped
        self.poll = select.epoll()
        self.members = entrance.members
        self._refused = False
        self._by_file = {member.socket.fileno(): member for member in self.members}
        for file in self._by_file:
            self.poll.register(file, select.EPOLLIN)

    def idle(self, seconds: float) -> None:
        """Let time pass: take in what comes, so that nothing piles up, and keep the members in."""
        deadline = time.monotonic() + seconds
        while True:
            self.entrance.keep_alive()
            left = deadline - time.monotonic()
            self._take(max(0.0, min(left, 0.5)), lambda member, data: None)
            if left <= 0:
                return

    def _take(self, wait: float, heard: Callable[[Member, bytes], None]) -> int:
        """Take in what has come, waiting at most this many seconds for the first. Returns how many there were."""
        taken = 0
        for file, _ in self.poll.poll(wait, EVENTS):
            try:
                heard(self._by_file[file], self._by_file[file].socket.recv(DATAGRAM))
            except ConnectionRefusedError:
                self._refused = True
            except OSError:
                continue
            else:
                taken += 1
        return taken

    # Whether they hear one another

    def settle(self, mark: bytes) -> "Settled":
        """Let messages pass until everybody has heard one: registering has no answer, and a datagram may be lost.

        Two of a room speak; all of them where only sending makes known.
        """
        dialect = self.entrance.dialect
        writers = [marking.writer(dialect, member.membership, mark, member.who) for member in self.members]
        understood = False

        def heard(member: Member, data: bytes) -> None:
            nonlocal understood
            if (said := marking.read(data, mark)) is None or said.who == member.who:
                return
            if not understood:
                down = dialect.read_down(data, member.membership)
                understood = down.kind is DownKind.CHAT and mark in down.body
            member.heard = True

        registers = dialect.write_up(self.members[0].membership, UpKind.REGISTER) is not None
        by_sending = not registers and dialect.policy.register in (Register.LATEST, Register.MESSAGE)
        deaf = list(self.members)
        for attempt in range(ATTEMPTS):
            rooms = {member.room for member in deaf}
            for member in deaf if attempt else ():
                self.entrance.register(member)
            for turn in range(2 if by_sending else 1):  # whoever is known by now hears the second
                speaking = [
                    (member, write) for member, write in zip(self.members, writers, strict=True)
                    if member.room in rooms and (by_sending or member.place < 2)
                ]  # fmt: skip
                for count, (member, write) in enumerate(speaking):
                    member.send(write(time.monotonic_ns(), 2 * attempt + turn))
                    if count % 4 == 3:
                        self._take(0.002, heard)
            until = time.monotonic() + SETTLE_SECONDS * 2**attempt
            while deaf and time.monotonic() < until and not self.stopped():
                self._take(0.05, heard)
                deaf = [member for member in deaf if not member.heard]
            nobody = self._refused and len(deaf) == len(self.members)
            if not deaf or nobody or self.stopped():
                break
        while self._take(SETTLE_SECONDS, heard) and not self.stopped():
            pass  # what is still under way would be in the way of what is measured
        return Settled(len(deaf), understood)


class Settled(NamedTuple):
    """How many members have heard nothing, and whether what was heard is chat in the dialect."""

    deaf: int
    understood: bool


class Run:
    """One run of a generator's members: `go` sends and hears, and sums up.

    `number`: of this process. `tell` takes how many messages were sent and how many deliveries came.
    """

    def __init__(self, generator: Generator, mark: bytes, plan: Plan, number: int) -> None:
        self.plan = plan
        self.mark = mark
        self._entrance = generator.entrance
        self._poll, self._stopped = generator.poll, generator.stopped
        self._members = generator.members
        self._sinks = {member.socket.fileno(): self._sink(member) for member in self._members}
        order = sorted(self._members, key=lambda member: plan.phase(member.room, member.place))
        self._turns = [self._turn(member) for member in order]
        self._own_name = plan.everybody + number
        self._steps = [[0] * STEPS for _ in range(plan.buckets)]
        self._most = [0] * plan.buckets
        self._sent_in = [0] * plan.buckets
        self._late, self._own = Watch(), Watch()
        self._figures = Figures()

    def _sink(self, member: Member) -> Sink:
        messages = self.plan.messages
        flags = bytearray(self.plan.members * messages)
        if not self.plan.echo:
            flags[member.place * messages : (member.place + 1) * messages] = bytes([NOT_FOR_IT]) * messages
        return Sink(member.socket.recv, member.who - member.place, flags, member)

    def _turn(self, member: Member) -> Turn:
        offset = round(self.plan.phase(member.room, member.place) * 1e9)
        dialect = self._entrance.dialect
        return Turn(offset, member, marking.writer(dialect, member.membership, self.mark, member.who))

    def go(self, start: int, tell: Callable[[int, int], None]) -> Figures:
        """Send from `start`, in nanoseconds of time.monotonic_ns(); end when all is heard or nothing more comes."""
        before = self._dropped()
        with _own_sockets() as (speaker, listener):
            self._sinks[listener.fileno()] = Sink(listener.recv, 0, bytearray(), None)
            self._poll.register(listener.fileno(), select.EPOLLIN)
            gc.collect()
            gc.disable()
            try:
                self._loop(start, tell, speaker)
            finally:
                gc.enable()
                self._poll.unregister(listener.fileno())
        self._figures.overrun = self._dropped() - before
        return self._sum_up(start)

    def _loop(self, start: int, tell: Callable[[int, int], None], speaker: socket.socket) -> None:
        plan, figures, stopped, poll, clock = (
            self.plan,
            self._figures,
            self._stopped,
            self._poll.poll,
            time.monotonic_ns,
        )
        sinks, mark, all_steps, all_most, sent_in = self._sinks, self.mark, self._steps, self._most, self._sent_in
        interval, width, last = round(plan.interval * 1e9), round(plan.bucket * 1e9), plan.buckets - 1
        messages, members, listeners = plan.messages, plan.members, plan.listeners
        turns, late, keep_every = self._turns, self._late, self._entrance.keep_every
        keeping = keep_every is not None and keep_every < plan.interval
        position = number = sent = delivered = 0
        due, own_due, last_sent, last_heard, ended = start + turns[0].offset, start, start, start, 0
        cpu = time.process_time()

        while True:
            now = clock()
            if due <= now:
                for _ in range(BURST):
                    _, member, write = turns[position]
                    now = clock()
                    late.note(now - due)
                    if self._say(member, write(now, number)):
                        sent += 1
                        last_sent = now
                        sent_in[min((now - start) // width, last)] += 1
                    position += 1
                    if position == len(turns):
                        position, number = 0, number + 1
                    due = NEVER if number == messages else start + turns[position].offset + number * interval
                    if due > now:
                        break
            if own_due <= now and not ended:
                own_due = now + OWN_EVERY
                speaker.send(marking.message(mark, now, self._own_name, 0))
            if ended:
                silence = now - max(last_heard, ended)
                complete = delivered >= sent * listeners
                if silence > (COMPLETE if complete else LINGER) or now - ended > LONGEST_WAIT:
                    break
            elif due == NEVER or stopped():
                due, ended = NEVER, now
                elapsed = max(1, now - start)
                figures.shares.append((time.process_time() - cpu) * 1e9 / elapsed)
            elif keeping:
                self._entrance.keep_alive()

            for file, _ in poll(0.0 if due <= now else min(MAX_WAIT, max(TICK, (due - now) / 1e9)), EVENTS):
                sink = sinks[file]
                try:
                    data = sink.receive(DATAGRAM)
                    now = clock()
                    at = data.find(mark)
                    if at < 0:
                        self._read_other(sink, data)
                        continue
                    at += MARK_SIZE
                    said_at = int(data[at : at + TIME_DIGITS], 16)
                    rest = int(data[at + TIME_DIGITS : at + REST_DIGITS], 16)
                    place = (rest >> NUMBER_BITS) - sink.first
                    if not 0 <= place < members or sink.member is None:
                        self._hear_odd(sink, rest >> NUMBER_BITS, now - said_at)
                        continue
                    flag = place * messages + (rest & NUMBER_MASK)
                    if sink.flags[flag]:
                        self._hear_again(sink.flags[flag])
                        continue
                    latency = now - said_at
                    bits = latency.bit_length()
                    moment = (said_at - start) // width
                    if moment > last:
                        moment = last
                    all_steps[moment][latency if bits < 7 else (bits - 6) * 32 + (latency >> (bits - 6))] += 1
                    if latency > all_most[moment]:
                        all_most[moment] = latency
                    sink.flags[flag] = HEARD
                    delivered += 1
                    last_heard = now
                except BlockingIOError:
                    continue
                except OSError:
                    figures.refused += 1
                except (ValueError, IndexError):
                    figures.garbled += 1
            tell(sent, delivered)

        figures.sent, figures.delivered = sent, delivered
        figures.last_sent, figures.last_heard = last_sent, last_heard

    def _say(self, member: Member, data: bytes) -> bool:
        """Send a message, once more where an earlier one had found nobody: that is told instead of sending."""
        if member.send(data):
            return True
        self._figures.refused += 1
        return member.send(data)

    def _read_other(self, sink: Sink, data: bytes) -> None:
        """What is no message of this run: a notice, perhaps that one is out."""
        member = sink.member
        if member is None or marking.PREFIX in data:
            return
        if self._entrance.dialect.read_down(data, member.membership).kind is DownKind.CLOSED:
            self._figures.notices += 1

    def _hear_odd(self, sink: Sink, who: int, latency: int) -> None:
        if sink.member is None:
            self._own.note(latency)
        else:
            self._figures.foreign += 1

    def _hear_again(self, flag: int) -> None:
        if flag == NOT_FOR_IT:
            self._figures.foreign += 1
        else:
            self._figures.duplicated += 1

    def _sum_up(self, start: int) -> Figures:
        figures = self._figures
        figures.first = start
        figures.late, figures.own = self._late.latencies(), self._own.latencies()
        for sent, steps, most in zip(self._sent_in, self._steps, self._most, strict=True):
            latencies = Latencies(counts_of(steps), most)
            figures.moments.append(Moment(sent, sent * self.plan.listeners, sum(steps), latencies))
            figures.latencies.add(latencies)
        figures.expected = figures.sent * self.plan.listeners
        return figures

    def _dropped(self) -> int:
        """Datagrams that the system has dropped at our sockets so far."""
        dropped = 0
        for member in self._members:
            with contextlib.suppress(OSError):
                dropped += _MEMINFO.unpack(member.socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO.size))[-1]
        return dropped


@contextlib.contextmanager
def _own_sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets for what the generator sends to itself."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener,
    ):
        listener.setblocking(False)
        listener.bind(("127.0.0.1", 0))
        speaker.connect(listener.getsockname())
        yield speaker, listener
