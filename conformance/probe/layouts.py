"""Datagrams that a server may understand, in the order of how likely they are, and what its own look like."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from conformance.probe.conversations import Socket
from conformance.probe.reading import is_text, read_json, template
from tcrp import LocalProtocolError
from tcrp.dialects.framed_layouts import BinaryLayout, JsonLayout, Layout, TextLayout

Type = int | str | None

ROOM_KEYS = ("room", "room_name", "roomName", "chatroom")
TOKEN_KEYS = ("token", "user_token", "client_token")
NAME_KEYS = ("username", "user_name", "user", "name", "sender")
MESSAGE_KEYS = ("message", "msg", "text", "chat_data", "content", "body", "data")
TYPE_KEYS = ("type", "action", "kind", "operation")
CHAT_TYPES = ("chat", "message", "CHAT", "MESSAGE", "msg")
REGISTER_TYPES = ("register", "join", "INITIAL", "init", "REGISTER", "JOIN", "hello")
LEAVE_TYPES = ("leave", "LEAVE", "exit", "quit", "EXIT")
BYTE_TYPES = (1, 0, 2, 3, 4)


@dataclass
class Member:
    """Who is in a room, and the sockets he may be known by."""

    room: str
    user: str
    token: bytes
    host: bool
    sockets: dict[str, Socket]

    @property
    def main(self) -> Socket:
        return self.sockets[""]


@dataclass(frozen=True)
class Up:
    """How a client's datagram is put together. `keys`: field name to JSON keys, all of which are written."""

    form: Literal["binary", "text", "json"] = "binary"
    layout: tuple[str, ...] = ()
    template: str = ""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    type: Type = None
    register: str = ""
    """What registers, if anything in particular does."""
    register_type: Type = None

    @property
    def typed(self) -> bool:
        return "type" in self.layout or "type" in self.keys

    def write(self, member: Member, message: bytes, type_: Type = None) -> bytes | None:
        """The datagram, or None for what cannot be said."""
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
        if self.form == "binary":
            return " ".join(self.layout) + (f", type {self.type}" if self.typed else "")
        if self.form == "text":
            return self.template
        return "JSON" + (f", type {self.type!r}" if self.typed else "")


class _ManyKeys:
    """A JSON object in which a field may stand under several keys."""

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


def untyped() -> Iterator[Up]:
    """Layouts without a type, the likely ones before the rest."""
    json = Up("json", keys={
        "room": ROOM_KEYS, "token": TOKEN_KEYS, "user": NAME_KEYS, "message": MESSAGE_KEYS,
    })  # fmt: skip
    for layout in BINARY[:4]:
        yield Up(layout=layout)
    yield Up("text", template=TEXTS[0])
    yield json
    for layout in BINARY[4:]:
        yield Up(layout=layout)
    for text in TEXTS[1:]:
        yield Up("text", template=text)


def without_rooms() -> Iterator[Up]:
    """Layouts that name neither a room nor a token."""
    yield Up(layout=("user-size", "user", *_TAIL))
    yield Up("json", keys={"user": NAME_KEYS, "message": MESSAGE_KEYS})
    for text in TEXTS:
        if "{room}" not in text and "{token}" not in text:
            yield Up("text", template=text)


def typed() -> Iterator[tuple[Up, tuple[Type, ...], tuple[Type, ...]]]:
    """Layouts with a type: which types may be chat, and which may register."""
    json = Up("json", keys={
        "type": TYPE_KEYS, "room": ROOM_KEYS, "token": TOKEN_KEYS, "user": NAME_KEYS, "message": MESSAGE_KEYS,
    })  # fmt: skip
    yield json, CHAT_TYPES, REGISTER_TYPES
    for layout in (*BINARY[:4], BINARY[5], BINARY[6]):
        yield Up(layout=("type", *layout)), BYTE_TYPES, BYTE_TYPES
    yield Up(layout=(*BINARY[0][:2], "type", *BINARY[0][2:])), BYTE_TYPES, BYTE_TYPES
    yield Up(layout=("type", "token-size", "token", "message")), BYTE_TYPES, BYTE_TYPES


class Seen(NamedTuple):
    """A message that was said and the datagram that came of it."""

    member: Member
    message: bytes
    sent: bytes
    data: bytes


class Down(NamedTuple):
    """What a server's datagram is: answers by their dotted keys, without `down.`. `user`: the name stands in it."""

    answers: Mapping[str, Any]
    user: bool

    @property
    def words(self) -> str:
        form = self.answers["form"]
        if form == "text":
            return repr(self.answers["template"])
        return " ".join(self.answers["layout"]) if form == "binary" else form


def read_down(seen: Seen) -> Down | None:
    """What the datagram is made of; None: there is something in it that nothing explains."""
    data, message, member = seen.data, seen.message, seen.member
    if data == seen.sent:
        return Down({"form": "mirrored"}, member.user.encode() in data)
    if data == message:
        return Down({"form": "message"}, False)
    if isinstance(value := read_json(data), dict):
        return _read_json(value, seen)
    if (binary := _read_binary(seen)) is not None:
        return binary
    if not is_text(data) or not is_text(message):
        return None
    said = template(data.decode(), room=member.room, users=(member.user,), message=message.decode())
    if said.count("{message}") != 1 or (member.token and member.token in data):
        return None
    return Down({"form": "text", "template": said}, "{user}" in said)


def _read_json(value: dict[str, Any], seen: Seen) -> Down | None:
    def key_of(wanted: str) -> str | bool:
        return next((key for key, item in value.items() if item == wanted), False)

    message = key_of(seen.message.decode(errors="replace"))
    if not message:
        return None
    user = key_of(seen.member.user)
    types = [key for key, item in value.items() if key in TYPE_KEYS and isinstance(item, int | str)]
    answers: dict[str, Any] = {
        "form": "json", "message-key": message, "user-key": user, "room-key": key_of(seen.member.room),
    }  # fmt: skip
    if types:
        answers |= {"type-key": types[0], "chat-type": value[types[0]]}
    return Down(answers, bool(user))


def _read_binary(seen: Seen) -> Down | None:
    member, data = seen.member, seen.data
    fields = {"room": member.room.encode(), "user": member.user.encode(), "message": seen.message, "type": data[:1]}
    if min(data[:1] or b" ") >= 32:
        return None
    fields["type"] = data[0]  # type: ignore[assignment]
    names = ("user", "room")
    for count in (1, 2, 0):
        for chosen in itertools.permutations(names, count):
            for layout in _binaries((*chosen, "message")):
                if BinaryLayout(layout, 0).write(dict(fields)) == data:
                    answers: dict[str, Any] = {"form": "binary", "layout": layout}
                    if "type" in layout:
                        answers["chat-type"] = data[0]
                    return Down(answers, "user" in layout)
    return None


def _binaries(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    sizes = tuple(f"{name}-size" for name in names[:-1])
    apart = tuple(itertools.chain.from_iterable((f"{name}-size", name) for name in names[:-1]))
    for head in ((), ("type",)):
        yield (*head, *sizes, *names)
        yield (*head, *apart, names[-1])
        yield (*head, *sizes, "message-size", *names)
        yield (*head, *apart, "message-size", names[-1])


def single_keys(up: Up, name: str) -> Iterator[Up]:
    """The JSON object with one of the keys of a field at a time; first without any."""
    yield replace(up, keys={one: keys for one, keys in up.keys.items() if one != name})
    for key in up.keys[name]:
        yield replace(up, keys={**up.keys, name: (key,)})
