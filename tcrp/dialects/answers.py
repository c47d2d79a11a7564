"""What a dialect file can say: one table a question, one key an answer. These dataclasses are the schema.

`request.user-key` in a file is `answers.request.user_key` here. What a file leaves out is as in the canonical
dialect, except that it has no notices: a client that does not know them would print their first byte. The text below a
key says what it means; `tcrp.dialects.schema` makes the JSON schema of it, and `tcrp.dialects.contradictions` says
which answers do not go together.

In texts and templates `{user}`, `{room}`, `{token}` and `{message}` stand for what they name; other braces are
themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, TypeAlias


class Range(NamedTuple):
    """The least and the greatest number that a key takes."""

    least: float
    most: float


Byte: TypeAlias = Annotated[int, Range(0, 255)]
Port: TypeAlias = Annotated[int, Range(0, 65535)]
Size: TypeAlias = Annotated[int, Range(1, 255)]
DatagramSize: TypeAlias = Annotated[int, Range(64, 65507)]
Seconds: TypeAlias = Annotated[float, Range(0.001, 1e9)]
Scalar: TypeAlias = bool | int | str
Off: TypeAlias = Literal[False]

UpElement: TypeAlias = Literal[
    "type", "room-size", "token-size", "user-size", "message-size", "room", "token", "user", "message"
]
DownElement: TypeAlias = Literal["type", "room-size", "user-size", "message-size", "room", "user", "message"]
Kind: TypeAlias = Literal["register", "chat", "leave"]
To: TypeAlias = Literal["nobody", "member", "others", "all"]


@dataclass(frozen=True, slots=True)
class PortAnswers:
    """Where a server listens if nobody says otherwise."""

    tcp: Port | Off = 9001
    """For requests; false: there is no TCP, and one room, whose members come by sending."""
    udp: Port = 9002
    """For chat."""


@dataclass(frozen=True, slots=True)
class HeaderAnswers:
    """The 32 bytes before every TCP body."""

    size: Literal["binary", "digits", "digits-nul"] = "binary"
    """The last 29 bytes: a big-endian number, or ASCII digits, with zeros before them or with NULs after them."""
    counts: Literal["payload", "body"] = "payload"
    """What that size counts: the payload alone, or room name and payload."""


@dataclass(frozen=True, slots=True)
class RequestAnswers:
    """What the client sends on TCP."""

    payload: Literal["json-or-raw", "json", "raw", "json-string", "length-prefixed"] = "json-or-raw"
    """A JSON object, the user name itself, `"alice"`, or 1 byte of length and the name. json-or-raw: the client sends
    JSON, the server takes both."""
    user_key: str = "username"
    """The JSON key of the user name."""
    password_key: str | Off = "password"
    """The JSON key of the room's password; false: there are no passwords."""
    no_password: Literal["omit", "empty", "null"] = "omit"
    """How the client says that it has no password: without the key, with "", or with null."""
    address: Literal["none", "pair", "ip-and-port"] = "none"
    """The client's UDP address in the JSON: none, `[ip, port]` under one key, or ip and port under a key each."""
    address_key: str = "address"
    """The JSON key of the pair."""
    ip_key: str = "ip"
    """The JSON key of the ip."""
    port_key: str = "port"
    """The JSON key of the port."""
    extra: Mapping[str, Scalar] = field(default_factory=lambda: MappingProxyType({}))
    """Further keys that the client sends, always with the same value; servers do not look at them."""
    create: Byte = 1
    """The operation that creates a room."""
    join: Byte = 2
    """The operation that joins one."""
    state: Byte = 0
    """The State of a request."""
    any_state: bool = False
    """The server does not look at that State."""
    names: Literal["checked", "any"] = "checked"
    """any: room and user names may be empty, and user names hold control characters."""
    stages: Literal["whole", "header-first"] = "whole"
    """header-first: the client sends the header, waits for the server's first bytes or for `reply.pause`, and then
    sends the rest."""


@dataclass(frozen=True, slots=True)
class ReplyAnswers:
    """What the server sends on TCP."""

    framing: Literal["header", "none"] = "header"
    """A reply has the 32 bytes before it, or nothing."""
    steps: Literal[1, 2] = 2
    """2: an acknowledgement and then the token. 1: the token alone."""
    refused_in: Literal["acknowledgement", "token"] = "acknowledgement"
    """Which of two steps says no. token: the acknowledgement comes always, and unframed as soon as the header is
    there."""
    refusal: Literal["status", "text", "close"] = "status"
    """How the server says no: by a status, by words alone, or by closing without a word."""
    ack_state: Byte = 1
    """The State of an acknowledgement."""
    token_state: Byte = 2
    """The State of the reply that holds the token."""
    refusal_state: Byte = 1
    """The State of a refusal."""
    malformed_state: Byte | None = None
    """The State of the refusal of a request that does not parse; left out: as `refusal-state`."""
    room: Literal["echoed", "absent", "announced"] = "echoed"
    """The room name: there; not there, its size 0; or not there, though its size is announced."""
    room_size: Literal["bytes", "characters"] = "bytes"
    """What RoomNameSize counts in a reply."""
    operation: Byte | Literal["echoed"] = "echoed"
    """The operation: the request's, or always this number."""
    bad_payload: Literal["malformed", "close"] = "malformed"
    """A payload that does not parse is refused as malformed, or the server closes."""
    bad_header: Literal["malformed", "room-not-found", "close"] = "malformed"
    """The same for an operation or a State that there is not, and for a room name that is not UTF-8."""
    closes: Literal["server", "client"] = "server"
    """Who closes the connection after the last reply. client: the server does so only if the client takes too long."""
    pause: Seconds = 0.5
    """Seconds of silence after which the client takes what nothing delimits for whole."""


@dataclass(frozen=True, slots=True)
class StatusAnswers:
    """How a reply says whether it went well, and the value for each outcome. Several may have the same value.

    In JSON a value is a number, true or false, or a text, as it stands here; in `text` it is the whole payload.
    """

    form: Literal["byte", "json", "text", "state", "none"] = "byte"
    """One byte; a JSON value; a text; the State byte itself; or nothing, so that only a token or its absence tells."""
    key: str | Off = "status"
    """The JSON key; false: the JSON value is the whole payload."""
    ok: Scalar = 0
    """In the acknowledgement."""
    token_ok: Scalar | None = None
    """Beside a token in JSON; left out: as `ok`."""
    refused: Scalar | None = None
    """For every refusal that has no value of its own below; left out: 1 to 6, in their order."""
    room_exists: Scalar | None = None
    """The room to be created exists."""
    room_not_found: Scalar | None = None
    """The room to be joined does not exist."""
    wrong_password: Scalar | None = None
    """The password is wrong."""
    malformed: Scalar | None = None
    """The request does not parse."""
    server_error: Scalar | None = None
    """The server failed."""
    limit_reached: Scalar | None = None
    """The room is full, or the server is."""


@dataclass(frozen=True, slots=True)
class WordAnswers:
    """What replies say in words: beside a JSON status, or instead of a status where `reply.refusal` is text."""

    key: str | Off = False
    """The JSON key beside the status; false: there are no words."""
    error_key: str | Off = False
    """Refusals stand under this JSON key alone, without a status: `{"error": "room exists"}`."""
    ok: str = ""
    """In a good reply."""
    room_exists: str = "room already exists"
    """The room to be created exists."""
    room_not_found: str = "room not found"
    """The room to be joined does not exist."""
    wrong_password: str = "wrong password"
    """The password is wrong."""
    malformed: str = "malformed request"
    """The request does not parse."""
    server_error: str = "server error"
    """The server failed."""
    limit_reached: str = "limit reached"
    """The room is full, or the server is."""


@dataclass(frozen=True, slots=True)
class JsonAnswers:
    """How JSON is written, wherever there is some."""

    escapes: bool = False
    """Characters beyond ASCII are written as `\\uXXXX`."""


@dataclass(frozen=True, slots=True)
class TokenAnswers:
    """What a member is known by."""

    form: Literal["raw", "json"] = "raw"
    """In its reply it is the payload itself, or it stands in a JSON object."""
    key: str = "token"
    """Its JSON key."""
    alphabet: Literal["uuid", "hex", "base64url", "decimal", "bytes"] = "uuid"
    """What the tokens that our server makes look like; with uuid the size is 36."""
    size: Size = 36
    """Bytes of a token: what our server makes, and what delimits one in an unframed reply and in a datagram without
    `token-size`."""
    ends: Literal["size", "pause"] = "size"
    """What ends a token in an unframed reply: its size, or that the server closes or pauses."""
    null_when_full: bool = False
    """A request beyond a limit gets a good JSON reply whose token is null."""


@dataclass(frozen=True, slots=True)
class AddressAnswers:
    """A member's UDP address."""

    learnt: Literal["latest", "message", "request", "handshake", "tcp"] = "latest"
    """From its latest valid datagram; from a register message; declared in the request; as 2 bytes on TCP (the port,
    big-endian) after the token; or it is the address that TCP came from."""
    message: str = ""
    """The body of the register message, where there is one."""
    source: Literal["ip", "address", "anything"] = "ip"
    """What of a datagram's source must be the member's: its TCP's IP address, its whole UDP address, or nothing."""


@dataclass(frozen=True, slots=True)
class UpAnswers:
    """A client's datagram."""

    form: Literal["binary", "text", "json"] = "binary"
    """What it is written in."""
    layout: tuple[UpElement, ...] = ("room-size", "token-size", "room", "token", "message")
    """binary: its elements in their order; a size is 1 byte. The last one needs none, and neither does a token."""
    template: str = "{token}:{user}:{message}"
    """text: what it looks like."""
    room_key: str | Off = "room"
    """json: where the room name stands; false: it is not there."""
    token_key: str | Off = "token"
    """json: where the token stands; false: it is not there."""
    user_key: str | Off = False
    """json: where the user name stands; false: it is not there."""
    message_key: str = "message"
    """json: where the message stands."""
    type_key: str | Off = False
    """json: where the type stands; false: it is not there."""
    register_type: Byte | str | None = None
    """The type (a byte in binary, a text or number in JSON) of a register message, where there is a type."""
    chat_type: Byte | str | None = None
    """The type of chat."""
    leave_type: Byte | str | None = None
    """The type of leaving."""
    limit: DatagramSize = 4096
    """The most bytes of such a datagram."""


@dataclass(frozen=True, slots=True)
class DownAnswers:
    """A server's datagram that holds chat."""

    form: Literal["text", "binary", "json", "mirrored", "message"] = "text"
    """What it is written in. mirrored: the sender's datagram as it came, with its token. message: the message alone."""
    template: str = "{user}: {message}"
    """text: what it looks like."""
    layout: tuple[DownElement, ...] = ("user-size", "user", "message")
    """binary: its elements in their order; a size is 1 byte."""
    room_key: str | Off = False
    """json: where the room name stands; false: it is not there."""
    user_key: str | Off = "user"
    """json: where the user name stands; false: it is not there."""
    message_key: str = "message"
    """json: where the message stands."""
    type_key: str | Off = False
    """json: where the type stands; false: it is not there."""
    chat_type: Byte | str | None = None
    """The type of chat, where there is a type."""
    limit: DatagramSize = 4094
    """The most bytes of such a datagram."""


@dataclass(frozen=True, slots=True)
class ChatAnswers:
    """What is done with messages."""

    echo: bool = False
    """The sender gets its own messages back."""
    empty: Literal["registers", "relayed", "ignored"] = "registers"
    """An empty message keeps its sender a member and nobody sees it; is chat; or has no effect."""
    leave: str | Off = "exit"
    """The message that leaves; false: there is none, or a type leaves."""
    leave_match: Literal["exact", "folded"] = "exact"
    """folded: the message may have spaces around it and any case."""
    guests_may_leave: bool = True
    """false: from anyone but the host it is only chat."""
    leave_relayed: bool = False
    """It is relayed as chat before it takes effect."""
    utf8_only: bool = False
    """Messages that are not UTF-8 are dropped."""


@dataclass(frozen=True, slots=True)
class NoticeAnswers:
    """One event: who is told, and what."""

    to: To = "nobody"
    """The member it is about, the others in the room, all of them, or nobody."""
    text: str = ""
    """What they are told."""
    type: str | None = None
    """Where `down.form` is json and has a type: the notice's."""


@dataclass(frozen=True, slots=True)
class NoticesAnswers:
    """What the server tells members besides chat."""

    closed_mark: str = ""
    """What stands before a notice to someone who is no longer a member: `"\\u0004"` in the canonical dialect."""
    info_mark: str = ""
    """What stands before any other notice: `"\\u0005"` in the canonical dialect."""
    joined: NoticeAnswers = NoticeAnswers()
    """Someone joined."""
    left: NoticeAnswers = NoticeAnswers()
    """A guest left."""
    host_left: NoticeAnswers = NoticeAnswers()
    """The host left, which closes the room."""
    idle: NoticeAnswers = NoticeAnswers()
    """A member was idle for too long."""
    host_idle: NoticeAnswers = NoticeAnswers()
    """The host was, which closes the room."""
    unreachable: NoticeAnswers = NoticeAnswers()
    """Datagrams could not be delivered to a member."""
    stopped: NoticeAnswers = NoticeAnswers()
    """The server stops."""
    too_long: NoticeAnswers = NoticeAnswers()
    """A message is too long to be relayed."""


@dataclass(frozen=True, slots=True)
class IdleAnswers:
    """When silence ends a membership."""

    seconds: Seconds | Off = 60.0
    """After how many seconds; false: never."""
    counts: tuple[Kind, ...] = ("register", "chat")
    """Which datagrams are activity."""


@dataclass(frozen=True, slots=True)
class Answers:
    """One dialect. The defaults are the canonical dialect's, but for the notices."""

    name: str = ""
    """Letters, digits, `.`, `_` and `-`; left out: the file's name without its ending."""
    ports: PortAnswers = PortAnswers()
    header: HeaderAnswers = HeaderAnswers()
    request: RequestAnswers = field(default_factory=RequestAnswers)
    reply: ReplyAnswers = ReplyAnswers()
    status: StatusAnswers = StatusAnswers()
    words: WordAnswers = WordAnswers()
    json: JsonAnswers = JsonAnswers()
    token: TokenAnswers = TokenAnswers()
    address: AddressAnswers = AddressAnswers()
    up: UpAnswers = UpAnswers()
    down: DownAnswers = DownAnswers()
    chat: ChatAnswers = ChatAnswers()
    notices: NoticesAnswers = NoticesAnswers()
    idle: IdleAnswers = IdleAnswers()
