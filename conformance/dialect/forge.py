"""Requests that no codec would write, put together by hand: as frames of the dialect, and of the canonical one."""

import contextlib
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from tcrp import (
    HEADER_SIZE,
    Address,
    Create,
    Dialect,
    Header,
    Join,
    LocalProtocolError,
    Operation,
    State,
    Want,
    decode_header,
)
from tcrp import encode_header as canonical_header
from tcrp.dialects.base import RequestParts

CREATE = int(Operation.CREATE)
_USER = "alicia"
_ROOM = "r"
UNBOUND = 59999
"""The UDP port that a forged request declares until the true one is known."""


def canonical_frame(room: bytes, payload: bytes, *, operation: int = CREATE, state: int = int(State.REQUEST)) -> bytes:
    """A frame of the canonical dialect."""
    return canonical_header(Header(len(room), operation, state, len(payload))) + room + payload


def payload(**fields: Any) -> bytes:
    """A JSON payload as the canonical dialect has it."""
    return json.dumps(fields, ensure_ascii=False).encode()


class Forged(bytes):
    """A forged request. `declaring`: writes the same request with another UDP port declared."""

    declaring: Callable[[int], bytes]

    @classmethod
    def written(cls, write: Callable[[int], bytes]) -> "Forged":
        """The request that `write` writes, given the port to declare."""
        made = cls(write(UNBOUND))
        made.declaring = write
        return made

    def __add__(self, more: Any) -> "Forged":
        return Forged.written(lambda port: self.declaring(port) + bytes(more))


class Forge:
    """What a dialect's requests look like, taken from the parts of requests that it writes itself.

    `host`: of the UDP address that they declare, in dialects that declare one.
    """

    def __init__(self, dialect: Dialect, host: str) -> None:
        self._dialect = dialect
        self._host = host

    def request(self, want: Want) -> Forged:
        """The whole request, that of a dialect which sends it in two parts too."""
        return Forged.written(lambda port: self._whole(want, (self._host, port)))

    def _whole(self, want: Want, here: Address) -> bytes:
        conversation = self._dialect.client(want, here, 0.0)
        data = conversation.data_to_send()
        if (due := conversation.timer()) is not None:
            conversation.handle_timer(due)
            data += conversation.data_to_send()
        return data

    def _parts(self, want: Want, port: int = UNBOUND) -> RequestParts:
        parts = self._asked(want, port)
        assert parts is not None
        return parts

    def _asked(self, want: Want, port: int = UNBOUND) -> RequestParts | None:
        """The parts of a request. None: this dialect's requests have none, or its author does not say them."""
        request = getattr(self._dialect, "request", None)
        return request(want, (self._host, port)) if callable(request) else None

    @cached_property
    def frames(self) -> bool:
        """Whether a request is a header of 32 bytes with sizes, a room name and a payload."""
        want = Create(_ROOM, _USER)
        if not self._dialect.can.tcp or self._asked(want) is None:
            return False
        request = self.request(want)
        header = decode_header(request[:HEADER_SIZE])
        return len(request) == HEADER_SIZE + header.room_size + header.payload_size

    @cached_property
    def names_user(self) -> bool:
        """Whether a request says who asks."""
        return self.request(Create(_ROOM, _USER)) != self.request(Create(_ROOM, _USER[::-1]))

    def declaring(self, request: bytes, port: int) -> bytes:
        """The request with this UDP port where one is declared. What is cut out of a request stays as it is."""
        return request.declaring(port) if isinstance(request, Forged) else request

    def frame(
        self, room: bytes, payload: bytes | None = None, *, user: str = _USER, join: bool = False,
        operation: int | None = None, state: int | None = None, room_size: int | None = None,
        payload_size: int | None = None, bare: bool = False,
    ) -> Forged:  # fmt: skip
        """A frame that may lie about its sizes, by default a CREATE, or a JOIN, or one of another operation.

        `payload`: None is the payload by which this dialect names `user`. JSON is that of the canonical dialect, and is
        put into the names of this one. Any other payload is taken as it is. `bare`: if JSON has no password, it says
        nothing of one, even where this dialect's requests always do.
        """
        want = Join(_ROOM, user) if join else Create(_ROOM, user)

        def write(port: int) -> bytes:
            usual = self._parts(want, port)
            said = usual.payload if payload is None else self.in_its_names(payload, bare=bare, port=port)
            header = Header(
                len(room) if room_size is None else room_size,
                usual.operation if operation is None else operation,
                usual.state if state is None else state,
                len(said) if payload_size is None else payload_size,
            )
            return canonical_header(header) + room + said

        return Forged.written(write)

    @cached_property
    def is_json(self) -> bool:
        """Whether the payload is a JSON object that names the user."""
        parts = self._asked(Create(_ROOM, _USER)) if self._dialect.can.tcp else None
        return parts is not None and parts.fields is not None and parts.user_key in parts.fields

    def in_its_names(self, payload: bytes, *, bare: bool = False, port: int = UNBOUND) -> bytes:
        """A JSON payload of the canonical dialect, well-formed or not, with this dialect's keys, and what else its
        requests always hold.
        """
        if not self.is_json or not payload.startswith(b"{"):
            return payload
        parts = self._parts(Create(_ROOM, _USER), port)
        fields, password_key = parts.fields or {}, parts.password_key if self._dialect.can.passwords else None
        for key, named in (("username", parts.user_key), ("password", password_key)):
            if named is not None:
                payload = payload.replace(json.dumps(key).encode(), json.dumps(named).encode())
        others = {key: value for key, value in fields.items() if key not in (parts.user_key, password_key)}
        if not bare and password_key is not None and password_key in fields and not _has_key(payload, password_key):
            others[password_key] = fields[password_key]
        if others:
            more = json.dumps(others, ensure_ascii=False).encode()[:-1]
            payload = more + (b"" if payload[1:].lstrip()[:1] == b"}" else b",") + payload[1:]
        return payload

    def padded(self, size: int) -> bytes:
        """A well-formed payload of exactly `size` bytes for a frame of this dialect, if it can be so short.

        In JSON spaces stand before its last byte; elsewhere the user name is as long as need be, if it can be.
        """
        bare = payload(username=_USER)
        if not self.is_json:
            bare = self._parts(Create(_ROOM, _USER)).payload
            with contextlib.suppress(LocalProtocolError):
                return self._parts(Create(_ROOM, _USER + "x" * (size - len(bare)))).payload
        return bare[:-1] + b" " * (size - len(self.in_its_names(bare))) + bare[-1:]

    @cached_property
    def null_is_none(self) -> bool:
        """Whether a password may be null: a dialect whose requests always say "" does not tell what null means."""
        parts = self._asked(Create(_ROOM, _USER))
        fields: Mapping[str, object] = (parts.fields if parts is not None else None) or {}
        return parts is None or parts.password_key is None or fields.get(parts.password_key) != ""


def _has_key(payload: bytes, key: str) -> bool:
    """Whether the object has that key itself; of what is no JSON, whether it holds it anywhere."""
    try:
        return key in json.loads(payload)
    except (ValueError, RecursionError):
        return json.dumps(key).encode() in payload
