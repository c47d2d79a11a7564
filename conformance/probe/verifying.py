"""Whether a dialect works: a room, a guest, and a message each way, through its own conversation and codec.

The rest of a dialect is verified in `whole`.
"""

import contextlib
import socket
import time
from typing import NamedTuple

from conformance.net.conversing import turn
from conformance.net.target import Unreachable
from conformance.probe.random_names import random_message, random_room
from conformance.probe.wire.server import Died
from conformance.probe.wire.udp import UdpSocket
from conformance.probe.wire.wire import Wire
from tcrp import (
    Conversation,
    Create,
    Dialect,
    DownKind,
    Ended,
    Event,
    Join,
    Joined,
    LocalProtocolError,
    Malformed,
    Membership,
    Refused,
    UpKind,
)

CONNECT_SECONDS = 3.0
MOST_BYTES = 1 << 17
"""Upper bound of what is read of one answer, in bytes."""
MOST_SECONDS = 10.0
"""How long a server may go on sending after the time for its answer is over."""
CHAT = "two-way chat"
"""The step of a verification in which messages come both ways."""
PORTS_TRIED = 8
"""How many ports are tried for a member that has the same one on TCP and UDP."""
ROUNDS = 3
"""How often the members register and speak."""
ATTEMPTS = 2
"""How often a dialect is verified on a server of our own."""


class Verified(NamedTuple):
    """What worked, and in words what did not. `failed` is empty where everything worked."""

    worked: tuple[str, ...]
    failed: str = ""

    @property
    def chats(self) -> bool:
        """Whether messages came both ways."""
        return CHAT in self.worked

    def __str__(self) -> str:
        said = f"verified: {', '.join(self.worked)}" if self.worked else "verified: nothing"
        return f"{said}; not: {self.failed}" if self.failed else said


def verify(wire: Wire, dialect: Dialect, *, chat: bool = True) -> Verified:
    """Hold the plain conversation as a client of this dialect does. `chat`: over UDP too.

    Raises Died if nothing listens any more.
    """
    verification = Verification(wire, dialect)
    try:
        verification.run(chat=chat)
    except NotVerified as failed:
        return Verified(tuple(verification.worked), str(failed))
    except LocalProtocolError as error:
        return Verified(tuple(verification.worked), f"this dialect cannot say it: {error}")
    finally:
        wire.udp.drop(verification.sockets)
    return Verified(tuple(verification.worked))


class Verifier:
    """Verifies dialects, once more after a new start of the server, where it may have been in the way.

    `early`: what was verified before questions that end some servers were asked.
    """

    def __init__(self, wire: Wire) -> None:
        self.early = Verified((), "the server had died")
        self._wire = wire

    def verify(self, dialect: Dialect, *, chat: bool) -> Verified:
        """Verify a dialect, once more on a new server of our own if it fails. `chat`: over UDP too.

        Of a server that has died, or dies now, it is what was verified early.
        """
        server, target = self._wire.server, self._wire.server.target
        if server.died is not None:
            return self.early
        for attempt in range(ATTEMPTS):
            try:
                verified = verify(self._wire, dialect, chat=chat)
            except Died as died:
                verified = Verified((), str(died))
                if not server.owned:
                    server.died = str(died)
                    return self.early if self.early.worked else verified
            may_renew = server.owned and (target.renewable or target.ended() is not None)
            if not verified.failed or not may_renew or attempt + 1 == ATTEMPTS:
                break
            try:
                server.renew()
            except (Died, Unreachable):
                break
        return verified


class NotVerified(Exception):
    """A step did not work. The message says which one and why. `refused`: the answer, if it was a refusal."""

    def __init__(self, why: str, refused: Refused | None = None) -> None:
        super().__init__(why)
        self.refused = refused


class VerifiedMember(NamedTuple):
    """A member that is in, and its socket."""

    membership: Membership
    socket: UdpSocket


class Verification:
    """One plain conversation. `worked`: its steps that worked; `sockets`: all that were opened."""

    def __init__(self, wire: Wire, dialect: Dialect) -> None:
        self.worked: list[str] = []
        self.sockets: list[UdpSocket] = []
        self._wire = wire
        self._dialect = dialect

    def run(self, *, chat: bool) -> None:
        """Hold it. Raises NotVerified for a step that does not work, LocalProtocolError, and Died."""
        can = self._dialect.can
        # where the server may not choose how passwords are kept, a room has one
        password = "Secret1" if can.capacity or can.listing else None
        create = Create(random_room(), "alicia", password, 4 if can.capacity else None)
        host = self.enter(create, "create")
        invite = host.membership.token if can.invites else None
        guest = self.enter(Join(create.room, "bob", password, invite=invite), "join")
        if chat:
            self.talk(host, guest)
            self.worked.append(CHAT)
            for member in (guest, host):
                if (data := self._dialect.write_up(member.membership, UpKind.LEAVE)) is not None:
                    self._wire.udp.send(member.socket, data, f"leaving as in {self._dialect.name}")

    def open(self, user: str, host: str | None = None, port: int = 0) -> UdpSocket:
        """A socket for this user, closed when the verification is over."""
        self.sockets.append(self._wire.udp.open(user, host, port))
        return self.sockets[-1]

    def enter(self, want: Create | Join, what: str) -> VerifiedMember:
        """The member of this request. Raises NotVerified if it gets no token, and Died."""
        udp, token = self._open_for(want.user), b""
        if self._dialect.can.tcp:
            joined = self.ask(want, udp, what)
            token = joined.token
            if joined.udp is not None:  # the server has given the address out
                host, port = joined.udp[:2]
                try:
                    udp = self.open(want.user, host, port)
                except OSError as error:
                    raise NotVerified(f"{what}: no socket at {host} port {port}: {error.strerror}") from None
            self.worked.append(what)
        return VerifiedMember(Membership(want.room, want.user, token, isinstance(want, Create)), udp)

    def _open_for(self, user: str) -> UdpSocket:
        """A socket for this user, whose port number TCP can have too where the dialect wants that."""
        udp = self.open(user)
        for _ in range(PORTS_TRIED if self._dialect.can.one_port else 0):
            with contextlib.closing(socket.socket(self._wire.server.family, socket.SOCK_STREAM)) as tried:
                try:
                    tried.bind((self._wire.server.local_host, udp.port))
                except OSError:
                    udp = self.open(user)
                else:
                    break
        return udp

    def ask(self, want: Create | Join, udp: UdpSocket, what: str) -> Joined:
        """The answer to a request. Raises NotVerified if it is no token, and Died."""
        server, timing = self._wire.server, self._wire.timing
        said = f"{what} as a client of {self._dialect.name}"
        if server.is_deadly(said):
            raise NotVerified(f"{what}: it has ended the server, and is not sent again")
        conversation = self._dialect.client(want, (server.local_host, udp.port), time.monotonic())
        server.revive()
        with contextlib.closing(socket.socket(server.family, socket.SOCK_STREAM)) as connection:
            connection.settimeout(CONNECT_SECONDS)
            try:
                if self._dialect.can.one_port:
                    connection.bind((server.local_host, udp.port))
                connection.connect(server.tcp)
            except OSError as error:
                raise Died(f"no TCP connection: {error.strerror or error}; before that: {server.last}") from None
            server.last = said
            deadline = time.monotonic() + max(2.0 if timing.any_answer else 1.0, 3 * timing.answer_wait)
            joined = _converse(connection, conversation, deadline, what)
            if data := conversation.data_to_send():
                with contextlib.suppress(OSError):
                    connection.sendall(data)
                    connection.settimeout(max(0.05, timing.datagram_wait))
                    connection.recv(1)
            return joined

    def talk(self, host: VerifiedMember, guest: VerifiedMember) -> None:
        """Let both register and speak until each has heard the other."""
        for number in range(ROUNDS):
            for member in (host, guest):
                data = self._dialect.write_up(member.membership, UpKind.REGISTER)
                if data is None and number:
                    data = self._dialect.write_up(member.membership, UpKind.CHAT, random_message())
                if data is not None:
                    self._wire.udp.send(member.socket, data, f"a register message of {self._dialect.name}")
            unheard = [
                speaker.membership.user
                for speaker, listener in ((host, guest), (guest, host))
                if not self.hears(listener, speaker)
            ]
            if not unheard:
                return
        raise NotVerified(f"chat: {' and '.join(unheard)} cannot be heard, or not be read")

    def hears(self, listener: VerifiedMember, speaker: VerifiedMember) -> bool:
        """Whether the listener reads a new message of the speaker."""
        message = random_message()
        data = self._dialect.write_up(speaker.membership, UpKind.CHAT, message)
        assert data is not None
        self._wire.udp.send(speaker.socket, data, f"chat of {self._dialect.name}")

        def has_read() -> bool:
            for got in listener.socket.inbox:
                down = self._dialect.read_down(got, listener.membership)
                from_speaker = down.user in (None, speaker.membership.user)
                if down.kind is DownKind.CHAT and down.body == message and from_speaker:
                    return True
            return False

        return self._wire.udp.hear(has_read, 3 * self._wire.timing.datagram_wait)


def _converse(connection: socket.socket, conversation: Conversation, deadline: float, what: str) -> Joined:
    """Drive the conversation until the token has come. Raises NotVerified if it does not."""
    received = 0
    while True:
        taken = turn(connection, conversation, deadline)
        received += len(taken.data)
        late = time.monotonic() - deadline
        endless = late >= MOST_SECONDS or received > MOST_BYTES
        if endless or (taken.silent and not taken.events and late >= 0):
            raise NotVerified(f"{what}: no answer that this dialect reads")
        for event in taken.events:
            if isinstance(event, Joined):
                return event
            if (problem := _problem(event)) is not None:
                raise NotVerified(f"{what}: {problem}", event if isinstance(event, Refused) else None)


def _problem(event: Event) -> str | None:
    match event:
        case Refused(status, text):
            return f"refused with {status}" + (f", {text!r}" if text else "")
        case Malformed(error):
            return str(error)
        case Ended(_):
            return "the server closed before the token came"
    return None
