"""JSON envelope: frames of the canonical layout whose every payload is a JSON object with the same five keys.

TCP   both    frame: room name, payload {"error_message", "type", "token", "password", "room_list"}
      client  operation 1, password: its bcrypt hash              creates
              operation 2, type "JOIN", the password itself       joins
              operation 2, type "GET", no room                    lists
      server  operation 10, no room, state 1: checked             error_message null or "": it is well
              operation 10, no room, state 2: token or room_list
UDP   up      RoomNameSize 1 | TokenSize 1 | room name | token | {"type", "user_name", "chat_data"}
              INITIAL says where the member is, CHAT, LEAVE
      down    0 1 | 0 1 | {"type", "user_name", "chat_data"}      CHAT; CLOSE, TIMEOUT and STOP end a membership

The connection takes any number of requests, until the client closes. No user name is said on TCP: it comes with the
datagrams. A room's password is verified against the hash that its creator made; without a password it is that of "".
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from types import ModuleType
from typing import Any, NamedTuple

from tcrp import wire
from tcrp.constants import HEADER_SIZE, MAX_DOWN_SIZE, Operation, State, Status
from tcrp.conversation import Conversation, FrameReader, Limits, Outgoing
from tcrp.dialects.base import Can, Layouts, Passwords, Ports
from tcrp.dialects.tcrp import within_payload
from tcrp.errors import LocalProtocolError, MissingExtra, RemoteProtocolError
from tcrp.events import Accepted, Ended, Event, Joined, Listed, Malformed, Refused, Requested, TimedOut
from tcrp.layouts import packet_layout
from tcrp.messages import (
    Ack,
    Address,
    ChatPacket,
    Complete,
    Create,
    Down,
    DownKind,
    Frame,
    Join,
    List,
    Membership,
    Reply,
    Rooms,
    Up,
    UpKind,
    Want,
    Why,
)
from tcrp.policy import Audience, Bind, Idle, Policy, Register, TokenForm
from tcrp.request import _decode_object

REPLY_OPERATION = 10
MAX_PASSWORD_SIZE = 72
"""bcrypt looks at no more bytes of a password."""
COST = 8
"""Of the hashes that our client makes: about 15 ms."""
MAX_COST = 12
"""The client chooses what verifying costs the server; each step up doubles it, and 12 is bcrypt's default."""

_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)

_BAD_HASH = "パスワードのハッシュが正しくありません。"
_NO_ROOMS = "現在ルームが存在しません。"
_REFUSALS = {
    Status.ROOM_EXISTS: (State.COMPLETE, "ルームは既に存在します。"),
    Status.WRONG_PASSWORD: (State.ACK, "パスワードに誤りがあります。"),
    Status.ROOM_NOT_FOUND: (State.ACK, "ルームが存在しません。"),
    Status.LIMIT_REACHED: (State.COMPLETE, "現在、これ以上受け付けられません。"),
}
_STATUSES = {text: status for status, (_, text) in _REFUSALS.items()}

_CLOSE = ("CLOSE", "ルームがクローズしました。")
_TIMEOUT = ("TIMEOUT", "タイムアウトが発生しました。")
_STOP = ("STOP", "システムメンテナンス中のためシステムが終了しました。")
_ENDINGS = {Why.IDLE: _TIMEOUT, Why.UNREACHABLE: _TIMEOUT, Why.STOPPED: _STOP}
_ENDING_TYPES = frozenset({_CLOSE[0], _TIMEOUT[0], _STOP[0]})
_UP_TYPES = {UpKind.REGISTER: "INITIAL", UpKind.CHAT: "CHAT", UpKind.LEAVE: "LEAVE"}
_UP_KINDS = {text: kind for kind, text in _UP_TYPES.items()}

POLICY = Policy(
    bind=Bind.ADDRESS,
    register=Register.MESSAGE,
    tell={
        Why.HOST_LEFT: Audience.ALL,
        Why.IDLE: Audience.MEMBER,
        Why.HOST_IDLE: Audience.OTHERS,
        Why.UNREACHABLE: Audience.MEMBER,
        Why.STOPPED: Audience.ALL,
    },
    idle=Idle(15.0, frozenset({UpKind.CHAT})),
    token=TokenForm.BASE64,
    typing=300.0,
)


class Envelope(NamedTuple):
    """The payload of every frame. `error_message`: None or "" where all is well."""

    error_message: str | None = ""
    type: str = ""
    token: str | None = ""
    password: str = ""
    room_list: tuple[str, ...] = ()


def encode_envelope(envelope: Envelope) -> bytes:
    """All five keys, in their order, in ASCII."""
    return json.dumps(envelope._asdict()).encode()


def decode_object(data: bytes, **keys: type | tuple[type, ...]) -> dict[str, Any]:
    """The JSON object in these bytes, which must have these keys, of these types; other keys are ignored."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(
            f"the payload is not UTF-8: {error.reason}",
            clause="TCRP-3.7c", field="payload", offset=error.start, limit="UTF-8",
        ) from None  # fmt: skip
    fields = _decode_object(text)
    if not isinstance(fields, dict):
        raise RemoteProtocolError("the payload is not a JSON object", clause="TCRP-3.2g", field="payload", offset=0)
    for key, types in keys.items():
        if key not in fields or not isinstance(fields[key], types):
            what = f"has no {key}" if key not in fields else f"has a {key} of the wrong type"
            raise RemoteProtocolError(f"the object {what}", clause="TCRP-3.2c", field=key, offset=0)
    return fields


def load_bcrypt() -> ModuleType:
    """The package, which is an extra: only whoever creates rooms or serves needs it."""
    try:
        import bcrypt
    except ImportError:
        raise MissingExtra("dialect json-envelope needs bcrypt: pip install 'tcrp[envelope]'") from None
    return bcrypt


class ClientsHash:
    """Passwords whose hash comes from the client that creates the room."""

    def __init__(self) -> None:
        self._bcrypt = load_bcrypt()

    def hash(self, password: str) -> bytes:
        """The hash that came in place of a password, as it is."""
        return password.encode()

    def verify(self, password: str, stored: bytes) -> bool:
        try:
            return bool(self._bcrypt.checkpw(password.encode()[:MAX_PASSWORD_SIZE], stored))
        except ValueError:  # it only looks like a hash
            return False


class Step(Enum):
    """Where a conversation is."""

    REQUEST = auto()  # server: a request is on its way
    ACK = auto()  # the frame with state 1 is due
    COMPLETE = auto()  # the frame with state 2 is due
    DONE = auto()


class _EnvelopeConversation(Outgoing):
    """What both sides share: the step."""

    def __init__(self, step: Step, deadline: float | None = None) -> None:
        super().__init__(deadline)
        self._step = step

    @property
    def closing(self) -> bool:
        return self._step is Step.DONE

    def _write(self, room: str, operation: int, state: State, envelope: Envelope) -> None:
        self._out += wire.encode_frame(Frame(room, operation, state, encode_envelope(envelope)))


class ServerConversation(_EnvelopeConversation):
    """REQUEST -Requested-> ACK -> COMPLETE -> REQUEST, again and again; what cannot be read ends it in DONE."""

    def __init__(self, limits: Limits, now: float) -> None:
        super().__init__(Step.REQUEST, now + limits.silence)
        self._limits = limits
        self._reader = FrameReader(limits.payload)
        self._want: Want = List()
        self._heard = now
        self._allowed = limits.silence

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        if self._step is Step.DONE or not data:
            return []
        if self._step is Step.REQUEST and not self._reader.started:
            self._deadline, self._allowed = now + self._limits.handshake, self._limits.handshake
        self._heard = now
        self._reader.feed(data)
        return self._read()

    def receive_eof(self, now: float) -> list[Event]:
        early = self._step is Step.REQUEST and self._reader.started
        if self._step is Step.REQUEST:
            self._finish()
        return [Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        if self._allowed == 0.0:  # a request had come before the last one was answered
            self._deadline, self._allowed = self._heard + self._limits.handshake, self._limits.handshake
            return self._read()
        self._finish()
        return [TimedOut(self._allowed)]

    def send(self, reply: Reply) -> None:
        match self._step, reply:
            case Step.ACK, Ack(Status.OK) if not isinstance(self._want, List):
                self._reply(State.ACK)
                self._step = Step.COMPLETE
            case Step.ACK, Ack(status) if status in _REFUSALS:
                state, text = _REFUSALS[status]
                if state is State.COMPLETE:
                    self._reply(State.ACK)
                self._reply(state, error_message=text, token=None if state is State.COMPLETE else "")
                self._listen()
            case Step.ACK, Ack():  # there is no word for it
                self._finish()
            case Step.COMPLETE, Complete(token):
                self._reply(State.COMPLETE, token=token.decode())
                self._listen()
            case Step.ACK, Rooms(names) if isinstance(self._want, List):
                self._reply(State.ACK)
                self._reply(State.COMPLETE, error_message=None if names else _NO_ROOMS, room_list=names)
                self._listen()
            case step, _:
                raise RuntimeError(f"{type(reply).__name__} is not due at step {step.name}")

    def _read(self) -> list[Event]:
        """The next request that is whole and not answered yet, if there is one, after those that are wrong."""
        events: list[Event] = []
        try:
            while self._step is Step.REQUEST and (frame := self._reader.next_frame()) is not None:
                events.append(self._take_up(frame))
        except RemoteProtocolError as error:
            self._finish()
            events.append(Malformed(error))
        return events

    def _take_up(self, frame: Frame) -> Event:
        want = _read_want(frame)
        if isinstance(want, Create) and (problem := _hash_problem(want.password or "")):
            self._reply(State.ACK, error_message=_BAD_HASH)
            self._listen()
            return Malformed(problem)
        self._want = want
        self._step, self._deadline = Step.ACK, None
        return Requested(want)

    def _reply(self, state: State, **fields: Any) -> None:
        self._write("", REPLY_OPERATION, state, Envelope(error_message=None)._replace(**fields))

    def _listen(self) -> None:
        self._step = Step.REQUEST
        self._allowed = 0.0 if self._reader.started else self._limits.silence
        self._deadline = self._heard + self._allowed

    def _finish(self) -> None:
        self._step, self._deadline = Step.DONE, None


class ClientConversation(_EnvelopeConversation):
    """ACK -Accepted-> COMPLETE -Joined or Listed-> DONE; Refused ends in DONE too."""

    def __init__(self, want: Want, strict: bool) -> None:
        super().__init__(Step.ACK)
        self._strict = strict
        self._want = want
        self._reader = FrameReader()
        match want:
            case List():
                self._write("", Operation.JOIN, State.REQUEST, Envelope(type="GET"))
            case Create(room):
                wire.check_room(room)
                self._write(room, Operation.CREATE, State.REQUEST, Envelope(password=_hash(_password_of(want))))
            case Join(room):
                wire.check_room(room)
                password = _password_of(want).decode()
                self._write(room, Operation.JOIN, State.REQUEST, Envelope(type="JOIN", password=password))

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        events: list[Event] = []
        if self.closing:
            return events
        self._reader.feed(data)
        try:
            while self._step is not Step.DONE and (frame := self._reader.next_frame()) is not None:
                events.extend(self._read_reply(frame))
        except RemoteProtocolError as error:
            self._step = Step.DONE
            events.append(Malformed(error))
        return events

    def receive_eof(self, now: float) -> list[Event]:
        early = self._step is not Step.DONE
        unanswered = self._step is Step.ACK and not self._reader.started
        self._step = Step.DONE
        if unanswered and isinstance(self._want, Join):  # servers are known that say so by closing
            return [Refused(Status.ROOM_NOT_FOUND), Ended(False)]
        return [Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        return []

    def send(self, reply: Reply) -> None:
        raise RuntimeError("a client of this dialect says nothing after its request")

    def _read_reply(self, frame: Frame) -> Iterator[Event]:
        state = State.ACK if self._step is Step.ACK else State.COMPLETE
        if frame.state != state:
            error = RemoteProtocolError(
                f"the reply has State {frame.state}: {state} is due",
                clause="TCRP-3.4a" if state is State.ACK else "TCRP-3.5a", field="State",
                offset=2, value=frame.state, limit=int(state),
            )  # fmt: skip
            if self._strict:
                raise error
            yield Malformed(error)
        with within_payload(frame):
            fields = decode_object(frame.payload, error_message=(str, type(None)))
            text = fields["error_message"]
            if isinstance(self._want, List) and state is State.COMPLETE and text in (None, "", _NO_ROOMS):
                names = decode_object(frame.payload, room_list=list)["room_list"]
                if not all(isinstance(name, str) for name in names):
                    raise RemoteProtocolError("a room's name is no string", clause="TCRP-3.2c", field="room_list")
                self._step = Step.DONE
                yield Listed(tuple(names))
            elif text:
                self._step = Step.DONE
                yield Refused(_STATUSES.get(text, frame.state), text)
            elif state is State.ACK:
                self._step = Step.COMPLETE
                if not isinstance(self._want, List):
                    yield Accepted()
            else:
                token = wire.check_token(decode_object(frame.payload, token=str)["token"].encode())
                self._step = Step.DONE
                yield Joined(token)


def _read_want(frame: Frame) -> Want:
    with within_payload(frame):
        fields = decode_object(frame.payload, type=str, password=str)
    kind, password = fields["type"], fields["password"]
    match frame.operation, kind:
        case Operation.JOIN, "GET":
            return List()
        case (Operation.CREATE, _) | (Operation.JOIN, "JOIN") if not frame.room:
            raise RemoteProtocolError(
                "the room name is empty: 1 to 255 bytes",
                clause="TCRP-3.7d", field="RoomNameSize", offset=0, value=0, limit=1,
            )  # fmt: skip
        case Operation.CREATE, _:
            return Create(frame.room, "", password)
        case Operation.JOIN, "JOIN":
            return Join(frame.room, "", password)
        case Operation.JOIN, _:
            raise RemoteProtocolError(
                f"type is {kind[:40]!r}: JOIN or GET",
                clause="TCRP-3.2c", field="type", offset=HEADER_SIZE, value=kind[:40], limit="JOIN or GET",
            )  # fmt: skip
        case operation, _:
            raise RemoteProtocolError(
                f"Operation is {operation}: 1 creates, 2 joins and lists",
                clause="TCRP-3.7a", field="Operation", offset=1, value=operation, limit=2,
            )  # fmt: skip


def _hash_problem(text: str) -> RemoteProtocolError | None:
    found = _HASH.fullmatch(text)
    if found is None:
        return RemoteProtocolError(
            "the password of a create is no bcrypt hash of 60 characters", clause="TCRP-3.2c", field="password"
        )
    cost = int(found[1])
    if not 4 <= cost <= MAX_COST:
        return RemoteProtocolError(
            f"the password's hash has cost {cost}: 4 to {MAX_COST}",
            clause="TCRP-3.2c", field="password", value=cost, limit=MAX_COST,
        )  # fmt: skip
    return None


def _password_of(want: Create | Join) -> bytes:
    try:
        password = (want.password or "").encode()
    except (UnicodeEncodeError, AttributeError):
        raise LocalProtocolError(
            "the password is not text that UTF-8 can say", clause="TCRP-3.2g", field="password", limit="UTF-8"
        ) from None
    if len(password) > MAX_PASSWORD_SIZE:
        raise LocalProtocolError(
            f"the password has {len(password)} bytes: bcrypt looks at {MAX_PASSWORD_SIZE} at most",
            clause="TCRP-3.2c", field="password", value=len(password), limit=MAX_PASSWORD_SIZE,
        )  # fmt: skip
    return password


def _hash(password: bytes) -> str:
    bcrypt = load_bcrypt()
    hashed: bytes = bcrypt.hashpw(password, bcrypt.gensalt(COST))
    return hashed.decode()


@dataclass(frozen=True, slots=True)
class JsonEnvelope:
    """The dialect; see `Dialect` for what the methods promise."""

    name: str = "json-envelope"
    ports: Ports = Ports(6058, 7018)
    policy: Policy = POLICY
    can: Can = Can(listing=True, keepalive=False)
    layouts: Layouts = Layouts(packet_layout)

    @property
    def passwords(self) -> Passwords:
        return ClientsHash()

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        if not isinstance(want, List):
            wire.check_user(want.user)
            for field, value in (
                ("capacity", want.capacity if isinstance(want, Create) else None),
                ("invite", want.invite if isinstance(want, Join) else None),
            ):
                if value is not None:
                    raise LocalProtocolError(f"dialect {self.name} has no {field}", clause="TCRP-3.2a", field=field)
        return ClientConversation(want, strict)

    def server(self, peer: Address, limits: Limits, now: float) -> Conversation:
        return ServerConversation(limits, now)

    def read_up(self, data: bytes, source: Address) -> Up:
        room, token, message = wire.decode_packet(data)
        kind, user, text = _read_message(message)
        if kind not in _UP_KINDS:
            raise RemoteProtocolError(
                f"type is {kind[:40]!r}: INITIAL, CHAT or LEAVE", clause="TCRP-4.2b", field="type", value=kind[:40]
            )
        return Up(_UP_KINDS[kind], room, token, user, text)

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes:
        message = _write_message(_UP_TYPES[kind], member.user, body if kind is UpKind.CHAT else b"")
        return wire.encode_packet(ChatPacket(member.room, member.token, message))

    def read_down(self, data: bytes, member: Membership) -> Down:
        try:
            kind, user, text = _read_message(wire.decode_packet(data).message)
        except RemoteProtocolError:
            return Down(DownKind.UNKNOWN, None, data)
        if kind == "CHAT":
            return Down(DownKind.CHAT, user, text)
        return Down(DownKind.CLOSED, None, text) if kind in _ENDING_TYPES else Down(DownKind.UNKNOWN, None, data)

    def write_down(self, down: Down) -> bytes | None:
        if down.kind is DownKind.CHAT:
            message = _write_message("CHAT", down.user or "", down.body)
        elif down.kind is DownKind.CLOSED:
            kind, words = _CLOSE if down.why is None else _ENDINGS.get(down.why, _CLOSE)
            message = _write_message(kind, "", words.encode() if down.why else down.body)
        else:
            return None
        data = wire.encode_packet(ChatPacket("", b"", message))
        if len(data) > MAX_DOWN_SIZE:
            raise LocalProtocolError(
                f"the datagram has {len(data)} bytes: at most {MAX_DOWN_SIZE} fit",
                clause="TCRP-4.6e", field="message", value=len(data), limit=MAX_DOWN_SIZE,
            )  # fmt: skip
        return data


def _read_message(data: bytes) -> tuple[str, str, bytes]:
    """Type, user name and text."""
    fields = decode_object(data, type=str, user_name=str, chat_data=str)
    return fields["type"], fields["user_name"], fields["chat_data"].encode()


def _write_message(kind: str, user: str, body: bytes) -> bytes:
    try:
        fields = {"type": kind, "user_name": user, "chat_data": body.decode()}
    except (UnicodeDecodeError, AttributeError):
        raise LocalProtocolError(
            "the message is not bytes of UTF-8", clause="TCRP-4.6b", field="message", limit="UTF-8"
        ) from None
    return json.dumps(fields).encode()
