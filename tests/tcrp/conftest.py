"""Shared by the tests of tcrp: a strategy for each message type (`st.from_type(Frame)`), fixtures and their types."""

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from tcrp import (
    ChatMessage,
    ChatPacket,
    Create,
    Disconnect,
    Event,
    Frame,
    Information,
    Join,
    LocalProtocolError,
    Malformed,
    ProtocolError,
    RemoteProtocolError,
    Request,
)

ROOT = Path(__file__).parents[2]

Split: TypeAlias = Callable[[bytes, Iterable[int]], list[bytes]]
Comparable: TypeAlias = Callable[[Iterable[Event]], list[object]]
CheckError: TypeAlias = Callable[[ProtocolError, int | None], None]

pytest.register_assert_rewrite("tests.tcrp.declared")
settings.register_profile("tcrp", deadline=None)
settings.load_profile("tcrp")

_CONTROLS = "".join(map(chr, range(32))) + "\x7f"
_text = st.text(st.characters(codec="utf-8"), max_size=60)
_rooms = _text | st.sampled_from(["部屋", "r" * 255, "屋" * 85])
_named_rooms = _rooms.filter(bool)
_users = st.text(st.characters(codec="utf-8", exclude_characters=_CONTROLS), min_size=1, max_size=60) | st.sampled_from(
    ["部屋", "u" * 255, "屋" * 85, "\x80\x9f", "{", ":"]
)
_passwords = st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=200) | st.just("p" * 1024)
_bytes = st.integers(0, 255)

st.register_type_strategy(Frame, st.builds(Frame, _rooms, _bytes, _bytes, st.binary(max_size=300)))
st.register_type_strategy(Request, st.builds(Request, _users, _passwords))
st.register_type_strategy(ChatPacket, st.builds(ChatPacket, _rooms, st.binary(max_size=255), st.binary(max_size=300)))
# the first ": " ends the user name, so a name that holds it would be decoded as another one
st.register_type_strategy(
    ChatMessage, st.builds(ChatMessage, _users.filter(lambda user: ": " not in user), st.binary(max_size=300))
)
st.register_type_strategy(Disconnect, st.builds(Disconnect, _text))
st.register_type_strategy(Information, st.builds(Information, _text))
st.register_type_strategy(Create, st.builds(Create, _named_rooms, _users, _passwords, st.none()))
st.register_type_strategy(Join, st.builds(Join, _named_rooms, _users, _passwords, st.none()))


def _split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    at = sorted({cut for cut in cuts if 0 < cut < len(data)})
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


@pytest.fixture(scope="session")
def split() -> Split:
    """split(data, cuts): the bytes in pieces. A cut outside of them does nothing."""
    return _split


@pytest.fixture(scope="session")
def clauses() -> frozenset[str]:
    """The ids of all clauses."""
    with (ROOT / "conformance" / "spec" / "clauses.toml").open("rb") as file:
        return frozenset(clause["id"] for clause in tomllib.load(file)["clause"])


@pytest.fixture(scope="session")
def check_error(clauses: frozenset[str]) -> CheckError:
    """check_error(error, size): assert what every protocol error must have. `size`: bytes of the input, or None."""

    def check(error: ProtocolError, size: int | None) -> None:
        assert type(error) in (LocalProtocolError, RemoteProtocolError)
        assert error.clause in clauses
        assert error.field
        assert str(error).endswith(f"({error.clause})")
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) < 300
        assert error.offset is None or (size is not None and 0 <= error.offset <= max(size, 3))

    return check


def _comparable(events: Iterable[Event]) -> list[object]:
    return [
        (str(event.error), vars(event.error), event.error.status) if isinstance(event, Malformed) else event
        for event in events
    ]


@pytest.fixture(scope="session")
def comparable() -> Comparable:
    """comparable(events): values that are equal if the events are. The errors in events are never ==."""
    return _comparable
