"""`--dialect auto`: what is judged, what the server does not survive, and who is unreachable."""

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tcrp.dialects import names
from tests.conformance.commands import REFERENCE, Commands

ALL = os.environ.get("TCRP_PROBE_ALL") is not None
QUICK = ("stage1", "fixed-fields")
FOREIGN = Path(__file__).parents[2] / "probed" / "foreign.py"


def foreign(kind: str) -> str:
    return shlex.join([sys.executable, str(FOREIGN), kind])


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["verdict"] for one in report["clauses"]}


def finding(report: dict[str, Any], clause: str) -> dict[str, Any]:
    return next(one for one in report["findings"] if one["clause"] == f"TCRP-{clause}")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", names() if ALL else QUICK)
def test_auto_judges_what_naming_the_dialect_judges(command: Commands, name: str) -> None:
    words = ("run", "-q", "--seed", "1", "--examples", "1", "--runs", "1", "--skip", "5.3", "--skip", "6.3")
    server = ("--exec", f"{REFERENCE} --dialect {name}")
    said = []
    for dialect in (name, "auto"):
        done = command(*words, "--dialect", dialect, *server)
        assert done.returncode == 0, done.stdout + done.stderr
        report = command.report()
        assert report["dialect"] == name
        said.append(verdicts(report))
    assert said[0] == said[1]


def test_what_ends_the_accept_loop_is_named_with_its_exception(command: Commands) -> None:
    done = command("run", "2.1", "6.1e", "--dialect", "auto", "--exec", foreign("second-odd-request"))
    assert done.returncode == 1, done.stdout + done.stderr
    found = finding(command.report(), "6.1e")
    assert found["verdict"] == "fail"
    assert "it accepts no connection any more" in found["actual"]
    assert found["exception"]["file"] == str(FOREIGN)
    assert found["exception"]["type"] in ("KeyError", "JSONDecodeError", "TypeError")
    assert found["seen_once"] == "what has ended the server is not sent to it again"
    assert bytes.fromhex(found["bytes"])
    assert finding(command.report(), "2.1")["verdict"] == "fail"


def test_a_server_that_dies_of_a_size_is_started_anew_and_blamed_for_that_alone(command: Commands) -> None:
    done = command("run", "2.1", "2.5a", "3.4a", "6.1e", "--dialect", "auto", "--exec", foreign("huge-size"))
    assert done.returncode == 7, done.stdout + done.stderr
    found = finding(command.report(), "6.1e")
    assert found["verdict"] == "crash"
    assert found["exception"]["type"] == "MemoryError"
    assert {one["clause"] for one in command.report()["findings"]} == {"TCRP-6.1e", "TCRP-3.4a"}


@pytest.mark.parametrize("kind", ["second-odd-request", "huge-size"])
def test_a_server_of_somebody_else_that_dies_is_not_called_unreachable(command: Commands, kind: str) -> None:
    with command.started(foreign(kind)) as address:
        done = command("run", "3.4a", "2.1", "2.5a", "6.1e", "--dialect", "auto", "-t", address)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "unreachable" not in done.stdout + done.stderr
    assert command.report()["findings"]


def test_a_udp_port_that_is_opened_late_is_waited_for(command: Commands) -> None:
    done = command("run", "3.5a", "4.5a", "--dialect", "auto", "--exec", foreign("late-udp"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdicts(command.report()) == {"TCRP-3.5a": "pass", "TCRP-4.5a": "pass"}


@pytest.mark.parametrize(
    ("given", "right"),
    [("127.0.0.1:{udp}:{tcp}", "-t 127.0.0.1:{tcp}:{udp}"), ("[::1]:{tcp}:{udp}", "-t 127.0.0.1:{tcp}:{udp}")],
)
def test_the_right_address_is_named(command: Commands, given: str, right: str) -> None:
    with command.started(REFERENCE.format(tcp=0, udp=0)) as address:
        tcp, udp = address.split(":")[1:]
        done = command("run", "2.1", "--dialect", "auto", "-t", given.format(tcp=tcp, udp=udp))
    assert done.returncode == 6
    assert right.format(tcp=tcp, udp=udp) in done.stderr


def test_without_udp_what_needs_none_is_judged(command: Commands) -> None:
    with command.started(REFERENCE.format(tcp=0, udp=0)) as address:
        done = command(
            "run", "3.4a", "3.5a", "4.5a", "6.1f", "--dialect", "auto", "-t", f"{address.rpartition(':')[0]}:-"
        )
    assert done.returncode == 0, done.stdout + done.stderr
    report = command.report()
    assert verdicts(report) == {
        "TCRP-3.4a": "pass", "TCRP-3.5a": "pass", "TCRP-4.5a": "unsupported", "TCRP-6.1f": "unsupported",
    }  # fmt: skip
    assert {one["message"] for one in report["clauses"] if one["verdict"] == "unsupported"} == {
        "the endpoint has no UDP"
    }
    assert report["target"].endswith(":-")
