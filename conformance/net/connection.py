"""A TCP connection of an outsider, with one exchange, and what came back on it."""

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from conformance.dialect.replies import Seen, canonical
from conformance.impair.proxy import Proxy
from conformance.net.addresses import family_of, socket_address, zoned
from conformance.net.conversing import turn
from conformance.net.kernel import is_accepted, unread, waiting
from conformance.net.peer import Peer
from conformance.net.tls import Tls, error_text
from conformance.outcome.findings import TargetLost, unsupported
from conformance.trace.recording import Recorder, StepKind
from tcrp import (
    Accepted,
    Address,
    Conversation,
    Event,
    Joined,
    Malformed,
    Refused,
    RemoteProtocolError,
    Status,
)
from tcrp.events import NO_STATUS

UNREAD_POLL = 0.0005
"""Seconds between two looks at whether the server has read what was sent."""
MOST_BYTES = 65536
"""No reply is longer than this."""
WHOLE_SECONDS, WHOLE_WAITS, LEAST_WAITS = 20.0, 10, 3
"""A whole exchange may take so many times the wait for a byte: ten times up to 20 s, three times beyond."""


@dataclass
class Answer:
    """What came back on one TCP connection. `status` and `token` are None where none came.

    `problems`: what was wrong in the replies and yet readable. `closed`: the server closed, by FIN or RST; `waited`:
    it did not, and nothing more came either; `endless`: it went on sending until the exchange was given up.
    `acked`, `seconds`: from the last byte sent to the first answer and to the end of the exchange.
    """

    data: bytes = b""
    status: int | None = None
    token: bytes | None = None
    problems: list[RemoteProtocolError] = field(default_factory=list)
    closed: bool = False
    waited: bool = False
    endless: bool = False
    reset: bool = False
    accepted: bool | None = None
    """Of a connection on which nothing came: whether the server has accepted it; None if nobody knows."""
    acked: float | None = None
    seconds: float = 0.0
    who: str = ""
    """The connection, as the recording names it."""
    given: Address | None = None
    """Where the server says to receive on."""
    bound: Peer | None = None
    """The UDP socket of which the server was told."""
    taken: bool | None = None
    """Whether a server of this dialect takes such a request, where it was forged."""
    malformed: Callable[[], frozenset[int]] = frozenset
    """The statuses by which this dialect's servers refuse what is malformed."""
    means: Callable[[Status], Seen] = canonical
    """How this dialect's servers answer such a request with this status."""
    unlearnt: Callable[[Status], str | None] = lambda status: None
    """Why it is not known how a refusal with this status looks; None if it is."""

    def says(self, status: Status) -> bool:
        """Whether this is that answer, in the dialect's terms: some refuse by a plain close. Where it is not known how
        such a refusal looks, any refusal may be it.
        """
        if self.unlearnt(status) is not None:
            return self.token is None and (self.closed or bool(self.data))
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
        if self.endless:
            return f"{what}, and it is still sending after {self.seconds:.1f} s"
        if self.waited and self.accepted is False:
            return f"{what}: the server has not accepted the connection within {self.seconds:.1f} s"
        return f"{what}, still open after {self.seconds:.1f} s" if self.waited else what


class Connection:
    """One TCP connection. Nothing here judges; a refused connection is TargetLost."""

    def __init__(
        self, address: Address, source: str | None, timeout: float, recorder: Recorder, tls: Tls | None = None,
        proxy: Proxy | None = None,
    ) -> None:  # fmt: skip
        """`proxy`: what is at this address, where the server is behind it."""
        self.recorder = recorder
        self.address = address
        self._proxied = proxy is not None
        self.label = recorder.connection()
        family = family_of(address[0])
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            if source is not None:
                self.socket.bind(socket_address(source, 0))
            self.socket.connect(socket_address(*address))
            if proxy is not None:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                proxy.reached(self.socket, timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self.socket = tls.context.wrap_socket(self.socket, server_hostname=tls.name)
        except OSError as error:
            self.socket.close()
            raise TargetLost(f"no TCP connection to {address[0]} port {address[1]}: {_why(error, address)}") from None
        host, self.local_port = self.socket.getsockname()[:2]
        self.local_host = zoned(host, address[0])
        self.sent_at = time.monotonic()
        self.prompt = proxy is None
        """Whether the server, as far as the kernel shows, has read at once whatever it was sent."""
        recorder.take(self.label, StepKind.CONNECT, local=source or "")

    def send(self, data: bytes) -> bool:
        """Send everything; False if the server has closed."""
        self.recorder.take(self.label, StepKind.SEND, data)
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
        if isinstance(self.socket, ssl.SSLSocket):
            unsupported("TLS closes both directions at once")
        self.recorder.take(self.label, StepKind.HALF_CLOSE)
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with RST."""
        self.recorder.take(self.label, StepKind.RESET)
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        if self.socket.fileno() >= 0:
            self.recorder.take(self.label, StepKind.CLOSE)
        self.socket.close()

    def read(
        self, conversation: Conversation, wait: float, *, to_the_end: bool = False,
        tick: float, meanwhile: Callable[[], None],
    ) -> Answer:  # fmt: skip
        """Read until the conversation is over, or `to_the_end` until the server closes. Each further byte is waited
        for as long as the first, as long as the whole takes no longer than WHOLE_SECONDS; every `tick` seconds
        `meanwhile` is called. What came before a reset counts. What the conversation wants said in between is sent.
        """
        answer = Answer(who=self.label)
        began = time.monotonic()
        deadline = began + wait
        latest = began + max(LEAST_WAITS * wait, min(WHOLE_WAITS * wait, WHOLE_SECONDS))
        while to_the_end or not conversation.closing:
            now = time.monotonic()
            if now >= deadline:
                answer.waited = True
                self.recorder.take(self.label, StepKind.WAIT, note=f"{wait:.1f} s")
                if not answer.data:
                    answer.accepted = self._is_accepted()
                break
            if now >= latest:
                answer.endless = True
                self.recorder.take(self.label, StepKind.NOTE, note=f"given up after {now - began:.1f} s")
                break
            taken = turn(self.socket, conversation, min(deadline, now + tick), self._say_more)
            if taken.silent:
                _take(taken.events, answer)
                meanwhile()
                continue
            if taken.closed:
                answer.closed, answer.reset = True, taken.reset
                self.recorder.take(self.label, StepKind.END, note="reset" if taken.reset else "")
                _take(taken.events, answer)
                break
            now = time.monotonic()
            self.recorder.take(self.label, StepKind.HEAR, taken.data)
            answer.data += taken.data
            if answer.acked is None:
                answer.acked = now - self.sent_at
            _take(taken.events, answer)
            if len(answer.data) > MOST_BYTES:
                break
            deadline = now + wait
        if not answer.closed and (more := conversation.data_to_send()):
            self._say_more(more)
        answer.seconds = time.monotonic() - self.sent_at
        return answer

    def _is_accepted(self) -> bool | None:
        if self._proxied:
            return None
        return is_accepted(self.socket.family, self.address, (self.local_host, self.local_port))

    def _say_more(self, data: bytes) -> None:
        at = self.sent_at
        self.send(data)
        self.sent_at = at  # an answer is counted from the request


def _why(error: OSError, address: Address) -> str:
    """Why there is no connection. It may be that the server accepts none, and as many as it lets wait are waiting."""
    if isinstance(error, TimeoutError) and (count := waiting(socket.SOCK_STREAM, address[1])):
        return f"{error}: {count} before it are waiting to be accepted"
    return error_text(error)


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
