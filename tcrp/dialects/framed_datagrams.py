"""Datagrams of a dialect made of answers: which bytes register, chat and leave, and what a server's datagrams mean."""

import json
from collections.abc import Mapping
from typing import Final

from construct import Struct

from tcrp.dialects.answers import Answers, NoticeAnswers
from tcrp.dialects.framed_layouts import BinaryLayout, Fields, JsonLayout, Layout, TextLayout, Type
from tcrp.dialects.framed_text import fill, match, pieces, read_object, write_json
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import Down, DownKind, Membership, Up, UpKind, Why
from tcrp.wire import user_problem

_ENDS_ALL: Final = (Why.HOST_LEFT, Why.HOST_IDLE, Why.STOPPED)
_ENDS_ONE: Final = (Why.LEFT, Why.IDLE, Why.UNREACHABLE)


def up_fields(answers: Answers) -> tuple[str, ...]:
    """The fields of a client's datagram, in their order."""
    up = answers.up
    match up.form:
        case "binary":
            return tuple(element for element in up.layout if not element.endswith("-size"))
        case "text":
            return tuple(pieces(up.template)[1::2])
    return tuple(name for name, key in _up_keys(answers).items() if key is not False)


def _up_keys(answers: Answers) -> Mapping[str, str | bool]:
    up = answers.up
    return {
        "type": up.type_key, "room": up.room_key, "token": up.token_key, "user": up.user_key, "message": up.message_key,
    }  # fmt: skip


class Ups:
    """A client's datagrams."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._chat = answers.chat
        self._fields = up_fields(answers)
        self._typed = "type" in self._fields
        self._layout = _up_layout(answers)
        self._utf8 = answers.chat.utf8_only or answers.down.form == "json"
        self._learns = answers.address.learnt == "message"

    @property
    def declared(self) -> Struct | None:
        """The layout of what is not JSON."""
        return self._layout.declared

    @property
    def registers(self) -> bool:
        """There is a datagram that registers and that nobody sees."""
        return self._own_type(UpKind.REGISTER) is not None or self._learns or self._chat.empty == "registers"

    def read(self, data: bytes) -> Up:
        """Raises RemoteProtocolError for one to be dropped."""
        fields = self.read_fields(data)
        body: bytes = fields.get("message", b"")
        kind = self._kind(fields.get("type"), body)
        if kind is None:
            raise RemoteProtocolError(
                f"the datagram is of no known type: {json.dumps(fields.get('type'))[:40]}" if self._typed
                else "the message is empty",
                clause="TCRP-4.2b", field="type" if self._typed else "message", offset=0,
            )  # fmt: skip
        if self._utf8:
            _text(body, "message")
        token: bytes | None = fields.get("token")
        return Up(kind, _text_of(fields, "room"), token, _text_of(fields, "user"), body)

    def read_fields(self, data: bytes) -> Fields:
        """The datagram's fields as they came. Raises RemoteProtocolError."""
        limit = self._answers.up.limit
        if len(data) > limit:
            raise RemoteProtocolError(
                f"the datagram has {len(data)} bytes: at most {limit}",
                clause="TCRP-4.2a", field="datagram", offset=limit, value=len(data), limit=limit,
            )  # fmt: skip
        return self._layout.read(data)

    def write(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        """None: there is no such datagram. Raises LocalProtocolError for what does not fit or would mean else."""
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
        limit = self._answers.up.limit
        if len(data) > limit:
            space = limit - (len(data) - len(message))
            raise LocalProtocolError(
                f"the message has {len(message)} bytes: at most {space} fit",
                clause="TCRP-4.1", field="message", value=len(message), limit=space,
            )  # fmt: skip
        return data

    def _message(self, kind: UpKind, body: bytes) -> bytes | None:
        """What stands as the message in a datagram of this kind; None: there is none of the kind."""
        if kind is UpKind.CHAT or self._own_type(kind) is not None:
            return body or (self._answers.address.message.encode() if kind is UpKind.REGISTER else b"")
        if kind is UpKind.LEAVE:
            return self._chat.leave.encode() if self._chat.leave else None
        if self._learns:
            return self._answers.address.message.encode()
        return b"" if self._chat.empty == "registers" else None

    def _check(self, member: Membership, kind: UpKind, message: object) -> None:
        if not isinstance(message, bytes):
            raise LocalProtocolError(
                f"the message is {type(message).__name__}, not bytes",
                clause="TCRP-4.1", field="message", limit="bytes",
            )  # fmt: skip
        means = self._kind(self._type_of(kind), message)
        if means is UpKind.LEAVE and not (member.host or self._chat.guests_may_leave):
            means = UpKind.CHAT
        if means is not kind:
            raise LocalProtocolError(
                f"a datagram with this message would not be {kind.value} but {means.value if means else 'ignored'}",
                clause="TCRP-5.1d" if message else "TCRP-4.4a", field="message",
            )  # fmt: skip
        if self._utf8:
            try:
                message.decode()
            except UnicodeDecodeError:
                raise LocalProtocolError(
                    "the message is not UTF-8", clause="TCRP-4.6b", field="message", limit="UTF-8"
                ) from None

    def _type_of(self, kind: UpKind) -> Type:
        """The type of a datagram of this kind; that of chat where the kind has none of its own."""
        own = self._own_type(kind)
        return self._own_type(UpKind.CHAT) if own is None else own

    def _own_type(self, kind: UpKind) -> Type:
        if not self._typed:
            return None
        up = self._answers.up
        return {UpKind.REGISTER: up.register_type, UpKind.CHAT: up.chat_type, UpKind.LEAVE: up.leave_type}[kind]

    def _kind(self, type_: object, message: bytes) -> UpKind | None:
        """What a datagram means; None: nothing, it is dropped."""
        if self._typed:
            up = self._answers.up
            if type_ is None:
                return None
            if type_ != up.chat_type:
                if type_ == up.register_type:
                    return UpKind.REGISTER
                return UpKind.LEAVE if type_ == up.leave_type else None
        if self._learns and message == self._answers.address.message.encode():
            return UpKind.REGISTER
        if not message:
            return {"registers": UpKind.REGISTER, "relayed": UpKind.CHAT, "ignored": None}[self._chat.empty]
        return UpKind.LEAVE if self._leaves(message) else UpKind.CHAT

    def _leaves(self, message: bytes) -> bool:
        if not self._chat.leave:
            return False
        if self._chat.leave_match == "exact":
            return message == self._chat.leave.encode()
        return message.decode(errors="replace").strip().lower() == self._chat.leave.strip().lower()


def _up_layout(answers: Answers) -> Layout:
    up = answers.up
    if up.form == "binary":
        return BinaryLayout(up.layout, answers.token.size)
    return TextLayout(up.template) if up.form == "text" else JsonLayout(_up_keys(answers), escapes=answers.json.escapes)


class Downs:
    """A server's datagrams."""

    def __init__(self, answers: Answers, ups: Ups) -> None:
        self._answers = answers
        self._ups = ups
        self._marks = answers.notices.closed_mark.encode(), answers.notices.info_mark.encode()
        self._notices = {why: notice for why in Why if (notice := _notice(answers, why)).to != "nobody"}
        self._layout = self._chat_layout()

    @property
    def declared(self) -> Struct | None:
        """The layout of chat, where it is not JSON or the sender's datagram."""
        return self._layout.declared if self._layout else None

    def _chat_layout(self) -> Layout | None:
        down = self._answers.down
        keys: Mapping[str, str | bool] = {
            "type": down.type_key, "room": down.room_key, "user": down.user_key, "message": down.message_key,
        }  # fmt: skip
        match down.form:
            case "text":
                return TextLayout(down.template, ambiguous=True)  # as the canonical dialect's own (TCRP-4.6a)
            case "binary":
                return BinaryLayout(down.layout, 0)
            case "json":
                return JsonLayout(keys, escapes=self._answers.json.escapes)
        return None

    @property
    def told_apart(self) -> bool:
        """A notice can be told from chat."""
        down = self._answers.down
        return all(self._marks) or (down.form == "json" and down.type_key is not False)

    # ---------------------------------------------------------------------------------------------- to write

    def write(self, down: Down) -> bytes | None:
        """None: it cannot be said. Raises LocalProtocolError where it does not fit."""
        if down.kind is DownKind.UNKNOWN:
            return None
        data = self._write_chat(down) if down.kind is DownKind.CHAT else self._write_notice(down)
        limit = self._answers.down.limit
        if data is not None and len(data) > limit:
            raise LocalProtocolError(
                f"the datagram has {len(data)} bytes: at most {limit}",
                clause="TCRP-4.6e", field="message", value=len(data), limit=limit,
            )  # fmt: skip
        return data

    def _write_chat(self, down: Down) -> bytes | None:
        match self._answers.down.form:
            case "mirrored":
                return down.datagram or None
            case "message":
                return down.body
        assert self._layout is not None
        return self._layout.write({
            "type": self._answers.down.chat_type,
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
        text = fill(notice.text, user=down.user or "", room=down.room or "")
        answers = self._answers.down
        if answers.form == "json":
            keys = {answers.type_key: notice.type, answers.user_key: down.user or "", answers.message_key: text}
            fields = {key: value for key, value in keys.items() if isinstance(key, str) and value is not None}
            return write_json(fields, escapes=self._answers.json.escapes)
        return self._mark(down.kind) + text.encode()

    def _mark(self, kind: DownKind) -> bytes:
        return self._marks[0 if kind is DownKind.CLOSED else 1]

    # ----------------------------------------------------------------------------------------------- to read

    def read(self, data: bytes, member: Membership) -> Down:
        """What cannot be read is UNKNOWN."""
        try:
            return self._read_notice(data, member) or self._read_chat(data)
        except RemoteProtocolError:
            return Down(DownKind.UNKNOWN, None, data)

    def _read_notice(self, data: bytes, member: Membership) -> Down | None:
        if self._answers.down.form == "json":
            return self._read_json_notice(data)
        for kind, mark in zip((DownKind.CLOSED, DownKind.INFO), self._marks, strict=True):
            if mark and data.startswith(mark):
                return Down(kind, None, _text(data[len(mark) :], "text").encode())
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return None
        for why, notice in self._notices.items():
            if self._mark(_kind_of(why, notice, member.user, member.user)):
                continue  # it would have begun with its mark
            parts = match(notice.text, text, **({"room": member.room} if member.room else {}))
            if parts is not None:
                return Down(_kind_of(why, notice, parts.get("user"), member.user), None, data)
        return None

    def _read_json_notice(self, data: bytes) -> Down | None:
        down = self._answers.down
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
        if self._answers.down.form == "message":
            return Down(DownKind.CHAT, None, data)
        fields = self._layout.read(data) if self._layout else self._ups.read_fields(data)
        expected = self._answers.down.chat_type
        if self._layout and expected is not None and fields.get("type", expected) != expected:
            return Down(DownKind.UNKNOWN, None, data)
        user = _text_of(fields, "user")
        if user is not None and self._answers.request.names == "checked" and user_problem(user):
            return Down(DownKind.UNKNOWN, None, data)
        return Down(DownKind.CHAT, user, fields.get("message", b""))


def _notice(answers: Answers, why: Why) -> NoticeAnswers:
    found = getattr(answers.notices, why.name.lower())
    assert isinstance(found, NoticeAnswers)
    return found


def _kind_of(why: Why, notice: NoticeAnswers, about: str | None, own: str) -> DownKind:
    """Whether a notice ends the membership of who reads it: that of the member it is about, where that one is told."""
    if why in _ENDS_ALL:
        return DownKind.CLOSED
    if why in _ENDS_ONE and notice.to in ("member", "all"):
        return DownKind.CLOSED if notice.to == "member" or about == own else DownKind.INFO
    return DownKind.INFO


def _text(data: bytes, field: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(
            f"the {field} is not UTF-8: byte 0x{data[error.start]:02x}",
            clause="TCRP-4.6b", field=field, offset=0, limit="UTF-8",
        ) from None  # fmt: skip


def _text_of(fields: Fields, name: str) -> str | None:
    return _text(fields[name], f"{name} name") if name in fields else None
