"""The short form of `make soak`, bounded in number, and the proof that it finds what it is for."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.hardening.soak.__main__ import line
from tests.hardening.soak.chat import ChatFigures
from tests.hardening.soak.churn import ChurnFigures
from tests.hardening.soak.judging import Left, Sample, growth, problems
from tests.hardening.soak.path import Taken
from tests.hardening.soak.planted import FAULTS
from tests.hardening.soak.run import Plan, Progress, soak
from tests.hardening.torment.canary import can_bind

NO_LIMIT = 1e6
# few messages at once, so that the buffers of a machine that has no time hold them; no passwords, since each thread
# that hashes keeps 16 MiB from its first time on
SHORT = Plan(24, NO_LIMIT, messages=100, visits=2, rate=1000.0, visit_rate=0.0, password_every=0)

MIB = 1 << 20
CHAT = ChatFigures(
    sent=1000, heard=9000, dropped=0, unheard=0, missing=0, spare=0, doubled=0, foreign=0, closed=0, deaf=0
)
CHURN = ChurnFigures(visits=100, said=170, unheard=0, doubled=0, left_behind=5, troubles=[])
NOTHING = Taken(0, 0, 0)
LEFT = Left(files_before=11, files=11, rooms=5, members=10, code=0, traceback=False)
linux = pytest.mark.skipif(
    sys.platform != "linux" or not can_bind("127.0.0.2"), reason="this machine has no further loopback addresses"
)


def samples(memory: Sequence[int] = (30, 40, 40, 40, 41, 41), files: Sequence[int] = (11, 12, 11)) -> list[Sample]:
    """Of a server with so many MiB and descriptors, each in turn."""
    count = max(len(memory), len(files))
    return [Sample(memory[i * len(memory) // count] * MIB, files[i * len(files) // count], True) for i in range(count)]


def judged(
    sampled: list[Sample] | None = None,
    chat: ChatFigures = CHAT,
    churn: ChurnFigures = CHURN,
    taken: Taken = NOTHING,
    left: Left = LEFT,
) -> list[str]:
    return problems(samples() if sampled is None else sampled, chat, churn, taken, left)


def planted(name: str) -> Plan:
    return SHORT._replace(program=("tests.hardening.soak.planted", name))


@linux
@pytest.mark.parametrize("state", [False, True], ids=["in memory", "with a state file"])
def test_nothing_is_wrong_in_a_few_messages(state: bool, tmp_path: Path) -> None:
    told: list[Progress] = []
    options = ("--state", str(tmp_path / "rooms.db")) if state else ()
    result = soak(SHORT._replace(options=options), tmp_path, told.append)
    assert result.problems == []
    assert len(told) == len(result.samples) == SHORT.steps
    assert result.last.chat.sent >= SHORT.steps * SHORT.messages
    assert result.last.chat.heard > 0
    assert result.last.churn.visits == SHORT.steps * SHORT.visits
    assert result.last.churn.left_behind > 0
    assert min(result.samples).memory > 0


@linux
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    _, words = FAULTS[fault]
    result = soak(planted(fault), tmp_path)
    assert any(words in problem for problem in result.problems), result


@linux
def test_a_server_that_ends_breaks_the_soak(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="of the load ended with 1"):
        soak(planted("end"), tmp_path)


@linux
def test_what_full_buffers_took_is_not_blamed(tmp_path: Path) -> None:
    result = soak(planted("late")._replace(rate=NO_LIMIT), tmp_path)
    assert result.problems == []
    assert result.last.taken.up > 0


def test_nothing_is_wrong() -> None:
    assert judged() == []


def test_what_grows_is_not_flat() -> None:
    assert judged(samples(memory=range(30, 60))) == ["the memory grew by 10.0 MiB"]
    assert judged(samples(files=range(11, 71))) == ["20 descriptors more were open"]
    assert judged(left=LEFT._replace(files=13)) == ["2 descriptors stayed open after everybody had gone"]


def test_what_fills_once_and_what_lasts_a_moment_is_flat() -> None:
    assert growth([10, 20, 30, 40, 40, 40, 40, 40, 40]) == 0
    assert growth([40, 40, 40, 40, 40, 40, 40, 72, 40]) == 0
    assert growth([10, 90]) == 0


@pytest.mark.parametrize(
    ("chat", "taken", "problem"),
    [
        (CHAT._replace(unheard=3), NOTHING, "3 messages were heard by nobody, and the way took at most 0"),
        (CHAT._replace(unheard=3), Taken(3, 0, 0), None),
        (CHAT._replace(unheard=3, spare=2), Taken(1, 0, 0), None),
        (CHAT._replace(missing=3), Taken(9, 2, 0), "3 deliveries are missing, and the way took 2"),
        (CHAT._replace(missing=3), Taken(0, 3, 0), None),
        (CHAT._replace(doubled=2), Taken(9, 9, 1), "2 deliveries came twice, and the way doubled 1"),
        (CHAT._replace(doubled=2), Taken(0, 0, 2), None),
        (CHAT._replace(foreign=1), NOTHING, "1 deliveries came to a wrong room"),
        (CHAT._replace(closed=1), NOTHING, "1 members were removed"),
        (CHAT._replace(deaf=1), NOTHING, "1 members hear nothing any more"),
    ],
)  # fmt: skip
def test_only_what_the_way_did_not_take_is_blamed(chat: ChatFigures, taken: Taken, problem: str | None) -> None:
    assert judged(chat=chat, taken=taken) == ([] if problem is None else [problem])


def test_visitors_are_judged_too() -> None:
    assert judged(churn=CHURN._replace(unheard=2), taken=Taken(1, 0, 0)) == [
        "2 messages of visitors were not heard by all, and the way took at most 1"
    ]
    assert judged(churn=CHURN._replace(doubled=2)) == ["2 deliveries to visitors came twice, and the way doubled 0"]
    assert judged(churn=CHURN._replace(troubles=["Join refused: NOT_FOUND"])) == ["a visitor: Join refused: NOT_FOUND"]


def test_what_the_server_keeps_is_judged() -> None:
    assert judged(left=LEFT._replace(rooms=7)) == ["7 rooms are left, and only 5 were left behind"]
    assert judged(left=LEFT._replace(rooms=7), taken=Taken(2, 0, 0)) == []  # two hosts' words of leave were lost
    assert judged(left=LEFT._replace(members=16)) == ["16 members are left of 5 rooms"]
    assert judged(left=LEFT._replace(code=-9, traceback=True)) == [
        "the server ended with -9",
        "a traceback is in the log",
    ]
    assert judged([*samples(), Sample(41 * MIB, 11, False)]) == ["/healthz did not answer 1 times"]


def test_a_minute_is_a_line() -> None:
    progress = Progress(
        60.0, 30.0, Sample(41 * MIB, 12, True), CHAT._replace(unheard=1, dropped=2), CHURN, Taken(1, 0, 0)
    )
    assert line(1, progress) == (
        "minute 1: 1,000 messages, 9,000 deliveries, 1 lost, 0 doubled, 3 dropped by the system; 100 visits; 41.0 MiB, "
        "12 descriptors, 0.50 cores"
    )
