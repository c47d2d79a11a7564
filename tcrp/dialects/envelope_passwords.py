"""The passwords of `json-envelope`: the client that creates a room sends a bcrypt hash, and the server stores it.

The package bcrypt is an extra. It is imported when a client creates a room or a server starts, and it draws the salt of
a hash itself.
"""

import re
from types import ModuleType

from tcrp.errors import LocalProtocolError, MissingExtra, RemoteProtocolError

MAX_BCRYPT_SIZE = 72
"""Bytes of a password that bcrypt reads; it ignores all further ones."""
COST = 8
"""The cost of the hashes that our client makes. Such a hash takes about 15 ms."""
MAX_COST = 12
"""The greatest cost that a server accepts, bcrypt's default. Each step doubles the time that verifying takes."""

_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)


def load_bcrypt() -> ModuleType:
    """The module bcrypt. Raises MissingExtra if it is not installed."""
    try:
        import bcrypt
    except ImportError:
        raise MissingExtra(
            "dialect json-envelope needs bcrypt: install tcrp with the extra 'envelope', in a clone: "
            "pip install '.[envelope]'"
        ) from None
    return bcrypt


class ClientHashedPasswords:
    """Passwords whose hash comes from the client. Raises MissingExtra if bcrypt is not installed."""

    def __init__(self) -> None:
        self._bcrypt = load_bcrypt()

    def hash(self, password: str) -> bytes:
        """The hash that the client sent in place of a password, unchanged."""
        return password.encode()

    def verify(self, password: str, stored: bytes) -> bool:
        """Whether a password fits the stored hash."""
        try:
            return bool(self._bcrypt.checkpw(password.encode()[:MAX_BCRYPT_SIZE], stored))
        except ValueError:  # it has the form of a hash, but is not one
            return False


def hash_password(password: bytes) -> str:
    """A new hash of a password. Raises MissingExtra if bcrypt is not installed."""
    bcrypt = load_bcrypt()
    hashed: bytes = bcrypt.hashpw(password, bcrypt.gensalt(COST))
    return hashed.decode()


def encode_password(password: str | None) -> bytes:
    """The bytes of a password; no password is the empty one.

    Raises LocalProtocolError for more than 72 bytes and for text that UTF-8 cannot hold.
    """
    try:
        encoded = (password or "").encode()
    except (UnicodeEncodeError, AttributeError):
        raise LocalProtocolError(
            "the password is not text that UTF-8 can say", clause="TCRP-3.2g", field="password", limit="UTF-8"
        ) from None
    if len(encoded) > MAX_BCRYPT_SIZE:
        raise LocalProtocolError(
            f"the password has {len(encoded)} bytes: bcrypt looks at {MAX_BCRYPT_SIZE} at most",
            clause="TCRP-3.2c", field="password", value=len(encoded), limit=MAX_BCRYPT_SIZE,
        )  # fmt: skip
    return encoded


def hash_problem(text: str) -> RemoteProtocolError | None:
    """The error for a hash that a server does not accept, or None."""
    found = _HASH.fullmatch(text)
    if found is None:
        return RemoteProtocolError(
            "the password of a create is no bcrypt hash of 60 characters", clause="TCRP-3.2c", field="password"
        )
    cost = int(found[1])
    if not 4 <= cost <= MAX_COST:
        return RemoteProtocolError(
            f"the password's hash has cost {cost}: 4 to {MAX_COST}",
            clause="TCRP-3.2c", field="password", value=cost, limit=MAX_COST,
        )  # fmt: skip
    return None
