"""Dialects in Python, with real programs: each example against a server of its own and against ours."""

import json

import pytest

from tests.conformance.commands import Commands
from tests.python_dialects.paths import EXAMPLES, server

LEAST = {"short-header": 55, "rsa-chat": 75, "password-round": 45}
"""How many clauses its own server passes, at least."""


def passes(command: Commands) -> int:
    verdicts = [one["verdict"] for one in command.report()["clauses"]]
    assert not {"fail", "flaky", "crash", "error"} & set(verdicts)
    return verdicts.count("pass")


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_right_server_that_knows_nothing_of_the_library_passes(command: Commands, name: str) -> None:
    done = command("run", "--seed", "1", "--dialect", str(EXAMPLES[name]), "--exec", server(name))
    assert done.returncode == 0, done.stdout
    assert passes(command) >= LEAST[name]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_our_server_speaks_it(command: Commands, name: str, long: bool) -> None:
    if not long and name != "password-round":
        pytest.skip("long: all of them")
    ours = f"{command.reference} --dialect {EXAMPLES[name]}"
    done = command("run", "--seed", "1", "--dialect", str(EXAMPLES[name]), "--exec", ours)
    assert done.returncode == 0, done.stdout
    assert passes(command) >= LEAST[name]


def test_load_speaks_it(command: Commands) -> None:
    done = command(
        "load", "--dialect", str(EXAMPLES["short-header"]), "--exec", server("short-header"), "--rooms", "2",
        "--members", "2", "--rate", "5", "--seconds", "1", "--processes", "2", "--json", "load.json",
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr  # a busy machine may lose a message
    assert json.loads((command.folder / "load.json").read_text())["dialect"] == "short_header"


def test_a_replay_runs_the_file_only_if_it_is_named(command: Commands) -> None:
    path = str(EXAMPLES["password-round"])
    wrong = f"{command.reference} --dialect {EXAMPLES['short-header']}"
    assert command("run", "4.5a", "--runs", "1", "--dialect", path, "--exec", wrong).returncode == 1
    (finding,) = (command.folder / "tcrp-report" / "findings").glob("*.json")
    done = command("replay", str(finding), "--exec")
    assert done.returncode == 4
    assert "runs only if --dialect names it" in done.stderr
    done = command("replay", str(finding), "--exec", "--dialect", path, "--runs", "1")
    assert done.returncode == 1, done.stderr


def test_an_error_in_the_file_is_one_line(command: Commands) -> None:
    path = command.folder / "mine.py"
    path.write_text("DIALECT = nothing\n")
    done = command("run", "-t", "127.0.0.1:1", "--dialect", str(path))
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == f"tcrp-conformance: {path}:1: NameError: name 'nothing' is not defined\n"
