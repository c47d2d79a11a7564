"""Requests that no codec would write, put together by hand: as frames of the dialect, and of the canonical one."""

import json
from functools import cached_property
from typing import Any

from tcrp import HEADER_SIZE, Address, Create, Dialect, Header, Join, Operation, State, Want, decode_header
from tcrp import encode_header as canonical_header

CREATE = int(Operation.CREATE)
_USER, _PASSWORD = "alicia", "a password"
_ROOM = "r"
UNBOUND = 59999
"""The UDP port that a forged request declares until the true one stands there, which has as many digits."""


def canonical_frame(room: bytes, payload: bytes, *, operation: int = CREATE, state: int = int(State.REQUEST)) -> bytes:
    """A frame of the canonical dialect."""
    return canonical_header(Header(len(room), operation, state, len(payload))) + room + payload


def payload(**fields: Any) -> bytes:
    """A JSON payload as the canonical dialect has it."""
    return json.dumps(fields, ensure_ascii=False).encode()


class Forge:
    """What a dialect's requests look like, taken from requests that it writes itself.

    `host`: of the UDP address that they declare, in dialects that declare one.
    """

    def __init__(self, dialect: Dialect, host: str) -> None:
        self._dialect = dialect
        self._here: Address = (host, UNBOUND)

    def request(self, want: Want) -> bytes:
        """The whole request, that of a dialect which sends it in two parts too."""
        conversation = self._dialect.client(want, self._here, 0.0)
        data = conversation.data_to_send()
        if (due := conversation.timer()) is not None:
            conversation.handle_timer(due)
            data += conversation.data_to_send()
        return data

    @cached_property
    def frames(self) -> bool:
        """Whether a request is a header of 32 bytes with sizes, a room name and a payload."""
        if not self._dialect.can.tcp or len(self._plain) < HEADER_SIZE:
            return False
        header = decode_header(self._plain[:HEADER_SIZE])
        return len(self._plain) == HEADER_SIZE + header.room_size + header.payload_size

    @cached_property
    def names_user(self) -> bool:
        """Whether a request says who asks."""
        return self._plain != self.request(Create(_ROOM, _USER[::-1]))

    def declaring(self, request: bytes, port: int) -> bytes:
        """The request with this UDP port where one is declared."""
        declared, true = str(UNBOUND).encode(), str(port).encode()
        return request.replace(declared, true) if len(declared) == len(true) else request

    def frame(
        self, room: bytes, payload: bytes, *, join: bool = False, operation: int | None = None,
        state: int | None = None, room_size: int | None = None, payload_size: int | None = None, bare: bool = False,
    ) -> bytes:  # fmt: skip
        """A frame that may lie about its sizes, by default a CREATE, or a JOIN, or one of another operation. A payload
        of JSON is that of the canonical dialect, and is put into the names of this one. `bare`: if it has no password,
        it says nothing of one, even where this dialect's requests always do.
        """
        payload = self.in_its_names(payload, bare=bare)
        usual = decode_header(self._plain[:HEADER_SIZE])
        header = Header(
            len(room) if room_size is None else room_size,
            (self.join if join else usual.operation) if operation is None else operation,
            usual.state if state is None else state,
            len(payload) if payload_size is None else payload_size,
        )
        return canonical_header(header) + room + payload

    @cached_property
    def join(self) -> int:
        """The operation that joins."""
        return self.request(Join(_ROOM, _USER))[1]

    @cached_property
    def is_json(self) -> bool:
        """Whether the payload is a JSON object that names the user."""
        return self._user_key is not None

    def in_its_names(self, payload: bytes, *, bare: bool = False) -> bytes:
        """A JSON payload of the canonical dialect, well-formed or not, with this dialect's keys, and what else its
        requests always hold.
        """
        if not self.is_json or not payload.startswith(b"{"):
            return payload
        for key, named in (("username", self._user_key), ("password", self._password_key)):
            if named is not None:
                payload = payload.replace(json.dumps(key).encode(), json.dumps(named).encode())
        others = self._others
        if not bare and not self._says_a_password(payload):
            others = others | self._no_password
        if others:
            more = json.dumps(others, ensure_ascii=False).encode()[:-1]
            payload = more + (b"" if payload[1:].lstrip()[:1] == b"}" else b",") + payload[1:]
        return payload

    def padded(self, size: int) -> bytes:
        """A well-formed JSON payload of exactly `size` bytes in a frame of this dialect, if it can be so short."""
        bare = payload(username=_USER) if self.is_json else self._plain[HEADER_SIZE + len(_ROOM) :]
        return bare[:-1] + b" " * (size - len(self.in_its_names(bare))) + bare[-1:]

    @cached_property
    def _plain(self) -> bytes:
        return self.request(Create(_ROOM, _USER))

    def _fields(self, request: bytes) -> dict[str, Any]:
        try:
            found = json.loads(request[HEADER_SIZE + len(_ROOM) :])
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @cached_property
    def _user_key(self) -> str | None:
        return next((key for key, value in self._fields(self._plain).items() if value == _USER), None)

    @cached_property
    def _password_key(self) -> str | None:
        if not self._dialect.can.passwords:
            return None
        fields = self._fields(self.request(Join(_ROOM, _USER, _PASSWORD)))
        return next((key for key, value in fields.items() if value == _PASSWORD), None)

    @cached_property
    def _others(self) -> dict[str, Any]:
        named = (self._user_key, self._password_key)
        return {key: value for key, value in self._fields(self._plain).items() if key not in named}

    @cached_property
    def _no_password(self) -> dict[str, Any]:
        """How a request says that there is no password, where it always does."""
        fields = self._fields(self._plain)
        return {key: value for key, value in fields.items() if key == self._password_key}

    @cached_property
    def null_is_none(self) -> bool:
        """Whether a password may be null: a dialect whose requests always say "" does not tell what null means."""
        return "" not in self._no_password.values()

    def _says_a_password(self, payload: bytes) -> bool:
        """Whether the object has that key itself; of what is no JSON, whether it holds it anywhere."""
        if self._password_key is None:
            return False
        try:
            return self._password_key in json.loads(payload)
        except (ValueError, RecursionError):
            return json.dumps(self._password_key).encode() in payload
