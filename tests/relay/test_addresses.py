"""Comparing addresses, and the pool of addresses to assign."""

from typing import Any, cast

import pytest

from relay.addresses import AddressPool, address_key, ip_of, is_other_form, usable_address
from tcrp.messages import Address


@pytest.mark.parametrize(
    ("address", "ip"),
    [
        (("10.0.0.1", 5), "10.0.0.1"),
        (("::ffff:10.0.0.1", 5, 0, 0), "10.0.0.1"),
        (("::1", 5, 0, 0), "::1"),
        (("fe80::1%eth0", 5, 0, 2), "fe80::1%eth0"),
        (("::ffff:0:102:304", 5, 0, 0), "::ffff:0:102:304"),
    ],
)
def test_a_mapped_address_is_its_ipv4_address(address: Address, ip: str) -> None:
    assert ip_of(address) == ip
    assert address_key(address) == (ip, 5)


@pytest.mark.parametrize(
    ("declared", "usable"),
    [
        (("127.0.0.1", 5), ("127.0.0.1", 5)),
        (("::ffff:127.0.0.1", 5), ("127.0.0.1", 5)),
        (("::1", 65535, 0, 0), ("::1", 65535)),
        (("localhost", 5), None),
        (("127.0.0.1", 0), None),
        (("127.0.0.1", 65536), None),
        (("", 5), None),
        (None, None),
    ],
)
def test_only_numbers_are_taken_as_a_declared_address(declared: Address | None, usable: Address | None) -> None:
    assert usable_address(declared) == usable


def test_what_a_server_adds_to_an_address_stays_and_does_not_count() -> None:
    asked: Any = ("10.0.0.1", 5, "10.0.0.9")
    assert usable_address(asked) == asked
    six: Any = ("::1", 5, 0, 0, "::2")
    assert usable_address(six) == (*six[:2], "::2")
    assert address_key(asked) == ("10.0.0.1", 5)
    assert is_other_form(("10.0.0.1", 5), asked)
    assert is_other_form(asked, ("10.0.0.1", 5))
    assert not is_other_form(asked, asked)
    assert not is_other_form(asked, ("10.0.0.1", 6))
    assert not is_other_form(None, asked)
    pool = AddressPool([("127.0.1.1", 1)])
    assigned = pool.take()
    assert assigned
    pool.give_back(cast(Address, (*assigned, "10.0.0.9")))
    assert pool.take() == assigned


def test_an_address_has_one_holder_and_the_longest_unused_comes_next() -> None:
    pool = AddressPool([("127.0.1.1", 1), ("127.0.1.2", 1), ("127.0.1.3", 1)])
    first, second = pool.take(), pool.take()
    assert first
    assert second
    pool.give_back(second)
    pool.give_back(first)
    assert [pool.take(), pool.take(), pool.take(), pool.take()] == [("127.0.1.3", 1), second, first, None]
