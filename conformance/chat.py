"""What members send and hear over UDP, and how they stay active meanwhile.

Hearing is lenient: whoever must hear a message hears any datagram that holds its nonce, so that a wrong layout is a
finding of the clause about layout and not of every clause.
"""

import contextlib
import resource
import select
import socket
import time
from collections import deque
from collections.abc import Iterator

from conformance.endpoint import Target, family_of, refuses
from conformance.findings import Check, Mismatch, TargetLost, shown, unsupported
from conformance.names import names, no_matter
from conformance.pacing import Waits
from conformance.peers import Datagram, Peer
from conformance.recording import KEEP_ALIVE, Does, Recorder
from conformance.terms import Terms
from conformance.variation import AS_IS, Variation
from tcrp import Address, Dialect, DownKind, UpKind

KEEP_SECONDS = 3.0
DOWN_SIZE = 65536
RETIRED = min(256, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
"""Sockets that are kept open after use, at most."""
RETIRED_SECONDS = 2.0
"""How long they are: by then the server has sent what it had still to send there; to the idle it sends later."""


class Chat:
    """The server's UDP side, and everybody who listens to it."""

    def __init__(self, target: Target, dialect: Dialect, waits: Waits, idle_timeout: float | None = None) -> None:
        self.target = target
        self.dialect = dialect
        self.terms = Terms(dialect)
        self.waits = waits
        self.idle_timeout = idle_timeout
        self.recorder = Recorder()
        self.variation = AS_IS
        self.left = False
        """A test has let a member leave in the conversation that is held."""
        self.users: set[str] = set()
        """Whoever has asked for a room in this run."""
        self.registers_by_chat = False
        self.silent = False
        """Datagrams end this server, so that none is sent any more."""
        self._patience = 1.0
        self._keep_every = KEEP_SECONDS if idle_timeout is None else min(KEEP_SECONDS, idle_timeout / 4)
        self._peers: list[Peer] = []
        self._hosted: list[Peer] = []
        self._common: tuple[list[Peer], list[Peer]] | None = None
        self._retired_for = RETIRED_SECONDS if idle_timeout is None else RETIRED_SECONDS + 2 * idle_timeout + 1
        self._retired: deque[tuple[float, socket.socket]] = deque()

    @contextlib.contextmanager
    def varied(self, variation: Variation) -> Iterator[None]:
        """Meanwhile the bench speaks otherwise than the tests say."""
        outer, factor = self.variation, self.waits.factor
        self.variation, self.waits.factor = variation, factor * variation.patience
        try:
            yield
        finally:
            self.variation, self.waits.factor = outer, factor

    @property
    def family(self) -> socket.AddressFamily:
        return family_of(self.target.endpoint.host)

    @property
    def udp_address(self) -> Address:
        return (self.target.endpoint.host, self.target.endpoint.udp)

    # Sending

    def send(self, peer: Peer, data: bytes) -> None:
        """Send one datagram as it stands."""
        if self.silent:
            return
        if self.variation.pause:
            time.sleep(self.variation.pause)
        peer.took(Does.SEND, data)
        peer.sent_at = time.monotonic()  # before it goes: idle times are counted from here, and none may look short
        try:
            peer.socket.sendto(data, self.udp_address)
        except ConnectionRefusedError as error:  # an earlier datagram found the port closed
            raise TargetLost(f"nothing listens on UDP {self.target.endpoint}: {error.strerror}") from None
        except OSError as error:
            unsupported(f"this path does not carry a datagram of {len(data)} bytes: {error.strerror}")

    def is_refused(self, data: bytes) -> bool:
        """Whether the server's machine refuses this datagram, since no program has the port."""
        with socket.socket(self.family, socket.SOCK_DGRAM) as asking:
            asking.connect(self.udp_address)
            return refuses(asking, data, self.waits.prompt / 2)

    def chat_datagram(self, peer: Peer, message: bytes) -> bytes:
        """The datagram by which a member says a message."""
        data = self.dialect.write_up(peer.member, UpKind.CHAT, message)
        assert data is not None
        return data

    def leave_datagram(self, peer: Peer) -> bytes:
        """The datagram by which a member leaves."""
        data = self.dialect.write_up(peer.member, UpKind.LEAVE)
        if data is None:
            unsupported(f"in dialect {self.dialect.name} {peer} cannot leave")
        return data

    def say(self, peer: Peer, message: bytes) -> None:
        """A member says a message."""
        self.send(peer, self.chat_datagram(peer, message))

    def register(self, peer: Peer) -> None:
        """Make the peer's address known, without anybody hearing of it where that is possible."""
        data = None if self.registers_by_chat else self.dialect.write_up(peer.member, UpKind.REGISTER)
        if data is not None:
            self.send(peer, data)
        elif self.registers_by_chat or self.terms.chat_moves:
            self.say(peer, no_matter())

    def leave(self, peer: Peer) -> None:
        """A member leaves."""
        peer.kept, self.left = False, True
        if peer.sent_at is None and not self.terms.chat_moves:
            self.register(peer)  # without which nothing of it is heard
            if self.terms.told_last:
                self.waits.pause()
        self.send(peer, self.leave_datagram(peer))

    # Hearing

    def pump(self, timeout: float) -> None:
        """Take in what has come for anybody, waiting at most this long for the first, and keep members alive."""
        self.keep_alive()
        sockets = {peer.socket: peer for peer in self._everybody()}
        readable, _, _ = select.select(list(sockets), [], [], max(0.0, min(timeout, self._keep_every)))
        for ready in readable:
            self._take(sockets[ready])

    def _take(self, peer: Peer) -> None:
        while True:
            try:
                data, source = peer.socket.recvfrom(DOWN_SIZE)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier datagram
            down = self.dialect.read_down(data, peer.membership) if peer.membership else None
            elsewhere = "" if source[:2] == self.udp_address else f"from {source[0]} port {source[1]}"
            peer.took(Does.HEAR, data, elsewhere)
            room = peer.membership.room if peer.membership else ""
            peer.inbox.append(Datagram(data, source, down, time.monotonic(), room))

    def heard(self, peer: Peer, mark: bytes) -> Datagram | None:
        """A datagram that holds the mark, if one has come already."""
        return next((datagram for datagram in reversed(peer.inbox) if self._holds(datagram, mark)), None)

    def hear(self, peer: Peer, mark: bytes, wait: float | None = None) -> Datagram | None:
        """Wait for a datagram that holds the mark."""
        deadline = time.monotonic() + (self.waits.answer if wait is None else wait)
        while (found := self.heard(peer, mark)) is None and (left := deadline - time.monotonic()) > 0:
            self.pump(left)
        return found

    def must_hear(self, peer: Peer, mark: bytes, what: str, *, data: bytes | None = None) -> Datagram:
        """Wait for a datagram that must come; without it the test has its finding. `what`: `the message`."""
        found = self.hear(peer, mark)
        if found is None:
            raise Mismatch(
                f"{peer} to receive {what}", f"nothing of it in {self.waits.answer:.1f} s", data=data,
                check=Check("hears", peer.label, mark),
            )  # fmt: skip
        return found

    def must_not_hear(self, peer: Peer, mark: bytes, what: str, *, data: bytes | None = None) -> None:
        """What has come so far must not hold the mark; fence first."""
        found = self.heard(peer, mark)
        if found is not None:
            raise Mismatch(
                f"{peer} not to receive {what}", f"the datagram {shown(found.data)}", data=data,
                check=Check("silent", peer.label, mark),
            )  # fmt: skip

    def await_notice(self, peer: Peer, since: int, wait: float | None = None) -> Datagram | None:
        """Wait for a disconnect notice."""
        deadline = time.monotonic() + (self.waits.answer if wait is None else wait)
        while not (found := self.notices(peer, since)) and (left := deadline - time.monotonic()) > 0:
            self.pump(left)
        return found[0] if found else None

    def count(self, peer: Peer, mark: bytes) -> int:
        """How many datagrams that hold the mark have come."""
        return sum(self._holds(datagram, mark) for datagram in peer.inbox)

    def notices(self, peer: Peer, since: int = 0) -> list[Datagram]:
        """The disconnect notices that came after the first `since` datagrams."""
        return [d for d in peer.inbox[since:] if self.is_notice(d)]

    def strays(self, peer: Peer, since: int) -> list[Datagram]:
        """What came after the first `since` datagrams and is neither a message of this run nor information."""
        return [d for d in peer.inbox[since:] if not self.is_message(d) and not self.is_information(d)]

    # What a datagram is

    def is_message(self, datagram: Datagram) -> bool:
        """Whether it holds anything that was said in this run, other than its room, which some dialects name."""
        said = datagram.data.replace(datagram.room.encode(), b"") if datagram.room else datagram.data
        return names.marker.encode() in said and not self._is_marked_information(datagram)

    def is_notice(self, datagram: Datagram) -> bool:
        """Whether it is a disconnect notice, or at least marked as one."""
        if mark := self.terms.closed_mark:
            return datagram.data.startswith(mark)
        return datagram.down is not None and datagram.down.kind is DownKind.CLOSED

    def is_information(self, datagram: Datagram) -> bool:
        """Whether it is an information datagram, or at least marked as one."""
        if mark := self.terms.info_mark:
            return datagram.data.startswith(mark)
        if datagram.down is not None and datagram.down.kind is DownKind.INFO:
            return True
        return not self.dialect.can.notices and datagram.data in self.terms.notices(self.users, datagram.room)

    def says(self, datagram: Datagram, message: bytes) -> bool:
        """Whether it is chat of these words, give or take white space and NUL at their ends."""
        down = datagram.down
        said = down.body if down is not None and down.kind is DownKind.CHAT else datagram.data
        return message.strip(b" \r\n\0") in said

    def names(self, datagram: Datagram, user: str) -> bool:
        """Whether it is chat of this user."""
        if datagram.data.startswith(user.encode() + b":"):
            return True
        return datagram.down is not None and datagram.down.kind is DownKind.CHAT and datagram.down.user == user

    def ends_with(self, datagram: Datagram, message: bytes) -> bool:
        """Whether the datagram's chat ends with these bytes, whatever may stand before them."""
        if datagram.data.endswith(message):
            return True
        return datagram.down is not None and datagram.down.body.endswith(message)

    def _holds(self, datagram: Datagram, mark: bytes) -> bool:
        """Information may quote whatever it likes (TCRP-5.5): it is no message."""
        return mark in datagram.data and not self._is_marked_information(datagram)

    def _is_marked_information(self, datagram: Datagram) -> bool:
        return bool(self.terms.info_mark) and datagram.data.startswith(self.terms.info_mark)

    # Staying active

    def keep_alive(self) -> None:
        """No member that a test counts on shall be idle: whoever has registered, and hosts that nobody has used yet."""
        now = time.monotonic()
        silence = self._patience * self._keep_every
        for peer in (*self._everybody(), *self._hosted):
            unused = peer in self._hosted and peer not in self._peers
            if (peer.kept or unused) and now - (peer.sent_at or peer.made_at) > silence:
                with self.recorder.noting(KEEP_ALIVE):
                    self.be_active(peer)

    def be_active(self, peer: Peer) -> None:
        """Say something that counts as activity, unheard where that is possible."""
        if self.dialect.can.keepalive:
            self.register(peer)
        elif self.dialect.policy.idle.seconds is not None:
            self.say(peer, no_matter())

    @contextlib.contextmanager
    def unkept(self, patience: float = 3.0) -> Iterator[None]:
        """Nobody is kept alive meanwhile but in need: to say where one is would undo what a datagram may have done.

        `patience`: times the usual silence, three because a slow server needs long for a fence.
        """
        self._patience = patience
        try:
            yield
        finally:
            self._patience = 1.0

    def _everybody(self) -> Iterator[Peer]:
        yield from self._peers
        for members in self._common or ():
            yield from members

    # Sockets that are not listened to any more

    def _retire(self, peer: Peer) -> None:
        """The server may still send to where the peer was, and nobody else shall get that port and hear it."""
        now = time.monotonic()
        self._retired.append((now, peer.retire()))
        while len(self._retired) > RETIRED or now - self._retired[0][0] > self._retired_for:
            self._retired.popleft()[1].close()

    def release(self) -> None:
        """The server has been stopped, or is left alone: every port is free for others."""
        while self._retired:
            self._retired.pop()[1].close()
