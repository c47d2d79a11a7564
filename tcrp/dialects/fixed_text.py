"""Text in `fixed-fields` and `fixed-width`: UTF-8 in header fields of fixed size, and what a client may put there.

All spaces are deleted when a field is read. Only clients check names and passwords; servers accept any text.
"""

from collections.abc import Callable

from tcrp.errors import LocalProtocolError, RemoteProtocolError

ROOM_SIZE, USER_SIZE, PASSWORD_SIZE = 8, 10, 11
"""Sizes of the text fields of the header, in bytes."""


def encode_utf8(text: str, field: str) -> bytes:
    """The UTF-8 of a text. Raises LocalProtocolError, which names `field`."""
    try:
        return text.encode()
    except AttributeError:
        raise LocalProtocolError(
            f"the {field} is {type(text).__name__}, not str", clause="TCRP-2.1", field=field, limit="str"
        ) from None
    except UnicodeEncodeError:
        raise LocalProtocolError(
            f"the {field} holds a lone surrogate, which UTF-8 cannot say",
            clause="TCRP-2.1", field=field, limit="UTF-8",
        ) from None  # fmt: skip


def decode_utf8(data: bytes, field: str, offset: int) -> str:
    """The text of a field that begins at `offset`. Raises RemoteProtocolError, which names `field`."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(
            f"the {field} is not UTF-8: {error.reason}", clause="TCRP-2.3b", field=field, offset=offset, limit="UTF-8"
        ) from None


def encode_field(text: str, field: str, size: int) -> bytes:
    """The bytes of a text for a field of `size` bytes, without padding.

    Raises LocalProtocolError for a text that is too long or that would not come back when it is read.
    """
    data = encode_utf8(text, field)
    if len(data) > size:
        raise LocalProtocolError(
            f"the {field} has {len(data)} bytes: 1 to {size}",
            clause="TCRP-2.1", field=field, value=len(data), limit=size,
        )  # fmt: skip
    if b" " in data:
        raise LocalProtocolError(
            f"the {field} holds a space: this dialect deletes them", clause="TCRP-2.1", field=field, limit="no spaces"
        )
    return data


def check_room_name(room: str) -> None:
    """Raise LocalProtocolError unless a room name has 1 to 8 bytes without white space."""
    _check_name(room, "room name", ROOM_SIZE)


def check_user_name(user: str) -> None:
    """Raise LocalProtocolError unless a user name has 1 to 10 bytes without white space and `:`."""
    _check_name(user, "user name", USER_SIZE)
    if ":" in user:
        raise LocalProtocolError(
            "the user name holds ':', which ends a name in chat",
            clause="TCRP-3.3a", field="user name", value=user, limit="no ':'",
        )  # fmt: skip


def check_password(password: str) -> None:
    """Raise LocalProtocolError for a password that this dialect does not allow.

    A password has at least 6 characters and at most 11 bytes, no white space, and at least one upper case letter, one
    lower case letter and one digit of ASCII.
    """
    kinds: tuple[Callable[[str], bool], ...] = (str.isupper, str.islower, str.isdigit)
    fits = (
        isinstance(password, str)
        and 6 <= len(password) <= PASSWORD_SIZE
        and not any(c.isspace() for c in password)
        and all(any(c.isascii() and kind(c) for c in password) for kind in kinds)
    )
    if not fits:
        raise LocalProtocolError(
            f"the password does not fit: 6 to {PASSWORD_SIZE} characters, with an upper and a lower case letter and a "
            "digit, without spaces",
            clause="TCRP-3.2c", field="password", limit=PASSWORD_SIZE,
        )  # fmt: skip
    encode_field(password, "password", PASSWORD_SIZE)


def _check_name(text: str, field: str, size: int) -> None:
    if not encode_field(text, field, size):
        raise LocalProtocolError(
            f"the {field} has 0 bytes: 1 to {size}", clause="TCRP-2.1", field=field, value=0, limit=1
        )
    if any(c.isspace() for c in text):
        raise LocalProtocolError(
            f"the {field} holds white space, which this dialect cannot say",
            clause="TCRP-2.1", field=field, value=text, limit="no white space",
        )  # fmt: skip
