"""Room names and user names: what the protocol allows, and the bytes of text."""

import re
from typing import Final, NamedTuple

from tcrp.constants import MAX_ROOM_SIZE, MAX_USER_SIZE
from tcrp.errors import LocalProtocolError

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def check_room(room: str) -> bytes:
    """Check a room name for a request, and return its bytes.

    Raises LocalProtocolError unless it has 1 to 255 bytes of UTF-8 (TCRP-2.3b).
    """
    encoded = encode_text(room, "TCRP-2.3b", "room name", MAX_ROOM_SIZE)
    if not encoded:
        raise LocalProtocolError(
            "the room name is empty: 1 to 255 bytes", clause="TCRP-3.7d", field="room name", value=0, limit=1
        )
    return encoded


def check_user(user: str) -> bytes:
    """Check a user name, and return its bytes.

    Raises LocalProtocolError unless it has 1 to 255 bytes of UTF-8 without control characters (TCRP-3.3a).
    """
    # printable text has neither control characters nor lone surrogates
    if isinstance(user, str) and user.isprintable() and 1 <= len(encoded := user.encode()) <= MAX_USER_SIZE:
        return encoded
    encoded = encode_text(user, "TCRP-3.3a", "user name", None)
    if problem := user_problem(user):
        raise LocalProtocolError(clause="TCRP-3.3b", field="user name", **problem._asdict())
    return encoded


class UserProblem(NamedTuple):
    """Why a text is not a user name: in words, with the value that was found and the limit."""

    message: str
    value: object
    limit: object


def user_problem(user: str) -> UserProblem | None:
    """Why a text is not a user name (TCRP-3.3b), or None if it is one. The text must not hold lone surrogates."""
    size = len(user.encode())
    if not 1 <= size <= MAX_USER_SIZE:
        return UserProblem(f"the user name has {size} bytes: 1 to {MAX_USER_SIZE}", size, MAX_USER_SIZE if size else 1)
    control = _CONTROL.search(user)
    if control is None:
        return None
    return UserProblem(
        f"the user name holds the control character U+{ord(control[0]):04X}: none is allowed",
        control[0],
        "no control characters",
    )


def encode_text(text: str, clause: str, field: str, limit: int | None) -> bytes:
    """The UTF-8 of a text, at most `limit` bytes. Raises LocalProtocolError, which names `clause` and `field`."""
    if not isinstance(text, str):
        raise LocalProtocolError(
            f"the {field} is {type(text).__name__}, not str", clause=clause, field=field, value=text, limit="str"
        )
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise LocalProtocolError(
            f"the {field} holds a lone surrogate at character {error.start}, which UTF-8 cannot say",
            clause=clause, field=field, value=text[error.start], limit="UTF-8",
        ) from None  # fmt: skip
    if limit is not None and len(encoded) > limit:
        raise LocalProtocolError(
            f"the {field} has {len(encoded)} bytes: at most {limit}",
            clause=clause, field=field, value=len(encoded), limit=limit,
        )  # fmt: skip
    return encoded
