"""The payload of a request: a JSON object, or the user name itself (TCRP-3.2a, TCRP-3.2i).

Everything that RFC 8259 forbids is refused, also where Python's json module accepts it: NaN, Infinity, lone surrogates,
and encodings other than UTF-8. Numbers are never needed and not converted: Python cannot convert very long ones.
"""

import json
import re
from typing import Any

from tcrp.constants import MAX_PASSWORD_SIZE
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.layouts import request_layout
from tcrp.messages import Request
from tcrp.names import check_user, user_problem

_ESCAPES = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: one character
    r"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|\\."
)


def decode_request(payload: bytes) -> Request:
    """Decode the payload of a request. A password of null or "" is None (TCRP-3.2b).

    Raises RemoteProtocolError for a malformed payload (TCRP-3.2, TCRP-3.3, TCRP-3.7).
    """
    try:
        text = request_layout.parse(payload).text.decode()
    except UnicodeDecodeError as error:
        raise _malformed(
            f"the payload is not UTF-8: byte 0x{payload[error.start]:02x} at {error.start}, {error.reason}",
            "TCRP-3.7c", offset=error.start, limit="UTF-8",
        ) from None  # fmt: skip
    if not text.startswith("{"):
        return Request(_checked_user(text))
    fields = decode_json(text)  # an object, because it begins with `{`
    if "username" not in fields:
        raise _malformed("the object has no username", "TCRP-3.2c", field="username")
    user, password = fields["username"], fields.get("password")
    if not isinstance(user, str):
        raise _malformed(f"username is {_json_type(user)}, not a string", "TCRP-3.2c", field="username")
    if password is not None and not isinstance(password, str):
        raise _malformed(f"password is {_json_type(password)}, not a string or null", "TCRP-3.2c", field="password")
    if password and len(password.encode()) > MAX_PASSWORD_SIZE:
        size = len(password.encode())
        raise _malformed(
            f"the password has {size} bytes: at most {MAX_PASSWORD_SIZE}", "TCRP-3.2c",
            field="password", value=size, limit=MAX_PASSWORD_SIZE,
        )  # fmt: skip
    return Request(_checked_user(user), password or None)


def encode_request(request: Request) -> bytes:
    """Encode the JSON form, which can hold every user name and a password.

    Raises LocalProtocolError for a user name or a password that the protocol does not allow.
    """
    user = check_user(request.user).decode()
    fields = {"username": user}
    if request.password is not None and request.password != "":
        _check_password(request.password)
        fields["password"] = request.password
    return json.dumps(fields, ensure_ascii=False).encode()


def encode_raw_request(user: str) -> bytes:
    """Encode the raw form: the user name alone. A name that begins with `{` would be read as JSON (TCRP-3.2i).

    Raises LocalProtocolError for such a name and for one that the protocol does not allow.
    """
    encoded = check_user(user)
    if encoded.startswith(b"{"):
        raise LocalProtocolError(
            "a user name that begins with '{' can only be said in the JSON form",
            clause="TCRP-3.2i", field="user name", value=user,
        )  # fmt: skip
    return encoded


def decode_json(text: str) -> Any:
    """The value of a JSON text, every number in it as 0. Raises RemoteProtocolError (TCRP-3.2g, TCRP-3.2h)."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_int=lambda _: 0, parse_float=lambda _: 0.0)
    except RecursionError:
        raise _malformed("the JSON is nested too deeply", "TCRP-3.2h") from None
    except json.JSONDecodeError as error:
        raise _malformed(
            f"not JSON: {error.msg} at character {error.pos}",
            "TCRP-3.2g", offset=len(text[: error.pos].encode()),
        ) from None  # fmt: skip
    for escape in _ESCAPES.finditer(text):
        if escape["lone"]:
            raise _malformed(
                f"the JSON holds the lone surrogate {escape[0]}",
                "TCRP-3.2g", offset=len(text[: escape.start()].encode()), value=escape[0],
            )  # fmt: skip
    return value


def _refuse_constant(name: str) -> None:
    raise _malformed(f"{name} is not JSON", "TCRP-3.2g", value=name)


def _checked_user(user: str) -> str:
    if problem := user_problem(user):
        clause = "TCRP-3.3b" if user else "TCRP-3.7e"
        raise _malformed(problem.message, clause, field="user name", value=problem.value, limit=problem.limit)
    return user


def _check_password(password: str) -> None:
    if not isinstance(password, str):
        raise LocalProtocolError(
            f"the password is {type(password).__name__}, not str", clause="TCRP-3.2c", field="password", limit="str"
        )
    try:
        size = len(password.encode())
    except UnicodeEncodeError:
        raise LocalProtocolError(
            "the password holds a lone surrogate, which UTF-8 cannot say",
            clause="TCRP-3.2g", field="password", limit="UTF-8",
        ) from None  # fmt: skip
    if size > MAX_PASSWORD_SIZE:
        raise LocalProtocolError(
            f"the password has {size} bytes: at most {MAX_PASSWORD_SIZE}",
            clause="TCRP-3.2c", field="password", value=size, limit=MAX_PASSWORD_SIZE,
        )  # fmt: skip


def _json_type(value: object) -> str:
    names = {bool: "true or false", type(None): "null", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")


def _malformed(
    message: str, clause: str, *, field: str = "payload", offset: int | None = None,
    value: object = None, limit: object = None,
) -> RemoteProtocolError:  # fmt: skip
    return RemoteProtocolError(message, clause=clause, field=field, offset=offset, value=value, limit=limit)
