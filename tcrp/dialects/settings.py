"""The settings of a dialect file as dataclasses: one class for each table, one field for each key.

The key `request.user-key` in a file is the field `settings.request.user_key` here. A key that is left out has the value
of the canonical dialect, with one exception: there are no notices, because a client that does not know them would print
their first byte.

The text below a field says what the key means. `tcrp.dialects.schema` makes the JSON schema from these texts, and
`tcrp.dialects.contradictions` says which settings cannot be combined.

In texts and templates `{user}`, `{room}`, `{token}` and `{message}` stand for the value of that name. Other braces are
plain text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, TypeAlias


class Range(NamedTuple):
    """The least and the greatest number that a key accepts."""

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
UpKindName: TypeAlias = Literal["register", "chat", "leave"]
Recipients: TypeAlias = Literal["nobody", "member", "others", "all"]


@dataclass(frozen=True, slots=True)
class PortSettings:
    """The ports that a server listens on by default."""

    tcp: Port | Off = 9001
    """The port for requests. false: there is no TCP and only one room, which a client joins by sending to it."""
    udp: Port = 9002
    """The port for chat."""


@dataclass(frozen=True, slots=True)
class HeaderSettings:
    """The 32 bytes before every TCP body."""

    size: Literal["binary", "digits", "digits-nul"] = "binary"
    """How the last 29 bytes hold the size: as a big-endian number, as ASCII digits with zeros before them, or as ASCII
    digits with NULs after them."""
    counts: Literal["payload", "body"] = "payload"
    """What the size counts: the payload alone, or room name and payload."""


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """What the client sends on TCP."""

    payload: Literal["json-or-raw", "json", "raw", "json-string", "length-prefixed"] = "json-or-raw"
    """The form of the payload. json: an object. raw: the user name itself. json-string: the user name in quotes,
    `"alice"`. length-prefixed: 1 byte with the size of the user name, and the name. json-or-raw: the client sends an
    object, the server accepts an object or the raw name."""
    user_key: str = "username"
    """The JSON key of the user name."""
    password_key: str | Off = "password"
    """The JSON key of the room's password. false: there are no passwords."""
    no_password: Literal["omit", "empty", "null"] = "omit"
    """What a client without a password sends: no such key, "", or null."""
    address: Literal["none", "pair", "ip-and-port"] = "none"
    """Where the JSON holds the client's UDP address: nowhere, as `[ip, port]` under one key, or as ip and port under a
    key each."""
    address_key: str = "address"
    """The JSON key of the pair."""
    ip_key: str = "ip"
    """The JSON key of the ip."""
    port_key: str = "port"
    """The JSON key of the port."""
    extra: Mapping[str, Scalar] = field(default_factory=lambda: MappingProxyType({}))
    """Further keys that the client sends, each always with the same value. Servers ignore them."""
    create: Byte = 1
    """The operation that creates a room."""
    join: Byte = 2
    """The operation that joins a room."""
    state: Byte = 0
    """The State of a request."""
    any_state: bool = False
    """true: the server accepts a request with any State."""
    names: Literal["checked", "any"] = "checked"
    """any: room names and user names may be empty, and user names may hold control characters."""
    stages: Literal["whole", "header-first"] = "whole"
    """header-first: the client sends the header, waits for the first bytes of the server or for `reply.pause`, and then
    sends the rest."""


@dataclass(frozen=True, slots=True)
class ReplySettings:
    """What the server sends on TCP."""

    framing: Literal["header", "none"] = "header"
    """What precedes a reply: the 32 bytes of the header, or nothing."""
    steps: Literal[1, 2] = 2
    """2: the server sends an acknowledgement and then the token. 1: it sends the token alone."""
    refused_in: Literal["acknowledgement", "token"] = "acknowledgement"
    """Which of two steps holds a refusal. token: the server always sends the acknowledgement, and an unframed one as
    soon as it has the header of the request."""
    refusal: Literal["status", "text", "close"] = "status"
    """How the server refuses: with a status, with words alone, or by closing the connection without a reply."""
    ack_state: Byte = 1
    """The State of an acknowledgement."""
    token_state: Byte = 2
    """The State of the reply that holds the token."""
    refusal_state: Byte = 1
    """The State of a refusal."""
    malformed_state: Byte | None = None
    """The State of the refusal of a malformed request. Left out: the same as `refusal-state`."""
    room: Literal["echoed", "absent", "announced"] = "echoed"
    """The room name in a reply. echoed: it is there. absent: it is not there, and its size is 0. announced: it is not
    there, but its size is in the header."""
    room_size: Literal["bytes", "characters"] = "bytes"
    """What RoomNameSize counts in a reply."""
    operation: Byte | Literal["echoed"] = "echoed"
    """The operation of a reply: that of the request, or always this number."""
    bad_payload: Literal["malformed", "close"] = "malformed"
    """What the server does with a payload that it cannot read: it refuses the request as malformed, or it closes."""
    bad_header: Literal["malformed", "room-not-found", "close"] = "malformed"
    """What the server does with an unknown operation or State, and with a room name that is not UTF-8: it refuses the
    request as malformed or as room-not-found, or it closes."""
    closes: Literal["server", "client"] = "server"
    """Who closes the connection after the last reply. client: the server closes only if the client takes too long."""
    pause: Seconds = 0.5
    """Seconds of silence after which the client takes a reply for complete, if nothing else marks its end."""


@dataclass(frozen=True, slots=True)
class StatusSettings:
    """How a reply holds its status, and the value for each outcome. Several outcomes may have the same value.

    In JSON a value is a number, true, false or a text, as it is written here. With `text` it is the whole payload.
    """

    form: Literal["byte", "json", "text", "state", "none"] = "byte"
    """The form of a status. byte: one byte. json: a JSON value. text: a text. state: the State byte itself. none: there
    is no status, and only the presence of a token says that the request was accepted."""
    key: str | Off = "status"
    """The JSON key. false: the JSON value is the whole payload."""
    ok: Scalar = 0
    """The value in an acknowledgement that accepts the request."""
    token_ok: Scalar | None = None
    """The value beside a token in JSON. Left out: the same as `ok`."""
    refused: Scalar | None = None
    """The value of every refusal that has no value of its own below. Left out: 1 to 6, in the order below."""
    room_exists: Scalar | None = None
    """The room to be created exists."""
    room_not_found: Scalar | None = None
    """The room to be joined does not exist."""
    wrong_password: Scalar | None = None
    """The password is wrong."""
    malformed: Scalar | None = None
    """The request is malformed."""
    server_error: Scalar | None = None
    """The server failed."""
    limit_reached: Scalar | None = None
    """The room is full, or the server is."""


@dataclass(frozen=True, slots=True)
class WordSettings:
    """The words in replies: beside a JSON status, or instead of a status if `reply.refusal` is text."""

    key: str | Off = False
    """The JSON key of the words beside the status. false: there are no words."""
    error_key: str | Off = False
    """The JSON key of a refusal that has no status: `{"error": "room exists"}`."""
    ok: str = ""
    """The words of a reply that accepts the request."""
    room_exists: str = "room already exists"
    """The room to be created exists."""
    room_not_found: str = "room not found"
    """The room to be joined does not exist."""
    wrong_password: str = "wrong password"
    """The password is wrong."""
    malformed: str = "malformed request"
    """The request is malformed."""
    server_error: str = "server error"
    """The server failed."""
    limit_reached: str = "limit reached"
    """The room is full, or the server is."""


@dataclass(frozen=True, slots=True)
class JsonSettings:
    """How JSON is written, in payloads and in datagrams."""

    escapes: bool = False
    """true: characters beyond ASCII are written as `\\uXXXX`."""


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """The token that identifies a member."""

    form: Literal["raw", "json"] = "raw"
    """How a reply holds the token: as the whole payload, or in a JSON object."""
    key: str = "token"
    """The JSON key of the token."""
    alphabet: Literal["uuid", "hex", "base64url", "decimal", "bytes"] = "uuid"
    """The characters of the tokens that our server makes. With uuid the size is 36."""
    size: Size = 36
    """The size of a token in bytes. Our server makes tokens of this size. The size also ends a token in an unframed
    reply and in a datagram without `token-size`."""
    ends: Literal["size", "pause"] = "size"
    """What ends a token in an unframed reply: its size, or that the server closes or pauses."""
    null_when_full: bool = False
    """true: a request beyond a limit gets a JSON reply that accepts it, with null as the token."""


@dataclass(frozen=True, slots=True)
class AddressSettings:
    """A member's UDP address."""

    learnt: Literal["latest", "message", "request", "handshake", "tcp"] = "latest"
    """Where the server learns the address. latest: from the member's latest valid datagram. message: from a register
    message. request: from the request. handshake: from 2 bytes on TCP after the token, the port in big-endian order.
    tcp: from the address of the TCP connection."""
    message: str = ""
    """The body of the register message, if there is such a message."""
    source: Literal["ip", "address", "anything"] = "ip"
    """Which part of a datagram's source must be the member's: the IP address of its TCP connection, its whole UDP
    address, or nothing."""


@dataclass(frozen=True, slots=True)
class UpSettings:
    """A client's datagram."""

    form: Literal["binary", "text", "json"] = "binary"
    """The form of the datagram."""
    layout: tuple[UpElement, ...] = ("room-size", "token-size", "room", "token", "message")
    """binary: the elements of the datagram, in their order. A size is 1 byte. The last element and a token need no
    size."""
    template: str = "{token}:{user}:{message}"
    """text: the template of the datagram."""
    room_key: str | Off = "room"
    """json: the key of the room name. false: the datagram has none."""
    token_key: str | Off = "token"
    """json: the key of the token. false: the datagram has none."""
    user_key: str | Off = False
    """json: the key of the user name. false: the datagram has none."""
    message_key: str = "message"
    """json: the key of the message."""
    type_key: str | Off = False
    """json: the key of the type. false: the datagram has none."""
    register_type: Byte | str | None = None
    """The type of a register message, if datagrams have a type: a byte in binary, a text or a number in JSON."""
    chat_type: Byte | str | None = None
    """The type of chat."""
    leave_type: Byte | str | None = None
    """The type of a leave message."""
    limit: DatagramSize = 4096
    """The greatest size of such a datagram in bytes."""


@dataclass(frozen=True, slots=True)
class DownSettings:
    """A server's datagram that holds chat."""

    form: Literal["text", "binary", "json", "mirrored", "message"] = "text"
    """The form of the datagram. mirrored: the sender's datagram as it came, with the sender's token. message: the
    message alone."""
    template: str = "{user}: {message}"
    """text: the template of the datagram."""
    layout: tuple[DownElement, ...] = ("user-size", "user", "message")
    """binary: the elements of the datagram, in their order. A size is 1 byte."""
    room_key: str | Off = False
    """json: the key of the room name. false: the datagram has none."""
    user_key: str | Off = "user"
    """json: the key of the user name. false: the datagram has none."""
    message_key: str = "message"
    """json: the key of the message."""
    type_key: str | Off = False
    """json: the key of the type. false: the datagram has none."""
    chat_type: Byte | str | None = None
    """The type of chat, if datagrams have a type."""
    limit: DatagramSize = 4094
    """The greatest size of such a datagram in bytes."""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """What the server does with messages."""

    echo: bool = False
    """true: the sender gets its own messages too."""
    empty: Literal["registers", "relayed", "ignored"] = "registers"
    """What an empty message does. registers: it keeps its sender a member, and nobody sees it. relayed: it is chat.
    ignored: it has no effect."""
    leave: str | Off = "exit"
    """The message that leaves the room. false: there is none, or a type leaves."""
    leave_match: Literal["exact", "folded"] = "exact"
    """folded: that message may have spaces around it, and upper or lower case."""
    guests_may_leave: bool = True
    """false: that message is chat unless it comes from the host."""
    leave_relayed: bool = False
    """true: that message is relayed as chat before it takes effect."""
    utf8_only: bool = False
    """true: messages that are not UTF-8 are dropped."""


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """The notice of one event: who gets it, and its text."""

    to: Recipients = "nobody"
    """Who gets it: nobody, the member that it is about, the others in the room, or all of them."""
    text: str = ""
    """The text of the notice."""
    type: str | None = None
    """The type of the notice, if `down.form` is json and has a type."""


@dataclass(frozen=True, slots=True)
class NoticesSettings:
    """What the server sends to members besides chat."""

    closed_mark: str = ""
    """The text before a notice to someone who is no longer a member: `"\\u0004"` in the canonical dialect."""
    info_mark: str = ""
    """The text before any other notice: `"\\u0005"` in the canonical dialect."""
    joined: NoticeSettings = NoticeSettings()
    """Someone joined."""
    left: NoticeSettings = NoticeSettings()
    """A guest left."""
    host_left: NoticeSettings = NoticeSettings()
    """The host left, which closes the room."""
    idle: NoticeSettings = NoticeSettings()
    """A member was idle for too long."""
    host_idle: NoticeSettings = NoticeSettings()
    """The host was idle for too long, which closes the room."""
    unreachable: NoticeSettings = NoticeSettings()
    """Datagrams could not be delivered to a member."""
    stopped: NoticeSettings = NoticeSettings()
    """The server stops."""
    too_long: NoticeSettings = NoticeSettings()
    """A message is too long to be relayed."""


@dataclass(frozen=True, slots=True)
class IdleSettings:
    """When silence ends a membership."""

    seconds: Seconds | Off = 60.0
    """The length of the silence in seconds. false: silence ends no membership."""
    counts: tuple[UpKindName, ...] = ("register", "chat")
    """The kinds of datagram that end a silence."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One dialect. The defaults are those of the canonical dialect, except for the notices."""

    name: str = ""
    """The name of the dialect: letters, digits, `.`, `_` and `-`. Left out: the file's name without its ending."""
    ports: PortSettings = PortSettings()
    header: HeaderSettings = HeaderSettings()
    request: RequestSettings = field(default_factory=RequestSettings)
    reply: ReplySettings = ReplySettings()
    status: StatusSettings = StatusSettings()
    words: WordSettings = WordSettings()
    json: JsonSettings = JsonSettings()
    token: TokenSettings = TokenSettings()
    address: AddressSettings = AddressSettings()
    up: UpSettings = UpSettings()
    down: DownSettings = DownSettings()
    chat: ChatSettings = ChatSettings()
    notices: NoticesSettings = NoticesSettings()
    idle: IdleSettings = IdleSettings()
    not_learnt: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What nobody has seen of this dialect: a dotted key, or a table for all of it, and why. `tcrp-conformance probe`
    writes it. The conformance suite judges nothing that rests on these keys, and believes all the others."""
