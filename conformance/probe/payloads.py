"""What bytes from a server are: JSON, text, or another protocol's greeting."""

import json
from typing import Any


def read_json(data: bytes) -> Any:
    """The JSON value that the bytes are, or None. Nesting that is too deep to be read is None too."""
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError):
        return None


def is_text(data: bytes) -> bool:
    """Whether the bytes are printable UTF-8, line ends and tabs included."""
    try:
        return all(c.isprintable() or c in "\r\n\t" for c in data.decode())
    except UnicodeDecodeError:
        return False


def template(text: str, *, room: str, users: tuple[str, ...] = (), message: str | None = None) -> str:
    """The text with `{user}`, `{room}` and `{message}` in place of what is known to stand in it."""
    for user in sorted(users, key=len, reverse=True):
        text = text.replace(user, "{user}")
    text = text.replace(room, "{room}") if room else text
    return text.replace(message, "{message}") if message else text


def is_known_protocol(data: bytes) -> bool:
    """Whether it is an answer of HTTP, TLS or SSH."""
    return data.startswith((b"HTTP/", b"\x15\x03", b"\x16\x03", b"SSH-"))


def what_it_looks_like(data: bytes) -> str:
    """What can be said of an answer that is no frame, in words: the protocol it is of, or the form it has."""
    if data.startswith(b"HTTP/") or b"HTTP/1." in data[:200]:
        return "it answers as an HTTP server does"
    if data.startswith((b"\x15\x03", b"\x16\x03")):
        return "it answers with a TLS record: the connection is to be encrypted"
    if data.startswith(b"SSH-"):
        return "it answers as an SSH server does"
    if data[:4].isdigit() and data[3:4] in b" -":
        return "it answers with a three-digit code, as mail and FTP servers do"
    if is_text(data):
        return "it answers in words"
    return "it answers with bytes that are no frame, no JSON and no text: encrypted, or another protocol"
