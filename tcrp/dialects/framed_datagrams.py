"""The datagrams of a dialect that a file describes: register, chat and leave up, chat and notices down."""

import json
from collections.abc import Mapping
from typing import Final

from construct import Struct

from tcrp.dialects.framed_layouts import BinaryLayout, Fields, JsonLayout, Layout, TextLayout, TypeValue
from tcrp.dialects.framed_text import fill_template, match_template, read_object, split_template, write_json
from tcrp.dialects.settings import NoticeSettings, Settings
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import Down, DownKind, Membership, NoticeReason, Up, UpKind
from tcrp.names import user_problem

_ROOM_CLOSES: Final = (NoticeReason.HOST_LEFT, NoticeReason.HOST_IDLE, NoticeReason.STOPPED)
_MEMBERSHIP_ENDS: Final = (NoticeReason.LEFT, NoticeReason.IDLE, NoticeReason.UNREACHABLE)


def up_fields(settings: Settings) -> tuple[str, ...]:
    """The names of the fields of a client's datagram, in their order."""
    up = settings.up
    match up.form:
        case "binary":
            return tuple(element for element in up.layout if not element.endswith("-size"))
        case "text":
            return tuple(split_template(up.template)[1::2])
    return tuple(name for name, key in _up_keys(settings).items() if key is not False)


def _up_keys(settings: Settings) -> Mapping[str, str | bool]:
    up = settings.up
    return {
        "type": up.type_key, "room": up.room_key, "token": up.token_key, "user": up.user_key, "message": up.message_key,
    }  # fmt: skip


class UpCodec:
    """The codec of a client's datagrams."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._chat = settings.chat
        self._fields = up_fields(settings)
        self._has_type = "type" in self._fields
        self._layout = _up_layout(settings)
        self._utf8_only = settings.chat.utf8_only or settings.down.form == "json"
        self._register_by_message = settings.address.learnt == "message"

    @property
    def declared(self) -> Struct | None:
        """The layout as a construct. None for JSON."""
        return self._layout.declared

    @property
    def has_register(self) -> bool:
        """There is a datagram that registers its sender and that nobody sees."""
        has_type = self._own_type(UpKind.REGISTER) is not None
        return has_type or self._register_by_message or self._chat.empty == "registers"

    def read(self, data: bytes) -> Up:
        """Read a datagram. Raises RemoteProtocolError for one that a server must drop."""
        fields = self.read_fields(data)
        body: bytes = fields.get("message", b"")
        kind = self._kind(fields.get("type"), body)
        if kind is None:
            raise RemoteProtocolError(
                f"the datagram is of no known type: {json.dumps(fields.get('type'))[:40]}" if self._has_type
                else "the message is empty",
                clause="TCRP-4.2b", field="type" if self._has_type else "message", offset=0,
            )  # fmt: skip
        if self._utf8_only:
            _decode_utf8(body, "message")
        token: bytes | None = fields.get("token")
        return Up(kind, _text_field(fields, "room"), token, _text_field(fields, "user"), body)

    def read_fields(self, data: bytes) -> Fields:
        """The fields of a datagram as they came. Raises RemoteProtocolError."""
        limit = self._settings.up.limit
        if len(data) > limit:
            raise RemoteProtocolError(
                f"the datagram has {len(data)} bytes: at most {limit}",
                clause="TCRP-4.2a", field="datagram", offset=limit, value=len(data), limit=limit,
            )  # fmt: skip
        return self._layout.read(data)

    def write(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        """Write a datagram. Returns None if the dialect has no datagram of this kind.

        Raises LocalProtocolError for a body that does not fit, and for one that would make a datagram of another kind.
        """
        if kind is UpKind.LEAVE and not (member.host or self._chat.guests_may_leave):
            return None
        message = self._message(kind, body)
        if message is None:
            return None
        self._check(member, kind, message)
        data = self._layout.write({
            "type": self._type_of(kind),
            "room": member.room.encode(),
            "token": member.token,
            "user": member.user.encode(),
            "message": message,
        })  # fmt: skip
        limit = self._settings.up.limit
        if len(data) > limit:
            space = limit - (len(data) - len(message))
            raise LocalProtocolError(
                f"the message has {len(message)} bytes: at most {space} fit",
                clause="TCRP-4.1", field="message", value=len(message), limit=space,
            )  # fmt: skip
        return data

    def _message(self, kind: UpKind, body: bytes) -> bytes | None:
        """The message of a datagram of this kind, or None if there is no datagram of this kind."""
        if kind is UpKind.CHAT or self._own_type(kind) is not None:
            return body or (self._settings.address.message.encode() if kind is UpKind.REGISTER else b"")
        if kind is UpKind.LEAVE:
            return self._chat.leave.encode() if self._chat.leave else None
        if self._register_by_message:
            return self._settings.address.message.encode()
        return b"" if self._chat.empty == "registers" else None

    def _check(self, member: Membership, kind: UpKind, message: object) -> None:
        if not isinstance(message, bytes):
            raise LocalProtocolError(
                f"the message is {type(message).__name__}, not bytes",
                clause="TCRP-4.1", field="message", limit="bytes",
            )  # fmt: skip
        meaning = self._kind(self._type_of(kind), message)
        if meaning is UpKind.LEAVE and not (member.host or self._chat.guests_may_leave):
            meaning = UpKind.CHAT
        if meaning is not kind:
            raise LocalProtocolError(
                f"a datagram with this message would not be {kind.value} but {meaning.value if meaning else 'ignored'}",
                clause="TCRP-5.1d" if message else "TCRP-4.4a", field="message",
            )  # fmt: skip
        if self._utf8_only:
            try:
                message.decode()
            except UnicodeDecodeError:
                raise LocalProtocolError(
                    "the message is not UTF-8", clause="TCRP-4.6b", field="message", limit="UTF-8"
                ) from None

    def _type_of(self, kind: UpKind) -> TypeValue:
        """The type of a datagram of this kind. A kind without a type of its own has that of chat."""
        own = self._own_type(kind)
        return self._own_type(UpKind.CHAT) if own is None else own

    def _own_type(self, kind: UpKind) -> TypeValue:
        if not self._has_type:
            return None
        up = self._settings.up
        return {UpKind.REGISTER: up.register_type, UpKind.CHAT: up.chat_type, UpKind.LEAVE: up.leave_type}[kind]

    def _kind(self, type_: object, message: bytes) -> UpKind | None:
        """The kind of a datagram, or None if it is dropped."""
        if self._has_type:
            up = self._settings.up
            if type_ is None:
                return None
            if type_ != up.chat_type:
                if type_ == up.register_type:
                    return UpKind.REGISTER
                return UpKind.LEAVE if type_ == up.leave_type else None
        if self._register_by_message and message == self._settings.address.message.encode():
            return UpKind.REGISTER
        if not message:
            return {"registers": UpKind.REGISTER, "relayed": UpKind.CHAT, "ignored": None}[self._chat.empty]
        return UpKind.LEAVE if self._is_leave(message) else UpKind.CHAT

    def _is_leave(self, message: bytes) -> bool:
        if not self._chat.leave:
            return False
        if self._chat.leave_match == "exact":
            return message == self._chat.leave.encode()
        return message.decode(errors="replace").strip().lower() == self._chat.leave.strip().lower()


def _up_layout(settings: Settings) -> Layout:
    up = settings.up
    if up.form == "binary":
        return BinaryLayout(up.layout, settings.token.size)
    if up.form == "text":
        return TextLayout(up.template)
    return JsonLayout(_up_keys(settings), escapes=settings.json.escapes)


class DownCodec:
    """The codec of a server's datagrams."""

    def __init__(self, settings: Settings, ups: UpCodec) -> None:
        self._settings = settings
        self._ups = ups
        self._marks = settings.notices.closed_mark.encode(), settings.notices.info_mark.encode()
        self._notices = {why: notice for why in NoticeReason if (notice := _notice(settings, why)).to != "nobody"}
        self._layout = self._chat_layout()

    @property
    def declared(self) -> Struct | None:
        """The layout of chat as a construct. None for JSON and for datagrams that are relayed as they came."""
        return self._layout.declared if self._layout else None

    def _chat_layout(self) -> Layout | None:
        down = self._settings.down
        keys: Mapping[str, str | bool] = {
            "type": down.type_key, "room": down.room_key, "user": down.user_key, "message": down.message_key,
        }  # fmt: skip
        match down.form:
            case "text":
                return TextLayout(down.template, ambiguous=True)  # as in the canonical dialect (TCRP-4.6a)
            case "binary":
                return BinaryLayout(down.layout, 0)
            case "json":
                return JsonLayout(keys, escapes=self._settings.json.escapes)
        return None

    @property
    def notices_recognisable(self) -> bool:
        """A client can tell a notice from chat."""
        down = self._settings.down
        return all(self._marks) or (down.form == "json" and down.type_key is not False)

    # --------------------------------------------------------------------------------------------- writing

    def write(self, down: Down) -> bytes | None:
        """Write a datagram. Returns None if the dialect cannot express it.

        Raises LocalProtocolError for one that is too long.
        """
        if down.kind is DownKind.UNKNOWN:
            return None
        data = self._write_chat(down) if down.kind is DownKind.CHAT else self._write_notice(down)
        mirrored = down.kind is DownKind.CHAT and self._settings.down.form == "mirrored"
        limit = self._settings.up.limit if mirrored else self._settings.down.limit
        if data is not None and len(data) > limit:
            raise LocalProtocolError(
                f"the datagram has {len(data)} bytes: at most {limit}",
                clause="TCRP-4.6e", field="message", value=len(data), limit=limit,
            )  # fmt: skip
        return data

    def _write_chat(self, down: Down) -> bytes | None:
        match self._settings.down.form:
            case "mirrored":
                return down.datagram or None
            case "message":
                return down.body
        assert self._layout is not None
        return self._layout.write({
            "type": self._settings.down.chat_type,
            "room": (down.room or "").encode(),
            "user": (down.user or "").encode(),
            "message": down.body,
        })  # fmt: skip

    def _write_notice(self, down: Down) -> bytes | None:
        if down.why is None:
            return self._mark(down.kind) + down.body if down.body else None
        notice = self._notices.get(down.why)
        if notice is None:
            return None
        text = fill_template(notice.text, user=down.user or "", room=down.room or "")
        settings = self._settings.down
        if settings.form == "json":
            keys = {settings.type_key: notice.type, settings.user_key: down.user or "", settings.message_key: text}
            fields = {key: value for key, value in keys.items() if isinstance(key, str) and value is not None}
            return write_json(fields, escapes=self._settings.json.escapes)
        return self._mark(down.kind) + text.encode()

    def _mark(self, kind: DownKind) -> bytes:
        return self._marks[0 if kind is DownKind.CLOSED else 1]

    # --------------------------------------------------------------------------------------------- reading

    def read(self, data: bytes, member: Membership) -> Down:
        """Read a datagram. An unreadable one gives UNKNOWN."""
        try:
            return self._read_notice(data, member) or self._read_chat(data)
        except RemoteProtocolError:
            return Down(DownKind.UNKNOWN, None, data)

    def _read_notice(self, data: bytes, member: Membership) -> Down | None:
        if self._settings.down.form == "json":
            return self._read_json_notice(data)
        for kind, mark in zip((DownKind.CLOSED, DownKind.INFO), self._marks, strict=True):
            if mark and data.startswith(mark):
                return Down(kind, None, _decode_utf8(data[len(mark) :], "text").encode())
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return None
        for why, notice in self._notices.items():
            if self._mark(_kind_of(why, notice, member.user, member.user)):
                continue  # this notice would begin with its mark
            parts = match_template(notice.text, text, **({"room": member.room} if member.room else {}))
            if parts is not None:
                return Down(_kind_of(why, notice, parts.get("user"), member.user), None, data)
        return None

    def _read_json_notice(self, data: bytes) -> Down | None:
        down = self._settings.down
        fields = read_object(data)
        found = fields.get(down.type_key) if down.type_key else None
        for why, notice in self._notices.items():
            if found is not None and found == notice.type:
                text = fields.get(down.message_key)
                user = fields.get(down.user_key) if down.user_key else None
                body = text.encode() if isinstance(text, str) else b""
                return Down(_kind_of(why, notice, user if isinstance(user, str) else None, ""), None, body)
        return None

    def _read_chat(self, data: bytes) -> Down:
        if self._settings.down.form == "message":
            return Down(DownKind.CHAT, None, data)
        fields = self._layout.read(data) if self._layout else self._ups.read_fields(data)
        expected = self._settings.down.chat_type
        if self._layout and expected is not None and fields.get("type", expected) != expected:
            return Down(DownKind.UNKNOWN, None, data)
        user = _text_field(fields, "user")
        if user is not None and self._settings.request.names == "checked" and user_problem(user):
            return Down(DownKind.UNKNOWN, None, data)
        return Down(DownKind.CHAT, user, fields.get("message", b""))


def _notice(settings: Settings, why: NoticeReason) -> NoticeSettings:
    found = getattr(settings.notices, why.name.lower())
    assert isinstance(found, NoticeSettings)
    return found


def _kind_of(why: NoticeReason, notice: NoticeSettings, about: str | None, own: str) -> DownKind:
    """CLOSED if a notice ends the membership of its reader, else INFO.

    `about`: the user name of the member that it is about, if the notice holds it. `own`: the reader's user name.
    """
    if why in _ROOM_CLOSES:
        return DownKind.CLOSED
    if why in _MEMBERSHIP_ENDS and notice.to in ("member", "all"):
        return DownKind.CLOSED if notice.to == "member" or about == own else DownKind.INFO
    return DownKind.INFO


def _decode_utf8(data: bytes, field: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(
            f"the {field} is not UTF-8: byte 0x{data[error.start]:02x}",
            clause="TCRP-4.6b", field=field, offset=0, limit="UTF-8",
        ) from None  # fmt: skip


def _text_field(fields: Fields, name: str) -> str | None:
    return _decode_utf8(fields[name], f"{name} name") if name in fields else None
