"""The short form of `make torment`: the same attacks, bounded in number, and no matter how long anything takes."""

import sys
from pathlib import Path

import pytest

from tests.hardening.torment.__main__ import line
from tests.hardening.torment.aim import Attack
from tests.hardening.torment.attacks import ATTACKS
from tests.hardening.torment.canary import Observed, can_bind
from tests.hardening.torment.run import Result, torment

SECONDS = 1.5
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not can_bind("127.0.0.2"), reason="this machine has no further loopback addresses"
)


def named(name: str) -> Attack:
    (attack,) = (one for one in ATTACKS if one.name == name)
    return attack


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_others_are_served_meanwhile(attack: Attack, tmp_path: Path) -> None:
    result = torment(attack, tmp_path, SECONDS, attack.short)
    assert result.problems == []
    assert result.observed.messages == len(result.observed.waits) > 0
    assert sum(result.did.values()) > 0
    assert bool(result.observed.took) == attack.visitors


@pytest.mark.parametrize(
    ("name", "lifted"),
    [
        ("silent", ("--max-connections-per-address", "0")),
        ("creates", ("--max-rooms-per-address", "0", "--requests-per-second", "0", "--max-rooms", "40")),
    ],
)
def test_without_the_limits_it_shows(name: str, lifted: tuple[str, ...], tmp_path: Path) -> None:
    attack = named(name)
    result = torment(attack._replace(options=lifted), tmp_path, 2 * SECONDS, 3000)
    assert any("refused: LIMIT_REACHED" in problem or "onnection" in problem for problem in result.problems)


def test_what_took_too_long_is_told() -> None:
    observed = Observed(messages=3, waits=[0.1, 1.5], took=[0.1, 2.5])
    result = Result(named("silent"), {"opened": 1234}, observed, 3 << 20, 0, [])
    assert result.late == ["a message took 1.50 s", "a request took 2.50 s"]
    assert line(result).split() == ["silent", "2/3", "1500", "ms", "2", "2500", "ms", "+3", "MiB", "opened", "1,234"]
    assert Result(named("silent"), {}, Observed(), 0, 0, []).late == []
