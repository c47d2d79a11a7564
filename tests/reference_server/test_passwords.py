"""Stored passwords: they are compared as bytes and in full (TCRP-3.10a)."""

import pytest

from reference_server.passwords import Scrypt


@pytest.mark.parametrize(
    ("password", "other"),
    [
        ("secret", "secret\0"),  # HMAC pads a short key with NUL
        ("secret\0", "secret"),
        ("p" * 72 + "a", "p" * 72 + "b"),
        ("é", "e\u0301"),
        ("secret", "Secret"),
    ],
)
def test_another_password_is_another_password(password: str, other: str) -> None:
    scrypt = Scrypt()
    stored = scrypt.hash(password)
    assert scrypt.verify(password, stored)
    assert not scrypt.verify(other, stored)


def test_equal_passwords_are_stored_differently() -> None:
    scrypt = Scrypt()
    assert scrypt.hash("secret") != scrypt.hash("secret")
    assert b"secret" not in scrypt.hash("secret")
