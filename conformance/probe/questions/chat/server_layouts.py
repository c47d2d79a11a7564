"""What the datagrams of a server are made of, told from a message that is known."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from conformance.probe.payloads import is_text, read_json, template
from conformance.probe.questions.chat.client_layouts import TYPE_KEYS
from conformance.probe.questions.chat.members import ProbedMember
from tcrp.dialects.framed_layouts import BinaryLayout


class Delivery(NamedTuple):
    """A message and the datagram in which another member heard it. `member`: who said it; `sent`: in which datagram."""

    member: ProbedMember
    message: bytes
    sent: bytes
    data: bytes

    @property
    def has_user(self) -> bool:
        """Whether the speaker's name stands in what came."""
        return self.member.user.encode() in self.data


class ServerLayout(NamedTuple):
    """How a server's datagram is put together: settings of a dialect file by their keys under `down`."""

    settings: Mapping[str, Any]

    @property
    def form(self) -> str:
        """`binary`, `text`, `json`, `message` (nothing but the message) or `mirrored` (the client's datagram)."""
        return str(self.settings["form"])


def explain(delivery: Delivery) -> ServerLayout | None:
    """The layout of the datagram that came. None: there is something in it that is not known."""
    data, message, member = delivery.data, delivery.message, delivery.member
    if data == delivery.sent:
        return ServerLayout({"form": "mirrored"})
    if data == message:
        return ServerLayout({"form": "message"})
    if isinstance(value := read_json(data), dict):
        return _explain_json(value, delivery)
    if (binary := _explain_binary(delivery)) is not None:
        return binary
    if not is_text(data) or not is_text(message):
        return None
    said = template(data.decode(), room=member.room, users=(member.user,), message=message.decode())
    if said.count("{message}") != 1 or (member.token and member.token in data):
        return None
    return ServerLayout({"form": "text", "template": said})


def _explain_json(value: dict[str, Any], delivery: Delivery) -> ServerLayout | None:
    def key_of(wanted: str) -> str | bool:
        return next((key for key, item in value.items() if item == wanted), False)

    message = key_of(delivery.message.decode(errors="replace"))
    if not message:
        return None
    user = key_of(delivery.member.user)
    types = [key for key, item in value.items() if key in TYPE_KEYS and isinstance(item, int | str)]
    settings: dict[str, Any] = {
        "form": "json", "message-key": message, "user-key": user, "room-key": key_of(delivery.member.room),
    }  # fmt: skip
    if types:
        settings |= {"type-key": types[0], "chat-type": value[types[0]]}
    return ServerLayout(settings)


def _explain_binary(delivery: Delivery) -> ServerLayout | None:
    member, data = delivery.member, delivery.data
    if not data or data[0] >= 32:
        return None
    fields: dict[str, Any] = {
        "type": data[0], "room": member.room.encode(), "user": member.user.encode(), "message": delivery.message,
    }  # fmt: skip
    names = ("user", "room")
    for count in (1, 2, 0):
        for chosen in itertools.permutations(names, count):
            for layout in _binaries((*chosen, "message")):
                if BinaryLayout(layout, 0).write(dict(fields)) == data:
                    settings: dict[str, Any] = {"form": "binary", "layout": layout}
                    if "type" in layout:
                        settings["chat-type"] = data[0]
                    return ServerLayout(settings)
    return None


def _binaries(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Binary layouts of these fields, with their sizes in front of all of them or of each."""
    sizes = tuple(f"{name}-size" for name in names[:-1])
    apart = tuple(itertools.chain.from_iterable((f"{name}-size", name) for name in names[:-1]))
    for head in ((), ("type",)):
        yield (*head, *sizes, *names)
        yield (*head, *apart, names[-1])
        yield (*head, *sizes, "message-size", *names)
        yield (*head, *apart, "message-size", names[-1])
