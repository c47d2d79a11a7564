"""The layouts of clients' datagrams that a server may understand, the likeliest first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from conformance.probe.questions.chat.members import ProbedMember
from tcrp import LocalProtocolError
from tcrp.dialects.framed_layouts import BinaryLayout, JsonLayout, Layout, TextLayout
from tcrp.dialects.framed_text import split_template

DatagramType = int | str | None
"""What stands in the type field of a datagram: a number in a binary layout, a text in JSON, None without a type."""

ROOM_KEYS = ("room", "room_name", "roomName", "chatroom")
TOKEN_KEYS = ("token", "user_token", "client_token")
NAME_KEYS = ("username", "user_name", "user", "name", "sender")
MESSAGE_KEYS = ("message", "msg", "text", "chat_data", "content", "body", "data")
TYPE_KEYS = ("type", "action", "kind", "operation")
CHAT_TYPES = ("chat", "message", "CHAT", "MESSAGE", "msg")
REGISTER_TYPES = ("register", "join", "INITIAL", "init", "REGISTER", "JOIN", "hello")
LEAVE_TYPES = ("leave", "LEAVE", "exit", "quit", "EXIT")
BYTE_TYPES = (1, 0, 2, 3, 4)


@dataclass(frozen=True)
class ClientLayout:
    """How a client's datagram is put together.

    `layout`: the elements of a binary layout in their order; `template`: of a text; `keys`: of JSON, by field name the
    keys, all of which are written; `type`: the type that is chat; `register`: the message that makes an address known,
    if only one does; `register_type`: the type that does so.
    """

    form: Literal["binary", "text", "json"] = "binary"
    layout: tuple[str, ...] = ()
    template: str = ""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    type: DatagramType = None
    register: str = ""
    register_type: DatagramType = None

    @property
    def typed(self) -> bool:
        """Whether the layout has a type field."""
        return "type" in self.layout or "type" in self.keys

    @property
    def fields(self) -> frozenset[str]:
        """The names of what the datagram holds: room, token, user, message, type."""
        if self.form == "binary":
            return frozenset(self.layout)
        if self.form == "text":
            return frozenset(split_template(self.template)[1::2])
        return frozenset(self.keys)

    @property
    def registers(self) -> bool:
        """Whether only a message or a type of its own makes an address known."""
        return bool(self.register) or self.register_type is not None

    def write(self, member: ProbedMember, message: bytes, type_: DatagramType = None) -> bytes | None:
        """The member's datagram, or None for a message that this layout cannot carry. `type_`: in place of chat's."""
        fields = {
            "type": self.type if type_ is None else type_, "room": member.room.encode(), "token": member.token,
            "user": member.user.encode(), "message": message,
        }  # fmt: skip
        try:
            return self._codec(len(member.token)).write(fields)
        except (LocalProtocolError, ValueError, TypeError):
            return None

    def _codec(self, token_size: int) -> Layout:
        if self.form == "binary":
            return BinaryLayout(self.layout, token_size)
        if self.form == "text":
            return TextLayout(self.template)
        return _ManyKeys(self.keys)

    @property
    def words(self) -> str:
        """The layout in a few words."""
        if self.form == "binary":
            return " ".join(self.layout) + (f", type {self.type}" if self.typed else "")
        if self.form == "text":
            return self.template
        return "JSON" + (f", type {self.type!r}" if self.typed else "")


class _ManyKeys:
    """A JSON object in which a field stands under several keys. `keys`: the keys by field name."""

    declared = None

    def __init__(self, keys: Mapping[str, tuple[str, ...]]) -> None:
        self._names = {key: name for name, several in keys.items() for key in several}
        self._layout = JsonLayout({key: key for key in self._names}, escapes=False)

    def read(self, data: bytes) -> dict[str, Any]:
        return self._layout.read(data)

    def write(self, fields: dict[str, Any]) -> bytes:
        for value in fields.values():
            if isinstance(value, bytes):
                value.decode()
        return self._layout.write({key: fields[name] for key, name in self._names.items()})


_TAIL = ("message",)
BINARY: tuple[tuple[str, ...], ...] = (
    ("room-size", "token-size", "room", "token", *_TAIL),
    ("room-size", "token-size", "token", "room", *_TAIL),
    ("room-size", "user-size", "token-size", "room", "user", "token", *_TAIL),
    ("room-size", "token-size", "user-size", "room", "token", "user", *_TAIL),
    ("token-size", "room-size", "token", "room", *_TAIL),
    ("user-size", "token-size", "user", "token", *_TAIL),
    ("room-size", "room", "token-size", "token", *_TAIL),
    ("room-size", "room", "token-size", "token", "user-size", "user", *_TAIL),
    ("room-size", "room", "user-size", "user", "token-size", "token", *_TAIL),
    ("room-size", "token-size", "message-size", "room", "token", *_TAIL),
    ("room-size", "user-size", "room", "user", *_TAIL),
    ("token-size", "token", *_TAIL),
    ("room-size", "room", "token", *_TAIL),
    ("token", *_TAIL),
    ("user-size", "user", *_TAIL),
    ("room-size", "token-size", "user-size", "message-size", "room", "token", "user", *_TAIL),
    ("room-size", "user-size", "token-size", "message-size", "room", "user", "token", *_TAIL),
    ("user-size", "room-size", "token-size", "user", "room", "token", *_TAIL),
)
TEXTS = (
    "{token}:{user}:{message}", "{token}:{message}", "{room}:{token}:{message}", "{room}:{user}:{message}",
    "{room}:{token}:{user}:{message}", "{room}:{user}:{token}:{message}", "{user}:{message}", "{user}: {message}",
    "{token}|{message}", "{room}|{token}|{message}", "{token}|{user}|{message}", "{room}|{user}|{message}",
    "{token} {message}", "{token},{message}", "{token}\n{message}", "{message}",
)  # fmt: skip


def untyped() -> Iterator[ClientLayout]:
    """Layouts without a type field, the likeliest first."""
    json = ClientLayout("json", keys={
        "room": ROOM_KEYS, "token": TOKEN_KEYS, "user": NAME_KEYS, "message": MESSAGE_KEYS,
    })  # fmt: skip
    for layout in BINARY[:4]:
        yield ClientLayout(layout=layout)
    yield ClientLayout("text", template=TEXTS[0])
    yield json
    for layout in BINARY[4:]:
        yield ClientLayout(layout=layout)
    for text in TEXTS[1:]:
        yield ClientLayout("text", template=text)


def without_rooms() -> Iterator[ClientLayout]:
    """Layouts that hold neither a room nor a token, for a server without TCP."""
    yield ClientLayout(layout=("user-size", "user", *_TAIL))
    yield ClientLayout("json", keys={"user": NAME_KEYS, "message": MESSAGE_KEYS})
    for text in TEXTS:
        if "{room}" not in text and "{token}" not in text:
            yield ClientLayout("text", template=text)


def typed() -> Iterator[tuple[ClientLayout, tuple[DatagramType, ...], tuple[DatagramType, ...]]]:
    """Layouts with a type field, with the types that may be chat and those that may register."""
    json = ClientLayout("json", keys={
        "type": TYPE_KEYS, "room": ROOM_KEYS, "token": TOKEN_KEYS, "user": NAME_KEYS, "message": MESSAGE_KEYS,
    })  # fmt: skip
    yield json, CHAT_TYPES, REGISTER_TYPES
    for layout in (*BINARY[:4], BINARY[5], BINARY[6]):
        yield ClientLayout(layout=("type", *layout)), BYTE_TYPES, BYTE_TYPES
    yield ClientLayout(layout=(*BINARY[0][:2], "type", *BINARY[0][2:])), BYTE_TYPES, BYTE_TYPES
    yield ClientLayout(layout=("type", "token-size", "token", "message")), BYTE_TYPES, BYTE_TYPES


def single_keys(layout: ClientLayout, name: str) -> Iterator[ClientLayout]:
    """The JSON layout without the field of this name, then with one of the field's keys at a time."""
    yield replace(layout, keys={one: keys for one, keys in layout.keys.items() if one != name})
    for key in layout.keys[name]:
        yield replace(layout, keys={**layout.keys, name: (key,)})
