"""The dialect `fixed-width`: as `fixed-fields`, except that all fields of a datagram have a fixed size, in bytes.

TCP   a header of fixed fields, padded with spaces; see `fixed_control`
UDP   up      token 32 | user 255 | message 3809      4096 bytes, text padded with NUL; `exit` leaves
      down    user 255 | message 3839                 4094 bytes; to the sender too

The token in a datagram is the host token of 36 characters without its four hyphens. A silent member is removed without
a notice. If it is the host, the room closes.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from construct import Adapter, Bytes, Struct

from tcrp.constants import MAX_DOWN_SIZE, MAX_UP_SIZE
from tcrp.dialects.base import Layouts
from tcrp.dialects.fixed_fields import POLICY as FIXED_FIELDS_POLICY
from tcrp.dialects.fixed_fields import FixedFields, down_message, kind_of_message, up_message
from tcrp.dialects.fixed_text import check_user_name, encode_utf8
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import Address, Down, DownKind, Membership, Up, UpKind
from tcrp.policy import Idle, Policy

SHORT_TOKEN_SIZE = 32
USER_FIELD_SIZE = 255
UP_MESSAGE_SIZE = 3809
DOWN_MESSAGE_SIZE = 3839

_UUID = re.compile(rb"(.{8})-(.{4})-(.{4})-(.{4})-(.{12})", re.DOTALL)


class NulPadded(Adapter):  # type: ignore[misc]  # construct is untyped
    """Bytes in a field of fixed size, padded with NUL. The padding is removed when the field is read."""

    def __init__(self, size: int) -> None:
        super().__init__(Bytes(size))
        self.size = size

    def _decode(self, obj: bytes, context: Any, path: str) -> bytes:
        return obj.rstrip(b"\0")

    def _encode(self, obj: bytes, context: Any, path: str) -> bytes:
        return obj.ljust(self.size, b"\0")


up_layout = Struct(
    "token" / Bytes(SHORT_TOKEN_SIZE) * "host token, without hyphens",
    "user" / NulPadded(USER_FIELD_SIZE) * "user name",
    "message" / NulPadded(UP_MESSAGE_SIZE) * "message",
)

down_layout = Struct(
    "user" / NulPadded(USER_FIELD_SIZE) * "user name",
    "message" / NulPadded(DOWN_MESSAGE_SIZE) * "message",
)

POLICY = replace(FIXED_FIELDS_POLICY, idle=Idle(60.0, frozenset({UpKind.CHAT})))


@dataclass(frozen=True, slots=True)
class FixedWidth(FixedFields):
    """The dialect. `Dialect` documents the methods."""

    name: str = "fixed-width"
    policy: Policy = POLICY
    layouts: Layouts = Layouts(up_layout, down_layout)

    def read_up(self, data: bytes, source: Address) -> Up:
        user, message = _read_fields(data, SHORT_TOKEN_SIZE, MAX_UP_SIZE)
        return Up(kind_of_message(message), None, _hyphenated(bytes(data[:SHORT_TOKEN_SIZE])), user, message)

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        if kind is UpKind.REGISTER:
            return None  # an empty message would be relayed
        message = up_message(kind, body)
        check_user_name(member.user)
        if not _UUID.fullmatch(member.token) or member.token.count(b"-") != 4:
            raise LocalProtocolError(
                "the token is not 36 characters with four hyphens", clause="TCRP-3.8c", field="token", limit=36
            )
        return member.token.replace(b"-", b"") + _write_fields(member.user, message, UP_MESSAGE_SIZE)

    def read_down(self, data: bytes, member: Membership) -> Down:
        try:
            user, message = _read_fields(data, 0, MAX_DOWN_SIZE)
        except RemoteProtocolError:
            return Down(DownKind.UNKNOWN, None, data)
        return Down(DownKind.CHAT, user, message)

    def write_down(self, down: Down) -> bytes | None:
        message = down_message(down)
        return None if message is None else _write_fields(down.user or "", message, DOWN_MESSAGE_SIZE)


def _hyphenated(short: bytes) -> bytes:
    """The host token of 36 characters for a token of 32."""
    return b"-".join((short[:8], short[8:12], short[12:16], short[16:20], short[20:]))


def _read_fields(data: bytes, start: int, size: int) -> tuple[str, bytes]:
    """Read the user name, whose field begins at `start`, and the message. Both must be UTF-8."""
    if len(data) != size:
        raise RemoteProtocolError(
            f"the datagram has {len(data)} bytes: exactly {size}",
            clause="TCRP-4.2a", field="datagram", offset=min(len(data), size), value=len(data), limit=size,
        )  # fmt: skip
    message_start = start + USER_FIELD_SIZE
    message = bytes(data[message_start:]).rstrip(b"\0")
    try:
        user = data[start:message_start].rstrip(b"\0").decode()
        message.decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(
            f"the datagram is not UTF-8: {error.reason}", clause="TCRP-4.2b", field="datagram", offset=0, limit="UTF-8"
        ) from None
    return user, message


def _write_fields(user: str, message: bytes, space: int) -> bytes:
    name = encode_utf8(user, "user name")
    for field, value, limit in (("user name", name, USER_FIELD_SIZE), ("message", message, space)):
        if len(value) > limit:
            raise LocalProtocolError(
                f"the {field} has {len(value)} bytes: at most {limit} fit",
                clause="TCRP-4.1", field=field, value=len(value), limit=limit,
            )  # fmt: skip
        if value.endswith(b"\0"):
            raise LocalProtocolError(
                f"the {field} ends with NUL, which only fills up",
                clause="TCRP-4.1",
                field=field,
                limit="no NUL at its end",
            )
    return name.ljust(USER_FIELD_SIZE, b"\0") + message.ljust(space, b"\0")
