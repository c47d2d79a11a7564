"""The dialect `json-envelope`: frames of the canonical layout whose payloads are JSON objects with the same five keys.

TCP   frames with a JSON object as payload; see `envelope_control`
UDP   up      RoomNameSize 1 | TokenSize 1 | room name | token | {"type", "user_name", "chat_data"}
              INITIAL registers the sender's address, CHAT, LEAVE
      down    0 1 | 0 1 | {"type", "user_name", "chat_data"}      CHAT; CLOSE, TIMEOUT and STOP end a membership

A request has no user name: the datagrams have it. The client that creates a room sends a hash of its password, and the
server checks the passwords of other clients against the hash. A room without a password has the hash of "".
"""

import json
from dataclasses import dataclass

from tcrp import wire
from tcrp.constants import HEADER_SIZE, MAX_DOWN_SIZE
from tcrp.conversation import Conversation, Limits
from tcrp.dialects.base import Capabilities, Layouts, Passwords, Ports, RequestParts
from tcrp.dialects.envelope_client import EnvelopeClient
from tcrp.dialects.envelope_control import decode_object
from tcrp.dialects.envelope_passwords import ClientHashedPasswords
from tcrp.dialects.envelope_server import EnvelopeServer
from tcrp.dialects.wants import check_extras
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.layouts import packet_layout
from tcrp.messages import (
    Address,
    ChatPacket,
    Down,
    DownKind,
    List,
    Membership,
    NoticeReason,
    Up,
    UpKind,
    Want,
)
from tcrp.names import check_user
from tcrp.policy import Audience, Bind, Idle, Policy, Register, TokenAlphabet, TokenForm

_CLOSE = ("CLOSE", "ルームがクローズしました。")
_TIMEOUT = ("TIMEOUT", "タイムアウトが発生しました。")
_STOP = ("STOP", "システムメンテナンス中のためシステムが終了しました。")
_ENDING_NOTICES = {NoticeReason.IDLE: _TIMEOUT, NoticeReason.UNREACHABLE: _TIMEOUT, NoticeReason.STOPPED: _STOP}
_ENDING_TYPES = frozenset({_CLOSE[0], _TIMEOUT[0], _STOP[0]})
_UP_TYPES = {UpKind.REGISTER: "INITIAL", UpKind.CHAT: "CHAT", UpKind.LEAVE: "LEAVE"}
_UP_KINDS = {text: kind for kind, text in _UP_TYPES.items()}

POLICY = Policy(
    bind=Bind.ADDRESS,
    register=Register.MESSAGE,
    tell={
        NoticeReason.HOST_LEFT: Audience.ALL,
        NoticeReason.IDLE: Audience.MEMBER,
        NoticeReason.HOST_IDLE: Audience.OTHERS,
        NoticeReason.UNREACHABLE: Audience.MEMBER,
        NoticeReason.STOPPED: Audience.ALL,
    },
    idle=Idle(15.0, frozenset({UpKind.CHAT})),
    token=TokenForm(TokenAlphabet.BASE64URL_PADDED, 172),  # 1024 random bits
    typing=300.0,
)


@dataclass(frozen=True, slots=True)
class JsonEnvelope:
    """The dialect. `Dialect` documents the methods."""

    name: str = "json-envelope"
    ports: Ports = Ports(6058, 7018)
    policy: Policy = POLICY
    can: Capabilities = Capabilities(listing=True, keepalive=False)
    layouts: Layouts = Layouts(packet_layout)

    @property
    def passwords(self) -> Passwords:
        return ClientHashedPasswords()

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        if not isinstance(want, List):
            check_user(want.user)
            check_extras(self.name, self.can, want)
        return EnvelopeClient(want, strict)

    def request(self, want: Want, udp: Address | None) -> RequestParts | None:
        data = self.client(want, udp, 0.0).data_to_send()
        header = wire.decode_header(data[:HEADER_SIZE])
        room, payload = data[HEADER_SIZE:][: header.room_size], data[HEADER_SIZE + header.room_size :]
        fields = json.loads(payload)
        return RequestParts(room, header.operation, header.state, payload, fields, None, "password")

    def server(self, peer: Address, limits: Limits, now: float) -> Conversation:
        return EnvelopeServer(limits, now)

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
            kind, words = _CLOSE if down.why is None else _ENDING_NOTICES.get(down.why, _CLOSE)
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
