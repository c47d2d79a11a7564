"""Runs in a dialect that a probe has learnt: nothing is judged on what was not learnt, and what is wrong is found."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance.spec.differences import differences
from tcrp import dialects
from tests.conformance.commands import Commands
from tests.conformance.probe.combinations import Options
from tests.conformance.probe.servers import command_of
from tests.conformance.schemas import REPORT_SCHEMA

HIDDEN: Options = {
    "up": "hidden:room-size token-size room token message", "down": "hidden:user message", "user_key": "name",
}  # fmt: skip
"""Chat that nobody can read."""
WORDS_DIFFER: Options = {"status": "words", "steps": 1, "framing": "none", "words_differ": True, "payload": "raw"}

Verdicts = dict[str, tuple[str, str | None]]

KINDS: dict[str, tuple[Options, dict[str, str]]] = {
    "an acknowledgement refuses, and an empty token follows": (
        {"status": "json", "status_key": "success", "values": [1, 0, 0, 0, 0], "token_key": "token",
         "empty_token_follows": True},
        {"2.2": "pass", "3.4d": "pass", "3.4e": "pass", "3.5b": "fail"},
    ),
    "an own echo, and no message leaves": (
        {"down": "type user-size message-size user message", "down_type": 1, "echo": True, "leave": None,
         "user_key": "name"},
        {"4.5a": "pass", "4.6b": "pass", "5.1a": "unsupported", "5.2a": "unsupported", "5.4a": "unsupported"},
    ),
    "an operation that nobody knows joins": (
        {"payload": "length-prefixed", "any_operation": True}, {"3.7a": "fail", "3.7d": "fail"},
    ),
    "whoever has a token may use it": ({"source": "anything", "user_key": "name"}, {"3.8e": "fail", "4.2e": "fail"}),
    "any State will do": ({"state": None, "user_key": "name"}, {"3.7b": "fail"}),
    "texts with the room's name in them": (
        {"status": "text", "values": ["room {room} made", "room {room} is there", "no room {room}", "wrong", "bad"]},
        {"3.4c": "pass", "3.4d": "pass", "3.4e": "pass", "3.9": "pass"},
    ),
    "the datagram as it came": (
        {"down": "mirrored", "user_key": "name"}, {"4.5a": "pass", "4.6e": "pass", "4.7a": "unsupported"},
    ),
    "null is not the same as no password": ({"null_password": False}, {"3.2b": "fail", "3.2e": "pass"}),
    "a body that is waited for, however long": ({"hangs": True}, {"2.4a": "fail", "3.6a": "pass"}),
    "every refusal is other words": (WORDS_DIFFER, {"3.4c": "pass", "3.4d": "unsupported", "3.4e": "unsupported"}),
    "chat that nobody can read": (
        HIDDEN, {"3.4e": "pass", "4.2b": "pass", "4.2d": "pass", "4.5a": "unsupported", "6.1f": "pass", "6.1g": "pass"},
    ),
    "chat that nobody can read and one datagram ends": (HIDDEN | {"dies_of": "datagram"}, {"6.1f": "fail"}),
}  # fmt: skip
"""By kind the options, and verdicts."""


def judged(command: Commands, clauses: list[str], options: Options, *words: str) -> Verdicts:
    command("run", *clauses, "--seed", "1", "--runs", "1", *words, "--exec", command_of(options))
    return {
        one["id"].removeprefix("TCRP-"): (one["verdict"], one["message"]) for one in command.report()["clauses"]
    }  # fmt: skip


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_learnt_is_not_judged_and_what_is_wrong_is_found(command: Commands, kind: str) -> None:
    options, expected = KINDS[kind]
    found = judged(command, list(expected), options, "--dialect", "auto")
    assert {clause: found[clause][0] for clause in expected} == expected, found


@pytest.mark.timeout(240)
@pytest.mark.parametrize("options", [WORDS_DIFFER, HIDDEN], ids=["refusals", "chat"])
def test_the_file_of_a_probe_judges_as_the_probe_does(command: Commands, options: Options) -> None:
    clauses = ["3.4d", "3.4e", "4.5a", "5.2a"]
    found = judged(command, clauses, options, "--dialect", "auto")
    assert any((message or "").startswith("not learnt: ") for _, message in found.values()), found
    path = command.folder / "tcrp-report" / "dialect.toml"
    again = judged(command, clauses, options, "--dialect", str(path.rename(command.folder / "found.toml")))
    assert [verdict for verdict, _ in again.values()] == [verdict for verdict, _ in found.values()]


def test_the_head_of_the_report_lists_the_differences_and_the_end_says_what_it_conforms_to(command: Commands) -> None:
    done = command("run", "2.5a", "--dialect", "auto", "--exec", command_of({"user_key": "name", "echo": True}))
    assert done.returncode == 0, done.stdout
    report = command.report()
    jsonschema.validate(report, REPORT_SCHEMA)
    told = {one["clause"]: one["text"] for one in report["differences"]}
    assert told["TCRP-3.2a"] == "the key of the user name is `name`; TCRP/1 wants `username`"
    assert "TCRP-4.5d" in told
    assert "3.2a  the key of the user name is `name`" in done.stdout
    assert "exit 0: conforms to probed, not TCRP/1" in done.stdout


def test_strictly_judged_a_server_fails_and_all_differences_are_told(command: Commands) -> None:
    options = {"user_key": "name", "echo": True, "status": "text", "values": ["OK", "THERE", "NONE", "WRONG", "BAD"]}
    done = command("run", "2.5a", "3.4a", "--dialect", "tcrp", "--runs", "1", "--exec", command_of(options))
    assert done.returncode == 1, done.stdout
    report = command.report()
    assert report["dialect"] == "tcrp"
    told = {one["clause"]: one["text"] for one in report["differences"]}
    assert told.keys() >= {"TCRP-3.2a", "TCRP-3.4a", "TCRP-4.5d"}
    assert told["TCRP-3.4a"] == "the status is the text `OK`; TCRP/1 wants one byte"


def test_a_server_that_takes_the_payload_for_the_name_is_judged_by_tcrp(command: Commands) -> None:
    found = judged(command, ["3.2a", "4.5a"], {"payload": "raw"}, "--dialect", "auto")
    assert command.report()["dialect"] == "tcrp"
    assert command.report()["differences"] == []
    assert found["3.2a"][0] == "fail"
    assert found["4.5a"][0] == "pass"


@pytest.mark.parametrize("name", dialects.names())
def test_every_built_in_dialect_but_tcrp_has_differences(name: str) -> None:
    found = differences(dialects.get(name))
    assert bool(found) == (name != dialects.DEFAULT)


def test_a_file_that_a_person_has_written_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[request]\nuser-key = "name"\n')
    dialect: Any = dialects.get(str(path))
    assert dialect.settings.not_learnt == {}
    assert [one.clause for one in differences(dialect)] == ["TCRP-3.2a", "TCRP-5.4a"]
