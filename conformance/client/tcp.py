"""Asking the server over TCP: one exchange a connection, no faster than every server must bear."""

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

from conformance.client.context import Context
from conformance.client.roster import Roster
from conformance.client.udp import Udp
from conformance.dialect.forge import canonical_frame
from conformance.net.connection import Answer, Connection
from conformance.net.pacing import Pace
from conformance.net.peer import Peer
from conformance.outcome.findings import unsupported
from conformance.trace.recording import StepKind
from tcrp import Create, Join, Membership, Operation, Status, Want

NOBODYS = b"00000000-0000-4000-8000-000000000000"
"""A token that no server gives out."""
PORTS_TRIED = 8


class Tcp:
    """The server's TCP side: requests well-formed and forged, and their answers."""

    def __init__(self, context: Context, roster: Roster, udp: Udp) -> None:
        self._context = context
        self._roster = roster
        self._udp = udp
        self.pace = Pace()
        self.tokens: list[bytes] = []
        """Every token of the run, in the order of issue."""
        self.guest_tokens: list[bytes] = []
        """Those of them that a JOIN was answered with."""
        self.as_sent: dict[bytes, bytes] = {}
        """What stood for a forged request, where a UDP port had to be put into it."""
        self._invites: dict[str, bytes] = {}
        self._connections: list[Connection] = []

    def connect(self, source: str | None = None, *, paced: bool = True) -> Connection:
        """Open a connection, no faster than every server must bear (TCRP-6.3d). Not `paced`: the caller does it."""
        self._udp.keep_alive()
        if paced:
            self.make_way(1)
            self.pace.count()
        if self._context.variation.pause:
            time.sleep(self._context.variation.pause)
        context = self._context
        connection = Connection(
            context.tcp_address, source, context.waits.answer, context.recorder, context.target.tls, context.proxy
        )
        self._connections.append(connection)
        self._context.target.reset_at_its_end(connection.socket)
        return connection

    def begin(self) -> None:
        """A new conversation begins."""
        self.as_sent.clear()

    def end(self) -> None:
        """Close every connection of the conversation."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def forget_tokens(self) -> None:
        """The server was started anew: one that counts from where it began has not given a token out twice."""
        self.tokens.clear()

    def drop(self, connection: Connection) -> None:
        """Close a connection."""
        connection.close()
        if connection in self._connections:
            self._connections.remove(connection)

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
            bound = None
            if self.one_port and isinstance(want, Create | Join):
                connection, bound = self.connect_at_same_port(want.user, source)
            else:
                connection = self.connect(source)
            try:
                answer = self.ask_on(
                    connection, want, data=data, cuts=cuts, to_the_end=to_the_end, half_close=half_close, bound=bound
                )
            finally:
                self.drop(connection)
            limited = self._context.traits.replies.tells_limits(want) and answer.says(Status.LIMIT_REACHED)
            if not limited or may_be_limited or attempt == 2:
                break
            self.rest()
        return answer

    def provoke(self, room: str, data: bytes) -> Answer:
        """Ask for a room what is to be refused. The answer is not judged, so that it is not waited for as long."""
        factor, self._context.waits.factor = self._context.waits.factor, self._context.waits.factor / 4
        try:
            return self.ask(Create(room, "alicia"), data=data)
        finally:
            self._context.waits.factor = factor

    def ask_on(
        self, connection: Connection, want: Want, *, data: bytes | None = None, cuts: Iterable[int] = (),
        to_the_end: bool = False, half_close: bool = False, bound: Peer | None = None,
    ) -> Answer:  # fmt: skip
        """The same on a connection that is open already. `bound`: the UDP socket of whoever asks, if it has one."""
        want = self.invited(want)
        self._context.identities.note(want)
        if isinstance(want, Create | Join):
            bound = bound or self._bound_first(want, connection)
        conversation = self._context.dialect.client(
            want, bound.address if bound else None, time.monotonic(), strict=False
        )
        request = conversation.data_to_send()
        if self._context.raw_names and isinstance(want, Create | Join):
            operation = Operation.CREATE if isinstance(want, Create) else Operation.JOIN
            request = canonical_frame(want.room.encode(), want.user.encode(), operation=operation)
        cuts = cuts if self._context.variation.cuts is None else self._context.variation.cuts
        if data is not None and bound is not None and self._context.traits.binds_first:
            self.as_sent[data] = self._context.traits.forge.declaring(data, bound.port)
            data = self.as_sent[data]
        for number, segment in enumerate(_segments(request if data is None else data, cuts)):
            if number:
                self.keep_apart(connection)
            if not connection.send(segment):
                break
        if half_close:
            connection.half_close()
        answer = connection.read(
            conversation,
            self._context.waits.answer,
            to_the_end=to_the_end,
            tick=self._udp.keep_every,
            meanwhile=self._udp.keep_alive,
        )
        answer.means = lambda status: self._context.traits.replies.answer(want, status)
        answer.unlearnt = self._context.traits.knowledge.why_no_refusal
        answer.taken = self._context.traits.replies.takes(data) if data else None
        answer.malformed = lambda: self._context.traits.replies.malformed(want)
        if answer.token is None:
            if bound is not None:
                bound.close()
            return answer
        self._context.recorder.take(connection.label, StepKind.TOKEN, answer.token)
        self._context.identities.tokens.add(answer.token)
        if not isinstance(want, Join) or want.invite is None:
            self.tokens.append(answer.token)
        answer.bound = bound
        if isinstance(want, Create):
            self._invites[want.room] = answer.token
            self._roster.hosted.append(self._host_of(want, answer, connection))
        else:
            self.guest_tokens.append(answer.token)
        return answer

    def invited(self, want: Want) -> Want:
        """A JOIN with the token to enter by, where the dialect has invitations; with one of nobody if none is known."""
        if not self._context.dialect.can.invites or not isinstance(want, Join) or want.invite is not None:
            return want
        return want._replace(invite=self._invites.get(want.room, NOBODYS))

    @property
    def one_port(self) -> bool:
        """A member's UDP port is that of its TCP connection."""
        return self._context.variation.same_port or self._context.dialect.can.one_port

    def _bound_first(self, want: Create | Join, connection: Connection) -> Peer | None:
        """The UDP socket of whoever asks, where the server is told of it, or sees it."""
        if self.one_port:
            try:
                return self._peer_at(connection, want.user)
            except OSError as error:
                unsupported(f"cannot bind UDP port {connection.local_port}: {error.strerror}")
        if not self._context.traits.binds_first:
            return None
        return Peer(self._context.family, connection.local_host, None, 0, self._context.recorder, user=want.user)

    def connect_at_same_port(self, user: str, source: str | None = None) -> tuple[Connection, Peer]:
        """A connection, and a UDP socket with the number of its port, which another program may happen to have."""
        tried = 0
        while True:
            connection = self.connect(source)
            try:
                return connection, self._peer_at(connection, user)
            except OSError as error:
                self.drop(connection)
                tried += 1
                if tried == PORTS_TRIED:
                    unsupported(f"cannot bind UDP port {connection.local_port}: {error.strerror}")

    def _peer_at(self, connection: Connection, user: str) -> Peer:
        self._roster.release()  # one of them might have that port
        host, port, local = connection.local_host, connection.local_port, f"={connection.label}"
        return Peer(self._context.family, host, None, port, self._context.recorder, local, user=user)

    def _host_of(self, want: Create, answer: Answer, connection: Connection) -> Peer:
        membership = Membership(want.room, want.user, answer.token or b"", True)
        if answer.bound is not None:
            answer.bound.membership = membership
            return answer.bound
        if answer.given is not None:
            return Peer(
                self._context.family,
                answer.given[0],
                membership,
                answer.given[1],
                self._context.recorder,
                answer.given[0],
            )
        return Peer(self._context.family, connection.local_host, membership, 0, self._context.recorder)

    def keep_apart(self, connection: Connection) -> None:
        """Return once the server has read what it was sent, so that it sees the next segment apart. Where nobody
        knows, or it lets the bytes lie for longer than a busy machine would, a pause has to do.
        """
        if not (connection.prompt and connection.wait_until_read(self._context.waits.until_read)):
            connection.prompt = False
            time.sleep(self._context.waits.between_segments)
        time.sleep(self._context.variation.pause)

    def make_way(self, count: int) -> None:
        """Return once this many connections may be opened without a pause: some servers close what says nothing."""
        self._wait(lambda: self.pace.left(count))

    def make_way_for_a_stream(self, count: int, seconds: float) -> None:
        """Return once so many connections may be opened in so many seconds, one after another."""
        self._wait(lambda: self.pace.left_for_a_stream(count, seconds))

    def rest(self) -> None:
        """Return once a burst of requests is within what every server must bear."""
        self._wait(self.pace.left_for_a_burst)

    def _wait(self, left: Callable[[], float]) -> None:
        while (seconds := left()) > 0:
            self._udp.pump(seconds)

    # Requests as bytes

    def request(self, want: Want) -> bytes:
        """The bytes of a request; what it declares of a UDP address is true of nobody."""
        return self._context.traits.forge.request(self.invited(want))

    def frame(self, room: bytes, payload: bytes | None = None, **otherwise: Any) -> bytes:
        """A request that no codec would write, by default a CREATE; see forge.Forge.frame."""
        if not self._context.traits.forge.frames:
            unsupported("in this dialect a request is no frame with a 32-byte header and binary sizes")
        return self._context.traits.forge.frame(room, payload, **otherwise)

    def padded(self, size: int) -> bytes:
        """A payload for a frame, of this size where it can be so short; see forge.Forge.padded."""
        return self._context.traits.forge.padded(size)


def _segments(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut for cut in cuts if 0 < cut < len(data))})
    return [data[start:end] for start, end in itertools.pairwise(edges)] or [data]
