"""The parts of the limits of one address: the queue of passwords, connections, guesses, what is logged."""

import asyncio
import logging
import threading

import pytest

from reference_server.address_limits import AddressLimits, Entry, limited_unless
from reference_server.limits import LOOPBACK, ServerLimits
from reference_server.passwords import PasswordThreads
from reference_server.refusals import Refusals
from tcrp.messages import Join

NONE = limited_unless(())


class SlowPasswords:
    """Passwords that are verified one after another, once `go` is set. `order`: in which order."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.order: list[str] = []
        self._lock = threading.Lock()

    def hash(self, password: str) -> bytes:
        self.verify(password, b"")
        return b"hash"

    def verify(self, password: str, stored: bytes) -> bool:
        self.go.wait()
        with self._lock:
            self.order.append(password)
        if password == "break":
            raise ValueError(password)
        return password == "right"


def test_addresses_take_turns_with_their_passwords() -> None:
    async def scenario() -> list[str]:
        slow = SlowPasswords()
        threads = PasswordThreads(slow)
        futures = [threads.verify(f"crowd {number}", b"", "10.0.0.1") for number in range(40)]
        futures += [threads.verify(f"other {number}", b"", "10.0.0.2") for number in range(2)]
        assert threads.pending == 42
        slow.go.set()
        await asyncio.gather(*futures)
        assert threads.pending == 0
        threads.close()
        return slow.order

    order = asyncio.run(scenario())
    assert len(order) == 42
    assert max(order.index(f"other {number}") for number in range(2)) < 16  # at most 4 have begun before, then turns


def test_one_address_has_so_many_passwords_waiting_and_another_always_finds_room() -> None:
    async def scenario() -> None:
        slow = SlowPasswords()
        threads = PasswordThreads(slow, 16)
        for _ in range(16):
            assert threads.refuses("a", exempt=False) is None
            threads.verify("x", b"", "a")
        assert threads.refuses("a", exempt=False) == "hashes-per-address"
        for _ in range(64 - 16):
            assert threads.refuses("a", exempt=True) is None
            threads.verify("x", b"", "a")
        assert threads.refuses("a", exempt=True) == "max-hashes"
        for number in range(256 - 64):
            assert threads.refuses(f"other {number}", exempt=False) is None
            threads.verify("x", b"", f"other {number}")
        assert threads.refuses("one more", exempt=False) == "max-hashes"
        threads.close()
        slow.go.set()

    asyncio.run(scenario())


def test_what_goes_wrong_in_a_thread_is_the_futures_exception() -> None:
    async def scenario() -> None:
        slow = SlowPasswords()
        slow.go.set()
        threads = PasswordThreads(slow)
        with pytest.raises(ValueError, match="break"):
            await threads.verify("break", b"", "a")
        assert await threads.verify("right", b"", "a", delay=0.001)
        assert not await threads.verify("wrong", b"", "a")
        threads.close()

    asyncio.run(scenario())


def test_what_no_thread_has_begun_is_cancelled_at_the_end() -> None:
    async def scenario() -> None:
        slow = SlowPasswords()
        threads = PasswordThreads(slow)
        waiting = [threads.verify("x", b"", "a") for _ in range(10)]
        delayed = threads.verify("x", b"", "a", delay=0.001)
        threads.close()
        slow.go.set()
        done = await asyncio.gather(*waiting, delayed, return_exceptions=True)
        assert isinstance(done[-1], asyncio.CancelledError)
        assert isinstance(done[-2], asyncio.CancelledError)

    asyncio.run(scenario())


class OpenConnection:
    """A connection on which nothing has come, or something that is not read yet."""

    def __init__(self, unread: bool = False) -> None:
        self.unread = unread
        self.closed = False

    def says_nothing(self) -> bool:
        return not self.unread

    def close_silent(self) -> None:
        self.closed = True


def test_of_silent_connections_the_oldest_is_closed_unless_something_has_just_come() -> None:
    limits = AddressLimits(ServerLimits(connections_per_address=32), NONE, Refusals())
    first, second, third = OpenConnection(unread=True), OpenConnection(), OpenConnection()
    for one in (first, second, third, *(OpenConnection() for _ in range(13))):
        assert limits.enter(one, "10.0.0.1", 0.0) is Entry.SERVED
    limits.spoke(second, "10.0.0.1")
    limits.enter(OpenConnection(), "10.0.0.1", 0.0)
    limits.enter(OpenConnection(), "10.0.0.1", 0.0)
    limits.enter(OpenConnection(), "10.0.0.2", 0.0)
    assert [one.closed for one in (first, second, third)] == [False, False, False]
    limits.enter(OpenConnection(), "10.0.0.1", 0.0)
    assert [one.closed for one in (first, second, third)] == [False, False, True]


def test_connections_that_are_gone_do_not_count() -> None:
    refusals = Refusals()
    limits = AddressLimits(ServerLimits(connections=100, connections_per_address=16), NONE, refusals)
    entries: dict[Entry, list[OpenConnection]] = {entry: [] for entry in Entry}
    for _ in range(50):
        one = OpenConnection()
        entries[limits.enter(one, "10.0.0.1", 0.0)].append(one)
    assert [len(entries[entry]) for entry in (Entry.SERVED, Entry.REFUSED, Entry.CLOSED)] == [16, 16, 18]
    assert refusals.counts == {"max-connections-per-address": 34}
    for one in entries[Entry.SERVED] + entries[Entry.REFUSED]:
        limits.leave(one, "10.0.0.1")
    assert limits.enter(OpenConnection(), "10.0.0.1", 0.0) is Entry.SERVED


def test_beyond_the_connections_in_all_every_address_is_refused() -> None:
    limits = AddressLimits(ServerLimits(connections=16), limited_unless(LOOPBACK), Refusals())
    for _ in range(16):
        assert limits.enter(OpenConnection(), "127.0.0.1", 0.0) is Entry.SERVED
    for number in range(64):
        assert limits.enter(OpenConnection(), f"10.0.0.{number}", 0.0) is Entry.REFUSED
    assert limits.enter(OpenConnection(), "10.0.1.1", 0.0) is Entry.CLOSED


def test_right_passwords_are_no_guesses() -> None:
    limits = AddressLimits(ServerLimits(), NONE, Refusals())
    want = Join("r", "a", "password")
    for _ in range(100):
        assert limits.guess_delay(want, "10.0.0.1", 0.0) == 0.0
        limits.guessed_right(want, "10.0.0.1")
    delays = [limits.guess_delay(want, "10.0.0.1", 0.0) for _ in range(20)]
    assert delays[:16] == [0.0] * 16
    assert [delay is None for delay in delays[16:]] == [False, True, True, True]
    assert limits.guess_delay(Join("s", "a", "password"), "10.0.0.1", 0.0) == 0.0
    assert limits.guess_delay(want, "10.0.0.2", 0.0) == 0.0


@pytest.mark.parametrize(
    ("ip", "counts_as"),
    [
        ("127.0.0.1", None),
        ("127.9.9.9", None),
        ("::ffff:127.0.0.1", None),
        ("::1", None),
        ("::2", "::/64"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%lo", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_loopback_is_exempt(ip: str, counts_as: str | None) -> None:
    assert limited_unless(LOOPBACK)(ip) == counts_as


def test_a_burst_is_one_line_and_every_refusal_counts(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    with caplog.at_level(logging.WARNING, "reference_server"):
        for second in range(100):
            refusals.note("max-rooms", "10.0.0.1", float(second))
        refusals.note("max-rooms", "10.0.0.2", 99.0)
        refusals.note("max-members", "10.0.0.1", 99.0)
        refusals.note("max-rooms", "10.0.0.1", 110.0)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "10.0.0.1 has reached max-rooms",
        "10.0.0.2 has reached max-rooms",
        "10.0.0.1 has reached max-members",
        "10.0.0.1 has reached max-rooms",
    ]
    assert refusals.counts == {"max-rooms": 102, "max-members": 1}


def test_very_many_addresses_are_counted_without_a_line_each(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    with caplog.at_level(logging.WARNING, "reference_server"):
        for number in range(5000):
            refusals.note("max-rooms", f"10.0.{number >> 8}.{number & 255}", 0.0)
    assert len(caplog.records) == 1000
    assert refusals.counts == {"max-rooms": 5000}
