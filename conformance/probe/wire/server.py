"""The server under the probe: its addresses, what it did not survive, and starting it anew when it has ended."""

import socket
import time
from collections import Counter
from typing import NamedTuple

from conformance.net.addresses import Unreachable, family_of
from conformance.net.target import Target
from conformance.outcome.trouble import Trouble, exception_of, trouble_of
from tcrp import Address

MOST_RESTARTS = 40
"""Upper bound of the new starts of one server."""
ENOUGH_KILLERS = 5
"""So many questions that end the server at one place of its code say that it takes them all for something else."""
ENDING_SECONDS = 0.2
"""How long a process of ours that no longer serves may take to end."""
OUTPUT_LINES = 40
"""Lines of the server's output that are kept of its end."""


class Died(Exception):
    """The server is gone and cannot be started again. The message says after what."""


class Sent(NamedTuple):
    """What was sent to the server. `what`: in words; `data`: its bytes, empty where they are not known."""

    what: str
    data: bytes = b""
    over_tcp: bool = True

    def __str__(self) -> str:
        return (
            f"{self.what} ({len(self.data)} bytes on {'TCP' if self.over_tcp else 'UDP'})" if self.data else self.what
        )


class Killer(NamedTuple):
    """What the server did not survive. `how`: what became of the server; `ended`: its process is gone; `output`: the
    last lines that it printed.
    """

    sent: Sent
    how: str
    ended: bool
    output: tuple[str, ...] = ()

    @property
    def exception(self) -> Trouble | None:
        """The exception that the server printed, if it printed one."""
        return exception_of(self.output)

    @property
    def place(self) -> tuple[str, ...]:
        """Where in its code the server ended, or how, if it does not say that."""
        return trouble_of(self.output) or (self.how,)

    def __str__(self) -> str:
        return f"{self.sent}: {self.how}" + (f" ({self.exception})" if self.exception else "")


class ProbedServer:
    """The server that is asked. It must have been started already.

    `sent`: what was sent last, so that whatever ends the server can be named; `killers`: what it did not survive,
    oldest first; `died`: after what, once the probe has taken down that it is gone for good.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.sent = self._nothing = Sent("nothing was sent")
        self.killers: list[Killer] = []
        self.died: str | None = None
        self.restarts = 0
        self._answered: set[str] = set()

    @property
    def last(self) -> str:
        """What was sent last, in words."""
        return str(self.sent)

    @last.setter
    def last(self, what: str) -> None:
        self.sent = Sent(what)

    @property
    def owned(self) -> bool:
        """Whether the probe may start the server anew."""
        return self.target.owned

    @property
    def has_tcp(self) -> bool:
        """Whether the endpoint has a TCP port. Without one there are no requests, rooms and tokens."""
        return self.target.endpoint.tcp is not None

    @property
    def has_udp(self) -> bool:
        """Whether the endpoint has a UDP port. Without one there is no chat."""
        return self.target.endpoint.udp is not None

    @property
    def family(self) -> socket.AddressFamily:
        """The address family of the server's host."""
        return family_of(self.target.endpoint.host)

    @property
    def tcp(self) -> Address:
        """The server's TCP address. Only for an endpoint that has one."""
        assert self.target.endpoint.tcp is not None
        return self.target.endpoint.host, self.target.endpoint.tcp

    @property
    def udp(self) -> Address:
        """The server's UDP address. Only for an endpoint that has one."""
        assert self.target.endpoint.udp is not None
        return self.target.endpoint.host, self.target.endpoint.udp

    @property
    def local_host(self) -> str:
        """The address of this machine that the server sees."""
        with socket.socket(self.family, socket.SOCK_DGRAM) as connected:
            connected.connect(self.udp if self.has_udp else self.tcp)
            return str(connected.getsockname()[0])

    @property
    def before(self) -> str:
        """`; before that: ...`, what was sent last, if anything was."""
        return "" if self.sent is self._nothing else f"; before that: {self.last}"

    def answered(self, what: str) -> None:
        """Take down that the server has answered this question, in words, and was alive then."""
        self._answered.add(what)

    def is_deadly(self, what: str) -> bool:
        """Whether this question is not to be asked again: the server did not survive it. One that it has answered
        before may be asked once more, since something else may have ended the server.
        """
        count = sum(killer.sent.what == what for killer in self.killers)
        return count >= (2 if what in self._answered else 1)

    @property
    def is_allergic(self) -> bool:
        """Whether so many questions have ended the server at one place of its code that more of them would, too."""
        places = Counter(killer.place for killer in self.killers)
        return max(places.values(), default=0) >= ENOUGH_KILLERS

    def blame(self, sent: Sent, how: str | None = None, *, gone: bool = False) -> None:
        """Take down that this has ended the server, or its service. `how`: what became of it, if its process lives, or
        nobody can know; `gone`: it is taken for ended then.
        """
        deadline = time.monotonic() + (ENDING_SECONDS if self.owned else 0.0)
        while (ended := self.target.ended()) is None and time.monotonic() < deadline:
            time.sleep(ENDING_SECONDS / 20)
        if not self.killers or self.killers[-1].sent is not sent:
            output = tuple(self.target.output(OUTPUT_LINES))
            self.killers.append(Killer(sent, ended or how or "it no longer answers", gone or ended is not None, output))

    def blame_last(self, how: str | None = None, *, gone: bool = False) -> None:
        """Take down that what was sent last has ended the server, or its service; arguments as for `blame`."""
        self.blame(self.sent, how, gone=gone)

    def revive(self) -> None:
        """Start the server anew if its process has ended. Raises Died where the probe may not start it."""
        if (how := self.target.ended()) is not None:
            self.blame_last()
            if not self.owned:
                raise Died(f"{how} after {self.last}")
            self.renew()

    def renew(self) -> None:
        """Start the server anew, whether it has ended or not. Raises Died where the probe may not, or did so often."""
        if not self.owned or self.restarts >= MOST_RESTARTS:
            raise Died(f"the server no longer answers{self.before}")
        self.restarts += 1
        try:
            self.target.restart()
        except Unreachable as error:
            raise Died(f"the server cannot be started again: {error}{self.before}") from None
