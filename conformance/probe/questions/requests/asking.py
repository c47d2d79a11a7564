"""Asking the server on TCP, and what is known of its requests so far."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from conformance.probe.notebook import Notebook
from conformance.probe.questions.requests.shapes import RequestShape
from conformance.probe.random_names import random_room
from conformance.probe.reply_parsing import HEADER_SIZE, ParsedReply, TokenCandidate, find_tokens, parse_reply
from conformance.probe.wire.tcp import RawExchange
from conformance.probe.wire.udp import UdpSocket
from conformance.probe.wire.wire import Wire

BRIEFLY = 0.1
"""Seconds for a server that is told a port, and need not be waiting for it, to take it."""

FREE, TCP, HANDSHAKE = "", "tcp", "handshake"
"""Names of a member's sockets, beside the JSON keys under which a port is declared: the one that a request has nothing
to do with, the one that shares the port number of the connection, and the one whose port is told after the token.
"""


@dataclass
class AnsweredRequest:
    """A request, its reply, and the token in the reply. `room`, `user`: what it asked for."""

    exchange: RawExchange
    reply: ParsedReply
    token: bytes | None
    room: str
    user: str

    @property
    def sent(self) -> bytes:
        """The request as it was sent."""
        return self.exchange.sent

    @property
    def got(self) -> bytes:
        """The reply as it came."""
        return self.exchange.got


@dataclass(frozen=True)
class TokenExample:
    """Two replies to CREATEs of the same shape that hold a token. `place`: the token of the first, and where it is."""

    first: AnsweredRequest
    second: AnsweredRequest
    place: TokenCandidate

    @property
    def sizes(self) -> set[int]:
        """The sizes of both tokens, in bytes."""
        return {len(one.token or b"") for one in (self.first, self.second)}

    @property
    def constant(self) -> bool:
        """Whether both replies hold the same token."""
        return self.first.token == self.second.token


@dataclass
class RequestFacts:
    """What is known of requests so far. `example` is None until a request was understood.

    `handshakes`: the server waits for a UDP port after the token; `shares_port`: a member's TCP and UDP have the same
    port number, which one kind of server wants; `declares`: whether a request may or must declare a UDP address;
    `other_user_keys`: JSON keys beside the one in `shape` that are taken for the user name too; `user_came_with_chat`:
    the name that a request held under its key has come with a message.
    """

    shape: RequestShape = field(default_factory=RequestShape)
    example: TokenExample | None = None
    handshakes: bool = False
    shares_port: bool = True
    declares: Literal["no", "may", "must"] = "no"
    other_user_keys: list[str] = field(default_factory=list)
    user_came_with_chat: bool = False

    @property
    def needs_address(self) -> bool:
        """Whether a request without an address gets no token."""
        return self.shape.payload == "json" and self.declares == "must"


class Requester:
    """Asks on TCP. `facts`: what is known; `created`: every CREATE that got a token."""

    def __init__(self, wire: Wire, notes: Notebook) -> None:
        self.wire = wire
        self.notes = notes
        self.facts = RequestFacts()
        self.created: list[AnsweredRequest] = []
        self.tokens: list[bytes] = []
        """Every token that a reply built as the example held, in the order of issue."""
        self.socket = wire.udp.open("requests")
        """The socket whose port is declared where no member asks."""

    def ask(
        self, what: str, room: str, user: str, *, join: bool = False, password: str | None = None,
        shape: RequestShape | None = None, payload: bytes | None = None, operation: int | None = None,
        sockets: Mapping[str, UdpSocket] | None = None, tell_port: bool = False, like: AnsweredRequest | None = None,
    ) -> AnsweredRequest:  # fmt: skip
        """Send one request. `what`: it in words.

        `shape`, `payload`, `operation`: in place of what is known; `sockets`: the member's sockets by name, where the
        one named FREE stands for all that are not there; `tell_port`: tell the UDP port after the token even if the
        server is not known to wait for it; `like`: a reply of as many parts as this one's is whole.
        """
        facts = self.facts
        shape = shape or facts.shape
        by_name = sockets or {FREE: self.socket}
        free = by_name.get(FREE)
        declared = free or next(iter(by_name.values()))
        ports = {name: one.port for name, one in by_name.items()}
        if payload is None:
            payload = shape.body(user, password, (self.wire.server.local_host, declared.port), ports)
        number = operation if operation is not None else shape.join if join else shape.create
        may_wait = facts.example is None or facts.handshakes
        exchange = self.wire.tcp.ask(
            what, shape.frame(room, number, payload),
            same_port_as=by_name.get(TCP, free) if sockets and facts.shares_port else None,
            tell_port_of=by_name.get(HANDSHAKE, free) if tell_port or may_wait else None,
            tell_port_if=lambda got: bool(find_tokens(parse_reply(got, room))),
            most_after_port=None if may_wait and like is None else BRIEFLY,
            is_whole=self._completeness(room, like),
            split=HEADER_SIZE if shape.stages == "header-first" else 0,
        )  # fmt: skip
        reply = parse_reply(exchange.got, room, exchange.pieces)
        token = self.token_in(exchange.got, room, exchange.pieces)
        for secret in [token] if token else [found.value for found in find_tokens(reply)]:
            self.notes.hide(secret)
        answered = AnsweredRequest(exchange, reply, token, room, user)
        if token is not None:
            self.tokens.append(token)
        if token is not None and not join and number == shape.create:
            self.created.append(answered)
        return answered

    def _completeness(self, room: str, like: AnsweredRequest | None) -> Callable[[bytes], bool] | None:
        """The function that tells whether a reply is whole, where one can be told."""
        if like is not None:
            parts = len(like.reply.parts)
            return lambda got: len(parse_reply(got, room).parts) >= parts
        if self.facts.example is None or len(self.facts.example.sizes) != 1:
            return None
        return lambda got: self.token_in(got, room) is not None

    def token_in(self, got: bytes, room: str, pieces: Sequence[bytes] = ()) -> bytes | None:
        """The token in a reply that is built as the example is. None: the reply is another one, or nothing is known."""
        example = self.facts.example
        if example is None:
            return None
        reply, good, place = parse_reply(got, room, pieces), example.first.reply, example.place
        if len(reply.parts) != len(good.parts) or reply.framed != good.framed:
            return None
        part, like = reply.parts[place.part], good.parts[place.part]
        if part.state != like.state:
            return None
        if place.key:
            value = part.fields.get(place.key)
            return str(value).encode() if value and not isinstance(value, bool | dict | list) else None
        if not reply.framed and part.kind != like.kind:
            return None
        if not reply.framed and len(part.payload) not in example.sizes:
            close = min(abs(len(part.payload) - size) for size in example.sizes) <= 4
            return part.payload if close and find_tokens(reply) else None
        return part.payload or None

    def create(
        self, what: str, *, user: str = "alicia", password: str | None = None, shape: RequestShape | None = None,
        payload: bytes | None = None, operation: int | None = None, like: AnsweredRequest | None = None,
    ) -> AnsweredRequest:  # fmt: skip
        """Send a CREATE of a new room. The arguments are those of `ask`."""
        return self.ask(
            what, random_room(), user, password=password, shape=shape, payload=payload, operation=operation, like=like
        )

    def works(self, what: str, shape: RequestShape) -> bool:
        """Whether a CREATE of this shape gets a token."""
        return self.create(what, shape=shape).token is not None

    def is_healthy(self) -> bool:
        """Whether a CREATE that got a token still gets one. If not, the server is started anew where the probe may do
        that, since some servers keep few rooms, and asked again.
        """
        if self.create("CREATE as before").token is not None:
            return True
        if not self.wire.server.owned:
            return False
        self.wire.server.renew()
        return self.create("CREATE as before, after a new start").token is not None
