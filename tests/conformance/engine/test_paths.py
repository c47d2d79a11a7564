"""Runs over bad paths: what is measured, what is not judged, and where the server's view of addresses is known."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import jsonschema
import pytest

from tests.conformance.commands import Commands
from tests.conformance.schemas import REPORT_SCHEMA

FORWARDER = """
import sys
from conformance.impair.impairment import parse_impairment
from conformance.impair.proxy import Proxy
from tcrp.dialects import Ports
from tcrp.endpoint import parse_endpoint
proxy = Proxy(parse_impairment(sys.argv[2]))
proxy.aim(parse_endpoint(sys.argv[1], Ports(1, 2)))
print(getattr(proxy.endpoint, sys.argv[3]), flush=True)
sys.stdin.read()
"""
ONE_FOR_ALL = "the server may see one address for all"


def report_of(command: Commands) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((command.folder / "tcrp-report" / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, REPORT_SCHEMA)
    return report


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {one["id"].removeprefix("TCRP-"): one["verdict"] for one in report["clauses"]}


def reasons(report: dict[str, Any]) -> set[str]:
    return {one["message"] for one in report["clauses"] if one["verdict"] == "unsupported"}


@contextmanager
def forwarded(server: str, fields: str) -> Iterator[str]:
    """Another address for this server: each port belongs to a program of its own that hands on what comes."""
    with ExitStack() as stack:
        ports = []
        for kind in ("tcp", "udp"):
            words = [sys.executable, "-c", FORWARDER, server, fields, kind]
            process = stack.enter_context(
                subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            assert process.stdout is not None
            ports.append(process.stdout.readline().strip())
        yield f"127.0.0.1:{':'.join(ports)}"


def test_a_plain_server_of_this_machine_has_a_perfect_path(command: Commands) -> None:
    done = command("run", "4.5a", "--exec", command.reference)
    path = report_of(command)["path"]
    assert (done.returncode, path["measured_by"], path["addresses"]) == (0, "control", "kept")
    assert path["loss_up"] == path["loss_down"] == path["doubled"] == path["reordered"] == 0
    assert path["impairment"] is path["dropped"] is path["largest_up"] is None
    assert "path:" not in done.stdout  # nothing worth a line


def test_what_a_proxy_drops_is_reported_and_nobody_is_blamed(command: Commands) -> None:
    words = ("4.5", "5.1", "5.2", "--impair", "loss=10%,dup=5%,reorder=20%,seed=5", "--report", "json,html,md")
    done = command("run", *words, "--exec", command.reference)
    assert done.returncode == 0, done.stdout
    path = report_of(command)["path"]
    assert path["impairment"] == "loss=10%,dup=5%,reorder=20%,seed=5"
    assert 0.05 < path["loss_up"] < 0.2
    assert path["dropped"]["up"]["lost"] > 20
    assert path["dropped"]["down"]["doubled"] > 5
    assert f"path: {path['summary'][:20]}" in done.stdout
    assert "Path to the server" in (command.folder / "tcrp-report" / "report.html").read_text(encoding="utf-8")


def test_what_is_too_large_for_the_path_is_not_judged(command: Commands) -> None:
    done = command("run", "4.1", "4.2a", "4.3a", "4.6b", "4.6e", "--impair", "mtu=1472", "--exec", command.reference)
    assert done.returncode == 0, done.stdout
    report = report_of(command)
    assert verdicts(report) == {
        "4.1": "unsupported", "4.2a": "unsupported", "4.3a": "pass", "4.6b": "pass", "4.6e": "unsupported",
    }  # fmt: skip
    assert reasons(report) == {"the path carries datagrams of at most 1472 bytes"}


def test_a_fault_is_still_found_where_datagrams_get_lost(command: Commands) -> None:
    done = command("run", "4.5d", "--impair", "loss=2%,seed=1", "--exec", command.faulty("sender-hears-itself"))
    assert (done.returncode, verdicts(report_of(command))["4.5d"]) == (1, "fail"), done.stdout


@pytest.mark.parametrize("nat", ["nat", "nat=udp"])
def test_behind_nat_nothing_is_said_about_addresses(command: Commands, nat: str) -> None:
    done = command("run", "3.8e", "4.2e", "6.1g", "--impair", nat, "--exec", command.reference)
    assert done.returncode in (0, 5), done.stdout
    report = report_of(command)
    assert verdicts(report)["3.8e"] == verdicts(report)["4.2e"] == "unsupported"
    assert reasons(report) == {ONE_FOR_ALL}
    assert report["path"]["addresses"] == "one for all"


def test_an_address_that_does_not_matter_is_found_where_the_process_has_both_ports(command: Commands) -> None:
    with command.started(command.faulty("ip-not-checked").replace("{tcp}", "0")) as server:
        done = command("run", "4.2e", "-t", server)
    report = report_of(command)
    assert (done.returncode, verdicts(report)["4.2e"], report["path"]["addresses"]) == (1, "fail", "kept"), done.stdout


def test_behind_forwarded_ports_the_path_is_measured_by_what_the_server_relays(command: Commands) -> None:
    fault = command.faulty("ip-not-checked")
    with command.started(fault) as server, forwarded(server, "loss=5%,mtu=1472,seed=2") as there:
        done = command("run", "4.1", "4.2e", "4.5a", "-t", there)
        report = report_of(command)
        assert done.returncode == 0, done.stdout
        assert report["path"]["measured_by"] == "relayed"
        assert report["path"]["loss_up"] > 0.02
        assert 1400 < report["path"]["largest_up"] <= 1472
        assert verdicts(report) == {"4.1": "unsupported", "4.2e": "unsupported", "4.5a": "pass"}
        assert ONE_FOR_ALL in reasons(report)
        done = command("run", "4.2e", "-t", there, "--addresses-kept")
        assert (done.returncode, verdicts(report_of(command))["4.2e"]) == (1, "fail"), done.stdout


def test_a_replay_goes_through_the_same_path(command: Commands) -> None:
    command("run", "4.5d", "--exec", command.faulty("sender-hears-itself"))
    file = str(command.folder / "tcrp-report" / "findings" / "4.5d.json")
    done = command("replay", file, "--exec", "--impair", "loss=2%,seed=1")
    assert "FAILED" in done.stdout, done.stdout + done.stderr
    right = command("replay", file, "--impair", "loss=10%,seed=1", "--exec", command.reference)
    assert "FIXED" in right.stdout, right.stdout + right.stderr


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("--impair", "loss=2"), "--impair: loss is '2': a percentage from 0% to 90%, such as 2%"),
        (("--impair", "nat", "--dialect", "json-status"), "nat cannot be used, since in dialect json-status"),
        (("--impair", "  "), "--impair"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_one_line(command: Commands, words: tuple[str, ...], wrong: str) -> None:
    done = command("run", "4.5a", *words, "--exec", command.reference)
    assert done.returncode == 4
    assert wrong in done.stderr.splitlines()[-1]
