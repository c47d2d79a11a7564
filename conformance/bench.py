"""What a test holds in its hands: ask the server for rooms, let members talk, and prove silence.

Hearing is lenient: whoever must hear a message hears any datagram that holds its nonce, so that a wrong layout is a
finding of the clause about layout and not of every clause. Silence is proved by a fence: messages that every member
must hear, twice, one round trip apart; what was going to come has come by then.
"""

import contextlib
import itertools
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from conformance.endpoint import AddressTarget, Target
from conformance.findings import Check, Mismatch, TargetLost, shown, unsupported
from conformance.names import NameState, another, fresh, names, no_matter, nonce
from conformance.pacing import Pace, Waits
from conformance.peers import Answer, Connection, Datagram, Peer
from conformance.reading import listed
from conformance.recording import FENCE, KEEP_ALIVE, SETTLE, Does, Recorder, Steps
from conformance.terms import Terms
from conformance.variation import AS_IS, Variation
from tcrp import Address, Create, Dialect, DownKind, Join, Membership, Status, UpKind, Want

__all__ = ["Bench", "fresh", "nonce"]

Held = TypeVar("Held")

KEEP_SECONDS = 3.0
DOWN_SIZE = 65536
SECOND_ADDRESS = "127.0.0.2"
RETIRED = 64
"""Sockets that are kept open after use."""
RETIRED_SECONDS = 2.0
"""How long they are: by then the server has sent what it had still to send there."""
PORTS_TRIED = 8
NOBODYS = b"00000000-0000-4000-8000-000000000000"
"""A token that no server gives out."""


class Bench:
    """The run's access to the server. After each test and example `tidy` ends what it began."""

    def __init__(self, target: Target, dialect: Dialect, waits: Waits, idle_timeout: float | None = None) -> None:
        self.target = target
        self.dialect = dialect
        self.terms = Terms(dialect)
        self.judged = 0
        self.left = False
        """A test has let a member leave in the conversation that is held."""
        self.as_sent: dict[bytes, bytes] = {}
        """What stood for a forged request, where a UDP port had to be put into it."""
        self.waived: list[str] = []
        """Why something was not judged, in the test that runs: in this dialect it is otherwise."""
        self.waits = waits
        self.pace = Pace()
        self.recorder = Recorder()
        self.variation = AS_IS
        self.idle_timeout = idle_timeout
        self.notes: list[str] = []
        self.tokens: list[bytes] = []
        """Every token of the run, in the order of issue."""
        self.guest_tokens: list[bytes] = []
        """Those of them that a JOIN was answered with."""
        self._invites: dict[str, bytes] = {}
        self.users: set[str] = set()
        """Whoever has asked for a room in this run."""
        self.examples = 0
        self.passed: list[Mapping[str, Any]] = []
        """What was drawn for the test that runs, and passed."""
        self.began_with = names.state()
        self.round = 0
        """Which repetition of a test this is; 0 is the run itself."""
        self.registers_by_chat = False
        self.chat_works = True
        self.vanished_rooms = 0
        self._patience = 1.0
        self._keep_every = KEEP_SECONDS if idle_timeout is None else min(KEEP_SECONDS, idle_timeout / 4)
        self._connections: list[Connection] = []
        self._peers: list[Peer] = []
        self._hosted: list[Peer] = []
        self._common: tuple[list[Peer], list[Peer]] | None = None
        self._guests: list[Peer] = []
        self._retired: deque[tuple[float, socket.socket]] = deque()
        self._held: dict[tuple[str, int], tuple[Any, Steps, NameState]] = {}

    def speak(self, dialect: Dialect) -> None:
        """Another dialect from here on."""
        self.dialect = dialect
        self.terms = Terms(dialect, self.terms.host)
        self.registers_by_chat = False

    def at(self, host: str) -> "Bench":
        """The same ports at another address of the server's machine."""
        return Bench(AddressTarget(self.target.endpoint._replace(host=host)), self.dialect, self.waits)

    def begin(self) -> None:
        """A new conversation, of a test or of an example of it."""
        self.recorder.begin()
        self.left = False
        self.as_sent.clear()
        self.began_with = names.state()

    @contextlib.contextmanager
    def varied(self, variation: Variation) -> Iterator[None]:
        """Meanwhile the bench speaks otherwise than the tests say."""
        outer, factor = self.variation, self.waits.factor
        self.variation, self.waits.factor = variation, factor * variation.patience
        try:
            yield
        finally:
            self.variation, self.waits.factor = outer, factor

    # TCP: one exchange a connection

    @property
    def tcp_address(self) -> Address:
        if self.target.endpoint.tcp is None:
            unsupported("the endpoint has no TCP")
        return (self.target.endpoint.host, self.target.endpoint.tcp)

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.target.endpoint.host else socket.AF_INET

    @property
    def udp_address(self) -> Address:
        return (self.target.endpoint.host, self.target.endpoint.udp)

    def connect(self, source: str | None = None, *, paced: bool = True) -> Connection:
        """Open a connection, no faster than every server must bear (TCRP-6.3d). Not `paced`: the caller does it."""
        self.keep_alive()
        if paced:
            while (left := self.pace.left()) > 0:
                self.pump(left)
            self.pace.count()
        if self.variation.pause:
            time.sleep(self.variation.pause)
        connection = Connection(self.tcp_address, source, self.waits.answer, self.recorder)
        self._connections.append(connection)
        return connection

    def ask(
        self, want: Want, *, data: bytes | None = None, cuts: Iterable[int] = (), source: str | None = None,
        to_the_end: bool = False, half_close: bool = False, may_be_limited: bool = False,
    ) -> Answer:  # fmt: skip
        """One exchange on its own connection. `data`: bytes to send in place of the request that `want` makes;
        `cuts`: offsets at which a new segment begins; `to_the_end`: read until the server closes.

        Status 6 is right while the server still counts what is over: unless the test asks for a limit, the request is
        made once more after a quiet second.
        """
        want = self.invited(want)
        for attempt in (1, 2):
            connection = self.connect(source)
            try:
                answer = self.ask_on(
                    connection, want, data=data, cuts=cuts, to_the_end=to_the_end, half_close=half_close
                )
            finally:
                self.drop(connection)
            limited = self.terms.tells_limits(want) and answer.says(Status.LIMIT_REACHED)
            if not limited or may_be_limited or attempt == 2:
                break
            self.rest()
        return answer

    def provoke(self, room: str, data: bytes) -> Answer:
        """Ask for a room what is to be refused. The answer is not judged, so that it is not waited for as long."""
        factor, self.waits.factor = self.waits.factor, self.waits.factor / 4
        try:
            return self.ask(Create(room, "alicia"), data=data)
        finally:
            self.waits.factor = factor

    def ask_on(
        self, connection: Connection, want: Want, *, data: bytes | None = None, cuts: Iterable[int] = (),
        to_the_end: bool = False, half_close: bool = False,
    ) -> Answer:  # fmt: skip
        """The same on a connection that is open already."""
        want = self.invited(want)
        if isinstance(want, Create | Join):
            self.users.add(want.user)
        bound = self._bound_first(want, connection)
        conversation = self.dialect.client(want, bound.address if bound else None, time.monotonic(), strict=False)
        request = conversation.data_to_send()
        cuts = cuts if self.variation.cuts is None else self.variation.cuts
        if data is not None and bound is not None:
            self.as_sent[data] = self.terms.forge.declaring(data, bound.port)
            data = self.as_sent[data]
        for number, segment in enumerate(_segments(request if data is None else data, cuts)):
            if number:
                self._keep_apart(connection)
            if not connection.send(segment):
                break
        if half_close:
            connection.half_close()
        answer = connection.read(
            conversation, self.waits.answer, to_the_end=to_the_end, tick=self._keep_every, meanwhile=self.keep_alive
        )
        answer.means = lambda status: self.terms.answer(want, status)
        answer.taken = self.terms.takes(data) if data else None
        answer.malformed = lambda: self.terms.malformed(want)
        if answer.token is None:
            if bound is not None:
                bound.close()
            return answer
        self.recorder.take(connection.label, Does.TOKEN, answer.token)
        if not isinstance(want, Join) or want.invite is None:
            self.tokens.append(answer.token)
        answer.bound = bound
        if isinstance(want, Create):
            self._invites[want.room] = answer.token
            self._hosted.append(self._host_of(want, answer, connection))
        else:
            self.guest_tokens.append(answer.token)
        return answer

    def invited(self, want: Want) -> Want:
        """A JOIN with the token to enter by, where the dialect has invitations; with one of nobody if none is known."""
        if not self.dialect.can.invites or not isinstance(want, Join) or want.invite is not None:
            return want
        return want._replace(invite=self._invites.get(want.room, NOBODYS))

    def _bound_first(self, want: Want, connection: Connection) -> Peer | None:
        """The UDP socket of whoever asks, where the server is told of it."""
        if not self.terms.binds_first or not isinstance(want, Create | Join):
            return None
        return Peer(self.family, connection.local_host, None, 0, self.recorder, user=want.user)

    def _host_of(self, want: Create, answer: Answer, connection: Connection) -> Peer:
        membership = Membership(want.room, want.user, answer.token or b"", True)
        if answer.bound is not None:
            answer.bound.membership = membership
            return answer.bound
        if answer.given is not None:
            return Peer(self.family, answer.given[0], membership, answer.given[1], self.recorder, answer.given[0])
        same = self.variation.same_port
        if same:
            self.release()  # one of them might have that port
        port, local = (connection.local_port, f"={connection.label}") if same else (0, "")
        return Peer(self.family, connection.local_host, membership, port, self.recorder, local)

    def _keep_apart(self, connection: Connection) -> None:
        """Return once the server has read what it was sent, so that it sees the next segment apart. Where nobody
        knows, or it lets the bytes lie for longer than a busy machine would, a pause has to do.
        """
        if not (connection.prompt and connection.wait_until_read(self.waits.until_read)):
            connection.prompt = False
            time.sleep(self.waits.between_segments)
        time.sleep(self.variation.pause)

    def make_way(self, count: int) -> None:
        """Return once this many connections may be opened without a pause: some servers close what says nothing."""
        while (left := self.pace.left(count)) > 0:
            self.pump(left)

    def rest(self) -> None:
        """Return once a burst of requests is within what every server must bear."""
        while (left := self.pace.left_for_a_burst()) > 0:
            self.pump(left)

    def request(self, want: Want) -> bytes:
        """The bytes of a request; what it declares of a UDP address is true of nobody."""
        return self.terms.forge.request(self.invited(want))

    def frame(self, room: bytes, payload: bytes, **otherwise: Any) -> bytes:
        """A request that no codec would write, by default a CREATE; see forge.Forge.frame."""
        if not self.terms.forge.frames:
            unsupported("in this dialect a request is no frame with a 32-byte header and binary sizes")
        return self.terms.forge.frame(room, payload, **otherwise)

    def padded(self, size: int) -> bytes:
        """A payload for a frame, of this size where it can be so short; see forge.Forge.padded."""
        return self.terms.forge.padded(size)

    def waive(self, reason: str) -> None:
        """What was asked means something else in this dialect, so that the answer is not judged."""
        if reason not in self.waived:
            self.waived.append(reason)

    def drop(self, connection: Connection) -> None:
        """Close a connection."""
        connection.close()
        if connection in self._connections:
            self._connections.remove(connection)

    # Rooms and members

    def create(
        self, room: str | None = None, user: str = "alicia", password: str | None = None, source: str | None = None
    ) -> Peer:
        """A new room's host. A refusal is a finding."""
        want = Create(room or fresh(), user, password)
        return self.enter(want, self.ask(want, source=source), source)

    def join(self, room: str, user: str = "bob", password: str | None = None, source: str | None = None) -> Peer:
        """A guest of a room that stands. A refusal is a finding."""
        want = Join(room, user, password)
        return self.enter(want, self.ask(want, source=source), source)

    def join_at_same_port(self, room: str, user: str) -> Peer:
        """A guest whose UDP socket has the port of its TCP connection, and who has sent nothing yet."""
        if self.variation.same_port:
            return self.join(room, user)
        want = Join(room, user)
        connection, peer = self._at_same_port(user)
        answer = self.ask_on(connection, want)
        self.drop(connection)
        self._peers.append(peer)
        self.come_back(peer, want, answer)
        return peer

    def _at_same_port(self, user: str) -> tuple[Connection, Peer]:
        """A connection, and a UDP socket with the number of its port, which another program may happen to have."""
        tried = 0
        while True:
            connection = self.connect()
            host, port, local = connection.local_host, connection.local_port, f"={connection.label}"
            try:
                return connection, Peer(self.family, host, None, port, self.recorder, local, user=user)
            except OSError as error:
                self.drop(connection)
                tried += 1
                if tried == PORTS_TRIED:
                    unsupported(f"cannot bind UDP port {port}: {error.strerror}")

    def enter(
        self, want: Create | Join, answer: Answer, source: str | None = None
    ) -> Peer:  # fmt: skip
        """The member that this answer made. A refusal is a finding."""
        if answer.token is None:
            what = "CREATE of a new room" if isinstance(want, Create) else "JOIN of a room that stands"
            raise Mismatch(
                f"a {what} to be answered with status 0 and a token", str(answer), data=answer.data,
                check=Check("answer", answer.who, statuses=(0,), token=True),
            )  # fmt: skip
        if isinstance(want, Create):
            host = self._hosted[-1]
            self._peers.append(host)
            return host
        membership = Membership(want.room, want.user, answer.token, False)
        if answer.bound is not None:
            answer.bound.membership = membership
            self._peers.append(answer.bound)
            return answer.bound
        if answer.given is not None:
            return self.peer(membership, answer.given[0], answer.given[1])
        if self.variation.same_port:
            self.release()
            return self.peer(membership, source, answer.local_port, local=f"={answer.who}")
        return self.peer(membership, source)

    def come_back(self, peer: Peer, want: Join, answer: Answer) -> None:
        """Whoever was a member once is one again, on the same socket if the dialect lets one choose it."""
        again = self.enter(want, answer)
        self.remove(again)
        if answer.bound is None and answer.given is None:
            again.close()
        else:
            peer.socket.close()
            peer.socket = again.socket
        peer.membership = again.membership

    def peer(
        self, membership: Membership | None = None, source: str | None = None, port: int = 0, *, local: str = ""
    ) -> Peer:
        """A UDP socket at this machine's address towards the server, or at `source`. `local`: see recording.Step."""
        try:
            made = Peer(self.family, source or self.local_host, membership, port, self.recorder, local or source or "")
        except OSError as error:
            unsupported(f"cannot bind UDP port {port}: {error.strerror}")
        self._peers.append(made)
        return made

    def room(self, *users: str, room: str | None = None, password: str | None = None) -> list[Peer]:
        """A new room with these members, the first its host, each of whom hears the others."""
        members = [self.stay(self.create(room, users[0], password))]
        for user in users[1:]:
            members.append(self.stay(self.join(members[0].member.room, user, password)))
        self.settle(*members)
        return members

    def stay(self, peer: Peer) -> Peer:
        """Register the member and keep it from being idle while others join."""
        self.register(peer)
        peer.kept = True
        return peer

    def common(self) -> tuple[list[Peer], list[Peer]]:
        """Two rooms that tests share, one of three members and one of two, settled anew. Only for tests that leave
        them as they are.
        """
        if self._common is not None:
            self.recorder.use_shared()
            try:
                for peer in itertools.chain(*self._common):
                    peer.inbox.clear()  # nobody asks for what came before
                self._settle(self._common, self.waits.answer)
            except Mismatch:
                self.drop_common()  # whatever has become of them
        if self._common is None:
            kept, self._peers = self._peers, []
            hosted, self._hosted = self._hosted, []
            try:
                with names.for_shared_rooms(), self.recorder.prologue():
                    self._common = (self.room("alicia", "bob", "charles"), self.room("dagmar", "eve"))
            finally:
                if self._common is None:
                    self.tidy()
                self._peers, self._hosted = kept, hosted
        return self._common

    def guest(self, user: str = "dora", source: str | None = None) -> Peer:
        """One more member of the first shared room, who leaves it when the test is over."""
        here, _ = self._common or self.common()
        try:
            joined = self.join(here[0].member.room, user, source=source)
        except Mismatch:  # it may be full of guests, where leaving does not work
            self.drop_common()
            joined = self.join(self.common()[0][0].member.room, user, source=source)
        self._guests.append(joined)
        return joined

    def standing_room(self) -> str:
        """The name of a room that stands: a shared one, or else a new one."""
        return (self._common[0][0] if self._common else self.create()).member.room

    def common_as_they_are(self) -> tuple[list[Peer], list[Peer]]:
        """The shared rooms without settling them, which would undo what a datagram has done to them."""
        self.recorder.use_shared()
        assert self._common is not None
        return self._common

    def drop_common(self) -> None:
        """Close the shared rooms; the next test that needs them makes them anew."""
        for members in self._common or ():
            self._end(members[0])
            for member in members:
                self._retire(member)
        self._common = None
        self.recorder.drop_prologue()

    def strangers(self) -> tuple[Peer, Peer]:
        """Two clients of a server without rooms, where whoever sends is known."""
        alicia, bob = (self.peer(Membership("", user, b"", False)) for user in ("alicia", "bob"))
        for peer in (alicia, bob):
            self.say(peer, no_matter())
        return alicia, bob

    def remove(self, peer: Peer) -> None:
        """Nothing more is read from a peer whose socket the test has closed."""
        self._peers.remove(peer)

    def move(self, peer: Peer) -> Peer:
        """The peer goes on from another port. Returns who listens on at the old one."""
        left_behind = peer.move()
        self._peers.append(left_behind)
        return left_behind

    @property
    def secret(self) -> str | None:
        """A password; None where the dialect has none."""
        return "Secret-1" if self.dialect.can.passwords else None

    @property
    def local_host(self) -> str:
        """This machine's address towards the server."""
        with socket.socket(self.family, socket.SOCK_DGRAM) as probe:
            probe.connect(self.udp_address)
            return str(probe.getsockname()[0])

    def second_address(self) -> str:
        """Another address of this machine towards the server; without one the clause is unsupported."""
        if not self.target.endpoint.host.startswith("127."):
            unsupported(f"needs a second source address towards {self.target.endpoint.host}: only loopback has one")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((SECOND_ADDRESS, 0))
            except OSError as error:
                unsupported(f"needs the source address {SECOND_ADDRESS}, which this machine lacks: {error.strerror}")
        return SECOND_ADDRESS

    def once(self, what: Callable[["Bench"], Held]) -> Held:
        """A conversation that several tests judge, held at the first need, and anew when they are repeated."""
        key = (what.__qualname__, self.round)
        if key in self._held:
            self.recorder.adopt(self._held[key][1])
            self.began_with = self._held[key][2]
        else:
            began = self.began_with
            held = what(self)
            self._held[key] = held, self.recorder.steps(), began
        return cast(Held, self._held[key][0])

    # UDP: sending

    def send(self, peer: Peer, data: bytes) -> None:
        """Send one datagram as it stands."""
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
        elif self.registers_by_chat:
            self.say(peer, no_matter())

    def leave(self, peer: Peer) -> None:
        """A member leaves."""
        peer.kept, self.left = False, True
        if peer.sent_at is None and not self.terms.chat_moves:
            self.register(peer)  # without which nothing of it is heard
        self.send(peer, self.leave_datagram(peer))

    # UDP: hearing

    def pump(self, timeout: float) -> None:
        """Take in what has come for anybody, waiting at most this long for the first, and keep members alive."""
        self.keep_alive()
        sockets = {peer.socket: peer for peer in self._everybody()}
        readable, _, _ = select.select(list(sockets), [], [], max(0.0, min(timeout, self._keep_every)))
        for ready in readable:
            self._take(sockets[ready])

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

    def count(self, peer: Peer, mark: bytes) -> int:
        """How many datagrams that hold the mark have come."""
        return sum(self._holds(datagram, mark) for datagram in peer.inbox)

    def strays(self, peer: Peer, since: int) -> list[Datagram]:
        """What came after the first `since` datagrams and is neither a message of this run nor information."""
        return [d for d in peer.inbox[since:] if not self.is_message(d) and not self.is_information(d)]

    def is_message(self, datagram: Datagram) -> bool:
        """Whether it holds anything that was said in this run."""
        return self._holds(datagram, names.marker.encode())

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

    def notices(self, peer: Peer, since: int = 0) -> list[Datagram]:
        """The disconnect notices that came after the first `since` datagrams."""
        return [d for d in peer.inbox[since:] if self.is_notice(d)]

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

    def await_notice(self, peer: Peer, since: int, wait: float | None = None) -> Datagram | None:
        """Wait for a disconnect notice."""
        deadline = time.monotonic() + (self.waits.answer if wait is None else wait)
        while not (found := self.notices(peer, since)) and (left := deadline - time.monotonic()) > 0:
            self.pump(left)
        return found[0] if found else None

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

    def settle(self, *members: Peer, wait: float | None = None) -> None:
        """Register every member, and let messages pass until each has heard another: registration has no answer."""
        self._settle([members], self.waits.answer if wait is None else wait)

    def _settle(self, rooms: Sequence[Sequence[Peer]], patience: float) -> None:
        heard_by: dict[Peer, list[bytes]] = {member: [] for members in rooms for member in members}
        deadline = time.monotonic() + patience
        a_round = max(0.05, 4 * self.waits.round_trip)
        deaf = list(heard_by)
        drawn = [(nonce(), nonce()) for _ in rooms]
        for number in itertools.count():
            started = time.monotonic()
            with self.recorder.noting(SETTLE):
                for members, marks in zip(rooms, drawn, strict=True):
                    if any(member in deaf for member in members):
                        self._introduce(members, deaf, [another(mark, number) for mark in marks], heard_by)
            while (left := min(deadline, started + a_round) - time.monotonic()) > 0:
                deaf = [m for m in heard_by if not any(self.heard(m, probe) for probe in heard_by[m])]
                if not deaf:
                    self.waits.measured(time.monotonic() - started)
                    for member in heard_by:
                        member.kept = True
                    return
                self.pump(left)
            if time.monotonic() >= deadline:
                raise Mismatch(
                    f"{listed([*map(str, deaf)])} to receive the messages of the room after registering",
                    f"nothing in {patience:.1f} s",
                    check=Check("hears", deaf[0].label, heard_by[deaf[0]][-1]),
                )
            a_round *= 2

    def _introduce(
        self, members: Sequence[Peer], deaf: Sequence[Peer], probes: Sequence[bytes], heard_by: dict[Peer, list[bytes]]
    ) -> None:
        """Register those of a room who have heard nothing yet; then the first and the second say a word."""
        for member in reversed(members) if self.variation.reverse else members:
            if member in deaf or member.sent_at is None:
                self.register(member)
        for probe, speaker, listeners in zip(probes, members, (members[1:], members[:1]), strict=False):
            for listener in listeners:
                heard_by[listener].append(probe)
            self.say(speaker, probe)

    def fence(self, *members: Peer, after: str = "what was sent before", data: bytes | None = None) -> None:
        """Every one of these settled members of a room hears a new message, twice, one round trip apart."""
        self.fences(members, after=after, data=data)

    def fences(self, *rooms: Sequence[Peer], after: str = "what was sent before", data: bytes | None = None) -> None:
        """The same in several rooms at once.

        All but the second hear before they speak: whoever speaks thereby says where it is.
        """
        second = [(members[1], (members[0], *members[2:])) for members in rooms]
        first = [(members[0], (members[1],)) for members in rooms]
        for speakers in (second, first + second, first):
            self._all_heard(speakers, after, data)

    def fence_by(self, speaker: Peer, *listeners: Peer, after: str, data: bytes | None = None) -> None:
        """These members hear a new message of the speaker, whatever was sent before. `data`: the bytes of that."""
        self._all_heard([(speaker, listeners)], after, data)

    def _all_heard(self, speakers: Sequence[tuple[Peer, Sequence[Peer]]], after: str, data: bytes | None) -> None:
        """The listeners hear a new message of their speaker."""
        waited, unheard = 0.0, [(speaker, nonce(), listeners) for speaker, listeners in speakers]
        for number, wait in enumerate((self.waits.answer, self.waits.prompt)):  # one datagram may be lost
            waited += wait
            marks = [another(drawn, number) for _, drawn, _ in unheard]
            with self.recorder.noting(FENCE):
                for (speaker, _, _), mark in zip(unheard, marks, strict=True):
                    self.say(speaker, mark)
            deadline = time.monotonic() + wait
            left: list[tuple[Peer, bytes, Sequence[Peer]]] = []
            for (speaker, drawn, listeners), mark in zip(unheard, marks, strict=True):
                deaf = [peer for peer in listeners if self.hear(peer, mark, deadline - time.monotonic()) is None]
                if deaf and not left:
                    blamed = (speaker, deaf[0], mark)
                if deaf:
                    left.append((speaker, drawn, listeners))
            unheard = left
            if not unheard:
                return
        speaker, listener, mark = blamed
        raise Mismatch(
            f"{listener} to receive an ordinary message of {speaker} after {after}",
            f"nothing of two in {waited:.1f} s",
            data=data,
            check=Check("hears", listener.label, mark),
        )

    # Order

    def still_serves(self, after: str, data: bytes | None = None) -> None:
        """A well-formed request must be answered, whatever happened before (TCRP-6.1). `data`: the bytes of that."""
        if not self.dialect.can.rooms:
            self.settle(*self.strangers())
            return
        want = Create(fresh(), "alicia")
        answer = self.ask(want)
        if answer.token is None:
            raise Mismatch(
                f"a CREATE to be served after {after}", str(answer), data=data,
                check=Check("answer", answer.who, statuses=(0,), token=True),
            )  # fmt: skip

    def tidy(self) -> None:
        """End what a test or an example began: connections closed, rooms closed by their hosts, sockets gone."""
        with contextlib.suppress(TargetLost):
            for leaver in (*self._hosted, *self._guests):
                self._end(leaver)
            if self._guests and not self.terms.guests_leave:
                self.drop_common()  # they would stay
        self._drop_sockets()

    def _end(self, peer: Peer) -> None:
        """Leave, if that can be said."""
        if (data := self.dialect.write_up(peer.member, UpKind.LEAVE)) is not None:
            self.send(peer, data)

    def _drop_sockets(self) -> None:
        for connection in self._connections:
            connection.close()
        for peer in (*self._peers, *self._hosted):
            self._retire(peer)
        self._connections.clear()
        for peers in (self._peers, self._hosted, self._guests):
            peers.clear()

    def _retire(self, peer: Peer) -> None:
        """The server may still send to where the peer was, and nobody else shall get that port and hear it."""
        now = time.monotonic()
        self._retired.append((now, peer.retire()))
        while len(self._retired) > RETIRED or now - self._retired[0][0] > RETIRED_SECONDS:
            self._retired.popleft()[1].close()

    def release(self) -> None:
        """The server has been stopped, or is left alone: every port is free for others."""
        while self._retired:
            self._retired.pop()[1].close()

    def close(self) -> None:
        """End everything, the shared rooms too."""
        self.tidy()
        with contextlib.suppress(TargetLost):
            self.drop_common()

    def forget(self) -> None:
        """The server was started anew: nothing of before stands."""
        self._drop_sockets()
        for members in self._common or ():
            for member in members:
                member.close()
        self._common = None
        self.recorder.drop_prologue()
        self.vanished_rooms = 0
        self.tokens.clear()  # a server that counts from where it began has not given one out twice

    def _holds(self, datagram: Datagram, mark: bytes) -> bool:
        """Information may quote whatever it likes (TCRP-5.5): it is no message."""
        information = self.terms.info_mark
        return mark in datagram.data and not (information and datagram.data.startswith(information))

    def _everybody(self) -> Iterator[Peer]:
        yield from self._peers
        for members in self._common or ():
            yield from members


def _segments(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut for cut in cuts if 0 < cut < len(data))})
    return [data[start:end] for start, end in itertools.pairwise(edges)] or [data]
