"""Those who use the server meanwhile: a canary room in which one chats, and another address that comes and goes."""

import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tcrp import Create, Join, UpKind
from tcrp.dialects import Dialect
from tcrp.endpoint import Endpoint
from tests.hardening.member import Member, NotServed

HOME, AWAY = "127.0.0.1", "127.0.0.3"
"""The addresses of the canary room's members, and of whoever creates and joins meanwhile."""
CHAT_SECONDS, COME_SECONDS = 0.05, 0.2
"""Seconds between two messages, and between two visits."""
STAY_EVERY = 20
"""Messages of the host for one of the guest, who would be idle if it only listened."""
ROOM = "canary"


@dataclass
class Observed:
    """`messages`: how many were sent; `waits`: seconds until each that arrived was heard. `visits`: how many rooms were
    created and joined, `took`: seconds of each request. `troubles`: what did not work.
    """

    messages: int = 0
    waits: list[float] = field(default_factory=list)
    visits: int = 0
    took: list[float] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Messages that did not arrive."""
        return self.messages - len(self.waits)


class Canaries:
    """They begin when the block begins. `observed` is whole after it."""

    def __init__(
        self,
        server: Endpoint,
        *,
        dialect: Dialect | None = None,
        tls: ssl.SSLContext | None = None,
        password: str | None = None,
        visiting: bool = True,
    ) -> None:
        """`password`: of the rooms that the visitor creates. `visiting`: False: nobody comes and goes."""
        self.observed = Observed()
        self._server = server
        self._dialect = dialect
        self._tls = tls
        self._password = password
        self._stopped = threading.Event()
        tasks: list[Callable[[], None]] = [self._listen, self._chat, *([self._visit] if visiting else [])]
        self._threads = [threading.Thread(target=task, daemon=True) for task in tasks]
        self._sent: dict[int, float] = {}

    def __enter__(self) -> "Canaries":
        self._host = self._enter(Create(ROOM, "host"), HOME)
        self._guest = self._enter(Join(ROOM, "guest"), HOME)
        self._settle()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        for thread in reversed(self._threads):
            thread.join()
        self._guest.leave()
        self._host.leave()

    def _enter(self, want: Create | Join, source: str) -> Member:
        return Member.enter(self._server, want, source, dialect=self._dialect, tls=self._tls)

    def _settle(self) -> None:
        """Return once the guest hears the host: both are registered."""
        self._guest.sock.settimeout(0.1)
        for _ in range(100):
            self._guest.send(UpKind.REGISTER)
            self._host.say(b"settle")
            try:
                while not self._guest.hear().endswith(b"settle"):
                    continue
                return
            except TimeoutError:
                continue
        raise NotServed("the canaries do not hear each other")

    def _chat(self) -> None:
        for number in itertools.count():
            if self._stopped.wait(CHAT_SECONDS):
                break
            self._sent[number] = time.monotonic()
            self.observed.messages += 1
            self._host.say(b"canary %d" % number)
            if number % STAY_EVERY == 0:
                self._guest.say(b"here")

    def _listen(self) -> None:
        """Hear until everything has arrived, or nothing has come for a while after the end."""
        sock, seen = self._guest.sock, set[int]()
        sock.settimeout(2.0)
        while not self._stopped.is_set() or len(seen) < self.observed.messages:
            try:
                data = self._guest.hear()
            except TimeoutError:
                if self._stopped.is_set():
                    return
                continue
            except OSError as error:
                self.observed.troubles.append(f"the guest cannot hear: {error}")
                return
            head, _, number = data.rpartition(b" ")
            if head.endswith(b"canary") and number.isdigit() and int(number) not in seen:
                seen.add(int(number))
                self.observed.waits.append(time.monotonic() - self._sent[int(number)])

    def _visit(self) -> None:
        for number in itertools.count():
            room = f"visit{number % 1000}"
            try:
                with contextlib.closing(self._timed(Create(room, "visitor", self._password))) as host:
                    self._timed(Join(room, "friend", self._password)).leave()
                    if self._dialect is None:
                        self._timed(Join(ROOM, "visitor")).leave()
                    host.leave()
            except (NotServed, OSError) as error:
                self.observed.troubles.append(str(error))
            else:
                self.observed.visits += 1
            if self._stopped.wait(COME_SECONDS):
                return

    def _timed(self, want: Create | Join) -> Member:
        began = time.monotonic()
        member = self._enter(want, AWAY)
        self.observed.took.append(time.monotonic() - began)
        return member


def can_bind(host: str) -> bool:
    """Whether this machine has the address."""
    with socket.socket() as sock:
        try:
            sock.bind((host, 0))
        except OSError:
            return False
    return True
