"""What members are told of other members: who is told, and in which words."""

from dataclasses import dataclass
from typing import Any, Literal

from conformance.probe.payloads import is_text, read_json, template
from conformance.probe.questions.chat.chat import ProbedChat
from conformance.probe.questions.chat.members import ProbedMember
from tcrp.dialects.framed_layouts import BinaryLayout
from tcrp.dialects.settings import NoticeSettings, Recipients
from tcrp.errors import RemoteProtocolError

USERS = ("alicia", "bob", "carl", *(f"guest{number}" for number in reversed(range(30))))
"""The names of all members, long ones before their beginnings."""
RoomEvent = Literal["joined", "left", "host-left"]


@dataclass
class HeardNotices:
    """Notices of one event. `others`: those to members whom it is not about; `own`: those to the one it is about."""

    others: list[bytes]
    own: list[bytes]


def learn_joined(chat: ProbedChat) -> None:
    """Learn whether anybody is told that a member joins. Raises NoChat."""
    host = chat.rooms.member(None, "alicia")
    chat.rooms.enter(host)
    chat.wire.udp.listen()
    before = len(host.main.inbox)
    guest = chat.rooms.member(host.room, "bob")
    chat.rooms.enter(guest)
    chat.wire.udp.listen()
    heard = HeardNotices(notices_since(chat, host, before), notices_since(chat, guest, 0))
    learn_notice(chat, "joined", guest, heard)
    chat.rooms.leave_behind(host, guest)


def notices_since(chat: ProbedChat, member: ProbedMember, since: int) -> list[bytes]:
    """The datagrams of a member's inbox from index `since` on that are not empty, and no message of a member."""
    return [data for data in member.main.inbox[since:] if data and not is_chat(chat, data)]


def is_chat(chat: ProbedChat, data: bytes) -> bool:
    """Whether a datagram is a message of a member, be it an empty one."""
    if chat.facts.server_layout is None:
        return False
    settings = chat.facts.server_layout.settings
    match chat.facts.server_form:
        case "mirrored":
            return data in chat.talk.sent
        case "message":
            return data in chat.talk.said
        case "binary":
            return _is_in_layout(BinaryLayout(settings["layout"], 0), data)
        case "json":
            return _is_json_chat(settings, data)
    head = str(settings["template"]).partition("{message}")[0]
    return any(data.startswith(head.replace("{user}", user).encode()) for user in USERS)


def _is_in_layout(layout: BinaryLayout, data: bytes) -> bool:
    """Whether the datagram has the layout that was learnt, to its last byte, and a member's name where it has one."""
    try:
        fields = layout.read(data)
    except RemoteProtocolError:
        return False
    user = fields.get("user")
    return user is None or user.decode(errors="replace") in USERS


def _is_json_chat(settings: Any, data: bytes) -> bool:
    value = read_json(data)
    if not isinstance(value, dict):
        return False
    if key := settings.get("type-key"):
        return bool(value.get(key) == settings.get("chat-type"))
    user = settings["user-key"]
    return not user or value.get(user) in USERS


def learn_notice(chat: ProbedChat, event: RoomEvent, about: ProbedMember, heard: HeardNotices) -> None:
    """Take down who was told of an event, and how. `about`: whom it is about."""
    notes, key = chat.notes, f"notices.{event}"
    came = heard.others or heard.own
    if not came:
        notes.learn(key, NoticeSettings(), "nobody was told anything")
        return
    to: Recipients = "all" if heard.others and heard.own else "others" if heard.others else "member"
    if event == "host-left" and (left := notes.value("notices.left")) is not None:
        # first whatever is not the notice that a member left, which some servers send too
        came = sorted(came, key=lambda one: template(_text_of(chat, one)[0], room="", users=(about.user,)) == left.text)
    data = came[0]
    text, type_ = _text_of(chat, data)
    if text and text[0] < " ":
        closes = event == "host-left" or (event == "left" and to == "member")
        notes.learn("notices.closed-mark" if closes else "notices.info-mark", text[0], "it begins so", data)
        text = text[1:]
    said = template(text, room=about.room, users=(about.user,))
    notes.learn(key, NoticeSettings(to, said, type_), f"{to} told", data)
    if more := came[1:]:
        chat.notes.remark(f"{event}: more than one datagram tells of it, also {more[0]!r}")


def _text_of(chat: ProbedChat, data: bytes) -> tuple[str, str | None]:
    """The text of a notice, and its type in JSON."""
    layout = chat.facts.server_layout
    if layout is not None and layout.form == "json" and isinstance(value := read_json(data), dict):
        text = value.get(layout.settings["message-key"])
        type_ = value.get(layout.settings.get("type-key", ""))
        return text if isinstance(text, str) else "", type_ if isinstance(type_, str) else None
    readable = is_text(data[1:] if data[:1] < b" " else data)
    return data.decode() if readable else data.decode(errors="replace"), None
