"""The search for the shortest conversation in which a server and the model disagree."""

import subprocess
import sys

import pytest

from conformance.client import baseline
from conformance.client.drawing import Drawing
from conformance.outcome.findings import Mismatch
from conformance.suite.model.shrinking import understood
from conformance.suite.test_model import find
from tests.conformance.commands import REFERENCE, Commands
from tests.conformance.suite.benches import bench_at, server


def drawing(*, seed: int = 0, number: int = 4, seconds: float = 60.0) -> Drawing:
    """How conversations are drawn. The time is enough for all of them, unless a test sets it."""
    return Drawing(number, seed, seconds, shrink_seconds=60.0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("command", [REFERENCE, server("faults", "none")], ids=["reference", "plain"])
def test_a_right_server_agrees(command: str, seed: int) -> None:
    with bench_at(command, drawing=drawing(seed=seed)) as bench:
        assert find(bench) is None
        assert bench.record.examples >= 4
        assert 20 < bench.connections <= 60  # 45, and more where the host's leaving came later than a request


@pytest.mark.parametrize(
    ("fault", "clause", "size"),
    [
        ("chat-in-every-room", "TCRP-4.5b", 3),
        ("old-address-kept-too", "TCRP-4.3a", 3),
        ("address-fixed-at-first", "TCRP-4.3a", 3),
        ("equal-names-refused", "TCRP-3.3c", 3),
        ("create-joins-what-exists", "TCRP-3.4d", 2),
        ("password-ignored", "TCRP-3.10a", 2),
        ("token-prefix-served", "TCRP-4.2d", 3),
        ("token-of-another-room-served", "TCRP-4.2d", 4),
        ("everything-twice", "TCRP-4.5c", 2),
        ("exit-keeps-hearing", "TCRP-5.1a", 4),
        ("token-alive-after-exit", "TCRP-5.1b", 5),
        ("closing-told-to-nobody", "TCRP-5.2a", 3),
        ("tokens-alive-after-closing", "TCRP-5.2b", 5),
        ("tokens-alive-in-a-namesake", "TCRP-5.2b", 5),
        ("name-kept-after-closing", "TCRP-5.2c", 3),
        ("notice-of-a-guests-exit", "TCRP-5.4b", 3),
    ],
)
def test_a_wrong_server_is_found_by_a_short_conversation(fault: str, clause: str, size: int) -> None:
    with bench_at(server("faults", fault), wait=1.0, drawing=drawing(number=40)) as bench:
        found = find(bench)
    assert isinstance(found, Mismatch)
    assert found.clause == clause, found
    assert found.example is not None
    steps = found.example["steps"]
    assert len(steps) <= size
    assert understood(steps) == steps


def test_a_server_that_has_ended_is_left_alone() -> None:
    with bench_at(server("faults", "dies-of-a-forged-token"), wait=0.5, drawing=drawing(number=40)) as bench:
        assert find(bench) is not None
        assert bench.target.ended() is not None


ODD = [
    "slow-chat", "thread-per-datagram", "random-order", "far-apart", "leaver-is-told", "informs-with-chat-in-it",
    "notices-look-like-chat", "needless-password-refused", "prompt-sweep", "the-floor",
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_a_right_but_odd_server_is_not_blamed(odd: str) -> None:
    unhurried = drawing(seed=ODD.index(odd), seconds=8.0)
    with bench_at(server("odd", odd) + " --idle-timeout 2", idle_timeout=2.0, drawing=unhurried) as bench:
        assert baseline.hold(bench).findings == ()
        assert find(bench) is None
        assert bench.record.examples > 0


@pytest.mark.parametrize("command", [REFERENCE, server("odd", "thread-per-datagram")], ids=["reference", "threads"])
def test_a_right_server_is_not_blamed_for_a_busy_machine(command: str) -> None:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        with bench_at(command) as bench:
            for seed in range(4):
                bench.context.drawing = drawing(seed=seed, seconds=3.0)
                assert find(bench) is None
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_nothing_of_it_is_on_the_screen(command: Commands) -> None:
    done = command("run", "-k", "agrees_with_the_model", "--exec", command.faulty("everything-twice"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "to receive a message of" in " ".join(done.stdout.split())
    for word in ("Falsifying", "hypothesis", "Machine", "Traceback", "teardown"):
        assert word not in done.stdout + done.stderr
