"""Servers whose replies nobody can read: what is judged all the same, by comparing them with themselves."""

import shlex
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance.engine.comparing.likeness import Likeness, Reaction
from tests.conformance.commands import Commands

PROBED = Path(__file__).parents[2] / "probed"
NODE = shutil.which("node")
JSON = b'{"room":"r1","user":"bob"}'
CLAUSES = ("2.5a", "6.1a", "6.1b", "6.1c", "6.1d", "6.1e", "6.1f", "6.1g", "6.3a")


def foreign(kind: str) -> str:
    return shlex.join([sys.executable, str(PROBED / "foreign.py"), kind])


def judged(command: Commands, server: str, *words: str, dialect: str = "tcrp") -> dict[str, str]:
    """The verdicts of the clauses that can be judged so."""
    done = command("run", *CLAUSES, "--dialect", dialect, "--runs", "1", *words, "--exec", server)
    assert "Traceback" not in done.stderr, done.stderr
    return {one["id"].removeprefix("TCRP-"): one["verdict"] for one in clauses(command) if one["how"] == "comparison"}


def clauses(command: Commands) -> list[dict[str, Any]]:
    return list(command.report()["clauses"])


def finding(command: Commands, clause: str) -> dict[str, Any]:
    return next(one for one in command.report()["findings"] if one["clause"] == f"TCRP-{clause}")


def test_one_client_at_a_time_and_one_recv_are_seen(command: Commands) -> None:
    (command.folder / "join.txt").write_bytes(b"JOIN r1 bob\n")
    found = judged(command, foreign("lines"), "--request", "join.txt")
    wrong = {"2.5a", "6.1b", "6.3a"}
    assert found == {one: "fail" if one in wrong else "pass" for one in CLAUSES}
    shown = finding(command, "6.1b")
    assert "8 connections stall" in shown["expected"]
    assert shown["actual"].startswith("no answer in ")
    assert shown["bytes"] == b"JOIN r1 bob\n".hex()
    assert any(step["does"] == "send" for step in shown["conversation"])
    assert shown["replay"] is None


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_a_right_server_is_blamed_for_nothing_that_it_was_compared_for(command: Commands) -> None:
    request = (struct.pack(">I", len(JSON)) + JSON).hex()
    server = shlex.join([str(NODE), str(PROBED / "length_json.mjs")])
    assert judged(command, server, "--request", request) == dict.fromkeys(CLAUSES, "pass")


def test_an_answer_that_garbage_draws_too_says_nothing_of_segments(command: Commands) -> None:
    found = judged(command, foreign("encrypted"))
    assert found == {one: "pass" for one in CLAUSES if one != "2.5a"}
    segments = next(one for one in clauses(command) if one["id"] == "TCRP-2.5a")
    assert segments["verdict"] == "unsupported"
    assert segments["message"].startswith("compared with itself: other bytes draw the same answer")


def test_a_chat_thread_that_dies_of_a_datagram_is_seen_with_its_exception(command: Commands) -> None:
    found = judged(command, foreign("dialogue"))
    assert found == {one: "fail" if one == "6.1f" else "pass" for one in CLAUSES if one not in ("2.5a", "6.1g")}
    shown = finding(command, "6.1f")
    assert shown["exception"]["type"] == "JSONDecodeError"
    assert shown["exception"]["file"] == str(PROBED / "foreign.py")
    assert shown["bytes"] == b"hello".hex()


def test_an_accept_loop_that_dies_of_empty_connections_is_seen_with_its_exception(command: Commands) -> None:
    request = bytes(32) + b'{"nick":"bob"}'
    found = judged(command, foreign("second-odd-request"), "--request", request.hex())
    assert found["6.1a"] == "fail"
    shown = finding(command, "6.1a")
    assert "connections without a byte were opened and closed" in shown["expected"]
    assert shown["exception"]["type"] == "IndexError"
    assert shown["exception"]["file"] == str(PROBED / "foreign.py")
    assert found["6.1f"] == found["6.1g"] == "pass"


def test_what_ends_the_server_among_other_bytes_is_a_crash(command: Commands) -> None:
    found = judged(command, foreign("digits"), "--request", (b"%04d01" % len(JSON) + JSON).hex())
    assert found["6.1e"] == "crash"
    assert finding(command, "6.1e")["exception"]["type"] == "ValueError"
    assert found["6.1f"] == found["6.1g"] == "pass"


def test_without_a_request_that_it_reacts_to_the_way_out_is_told(command: Commands) -> None:
    done = command("run", "6.1b", "--dialect", "auto", "--runs", "1", "--exec", foreign("huge-size"))
    assert "--request HEX|FILE gives one" in done.stdout
    assert [one["verdict"] for one in clauses(command) if one["id"] == "TCRP-6.1b"] == ["unsupported"]


@pytest.mark.parametrize(
    ("given", "said"), [("0x", "neither a file nor hex digits"), (" ", "is empty"), ("empty.bin", "it is empty")]
)
def test_a_request_that_is_none_is_refused(command: Commands, given: str, said: str) -> None:
    (command.folder / "empty.bin").touch()
    done = command("run", "6.1b", "--request", given, "--exec", foreign("lines"))
    assert done.returncode == 4
    assert said in done.stderr


def test_sameness_is_up_to_what_varied() -> None:
    answers = [b"OK 4f1aa2c9 for bob\n", b"OK 9b07d3e1 for bob\n", b"OK 4c5e6f70 for bob\n"]
    alike = Likeness([Reaction(one) for one in answers])
    assert alike.holds(Reaction(b"OK 00000000 for bob\n"))
    assert not alike.holds(Reaction(b"OK 00000000 for bib\n"))
    assert not alike.holds(Reaction(b"NO\n"))
    assert not alike.holds(Reaction(b"", closed=True))
    longer = Likeness([Reaction(b"n=9\n"), Reaction(b"n=10\n"), Reaction(b"n=11\n")])
    assert longer.holds(Reaction(b"n=100\n"))
    silent = Likeness([Reaction(closed=True)] * 3)
    assert silent.holds(Reaction(closed=True))
    assert not silent.holds(Reaction(b"x", closed=True))
    assert not silent.holds(Reaction())
