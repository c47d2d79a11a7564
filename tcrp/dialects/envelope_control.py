"""The TCP conversation of `json-envelope`: the payload of its frames, its refusals, its phases.

TCP   both    frame: room name, payload {"error_message", "type", "token", "password", "room_list"}
      client  operation 1, password: its bcrypt hash              creates
              operation 2, type "JOIN", the password itself       joins
              operation 2, type "GET", no room                    lists
      server  operation 10, no room, state 1: checked             error_message null or "": the request is accepted
              operation 10, no room, state 2: token or room_list

A client may send any number of requests on a connection, and it closes the connection.
"""

import json
from enum import Enum, auto
from typing import Any, NamedTuple

from tcrp import wire
from tcrp.constants import State, Status
from tcrp.conversation import BaseConversation
from tcrp.errors import RemoteProtocolError
from tcrp.messages import Frame
from tcrp.request import decode_json

REPLY_OPERATION = 10

BAD_HASH_TEXT = "パスワードのハッシュが正しくありません。"
"""The server's words for a create whose password is not an acceptable hash."""
NO_ROOMS_TEXT = "現在ルームが存在しません。"
"""The server's words beside an empty list of rooms."""
REFUSALS = {
    Status.ROOM_EXISTS: (State.COMPLETE, "ルームは既に存在します。"),
    Status.WRONG_PASSWORD: (State.ACK, "パスワードに誤りがあります。"),
    Status.ROOM_NOT_FOUND: (State.ACK, "ルームが存在しません。"),
    Status.LIMIT_REACHED: (State.COMPLETE, "現在、これ以上受け付けられません。"),
}
"""The state of the frame that refuses, and the server's words, for each status that has words."""


class Envelope(NamedTuple):
    """The payload of every frame. `error_message` is None or "" if there is no error."""

    error_message: str | None = ""
    type: str = ""
    token: str | None = ""
    password: str = ""
    room_list: tuple[str, ...] = ()


def encode_envelope(envelope: Envelope) -> bytes:
    """The JSON object of a payload: all five keys, in their order, in ASCII."""
    return json.dumps(envelope._asdict()).encode()


def decode_object(data: bytes, **keys: type | tuple[type, ...]) -> dict[str, Any]:
    """The JSON object in these bytes.

    `keys`: the keys that it must have, with their types. Other keys are ignored. Raises RemoteProtocolError.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(
            f"the payload is not UTF-8: {error.reason}",
            clause="TCRP-3.7c", field="payload", offset=error.start, limit="UTF-8",
        ) from None  # fmt: skip
    fields = decode_json(text)
    if not isinstance(fields, dict):
        raise RemoteProtocolError("the payload is not a JSON object", clause="TCRP-3.2g", field="payload", offset=0)
    for key, types in keys.items():
        if key not in fields or not isinstance(fields[key], types):
            what = f"has no {key}" if key not in fields else f"has a {key} of the wrong type"
            raise RemoteProtocolError(f"the object {what}", clause="TCRP-3.2c", field=key, offset=0)
    return fields


class Phase(Enum):
    """The phase of a conversation: what the server or the client waits for."""

    REQUEST = auto()  # server: the rest of a request
    ACK = auto()  # the frame with state 1
    COMPLETE = auto()  # the frame with state 2
    DONE = auto()


class EnvelopeConversation(BaseConversation):
    """The part that both sides share: the phase, and the encoding of frames."""

    def __init__(self, phase: Phase, deadline: float | None = None) -> None:
        super().__init__(deadline)
        self._phase = phase

    @property
    def closing(self) -> bool:
        return self._phase is Phase.DONE

    def _write(self, room: str, operation: int, state: State, envelope: Envelope) -> None:
        self._out += wire.encode_frame(Frame(room, operation, state, encode_envelope(envelope)))
