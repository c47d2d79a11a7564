"""What `--impair` says, what is wrong with it, and what a seed repeats."""

import pytest

from conformance.impair.impairment import LARGEST, Direction, Impairment, parse_impairment


def test_each_field_is_read() -> None:
    said = parse_impairment("loss=2%, dup=5%,reorder=20%,delay=20ms,mtu=1472,nat,seed=1")
    assert said == Impairment(0.02, 0.05, 0.2, 0.02, 1472, "both", 1)
    assert parse_impairment(str(said)) == said
    assert parse_impairment("nat=udp") == Impairment(nat="udp")
    assert parse_impairment("delay=1.5s").delay == 1.5


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("loss=2", "loss is '2': a percentage from 0% to 90%, such as 2%"),
        ("loss=91%", "loss is '91%': a percentage from 0% to 90%"),
        ("dup=-1%", "dup is '-1%'"),
        ("reorder=nan%", "reorder is 'nan%'"),
        ("delay=20", "delay is '20': a time from 0ms to 2000ms, such as 20ms"),
        ("delay=3s", "delay is '3s': a time from 0ms to 2000ms"),
        ("mtu=100", "mtu is '100': bytes of a datagram, from 128 to 65507"),
        ("mtu=x", "mtu is 'x'"),
        ("seed=-1", "seed is '-1': a whole number, from 0 to 4294967295"),
        ("nat=tcp", "nat is 'tcp': write nat or nat=udp"),
        ("lost=2%", "there is no field 'lost'"),
        ("", "there is no field ''"),
        ("loss=1%,loss=2%", "loss is given twice"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_limit(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^--impair: ") as caught:
        parse_impairment(text)
    assert wrong in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_seed_repeats_what_becomes_of_each_datagram() -> None:
    asked = Impairment(loss=0.2, dup=0.2, reorder=0.2, delay=0.01, seed=7)
    first, second, other = (Direction(one, "up") for one in (asked, asked, asked._replace(seed=8)))
    fates = [first.copies(100) for _ in range(500)]
    assert fates == [second.copies(100) for _ in range(500)]
    assert fates != [other.copies(100) for _ in range(500)]
    assert all(after >= 0.01 for fate in fates for after in fate)
    assert first.counts["sent"] == 500
    assert sum(map(len, fates)) == 500 - first.counts["lost"] + first.counts["doubled"]
    assert all(40 < first.counts[what] < 160 for what in ("lost", "doubled", "reordered"))


def test_a_clean_path_carries_all_at_once() -> None:
    clean = Direction(Impairment(), "down")
    assert [clean.copies(LARGEST) for _ in range(20)] == [[0.0]] * 20


def test_what_is_too_large_is_dropped_and_counted() -> None:
    narrow = Direction(Impairment(mtu=1472), "up")
    assert narrow.copies(1472) == [0.0]
    assert narrow.copies(1473) == []
    assert narrow.counts["too_large"] == 1
