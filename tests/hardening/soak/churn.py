"""Those who come and go beside the rooms that stay: members, rooms, moves, and clients that vanish.

    python -m tests.hardening.soak.churn HOST TCP UDP VISITS_A_SECOND PASSWORD_EVERY

Each visit comes from a loopback address of its own, which the server does not exempt, so what it keeps about an
address is soaked too. Clients are plain blocking sockets; whoever says something waits until it has been heard.
"""

import itertools
import random
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, NamedTuple

from tcrp import Create, DownKind, Join, UpKind, dialects
from tcrp.endpoint import Endpoint
from tests.hardening.member import Member, NotServed
from tests.hardening.soak.worker import Step, run

WAIT_SECONDS: Final = 1.0
ATTEMPTS: Final = 20
IDLE_SECONDS: Final = 120.0
"""Twice the idle time of the canonical dialect: what has vanished so long ago is gone from the server."""
_RESET: Final = struct.pack("ii", 1, 0)


class ChurnFigures(NamedTuple):
    """`visits`: how many, `said`: messages in them. `unheard`: messages that somebody in the room did not hear.
    `doubled`: deliveries that came again. `left_behind`: rooms that the server may still have, because nobody has
    closed them and their members have not been silent long enough. `troubles`: what did not work, the first ones.
    """

    visits: int
    said: int
    unheard: int
    doubled: int
    left_behind: int
    troubles: list[str]


class _Guest:
    """A member of a room that comes and goes. `awaited`: what has been said and it has not heard."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.awaited: set[bytes] = set()


class Churn:
    """The part of the load that comes and goes."""

    def __init__(self, server: Endpoint, rate: float, password_every: int) -> None:
        """`rate`: visits a second; 0: as fast as they go. `password_every`: rounds of the other kinds of visit for one
        with a password, whose hashes cost the server more than a round; 0: none has.
        """
        self._server = server
        self._rate = rate
        self._random = random.Random(1)
        self._texts = (b"churn %d" % number for number in itertools.count())
        self._visits = self._said = self._unheard = self._doubled = 0
        self._left_behind: deque[float] = deque()
        self._troubles: list[str] = []
        many: list[Callable[[str, str], None]] = [
            self._guests_leave,
            self._host_leaves,
            self._guest_moves,
            self._guest_vanishes,
            self._all_vanish,
            self._request_is_cut,
        ]
        self._kinds = [*many * password_every, self._password_is_asked] if password_every else many

    def work(self, step: Step) -> dict[str, object]:
        """Visit for a while. Returns the figures so far."""
        began = time.monotonic()
        for number in range(step.most):
            due = began + (number / self._rate if self._rate else 0.0)
            if max(due, time.monotonic()) > began + step.seconds:
                break
            time.sleep(max(0.0, due - time.monotonic()))
            self._visit()
        return self._figures()

    def finish(self) -> dict[str, object]:
        """Nobody is there any more."""
        return self._figures()

    def _figures(self) -> dict[str, object]:
        while self._left_behind and time.monotonic() - self._left_behind[0] > IDLE_SECONDS:
            self._left_behind.popleft()
        return ChurnFigures(
            self._visits, self._said, self._unheard, self._doubled, len(self._left_behind), self._troubles
        )._asdict()

    def _visit(self) -> None:
        source = f"127.{self._random.randint(1, 250)}.{self._random.randint(0, 255)}.{self._random.randint(1, 250)}"
        kind = self._kinds[self._visits % len(self._kinds)]
        try:
            kind(f"churn {self._visits}", source)
        except (NotServed, OSError) as error:
            self._trouble(f"{kind.__name__.strip('_').replace('_', ' ')}: {error}")
        self._visits += 1

    def _trouble(self, text: str) -> None:
        self._troubles.append(text)
        del self._troubles[5:]

    def _enter(self, stack: ExitStack, want: Create | Join, source: str) -> _Guest:
        member = Member.enter(self._server, want, source)
        stack.callback(member.close)
        member.sock.settimeout(WAIT_SECONDS)
        return _Guest(member)

    def _guests_leave(self, room: str, source: str) -> None:
        with ExitStack() as stack:
            host = self._enter(stack, Create(room, "host"), source)
            guests = [self._enter(stack, Join(room, f"guest {number}"), source) for number in range(2)]
            self._talk(host, guests)
            self._talk(guests[0], [host, guests[1]])
            guests[0].member.leave()
            self._talk(host, guests[1:])
            guests[1].member.leave()
            host.member.leave()

    def _host_leaves(self, room: str, source: str) -> None:
        with ExitStack() as stack:
            host = self._enter(stack, Create(room, "host"), source)
            guest = self._enter(stack, Join(room, "guest"), source)
            self._talk(guest, [host])
            self._talk(host, [guest])
            for _ in range(ATTEMPTS):
                host.member.send(UpKind.LEAVE)
                if self._reads(guest, lambda kind, _: kind is DownKind.CLOSED):
                    return
            self._trouble("a guest was not told that the room is closed")

    def _guest_moves(self, room: str, source: str) -> None:
        with ExitStack() as stack:
            host = self._enter(stack, Create(room, "host"), source)
            guest = self._enter(stack, Join(room, "guest"), source)
            self._talk(host, [guest])
            guest.member.move().close()
            guest.member.sock.settimeout(WAIT_SECONDS)
            self._talk(host, [guest])
            guest.member.leave()
            host.member.leave()

    def _guest_vanishes(self, room: str, source: str) -> None:
        with ExitStack() as stack:
            host = self._enter(stack, Create(room, "host"), source)
            guest = self._enter(stack, Join(room, "guest"), source)
            self._enter(stack, Join(room, "friend"), source).member.close()
            self._talk(host, [guest])
            self._talk(guest, [host])
            guest.member.close()
            host.member.leave()

    def _all_vanish(self, room: str, source: str) -> None:
        with ExitStack() as stack:
            host = self._enter(stack, Create(room, "host"), source)
            self._left_behind.append(time.monotonic())
            guest = self._enter(stack, Join(room, "guest"), source)
            self._talk(host, [guest])

    def _request_is_cut(self, room: str, source: str) -> None:
        """In the middle, before the answer is read, or before the first byte; by an end or by a reset."""
        assert self._server.tcp is not None
        request = dialects.get().client(Create(room, "host"), None, 0.0).data_to_send()
        self._left_behind.append(time.monotonic())  # the whole request may have created the room
        for data in (b"", request[:7], request):
            for reset in (False, True):
                with socket.create_connection((self._server.host, self._server.tcp), 10.0, (source, 0)) as sock:
                    sock.sendall(data)
                    if reset:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _password_is_asked(self, room: str, source: str) -> None:
        with ExitStack() as stack:
            host = self._enter(stack, Create(room, "host", "right"), source)
            guest = self._enter(stack, Join(room, "guest", "right"), source)
            try:
                self._enter(stack, Join(room, "stranger", "wrong"), source)
                self._trouble("a wrong password was taken")
            except NotServed:
                pass
            self._talk(host, [guest])
            guest.member.leave()
            host.member.leave()

    def _talk(self, speaker: _Guest, hearers: list[_Guest]) -> None:
        """Say something until all have heard it. Whatever they did not hear before that was lost."""
        for _ in range(ATTEMPTS):
            text = next(self._texts)
            for hearer in hearers:
                hearer.awaited.add(text)
            speaker.member.say(text)
            self._said += 1
            deaf = [hearer for hearer in hearers if not self._hears(hearer, text)]
            if not deaf:
                break
            for hearer in deaf:
                hearer.member.send(UpKind.REGISTER)
        else:
            self._trouble(f"{speaker.member.membership.user} is not heard")
        self._unheard += len(set().union(*(hearer.awaited for hearer in hearers)))
        for hearer in hearers:
            hearer.awaited.clear()

    def _hears(self, hearer: _Guest, text: bytes) -> bool:
        def is_it(kind: DownKind, body: bytes) -> bool:
            if kind is not DownKind.CHAT:
                return False
            if body in hearer.awaited:
                hearer.awaited.remove(body)
            else:
                self._doubled += 1
            return body == text

        return self._reads(hearer, is_it)

    def _reads(self, guest: _Guest, is_it: Callable[[DownKind, bytes], bool]) -> bool:
        """Read until what is waited for comes. False if nothing comes any more."""
        while True:
            try:
                down = guest.member.receive()
            except TimeoutError:
                return False
            if is_it(down.kind, down.body):
                return True


if __name__ == "__main__":
    run(Churn(Endpoint(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])), float(sys.argv[4]), int(sys.argv[5])))
