"""Requests on TCP until one is understood, and then with one thing changed at a time."""

import random
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from conformance.probe import reading, requests
from conformance.probe.conversations import Exchange, Line, Socket
from conformance.probe.learning import Notebook, Sure
from conformance.probe.reading import Reply, Token
from conformance.probe.requests import PASSWORDS, Shape

_NAMED = re.compile(r"""KeyError: ['"]([A-Za-z_][\w-]{0,40})['"]|['"`]([A-Za-z_][\w-]{0,40})['"`]""")
_MOST_HINTS = 3
BRIEFLY = 0.1
"""Seconds for a server that is told a port, and need not be waiting for it, to take it."""
ENOUGH = 14
"""Requests after which one that got a token, and yet no guest, has to do."""


@dataclass
class Answered:
    """A request, its answer, and the token in it."""

    exchange: Exchange
    reply: Reply
    token: bytes | None
    room: str
    user: str

    @property
    def sent(self) -> bytes:
        return self.exchange.sent

    @property
    def got(self) -> bytes:
        return self.exchange.got


class _Spare(NamedTuple):
    """A request that got a token. `other`: the second one; `joins`: a JOIN gets one too."""

    shape: Shape
    answered: Answered
    place: Token
    second: Answered
    other: bytes
    joins: bool
    constant: bool


class Control:
    """Requests and answers. After `find`, `shape` is a request that is understood and `good` the answer to it."""

    def __init__(self, line: Line, notes: Notebook) -> None:
        self.line = line
        self.notes = notes
        self.shape = Shape()
        self.good: Answered | None = None
        self.place = Token(b"", -1, "")
        self.sizes: set[int] = set()
        """How long the tokens were."""
        self.handshakes = False
        self.shares_port = True
        """Whether a member's TCP and UDP have one port number, which only one kind of server wants."""
        self.constant = False
        self._waiting = list(requests.candidates())
        self._tried = 0
        self._spare: _Spare | None = None
        self._named: list[str] = []
        self.unread: Answered | None = None
        """The first answer that came, for when none is understood."""
        self.socket = line.socket("requests")
        self.created: list[Answered] = []
        """Every CREATE that got a token."""

    # ------------------------------------------------------------------------------------------------------- a request

    def request(
        self, what: str, room: str, user: str, *, join: bool = False, password: str | None = None,
        shape: Shape | None = None, payload: bytes | None = None, operation: int | None = None,
        sockets: Mapping[str, Socket] | None = None, tell: bool = False, like: Answered | None = None,
    ) -> Answered:  # fmt: skip
        """One request. `sockets`: which socket is declared under a key, told after the token ("handshake"), and has
        the port of the connection ("tcp"); "" stands for all that is not named. `tell`: tell the port even where the
        server is not known to wait for it. `like`: an answer of as many parts is whole.
        """
        shape = shape or self.shape
        ways = sockets or {"": self.socket}
        base = ways.get("")
        declared = base or next(iter(ways.values()))
        ports = {key: one.port for key, one in ways.items()}
        if payload is None:
            payload = shape.body(user, password, (self.line.host, declared.port), ports)
        number = operation if operation is not None else shape.join if join else shape.create
        data = shape.frame(room, number, payload)
        tells = tell or self.handshakes or self.good is None
        exchange = self.line.ask(
            what, data, port=ways.get("tcp", base) if sockets and self.shares_port else None,
            told=ways.get("handshake", base) if tells else None,
            told_if=lambda got: bool(self._tokens(got, room)),
            told_for=BRIEFLY if like is not None or (self.good is not None and not self.handshakes) else None,
            enough=self._enough(room, like),
            split=reading.HEADER if shape.stages == "header-first" else 0,
        )  # fmt: skip
        reply = reading.read(exchange.got, room, exchange.pieces)
        token = self.token_of(exchange.got, room, exchange.pieces)
        for one in [token] if token else [found.value for found in reading.tokens(reply)]:
            self.notes.hide(one)
        answered = Answered(exchange, reply, token, room, user)
        if token is not None and not join and number == shape.create:
            self.created.append(answered)
        return answered

    def _enough(self, room: str, like: Answered | None) -> Callable[[bytes], bool] | None:
        if like is not None:
            return lambda got: len(reading.read(got, room).parts) >= len(like.reply.parts)
        if self.good is None or len(self.sizes) != 1:
            return None
        return lambda got: self.token_of(got, room) is not None

    def _tokens(self, got: bytes, room: str) -> list[Token]:
        return reading.tokens(reading.read(got, room))

    def token_of(self, got: bytes, room: str, pieces: list[bytes] | None = None) -> bytes | None:
        """The token in an answer that is built as the good one is; None: it is another answer."""
        if self.good is None:
            return None
        reply, good = reading.read(got, room, pieces), self.good.reply
        if len(reply.parts) != len(good.parts) or reply.framed != good.framed:
            return None
        part, like = reply.parts[self.place.part], good.parts[self.place.part]
        if part.state != like.state:
            return None
        if self.place.key:
            value = part.fields.get(self.place.key)
            return str(value).encode() if value and not isinstance(value, bool | dict | list) else None
        if not reply.framed and part.kind != like.kind:
            return None
        if not reply.framed and len(part.payload) not in self.sizes:
            close = min(abs(len(part.payload) - size) for size in self.sizes) <= 4
            return part.payload if close and reading.tokens(reply) else None
        return part.payload or None

    def create(self, what: str, *, user: str = "alicia", **more: object) -> Answered:
        """A CREATE of a new room."""
        return self.request(what, fresh(), user, **more)  # type: ignore[arg-type]

    def healthy(self) -> bool:
        """Whether a request that was good still is; a server of our own is started anew if not. Some keep few rooms."""
        if self.create("CREATE as before").token is not None:
            return True
        if not self.line.target.owned:
            return False
        self.line.renew()
        return self.create("CREATE as before, after a new start").token is not None

    def works(self, what: str, shape: Shape) -> bool:
        """Whether a CREATE of this shape gets a token."""
        return self.create(what, shape=shape).token is not None

    # ---------------------------------------------------------------------------------------------- what is understood

    def find(self, most: int = 1000) -> bool:
        """Try requests until one gets a token, and so does a JOIN; whether one did. What gets a token only for CREATE
        has to do in the end. `most`: requests to try now; another call goes on where this one ended.
        """
        waiting, spare = self._waiting, self._spare
        for _ in range(min(most, len(waiting))):
            if not waiting or (spare is not None and self._tried >= ENOUGH):
                break
            shape = waiting.pop(0)
            self._tried += 1
            answered = self.create(f"CREATE with {shape.words}", shape=shape)
            if answered.got and self.unread is None:
                self.unread = answered
            for place in reading.tokens(answered.reply):
                found = self._confirm(shape, answered, place)
                if found is not None and found.joins and not found.constant:
                    self._take(found)
                    return True
                if found is not None and (spare is None or found.joins > spare.joins):
                    spare = found
            for name in self._hints(answered):
                waiting.insert(0, requests.with_keys(Shape(), (name,)))
            if self._is_another_protocol(answered.got):
                waiting.clear()
        self._spare = spare
        if spare is not None and (not waiting or self._tried >= ENOUGH):
            self._take(spare)
            return True
        return False

    def _confirm(self, shape: Shape, answered: Answered, place: Token) -> "_Spare | None":
        """A second CREATE: what differs from the first is the token. And a JOIN, which gets one too."""
        second = self.create(f"a second CREATE with {shape.words}", user="bobby", shape=shape, like=answered)
        join = self.request(f"JOIN with {shape.words}", answered.room, "bob", join=True, shape=shape, like=answered)
        other, joined = (
            {(one.part, one.key): one.value for one in reading.tokens(found.reply)}.get((place.part, place.key))
            for found in (second, join)
        )
        if other is None:
            return None
        constant = other == place.value and other not in (self.line.host.encode(), b"localhost")
        return _Spare(shape, answered, place, second, other, joined is not None, constant)

    def _take(self, found: "_Spare") -> None:
        self.shape, self.good, self.place, self.second = found.shape, found.answered, found.place, found.second
        self.sizes = {len(found.place.value), len(found.other)}
        self.constant = found.place.value == found.other
        self.good.token, found.second.token = found.place.value, found.other
        self.created += [self.good, found.second]
        self.handshakes = bool(self.good.exchange.after) and self.good.exchange.closed_then

    def _hints(self, answered: Answered) -> list[str]:
        """Names that the server says it misses, in its answer or on its own screen."""
        known = self._named
        said = [answered.got.decode(errors="replace"), *self.line.target.output(5)]
        found = []
        for text in said:
            for match in _NAMED.finditer(text):
                name = match[1] or match[2]
                usual = (*requests.USER_KEYS, *requests.PASSWORD_KEYS[:1], *requests.PAIR_KEYS, *requests.IP_KEYS)
                fits = match[1] or re.search("missing|required|not found|need", text, re.IGNORECASE)
                if fits and name not in known and name not in usual and len(known) < _MOST_HINTS:
                    known.append(name)
                    found.append(name)
        return found

    def _is_another_protocol(self, got: bytes) -> bool:
        return got.startswith((b"HTTP/", b"\x15\x03", b"\x16\x03", b"SSH-"))

    # --------------------------------------------------------------------------------------------- one thing at a time

    def narrow(self) -> None:
        """Which of what the first good request held is needed."""
        notes = self.notes
        assert self.good is not None
        how = self.good.reply.how
        if how is not None and (how.size, how.counts) != (self.shape.size, self.shape.counts):
            as_answered = replace(self.shape, size=how.size, counts=how.counts)
            if self.works(f"CREATE with {as_answered.words}, as the answer has it", as_answered):
                self.shape = as_answered
        shape, sent = self.shape, self.good.sent
        notes.learn("header.size", shape.size, f"a CREATE with the size written so got a token ({shape.words})", sent)
        notes.learn("header.counts", shape.counts, "a CREATE with the size counted so got a token", sent,
                    sure=Sure.SURE if shape.payload == "json" or shape.counts == "body" else Sure.LIKELY)  # fmt: skip
        if shape.create != requests.CREATE:
            notes.learn("request.create", shape.create, "a CREATE with this operation got a token", sent)
            notes.learn("request.join", shape.join, "the next number")
        notes.learn("request.state", shape.state, "a CREATE with this State got a token", sent)
        notes.learn("request.stages", shape.stages, "sent so it got a token", sent)
        if shape.payload == "json":
            self._narrow_json()
        else:
            why = "a CREATE with JSON got no token, this did"
            notes.learn("request.payload", shape.payload, why, self.good.sent)

    def _narrow_json(self) -> None:
        raw = self._or_raw()
        if raw == "raw":
            self.shape = replace(self.shape, payload="raw")
            self._check_counts()
            return
        plain = replace(self.shape, pair_keys=(), ip_keys=(), port_keys=())
        if self.works("CREATE without an address", plain):
            self.declares = "may"
        else:
            self.declares = "must"
            self._narrow_address()
        self._narrow_extra()
        self._narrow_password()
        self._narrow_user()

    def _check_counts(self) -> None:
        """A server that counts the room too has cut the name off: then nobody can join."""
        room = self.create("CREATE of a room to join", user="al").room
        if self.request("JOIN of it", room, "bobbyjoe", join=True).token is not None:
            return
        other = replace(self.shape, counts="body" if self.shape.counts == "payload" else "payload")
        made = self.create("CREATE with the size counted otherwise", user="al", shape=other)
        if self.request("JOIN of it", made.room, "bobbyjoe", join=True, shape=other).token is not None:
            self.shape = other
            self.notes.learn("header.counts", other.counts, "only so can a room be joined", made.sent)

    def _or_raw(self) -> str:
        """Is the user name taken raw, besides or instead?"""
        shape, notes = self.shape, self.notes
        raw = self.create("CREATE with the raw user name", shape=replace(shape, payload="raw"))
        if raw.token is None:
            notes.learn("request.payload", "json", "JSON got a token, the raw user name did not", raw.sent)
            return "json"
        broken = self.create("CREATE with half a JSON object", payload=b'{"username": "alicia", ')
        if broken.token is not None:
            notes.learn(
                "request.payload", "raw", "half a JSON object got a token too: it is taken for a name", broken.sent
            )
            return "raw"
        notes.learn("request.payload", "json-or-raw", "both got a token, half a JSON object did not", raw.sent,
                    accepts=("json",))  # fmt: skip
        return "json-or-raw"

    def _narrow_address(self) -> None:
        none = replace(self.shape, pair_keys=(), ip_keys=(), port_keys=())
        for key in self.shape.pair_keys:
            one = replace(none, pair_keys=(key,))
            if self.works(f"CREATE with the address under {key!r} alone", one):
                self.shape = one
                return
        for ip in self.shape.ip_keys:
            for port in self.shape.port_keys:
                one = replace(none, ip_keys=(ip,), port_keys=(port,))
                if self.works(f"CREATE with {ip!r} and {port!r} alone", one):
                    self.shape = one
                    return

    def _narrow_extra(self) -> None:
        for key in list(self.shape.extra):
            rest = {other: value for other, value in self.shape.extra.items() if other != key}
            without = replace(self.shape, extra=rest)
            answered = self.create(f"CREATE without {key!r}", shape=without)
            if answered.token is not None:
                self.shape = without
            else:
                why = "without a key of these a CREATE got no token"
                self.notes.learn("request.extra", self.shape.extra, why, answered.sent)
        if self.shape.extra:
            self.notes.learnt["request.extra"].value = dict(self.shape.extra)

    def _narrow_password(self) -> None:
        shape, notes = self.shape, self.notes
        works = {shape.password: True}
        for said in PASSWORDS:
            if said not in works:
                works[said] = self.works(f"CREATE with the password: {said}", replace(shape, password=said))
        good = tuple(said for said in PASSWORDS if works[said])
        notes.learn("request.no-password", good[0], f"a CREATE got a token with: {', '.join(good)}", accepts=good[1:])
        self.shape = replace(shape, password=good[0])
        self.no_password = good

    def _narrow_user(self) -> None:
        found: Answered | None = None
        self.other_users: list[str] = []
        for key in self.shape.user_keys:
            one = replace(self.shape, user_keys=(key,))
            answered = self.create(f"CREATE with the user name under {key!r} alone", shape=one)
            if answered.token is not None:
                if found is None:
                    found, chosen = answered, one
                else:
                    self.other_users.append(key)
                    break
        prefixed = replace(self.shape, payload="length-prefixed")
        doubtful = found is None or self.other_users
        if doubtful and self.works("CREATE with 1 byte of length and the user name", prefixed):
            self.shape, self.other_users = prefixed, []
            self.notes.learnt.pop("request.no-password")
            why = "this got a token, which no JSON is: the { of JSON was taken for a length"
            self.notes.learn("request.payload", "length-prefixed", why, self.line.exchanges[-1].sent)
        elif found is not None:
            self.shape = chosen
            self.notes.learn(
                "request.user-key", chosen.user_keys[0], "a CREATE with this key alone got a token", found.sent,
                sure=Sure.LIKELY if self.other_users else Sure.SURE,
            )  # fmt: skip

    second: Answered | None = None
    declares: str = "no"
    """Whether a request may or must declare an address."""
    no_password: tuple[str, ...] = ("omit",)
    other_users: list[str]


def fresh() -> str:
    """A room name that stands nowhere else."""
    return "p" + "".join(random.choices(string.ascii_lowercase + string.digits, k=7))


def nonce() -> str:
    """A message that stands nowhere else."""
    return "".join(random.choices("bcdfghjkmnpqrstvwxz", k=9))
