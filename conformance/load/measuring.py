"""One measured run: one process, one thread, one epoll over the sockets of its members.

Whatever is not needed while messages fly is computed before or after. The run watches itself: how late it sends, how
long a datagram of its own to itself takes, how much of a core it uses, and what was dropped because it did not read in
time.
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
from conformance.load.figures import STEP_COUNT, Figures, Latencies, LatencyRecorder, TimelinePoint, counts_of
from conformance.load.generator import DATAGRAM_SIZE, EVENTS, Generator
from conformance.load.marking import MARK_SIZE, NUMBER_BITS, NUMBER_DIGITS, NUMBER_MASK, TIME_DIGITS, WHO_DIGITS
from conformance.load.members import LoadMember
from conformance.load.plan import Plan
from tcrp import DownKind

BURST = 8
"""Messages that are sent before sockets are read, however late they are."""
TICK, MAX_WAIT = 0.001, 0.005
"""Seconds: the least that epoll can wait, and the most that it does."""
NEVER = 1 << 62
COMPLETE, LINGER = 100_000_000, 1_500_000_000
"""Nanoseconds of silence after which nothing more is expected, if everything has come, and if not."""
LONGEST_WAIT = 15_000_000_000
"""Upper bound of the nanoseconds from the last message to the end."""
OWN_EVERY = 10_000_000
"""Nanoseconds between two datagrams of the generator to itself."""
REST_DIGITS = TIME_DIGITS + WHO_DIGITS + NUMBER_DIGITS
HEARD, NOT_FOR_IT = 1, 2
"""Flags of a message: its listener has heard it, or is not to hear it."""
SO_MEMINFO = 55
"""Linux: nine numbers about a socket's memory. The last one is how many datagrams were dropped."""
_MEMINFO = struct.Struct("9I")


class _Listener(NamedTuple):
    """Who hears at a socket. `receive`: its recv; `first`: the number of the room's host; `flags`: of every message, by
    sender and number. `member` is None for the generator itself.
    """

    receive: Callable[[int], bytes]
    first: int
    flags: bytearray
    member: LoadMember | None


class _SpeakingTurn(NamedTuple):
    """Who speaks when. `offset`: nanoseconds from the beginning of each interval."""

    offset: int
    member: LoadMember
    write: marking.DatagramWriter


class Measurement:
    """One run of a generator's members: `run` sends, hears and sums up. `number`: of this process."""

    def __init__(self, generator: Generator, mark: bytes, plan: Plan, number: int) -> None:
        self._plan = plan
        self._mark = mark
        self._members = generator.members
        self._poll, self._stopped = generator.poll, generator.stopped
        everybody = generator.members.everybody
        self._listeners = {member.socket.fileno(): self._listener(member) for member in everybody}
        order = sorted(everybody, key=lambda member: plan.phase(member.room, member.place))
        self._turns = [self._turn(member) for member in order]
        self._own_number = plan.all_members + number
        self._steps = [[0] * STEP_COUNT for _ in range(plan.points)]
        self._longest = [0] * plan.points
        self._sent_in = [0] * plan.points
        self._late, self._own = LatencyRecorder(), LatencyRecorder()
        self._figures = Figures()

    def _listener(self, member: LoadMember) -> _Listener:
        messages = self._plan.messages
        flags = bytearray(self._plan.members * messages)
        if not self._plan.echo:
            flags[member.place * messages : (member.place + 1) * messages] = bytes([NOT_FOR_IT]) * messages
        return _Listener(member.socket.recv, member.who - member.place, flags, member)

    def _turn(self, member: LoadMember) -> _SpeakingTurn:
        offset = round(self._plan.phase(member.room, member.place) * 1e9)
        dialect = self._members.dialect
        write = marking.datagram_writer(dialect, member.membership, self._mark, member.who)
        return _SpeakingTurn(offset, member, write)

    def run(self, start: int, tell: Callable[[int, int], None]) -> Figures:
        """Send from `start`, in nanoseconds of time.monotonic_ns(). End when all is heard or nothing more comes.

        `tell`: takes the numbers of messages sent and of deliveries that came, again and again.
        """
        before = self._dropped()
        with _own_sockets() as (speaker, listener):
            self._listeners[listener.fileno()] = _Listener(listener.recv, 0, bytearray(), None)
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
            self._plan,
            self._figures,
            self._stopped,
            self._poll.poll,
            time.monotonic_ns,
        )
        by_file, mark, sent_in = self._listeners, self._mark, self._sent_in
        all_steps, all_longest = self._steps, self._longest
        interval, width, last = round(plan.interval * 1e9), round(plan.point_seconds * 1e9), plan.points - 1
        messages, members, listeners = plan.messages, plan.members, plan.listeners
        turns, late, keep_every = self._turns, self._late, self._members.keep_every
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
                    if self._send(member, write(now, number)):
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
                speaker.send(marking.write_message(mark, now, self._own_number, 0))
            if ended:
                silence = now - max(last_heard, ended)
                complete = delivered >= sent * listeners
                if silence > (COMPLETE if complete else LINGER) or now - ended > LONGEST_WAIT:
                    break
            elif due == NEVER or stopped():
                due, ended = NEVER, now
                elapsed = max(1, now - start)
                figures.cores.append((time.process_time() - cpu) * 1e9 / elapsed)
            elif keeping:
                self._members.keep_alive()

            for file, _ in poll(0.0 if due <= now else min(MAX_WAIT, max(TICK, (due - now) / 1e9)), EVENTS):
                listener = by_file[file]
                try:
                    data = listener.receive(DATAGRAM_SIZE)
                    now = clock()
                    at = data.find(mark)
                    if at < 0:
                        self._read_other(listener, data)
                        continue
                    at += MARK_SIZE
                    said_at = int(data[at : at + TIME_DIGITS], 16)
                    rest = int(data[at + TIME_DIGITS : at + REST_DIGITS], 16)
                    place = (rest >> NUMBER_BITS) - listener.first
                    if not 0 <= place < members or listener.member is None:
                        self._hear_odd(listener, now - said_at)
                        continue
                    flag = place * messages + (rest & NUMBER_MASK)
                    if listener.flags[flag]:
                        self._hear_again(listener.flags[flag])
                        continue
                    latency = now - said_at
                    bits = latency.bit_length()
                    point = (said_at - start) // width
                    if point > last:
                        point = last
                    all_steps[point][latency if bits < 7 else (bits - 6) * 32 + (latency >> (bits - 6))] += 1
                    if latency > all_longest[point]:
                        all_longest[point] = latency
                    listener.flags[flag] = HEARD
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

    def _send(self, member: LoadMember, data: bytes) -> bool:
        """Send a message, and once more if that fails: the system may have told so that an earlier one found nobody."""
        if member.send(data):
            return True
        self._figures.refused += 1
        return member.send(data)

    def _read_other(self, listener: _Listener, data: bytes) -> None:
        """Count a datagram that is no message of this run, if it is a notice that the member is one no longer."""
        member = listener.member
        if member is None or marking.PREFIX in data:
            return
        if self._members.dialect.read_down(data, member.membership).kind is DownKind.CLOSED:
            self._figures.disconnected += 1

    def _hear_odd(self, listener: _Listener, latency: int) -> None:
        """Count a message of the generator to itself, or of a member of another room. `latency`: in nanoseconds."""
        if listener.member is None:
            self._own.note(latency)
        else:
            self._figures.foreign += 1

    def _hear_again(self, flag: int) -> None:
        """Count a message that the member was not to hear, or has heard."""
        if flag == NOT_FOR_IT:
            self._figures.foreign += 1
        else:
            self._figures.duplicated += 1

    def _sum_up(self, start: int) -> Figures:
        figures = self._figures
        figures.first = start
        figures.late, figures.own = self._late.latencies(), self._own.latencies()
        for sent, steps, longest in zip(self._sent_in, self._steps, self._longest, strict=True):
            latencies = Latencies(counts_of(steps), longest)
            figures.timeline.append(TimelinePoint(sent, sent * self._plan.listeners, sum(steps), latencies))
            figures.latencies.add(latencies)
        figures.expected = figures.sent * self._plan.listeners
        return figures

    def _dropped(self) -> int:
        """Datagrams that the system has dropped at the members' sockets so far."""
        dropped = 0
        for member in self._members.everybody:
            with contextlib.suppress(OSError):
                dropped += _MEMINFO.unpack(member.socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO.size))[-1]
        return dropped


@contextlib.contextmanager
def _own_sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets with which the generator sends datagrams to itself: one that sends, one that hears."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener,
    ):
        listener.setblocking(False)
        listener.bind(("127.0.0.1", 0))
        speaker.connect(listener.getsockname())
        yield speaker, listener
