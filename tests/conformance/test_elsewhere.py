"""A server on another machine: what may hurt it is done only where that is asked for."""

import json
import shutil
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from tests.conformance.commands import Commands, Done

HERE, THERE = "10.77.0.1", "10.77.0.2"
REASON = "needs --hostile: the server is on another machine, and this may hurt it"
PROGRAM = f"""
    import subprocess, sys

    server, *words = sys.argv[1:]
    ip = lambda *words: subprocess.run(["ip", *words], check=True)
    other = subprocess.Popen(
        ["unshare", "-n", "sh", "-c", "echo; read go; ip link set lo up; ip address add {THERE}/24 dev there;"
         "ip link set there up; exec " + server], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True)
    try:
        other.stdout.readline()
        ip("link", "set", "lo", "up")
        ip("link", "add", "here", "type", "veth", "peer", "name", "there", "netns", str(other.pid))
        ip("address", "add", "{HERE}/24", "dev", "here")
        ip("link", "set", "here", "up")
        print(file=other.stdin, flush=True)
        assert other.stdout.readline().startswith("ready")
        sys.exit(subprocess.run(words).returncode)
    finally:
        other.kill()
"""
"""Starts a server in a network namespace of its own, and runs the words in another one."""


def can_be_elsewhere() -> bool:
    if not all(map(shutil.which, ("unshare", "ip"))):
        return False
    words = "ip link add here type veth peer name there"
    return subprocess.run(["unshare", "-rn", "sh", "-c", words], capture_output=True, check=False).returncode == 0


needs_namespaces = pytest.mark.skipif(not can_be_elsewhere(), reason="network namespaces cannot be made here")


def against_another_machine(command: Commands, *words: str) -> Done:
    server = command.reference.format(tcp=9001, udp=9002) + f" --host {THERE}"
    return command.run(
        "unshare", "-rn", sys.executable, "-c", textwrap.dedent(PROGRAM), server,
        *command.words(*words, "-t", f"{THERE}:9001:9002"),
    )  # fmt: skip


def rows(command: Commands) -> dict[str, Any]:
    return {one["id"].removeprefix("TCRP-"): one for one in command.report()["clauses"]}


@needs_namespaces
def test_section_6_is_not_judged_unasked(command: Commands) -> None:
    done = against_another_machine(command, "run", "2.1", "6.1f", "6.2a", "--runs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    found = rows(command)
    assert found["2.1"]["verdict"] == "pass"
    for clause in ("6.1f", "6.2a"):
        assert (found[clause]["verdict"], found[clause]["message"]) == ("unsupported", REASON)
    assert REASON in done.stdout
    done = against_another_machine(command, "run", "6.1f", "--runs", "1", "--hostile")
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(command)["6.1f"]["verdict"] == "pass"


@needs_namespaces
def test_nobody_is_loaded_unasked(command: Commands) -> None:
    small = ("load", "--rooms", "2", "--members", "3", "--seconds", "1")
    done = against_another_machine(command, *small)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (4, 1, "")
    assert f"{THERE} is another machine: give --hostile" in done.stderr
    done = against_another_machine(command, *small, "--hostile")
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((command.folder / "tcrp-report" / "load.json").read_text())
    assert figures["delivered"] == figures["expected"] > 0


def test_an_address_of_this_machine_is_no_other_machine(command: Commands) -> None:
    with command.started(command.reference.format(tcp=0, udp=0)) as target:
        assert command("run", "6.1f", "--runs", "1", "-t", target).returncode == 0
    assert rows(command)["6.1f"]["verdict"] == "pass"
