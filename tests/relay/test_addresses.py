"""When two addresses are one, and who holds an address that was given out."""

import pytest

from relay.addresses import AddressPool, declared, ip_of, key_of


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
def test_a_mapped_address_is_its_ipv4_address(address, ip):
    assert ip_of(address) == ip
    assert key_of(address) == (ip, 5)


@pytest.mark.parametrize(
    ("address", "usable"),
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
def test_only_numbers_are_taken_as_a_declared_address(address, usable):
    assert declared(address) == usable


def test_an_address_has_one_holder_and_the_longest_unused_comes_next():
    pool = AddressPool([("127.0.1.1", 1), ("127.0.1.2", 1), ("127.0.1.3", 1)])
    first, second = pool.take(), pool.take()
    pool.give_back(second)
    pool.give_back(first)
    assert [pool.take(), pool.take(), pool.take(), pool.take()] == [("127.0.1.3", 1), second, first, None]
