"""The plain server, started once for a module, and two members of one of its rooms."""

from collections.abc import Iterator

import pytest

from tests.faults.client import Member, new_room
from tests.faults.processes import Target, start


@pytest.fixture(scope="module")
def plain() -> Iterator[Target]:
    with start("fault", "none") as target:
        yield target


@pytest.fixture
def members(plain: Target) -> Iterator[tuple[Member, Member]]:
    """A host, `alice`, and a guest, `bob`. Over loopback the server gets datagrams in the order they were sent."""
    room = new_room()
    alice, bob = Member(plain, 1, room, b"alice"), Member(plain, 2, room, b'{"username":"bob"}')
    with alice.socket, bob.socket:
        yield alice, bob
