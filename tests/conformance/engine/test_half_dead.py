"""A server whose process lives while its chat thread has died: what ended it is found, and the rest is judged."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.commands import Commands

SERVER = Path(__file__).parents[2] / "naive" / "server.py"
CLAUSES = ("2.5a", "3.2a", "3.2c", "4.2b", "4.5b", "6.1f")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    command = Commands(tmp_path_factory.mktemp("naive"))
    done = command("run", *CLAUSES, "--seed", "1", "--exec", f"{sys.executable} {SERVER} {{tcp}} {{udp}}")
    assert done.returncode == 1, done.stdout + done.stderr
    return command.report()


def finding(report: dict[str, Any], clause: str) -> dict[str, Any]:
    return next(one for one in report["findings"] if one["clause"] == f"TCRP-{clause}")


def test_the_act_that_ended_chat_is_named_with_the_servers_own_exception(report: dict[str, Any]) -> None:
    found = next(one for one in report["findings"] if one["killer"])
    assert found["exception"]["type"] in ("IndexError", "KeyError", "UnicodeDecodeError")
    assert found["exception"]["file"] == str(SERVER)
    assert found["killer"]["does"] == "send"
    assert f"{found['exception']['type']}, server.py:{found['exception']['line']}" in found["summary"]


def test_what_works_on_a_server_started_anew_is_not_blamed(report: dict[str, Any]) -> None:
    row = next(one for one in report["clauses"] if one["id"] == "TCRP-4.5b")
    assert row["verdict"] in ("pass", "unsupported")
    assert row["verdict"] == "pass" or "could not be tried" in row["message"]


def test_segmentation_is_a_finding_of_its_own(report: dict[str, Any]) -> None:
    assert "one recv" in finding(report, "2.5a")["advice"]
    assert all("TCRP-2.5a" not in [also["clause"] for also in one["also"]] for one in report["findings"])


def test_a_payload_taken_for_the_user_name_is_one_finding_and_the_rest_is_held_without_json(
    report: dict[str, Any],
) -> None:
    assert "taken for the name" in finding(report, "3.2a")["actual"]
    verdicts = {one["id"]: (one["verdict"], one["message"]) for one in report["clauses"]}
    assert verdicts["TCRP-3.2c"] == ("unsupported", "blocked by TCRP-3.2a")


def test_each_exception_that_ends_chat_is_told(report: dict[str, Any]) -> None:
    places = [(one["exception"]["type"], one["exception"]["line"]) for one in report["findings"] if one["exception"]]
    assert len(set(places)) >= 2, places
