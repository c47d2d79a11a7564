"""What properties draw: names, passwords, messages, cuts and bytes, over the whole range that a clause speaks of."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tcrp import MAX_ROOM_SIZE, MAX_USER_SIZE

_ANY_CHARACTER = st.characters(exclude_categories=["Cs"])
_NAME_CHARACTER = st.characters(exclude_categories=["Cs"], exclude_characters=[*map(chr, range(0x20)), "\x7f"])


def _fits(limit: int) -> Any:
    return lambda text: 1 <= len(text.encode()) <= limit


def room_tails(limit: int) -> SearchStrategy[str]:
    """What may follow a fresh prefix in a room name: any characters, at most `limit` bytes of UTF-8."""
    return st.text(_ANY_CHARACTER, min_size=1, max_size=limit).map(lambda text: _cut(text, limit)).filter(bool)


def users() -> SearchStrategy[str]:
    """Every user name there may be (TCRP-3.3a)."""
    return st.text(_NAME_CHARACTER, min_size=1, max_size=MAX_USER_SIZE).map(_cut_user).filter(_fits(MAX_USER_SIZE))


def passwords() -> SearchStrategy[str]:
    """Every password but none, up to a size that leaves a request below 1024 bytes (TCRP-2.4)."""
    return st.text(_ANY_CHARACTER, min_size=1, max_size=100).filter(lambda text: len(text.encode()) <= 300)


def messages(limit: int = 600) -> SearchStrategy[bytes]:
    """The rest of a message beside its nonce: text, or any bytes."""
    return st.one_of(st.text(_ANY_CHARACTER, max_size=limit // 4).map(str.encode), st.binary(max_size=limit))


def cuts(size: int = 400) -> SearchStrategy[list[int]]:
    """Where a request of at most `size` bytes is cut into segments."""
    return st.lists(st.integers(1, size), min_size=1, max_size=8, unique=True)


def not_utf8() -> SearchStrategy[bytes]:
    """Bytes that are not UTF-8, as short as they may be."""
    return st.binary(min_size=1, max_size=12).filter(_is_not_utf8)


def _is_not_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def _cut(text: str, limit: int) -> str:
    return text.encode()[:limit].decode(errors="ignore")


def _cut_user(text: str) -> str:
    return _cut(text, MAX_USER_SIZE)


ROOM_TAIL_SIZE = MAX_ROOM_SIZE - 30
"""Bytes of a room name that are left beside the fresh prefix."""
