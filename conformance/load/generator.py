"""The members of one process as a generator: what they hear while nothing is measured, and whether they hear at all."""

import select
import time
from collections.abc import Callable
from typing import NamedTuple

from conformance.load import marking
from conformance.load.members import LoadMember, LoadMembers
from tcrp import DownKind, UpKind
from tcrp.policy import Register

EVENTS = 256
"""Datagrams that are read before other work is looked at."""
DATAGRAM_SIZE = 65536
ATTEMPTS = 5
SETTLE_SECONDS = 0.25
"""Seconds in which a member of the first attempt may hear; twice as many in each further one."""
HUSH_SECONDS = 10.0
"""How long silence is waited for once all hear: there may be a server that never stops."""
SPEAK_BURST, SPEAK_PAUSE = 4, 0.002
"""After so many messages there is a pause, in seconds."""


class Settled(NamedTuple):
    """How many members have heard nothing, and whether what was heard is chat in the dialect."""

    deaf: int
    understood: bool


class Generator:
    """Members of whole rooms. `poll`: an epoll of their sockets; `stopped`: asked between two turns of every loop."""

    def __init__(self, members: LoadMembers, stopped: Callable[[], bool]) -> None:
        self.members = members
        self.stopped = stopped
        self.poll = select.epoll()
        self._refused = False
        self._by_file = {member.socket.fileno(): member for member in members.everybody}
        for file in self._by_file:
            self.poll.register(file, select.EPOLLIN)

    def idle(self, seconds: float) -> None:
        """Let time pass: read what comes, so that nothing piles up, and keep the members in."""
        deadline = time.monotonic() + seconds
        while True:
            self.members.keep_alive()
            left = deadline - time.monotonic()
            self._receive(max(0.0, min(left, 0.5)), lambda member, data: None)
            if left <= 0:
                return

    def _receive(self, wait: float, heard: Callable[[LoadMember, bytes], None]) -> int:
        """Read what has come, after waiting at most this many seconds for the first. Returns how many there were."""
        received = 0
        for file, _ in self.poll.poll(wait, EVENTS):
            try:
                heard(self._by_file[file], self._by_file[file].socket.recv(DATAGRAM_SIZE))
            except ConnectionRefusedError:
                self._refused = True
            except OSError:
                continue
            else:
                received += 1
        return received

    def settle(self, mark: bytes) -> Settled:
        """Let messages pass until every member has heard one: registering has no answer, and a datagram may be lost.

        Two members of a room speak, or all where only a message of its own makes a member known.
        """
        everybody, dialect = self.members.everybody, self.members.dialect
        writers = [marking.datagram_writer(dialect, member.membership, mark, member.who) for member in everybody]
        understood = False

        def heard(member: LoadMember, data: bytes) -> None:
            nonlocal understood
            if (message := marking.find_message(data, mark)) is None or message.who == member.who:
                return
            if not understood:
                down = dialect.read_down(data, member.membership)
                understood = down.kind is DownKind.CHAT and mark in down.body
            member.heard = True

        registers = dialect.write_up(everybody[0].membership, UpKind.REGISTER) is not None
        by_sending = not registers and dialect.policy.register in (Register.LATEST, Register.MESSAGE)
        deaf = list(everybody)
        for attempt in range(ATTEMPTS):
            rooms = {member.room for member in deaf}
            for member in deaf if attempt else ():
                self.members.register(member)
            for turn in range(2 if by_sending else 1):  # members that the first has made known hear the second
                speaking = [
                    (member, write) for member, write in zip(everybody, writers, strict=True)
                    if member.room in rooms and (by_sending or member.place < 2)
                ]  # fmt: skip
                for count, (member, write) in enumerate(speaking, 1):
                    member.send(write(time.monotonic_ns(), 2 * attempt + turn))
                    if count % SPEAK_BURST == 0:
                        self._receive(SPEAK_PAUSE, heard)
            until = time.monotonic() + SETTLE_SECONDS * 2**attempt
            while deaf and time.monotonic() < until and not self.stopped():
                self._receive(0.05, heard)
                deaf = [member for member in deaf if not member.heard]
            nobody = self._refused and len(deaf) == len(everybody)
            if not deaf or nobody or self.stopped():
                break
        until = time.monotonic() + HUSH_SECONDS  # what is still under way would be in the way of what is measured
        while self._receive(SETTLE_SECONDS, heard) and not self.stopped() and time.monotonic() < until:
            pass
        return Settled(len(deaf), understood)
