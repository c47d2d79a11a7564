"""Sockets of an outsider: a TCP connection with one exchange, and a UDP peer with an inbox."""

import contextlib
import copy
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from conformance.endpoint import family_of
from conformance.findings import TargetLost
from conformance.kernel import unread
from conformance.recording import Does, Recorder
from conformance.terms import Seen, canonical
from tcrp import (
    Accepted,
    Address,
    Conversation,
    Down,
    Event,
    Joined,
    Malformed,
    Membership,
    Refused,
    RemoteProtocolError,
    Status,
)
from tcrp.events import NO_STATUS

RECEIVE_SIZE = 65536
UNREAD_POLL = 0.0005
"""Seconds between two looks at whether the server has read what was sent."""


@dataclass
class Answer:
    """What came back on one TCP connection. `status` and `token` are None where none came.

    `problems`: what was wrong in the replies and yet readable. `closed`: the server closed, by FIN or RST; `waited`:
    it did not, and nothing more came either.
    `acked`, `seconds`: from the last byte sent to the first answer and to the end of the exchange.
    """

    data: bytes = b""
    status: int | None = None
    token: bytes | None = None
    problems: list[RemoteProtocolError] = field(default_factory=list)
    closed: bool = False
    waited: bool = False
    reset: bool = False
    acked: float | None = None
    seconds: float = 0.0
    who: str = ""
    """The connection, as the recording names it."""
    given: Address | None = None
    """Where the server says to receive on."""
    bound: "Peer | None" = None
    """The UDP socket of which the server was told."""
    taken: bool | None = None
    """Whether a server of this dialect takes such a request, where it was forged."""
    malformed: Callable[[], frozenset[int]] = frozenset
    """The statuses by which this dialect's servers refuse what is malformed."""
    means: Callable[[Status], Seen] = canonical
    """How this dialect's servers answer such a request with this status."""

    def says(self, status: Status) -> bool:
        """Whether this is that answer, in the dialect's terms: some refuse by a plain close."""
        wanted = self.means(status)
        if status is Status.OK:
            return self.status == wanted.status
        if wanted.status is None:
            return self.status is None and self.token is None and self.closed
        return self.status == wanted.status and self.token is None

    def __str__(self) -> str:
        if self.status == NO_STATUS:
            what = "a refusal without a status"
        elif self.status is None:
            what = f"{len(self.data)} bytes that are no reply: {self.data[:40]!r}" if self.data else "no answer"
            if self.problems:
                what = f"{what} ({self.problems[0]})"
        else:
            name = Status(self.status).name if self.status in Status.__members__.values() else "unknown"
            what = f"status {self.status} ({name})"
            if self.status == Status.OK:
                what += " and a token" if self.token is not None else " and no token"
        if self.closed:
            return f"{what}, then closed"
        return f"{what}, still open after {self.seconds:.1f} s" if self.waited else what


class Connection:
    """One TCP connection. Nothing here judges; a refused connection is TargetLost."""

    def __init__(self, address: Address, source: str | None, timeout: float, recorder: Recorder) -> None:
        self.recorder = recorder
        self.address = address
        self.label = recorder.connection()
        family = family_of(address[0])
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            if source is not None:
                self.socket.bind((source, 0))
            self.socket.connect(address)
        except OSError as error:
            self.socket.close()
            raise TargetLost(
                f"no TCP connection to {address[0]} port {address[1]}: {error.strerror or error}"
            ) from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local_host, self.local_port = self.socket.getsockname()[:2]
        self.sent_at = time.monotonic()
        self.prompt = True
        """Whether the server has read at once whatever it was sent."""
        recorder.take(self.label, Does.CONNECT, local=source or "")

    def send(self, data: bytes) -> bool:
        """Send everything; False if the server has closed."""
        self.recorder.take(self.label, Does.SEND, data)
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        self.sent_at = time.monotonic()
        return True

    def wait_until_read(self, patience: float) -> bool:
        """Return once the server has read all that was sent; False if it has not in time, or nobody knows."""
        deadline = time.monotonic() + patience
        while left := unread(self.socket.family, self.address, (self.local_host, self.local_port)):
            if time.monotonic() > deadline:
                break
            time.sleep(UNREAD_POLL)
        return left == 0

    def half_close(self) -> None:
        """Say that no more bytes follow."""
        self.recorder.take(self.label, Does.HALF_CLOSE)
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST."""
        self.recorder.take(self.label, Does.RESET)
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        if self.socket.fileno() >= 0:
            self.recorder.take(self.label, Does.CLOSE)
        self.socket.close()

    def read(
        self, conversation: Conversation, wait: float, *, to_the_end: bool = False,
        tick: float, meanwhile: Callable[[], None],
    ) -> Answer:  # fmt: skip
        """Read until the conversation is over, or `to_the_end` until the server closes. Each further byte is waited
        for as long as the first; every `tick` seconds `meanwhile` is called. What came before a reset counts. What the
        conversation wants said in between is sent.
        """
        answer = Answer(who=self.label)
        deadline = time.monotonic() + wait
        while to_the_end or not conversation.closing:
            left = deadline - time.monotonic()
            if left <= 0:
                answer.waited = True
                self.recorder.take(self.label, Does.WAIT, note=f"{wait:.1f} s")
                break
            due = conversation.timer()
            self.socket.settimeout(max(0.001, min(left, tick, left if due is None else due - time.monotonic())))
            try:
                data = self.socket.recv(RECEIVE_SIZE)
            except TimeoutError:
                _take(conversation.handle_timer(time.monotonic()), answer)
                self._say_more(conversation)
                meanwhile()
                continue
            except OSError:
                data, answer.reset = b"", True
            now = time.monotonic()
            if not data:
                answer.closed = True
                self.recorder.take(self.label, Does.END, note="reset" if answer.reset else "")
                if not conversation.closing:
                    _take(conversation.receive_eof(now), answer)
                break
            self.recorder.take(self.label, Does.HEAR, data)
            answer.data += data
            if answer.acked is None:
                answer.acked = now - self.sent_at
            if not conversation.closing:
                _take(conversation.receive_data(data, now), answer)
                self._say_more(conversation)
            if len(answer.data) > RECEIVE_SIZE:
                break  # no reply is as long as that
            deadline = now + wait
        answer.seconds = time.monotonic() - self.sent_at
        return answer

    def _say_more(self, conversation: Conversation) -> None:
        if data := conversation.data_to_send():
            at = self.sent_at
            self.send(data)
            self.sent_at = at  # an answer is counted from the request


def _take(events: Iterable[Event], answer: Answer) -> None:
    for event in events:
        match event:
            case Accepted():
                answer.status = Status.OK
            case Refused(status):
                answer.status = status
            case Joined(token, udp):
                answer.status, answer.token, answer.given = Status.OK, token, udp
            case Malformed(error):
                answer.problems.append(error)


class Datagram(NamedTuple):
    """One datagram that came in. `at`: seconds of time.monotonic(); `room`: of whoever heard it, "" of a stranger."""

    data: bytes
    source: Address
    down: Down | None
    at: float
    room: str = ""


class Peer:
    """A UDP socket and everything that came in on it. A member has a `membership`; a stranger has none."""

    def __init__(
        self, family: int, bind_to: str, membership: Membership | None, port: int, recorder: Recorder, local: str = "",
        *, user: str = "",
    ) -> None:  # fmt: skip
        """`local`: how the recording tells of the address it is bound to, where that matters. `user`: whose it is to
        be, where there is no membership yet.
        """
        self.socket = _udp_socket(family, bind_to, port)
        self.membership = membership
        self.recorder = recorder
        self.label = recorder.peer(membership.user if membership else user or "stranger")
        self.local = local
        self.opened = False
        self.inbox: list[Datagram] = []
        self.made_at = time.monotonic()
        self.sent_at: float | None = None
        self.kept = False

    def __str__(self) -> str:
        return self.membership.user if self.membership else "a stranger"

    @property
    def member(self) -> Membership:
        """The membership; only for those that have one."""
        assert self.membership is not None
        return self.membership

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    @property
    def address(self) -> Address:
        host, port = self.socket.getsockname()[:2]
        return host, port

    def move(self) -> "Peer":
        """Go on from another port of the same address. Returns who stays behind on the old one."""
        left_behind = copy.copy(self)
        left_behind.membership, left_behind.inbox, left_behind.kept = None, [], False
        self.label, self.opened = self.recorder.peer(self.member.user), False
        self.socket = _udp_socket(left_behind.socket.family, left_behind.socket.getsockname()[0])
        return left_behind

    def took(self, does: Does, data: bytes = b"", note: str = "") -> None:
        """Take down what this peer does; with the first, that its socket was opened."""
        if not self.opened:
            self.opened = True
            self.recorder.take(self.label, Does.OPEN, local=self.local)
        self.recorder.take(self.label, does, data, note=note)

    def close(self) -> None:
        self.retire().close()

    def retire(self) -> socket.socket:
        """Say and hear nothing more. Returns the socket, still open."""
        if self.opened and self.socket.fileno() >= 0:
            self.took(Does.CLOSE)
        return self.socket


def _udp_socket(family: int, host: str, port: int = 0) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    try:
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made
