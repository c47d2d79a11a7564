"""How `fixed-fields` and `fixed-width` are entered: over TCP, with a header whose fields are all of fixed size.

TCP   client  capacity 1 | operation 1 | state 1 | room 8 | user 10 | password 11     text, padded with spaces
              operation 1 creates; 2 joins, and then the host token 36 follows
      server  created: the header with state 1, the header with state 2, both without user | token 36 | address 9..15
              joined: "0" | address 9..15; refused: "1" no such token, "2" full, "3" wrong password

No size tells where the address ends: the server's close does, or silence. It is a dotted loopback address; the client
binds it, at port 8080, and is known by it, so client and server share a machine whose loopback is all of 127.0.0.0/8,
as on Linux. The host token is the only key: names need not be unique, everyone in the room uses it, and it is handed
on as the invitation. After a refusal the same connection may ask again. All spaces are deleted on reading; what names
and passwords may be is checked by clients alone.
"""

from collections.abc import Callable, Iterator
from enum import Enum, auto
from ipaddress import IPv4Address
from typing import Any, NamedTuple

from construct import Adapter, Bytes, GreedyBytes, Int8ub, Struct

from tcrp.constants import Operation, State, Status
from tcrp.conversation import Limits, Outgoing
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.events import Accepted, Ended, Event, Joined, Malformed, Refused, Requested, TimedOut
from tcrp.layouts import build_layout, parse_layout
from tcrp.messages import Ack, Address, Complete, Create, Join, Reply, Want

HEADER_SIZE = 32
TOKEN_SIZE = 36
ROOM_SIZE, USER_SIZE, PASSWORD_SIZE = 8, 10, 11
MAX_CAPACITY = 255
MIN_ADDRESS_SIZE, MAX_ADDRESS_SIZE = 9, 15
CLIENT_PORT = 8080
ADDRESS_SILENCE = 0.5
"""Seconds without a byte that end an address, where the server does not close."""
TOKEN_SILENCE = 2.0
"""Seconds without a byte that end a token that is too short, which a person may have typed."""


class Padded(Adapter):  # type: ignore[misc]  # construct is untyped
    """Text in a field of fixed size, filled up with spaces. All spaces are deleted on reading."""

    def __init__(self, size: int) -> None:
        super().__init__(Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, context: Any, path: str) -> bytes:
        return obj.replace(b" ", b"")

    def _encode(self, obj: bytes, context: Any, path: str) -> bytes:
        return obj.ljust(self.size)


header_layout = Struct(
    "capacity" / Int8ub * "capacity",
    "operation" / Int8ub * "operation",
    "state" / Int8ub * "state",
    "room" / Padded(ROOM_SIZE) * "room name",
    "user" / Padded(USER_SIZE) * "user name",
    "password" / Padded(PASSWORD_SIZE) * "password",
)

token_layout = Struct("token" / Bytes(TOKEN_SIZE) * "host token")

created_layout = Struct(
    "token" / Bytes(TOKEN_SIZE) * "host token",
    "address" / GreedyBytes * "address",
)

joined_layout = Struct(
    "answer" / Bytes(1) * "answer",
    "address" / GreedyBytes * "address",
)

GOOD = b"0"
_ANSWERS = {Status.ROOM_NOT_FOUND: b"1", Status.LIMIT_REACHED: b"2", Status.WRONG_PASSWORD: b"3"}
_STATUSES = {answer: status for status, answer in _ANSWERS.items()}


class Header(NamedTuple):
    """The 32 bytes of a request, which a good answer to a create repeats."""

    capacity: int
    operation: int
    state: int
    room: str
    user: str
    password: str


def decode_header(data: bytes) -> Header:
    """Decode exactly 32 bytes. Operation and state are not judged."""
    if len(data) != HEADER_SIZE:
        raise RemoteProtocolError(
            f"the header has {len(data)} bytes: {HEADER_SIZE}",
            clause="TCRP-2.1", field="header", offset=min(len(data), HEADER_SIZE), value=len(data), limit=HEADER_SIZE,
        )  # fmt: skip
    fields = parse_layout(header_layout, data, "TCRP-2.1")
    return Header(
        fields.capacity,
        fields.operation,
        fields.state,
        decode_text(fields.room, "room name", 3),
        decode_text(fields.user, "user name", 3 + ROOM_SIZE),
        decode_text(fields.password, "password", 3 + ROOM_SIZE + USER_SIZE),
    )


def encode_header(header: Header) -> bytes:
    """Encode a header as it stands; LocalProtocolError for a text that does not fit its field."""
    texts = {
        "room": _padded(header.room, "room name", ROOM_SIZE),
        "user": _padded(header.user, "user name", USER_SIZE),
        "password": _padded(header.password, "password", PASSWORD_SIZE),
    }
    return build_layout(header_layout, {**header._asdict(), **texts}, "TCRP-2.1")


def decode_address(data: bytes) -> Address:
    """The address that a server gives out, 9 to 15 characters, with the port that clients listen on."""
    try:
        ip = IPv4Address(data.decode("ascii"))
    except ValueError:
        ip = None
    if ip is None or not ip.is_loopback or not MIN_ADDRESS_SIZE <= len(data) <= MAX_ADDRESS_SIZE:
        raise RemoteProtocolError(
            f"the address is {data[:40]!r}: a loopback address in dots, {MIN_ADDRESS_SIZE} to {MAX_ADDRESS_SIZE} bytes",
            clause="TCRP-3.5a", field="address", value=data[:40], limit=MAX_ADDRESS_SIZE,
        )  # fmt: skip
    return str(ip), CLIENT_PORT


def _address_bytes(address: Address) -> bytes:
    text = address[0].encode()
    try:
        decode_address(text)
    except RemoteProtocolError as error:
        raise LocalProtocolError(error.args[0], clause=error.clause, field=error.field, value=error.value) from None
    return text


class Step(Enum):
    """Where a conversation is."""

    HEADER = auto()  # server: a header is on its way
    ANSWER = auto()  # server: an Ack is due; client: the answer, of a create the header with state 1
    COMPLETE = auto()  # server: a Complete is due; client: the header with state 2
    TOKEN = auto()  # the host token is on its way
    ADDRESS = auto()  # client: the address is on its way
    DONE = auto()


class ServerConversation(Outgoing):
    """HEADER -> (TOKEN ->) ANSWER -> COMPLETE -> DONE; a refused join goes back to HEADER."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(now + limits.silence)
        self._limits = limits
        self._step = Step.HEADER
        self._in = bytearray()
        self._header = Header(0, 0, 0, "", "", "")
        self._heard = now
        self._allowed = limits.silence

    @property
    def closing(self) -> bool:
        return self._step is Step.DONE

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        if self._step not in (Step.HEADER, Step.TOKEN) or not data:
            return []  # who waits for an answer says nothing; what comes after a good one is ignored
        if self._step is Step.HEADER and not self._in:
            self._heard = now
            self._wait(self._limits.handshake)
        self._heard = now
        self._in += data
        events: list[Event] = []
        while self._step is Step.HEADER and len(self._in) >= HEADER_SIZE:
            events += self._read_header()
        if self._step is Step.TOKEN:
            self._wait(TOKEN_SILENCE if self._in else self._limits.silence)
            if len(self._in) >= TOKEN_SIZE:
                events += self._read_token()
        return events

    def receive_eof(self, now: float) -> list[Event]:
        early = self._step is Step.TOKEN or bool(self._in)
        if self._step in (Step.HEADER, Step.TOKEN):
            self._finish()
        return [Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        if self._step is Step.TOKEN and self._in:
            return self._read_token()
        self._finish()
        return [TimedOut(self._allowed)]

    def send(self, reply: Reply) -> None:
        creating = self._header.operation == Operation.CREATE
        match self._step, reply:
            case Step.ANSWER, Ack(Status.OK):
                if creating:
                    self._repeat(State.ACK)
                self._step = Step.COMPLETE
            case Step.ANSWER, Ack(status) if not creating and status in _ANSWERS:
                self._out += _ANSWERS[status]
                self._listen()
            case Step.ANSWER, Ack():  # there is no word for it
                self._finish()
            case Step.COMPLETE, Complete(token, address) if address is not None:
                text = _address_bytes(address)
                if creating:
                    self._repeat(State.COMPLETE)
                    self._out += build_layout(created_layout, {"token": token, "address": text}, "TCRP-3.5a")
                else:
                    self._out += build_layout(joined_layout, {"answer": GOOD, "address": text}, "TCRP-3.5a")
                self._finish()
            case step, _:
                raise RuntimeError(f"{type(reply).__name__} is not due at step {step.name}")

    def _read_header(self) -> Iterator[Event]:
        data = bytes(self._in[:HEADER_SIZE])
        del self._in[:HEADER_SIZE]
        try:
            self._header = header = decode_header(data)
        except RemoteProtocolError as error:
            self._finish()
            yield Malformed(error)
            return
        if header.operation == Operation.CREATE:
            yield self._request(Create(header.room, header.user, header.password or None, header.capacity))
        elif header.operation == Operation.JOIN:
            self._step = Step.TOKEN
        else:  # it has no answer, and the client may ask for something else
            self._wait(self._limits.handshake if self._in else self._limits.silence)
            unknown = RemoteProtocolError(
                f"operation is {header.operation}: 1 creates, 2 joins",
                clause="TCRP-3.7a", field="operation", offset=1, value=header.operation, limit=2,
            )  # fmt: skip
            yield Malformed(unknown)

    def _read_token(self) -> list[Event]:
        token = bytes(self._in[:TOKEN_SIZE])
        header = self._header
        return [self._request(Join(header.room, header.user, header.password or None, token))]

    def _request(self, want: Want) -> Requested:
        self._in.clear()
        self._step, self._deadline = Step.ANSWER, None
        return Requested(want)

    def _repeat(self, state: State) -> None:
        self._out += encode_header(self._header._replace(state=state, user=""))

    def _listen(self) -> None:
        self._step = Step.HEADER
        self._wait(self._limits.silence)

    def _wait(self, seconds: float) -> None:
        self._deadline, self._allowed = self._heard + seconds, seconds

    def _finish(self) -> None:
        self._in.clear()
        self._step, self._deadline = Step.DONE, None


class ClientConversation(Outgoing):
    """ANSWER -Accepted-> (COMPLETE -> TOKEN ->) ADDRESS -Joined-> DONE; Refused ends in DONE too."""

    def __init__(self, want: Want, strict: bool) -> None:
        if not isinstance(want, Create | Join):
            raise LocalProtocolError("this dialect cannot list rooms", clause="TCRP-3.1a", field="operation")
        super().__init__()
        self._strict = strict
        self._creating = isinstance(want, Create)
        self._step = Step.ANSWER
        self._in = bytearray()
        self._token = b""
        self._out += encode_header(_header_of(want))
        if isinstance(want, Join):
            self._token = _invite_of(want)  # in one segment with the header
            self._out += build_layout(token_layout, {"token": self._token}, "TCRP-3.2a")

    @property
    def closing(self) -> bool:
        return self._step is Step.DONE

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        if self._step is Step.DONE:
            return []
        self._in += data
        events: list[Event] = []
        try:
            events.extend(self._read_created() if self._creating else self._read_joined())
            if self._step is Step.ADDRESS:
                self._deadline = now + ADDRESS_SILENCE if self._in else None
                if len(self._in) >= MAX_ADDRESS_SIZE:
                    events.append(self._joined())
        except RemoteProtocolError as error:
            self._finish()
            events.append(Malformed(error))
        return events

    def receive_eof(self, now: float) -> list[Event]:
        events: list[Event] = []
        if self._step is Step.ADDRESS and self._in:
            try:
                events.append(self._joined())
            except RemoteProtocolError as error:
                events.append(Malformed(error))
        early = self._step is not Step.DONE
        self._finish()
        return [*events, Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        self._deadline = None
        try:
            return [self._joined()]
        except RemoteProtocolError:
            return []  # only a part of it has come

    def send(self, reply: Reply) -> None:
        raise RuntimeError("a client of this dialect says nothing after its request")

    def _read_created(self) -> Iterator[Event]:
        for step, state, after in (
            (Step.ANSWER, State.ACK, Step.COMPLETE),
            (Step.COMPLETE, State.COMPLETE, Step.TOKEN),
        ):
            if self._step is step and len(self._in) >= HEADER_SIZE:
                yield from self._check_header(bytes(self._in[:HEADER_SIZE]), state)
                del self._in[:HEADER_SIZE]
                self._step = after
                if state is State.ACK:
                    yield Accepted()
        if self._step is Step.TOKEN and len(self._in) >= TOKEN_SIZE:
            self._token = bytes(parse_layout(created_layout, bytes(self._in), "TCRP-3.5a").token)
            del self._in[:TOKEN_SIZE]
            self._step = Step.ADDRESS

    def _check_header(self, data: bytes, state: State) -> Iterator[Event]:
        """Of what is repeated only the state says anything; servers are known that repeat the rest wrongly."""
        found = data[2]
        if found != state:
            error = RemoteProtocolError(
                f"the header has state {found}: {state} is due",
                clause="TCRP-3.4a" if state is State.ACK else "TCRP-3.5a", field="state",
                offset=2, value=found, limit=int(state),
            )  # fmt: skip
            if self._strict:
                raise error
            yield Malformed(error)

    def _read_joined(self) -> Iterator[Event]:
        if self._step is not Step.ANSWER or not self._in:
            return
        answer = bytes(parse_layout(joined_layout, bytes(self._in), "TCRP-3.4a").answer)
        del self._in[:1]
        if answer == GOOD:
            self._step = Step.ADDRESS
            yield Accepted()
        elif answer in _STATUSES:
            self._finish()
            yield Refused(_STATUSES[answer])
        else:
            raise RemoteProtocolError(
                f"the answer is {answer!r}: 0 to 3", clause="TCRP-3.4a", field="answer", offset=0, value=answer
            )

    def _joined(self) -> Joined:
        address = decode_address(bytes(self._in))
        self._finish()
        return Joined(self._token, address)

    def _finish(self) -> None:
        self._step, self._deadline = Step.DONE, None
        self._in.clear()


def _header_of(want: Create | Join) -> Header:
    creating = isinstance(want, Create)
    capacity = (MAX_CAPACITY if want.capacity is None else want.capacity) if isinstance(want, Create) else 0
    if not isinstance(capacity, int) or not 0 <= capacity <= MAX_CAPACITY:
        raise LocalProtocolError(
            f"the capacity is {capacity}: 0 to {MAX_CAPACITY} members, the host counted",
            clause="TCRP-3.2a", field="capacity", value=capacity, limit=MAX_CAPACITY,
        )  # fmt: skip
    _check_name(want.room, "room name", ROOM_SIZE)
    check_user(want.user)
    password = want.password or ""
    if password:
        _check_password(password)
    operation = Operation.CREATE if creating else Operation.JOIN
    return Header(capacity, operation, State.REQUEST, want.room, want.user, password)


def _invite_of(want: Join) -> bytes:
    if not want.invite:
        raise LocalProtocolError(
            f"a room is joined by its host's token, {TOKEN_SIZE} bytes: its name does not find it",
            clause="TCRP-3.2a", field="invite", limit=TOKEN_SIZE,
        )  # fmt: skip
    if len(want.invite) != TOKEN_SIZE:
        raise LocalProtocolError(
            f"the invite has {len(want.invite)} bytes: a host's token has {TOKEN_SIZE}",
            clause="TCRP-3.2a", field="invite", value=len(want.invite), limit=TOKEN_SIZE,
        )  # fmt: skip
    return want.invite


def _check_password(password: str) -> None:
    kinds: tuple[Callable[[str], bool], ...] = (str.isupper, str.islower, str.isdigit)
    fits = (
        isinstance(password, str)
        and 6 <= len(password) <= PASSWORD_SIZE
        and not any(c.isspace() for c in password)
        and all(any(c.isascii() and kind(c) for c in password) for kind in kinds)
    )
    if not fits:
        raise LocalProtocolError(
            f"the password does not fit: 6 to {PASSWORD_SIZE} characters, with an upper and a lower case letter and a "
            "digit, without spaces",
            clause="TCRP-3.2c", field="password", limit=PASSWORD_SIZE,
        )  # fmt: skip
    _padded(password, "password", PASSWORD_SIZE)


def check_user(user: str) -> None:
    """Raise for what a client may not be called: 1 to 10 bytes, neither white space nor `:`."""
    _check_name(user, "user name", USER_SIZE)
    if ":" in user:
        raise LocalProtocolError(
            "the user name holds ':', which ends a name in chat",
            clause="TCRP-3.3a", field="user name", value=user, limit="no ':'",
        )  # fmt: skip


def _check_name(text: str, field: str, size: int) -> None:
    if not _padded(text, field, size):
        raise LocalProtocolError(
            f"the {field} has 0 bytes: 1 to {size}", clause="TCRP-2.1", field=field, value=0, limit=1
        )
    if any(c.isspace() for c in text):
        raise LocalProtocolError(
            f"the {field} holds white space, which this dialect cannot say",
            clause="TCRP-2.1", field=field, value=text, limit="no white space",
        )  # fmt: skip


def _padded(text: str, field: str, size: int) -> bytes:
    """The bytes of a text that fits a field of fixed size and comes back from there."""
    data = text_bytes(text, field)
    if len(data) > size:
        raise LocalProtocolError(
            f"the {field} has {len(data)} bytes: 1 to {size}",
            clause="TCRP-2.1", field=field, value=len(data), limit=size,
        )  # fmt: skip
    if b" " in data:
        raise LocalProtocolError(
            f"the {field} holds a space: this dialect deletes them", clause="TCRP-2.1", field=field, limit="no spaces"
        )
    return data


def text_bytes(text: str, field: str) -> bytes:
    """The UTF-8 of a text."""
    try:
        return text.encode()
    except AttributeError:
        raise LocalProtocolError(
            f"the {field} is {type(text).__name__}, not str", clause="TCRP-2.1", field=field, limit="str"
        ) from None
    except UnicodeEncodeError:
        raise LocalProtocolError(
            f"the {field} holds a lone surrogate, which UTF-8 cannot say",
            clause="TCRP-2.1", field=field, limit="UTF-8",
        ) from None  # fmt: skip


def decode_text(data: bytes, field: str, offset: int) -> str:
    """The text of a field that begins at `offset`."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(
            f"the {field} is not UTF-8: {error.reason}", clause="TCRP-2.3b", field=field, offset=offset, limit="UTF-8"
        ) from None
