"""What follows from a path's figures, and measuring one by a control between two sockets."""

from collections.abc import Callable, Iterator

import pytest

from conformance.impair.impairment import parse_impairment
from conformance.impair.proxy import Proxy
from conformance.net.control import over_loopback, through_proxy
from conformance.net.path import CLEAN, KEEPS, MERGES, ODDS, UNBOUNDED, UNKNOWN, Path
from tcrp.endpoint import Endpoint

SERVER = Endpoint("127.0.0.1", 9001, 9002)

Measure = Callable[[str], Path]


@pytest.fixture
def measure() -> Iterator[Measure]:
    proxies: list[Proxy] = []

    def measured(fields: str) -> Path:
        proxies.append(Proxy(parse_impairment(fields)))
        return through_proxy(proxies[-1], SERVER)

    yield measured
    for proxy in proxies:
        proxy.close()


def test_on_a_clean_path_nothing_is_said_or_held_twice() -> None:
    assert CLEAN.clean
    assert (CLEAN.tries, CLEAN.rounds, CLEAN.copies, CLEAN.repeats) == (1, 1, 1, 1)


@pytest.mark.parametrize("loss", [0.002, 0.02, 0.1, 0.2])
def test_what_must_arrive_is_said_until_its_loss_has_odds_below_one_in_a_million(loss: float) -> None:
    path = Path(loss_up=loss, loss_down=loss)
    lost = 1 - (1 - loss) ** 2
    assert lost**path.tries < ODDS
    assert (1 - (1 - loss) ** 3) ** path.rounds < ODDS
    assert path.tries <= path.rounds <= 20


def test_what_is_not_known_yet_is_taken_for_bad() -> None:
    assert not UNKNOWN.clean
    assert UNKNOWN.tries > 5


def test_an_unmeasurable_path_does_not_ask_for_endless_patience() -> None:
    hopeless = Path(loss_up=0.99, loss_down=0.99)
    assert (hopeless.tries, hopeless.repeats) == (20, 20)


def test_loopback_is_measured_and_clean() -> None:
    for host in ("127.0.0.1", "::1"):
        path = over_loopback(host)
        assert path.clean, path
        assert (path.largest_up, path.largest_down) == (UNBOUNDED, UNBOUNDED)
    assert over_loopback("127.0.0.1").sources == KEEPS


def test_a_proxy_that_is_asked_for_nothing_is_measured_as_clean(measure: Measure) -> None:
    path = measure("seed=1")
    assert path.clean, path
    assert path.sources == KEEPS


def test_loss_is_measured_each_way(measure: Measure) -> None:
    path = measure("loss=10%,seed=2")
    assert 0.05 < path.loss_up < 0.16
    assert 0.05 < path.loss_down < 0.16
    assert not path.doubled
    assert not path.reordered


def test_doubling_and_reordering_are_measured(measure: Measure) -> None:
    assert 0.02 < measure("dup=5%,seed=3").doubled < 0.1
    path = measure("reorder=20%,seed=3")
    assert path.reordered > 0.05
    assert path.late > 0
    assert path.loss_up == path.loss_down == 0


def test_the_largest_datagram_is_found_to_the_byte_although_some_are_lost(measure: Measure) -> None:
    for fields in ("mtu=1472,loss=10%", "mtu=4096", "mtu=200"):
        path = measure(f"{fields},seed=4")
        assert f"mtu={path.largest_up}" == f"mtu={path.largest_down}" == fields.partition(",")[0]


def test_one_address_for_all_is_seen(measure: Measure) -> None:
    assert measure("nat").sources == measure("nat=udp").sources == MERGES


def test_a_delay_is_part_of_the_round_trip(measure: Measure) -> None:
    assert measure("delay=10ms").round_trip >= 0.02
