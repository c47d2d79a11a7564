"""`tcrp-conformance load` against real servers: in every dialect, and servers that are wrong, small, gone or dying."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from typing import Any

import jsonschema
import pytest

from tcrp import dialects
from tcrp.endpoint import Endpoint
from tests.conformance.commands import REFERENCE, Commands
from tests.conformance.load.samples import SCHEMA

SMALL = ("--rooms", "3", "--members", "4", "--rate", "5", "--seconds", "1")


def written_report(command: Commands) -> dict[str, Any]:
    """The report that the command has written, and which fits the schema. The chart is XML."""
    report: dict[str, Any] = json.loads((command.folder / "tcrp-report" / "load.json").read_text())
    jsonschema.validate(report, SCHEMA)
    ET.parse(command.folder / "tcrp-report" / "load.svg")
    return report


@pytest.mark.parametrize("name", dialects.names())
def test_every_dialect_is_spoken(command: Commands, name: str) -> None:
    rooms = 3 if dialects.get(name).can.rooms else 1
    options = ["--members", "4", "--rate", "5", "--seconds", "1", "--processes", "2", "--dialect", name]
    done = command("load", "--rooms", str(rooms), *options, "--exec", f"{REFERENCE} --dialect {name}")
    assert done.returncode == 0, done.stdout + done.stderr
    report = written_report(command)
    assert report["messages"] == rooms * 4 * 5
    assert (
        report["delivered"] == report["expected"] == report["messages"] * (4 if dialects.get(name).policy.echo else 3)
    )
    assert (report["lost"], report["duplicated"], report["foreign"]) == (0, 0, 0)
    assert sum(one["delivered"] for one in report["timeline"]) == report["delivered"]
    assert len(report["generator"]["cores"]) == min(2, rooms)
    assert None not in report["latency_ms"].values()
    assert None not in report["generator"]["own_ms"].values()


def test_a_dialect_of_a_file_is_spoken(command: Commands) -> None:
    mine = command.folder / "mine.toml"
    mine.write_text('[chat]\nempty = "relayed"\necho = true\n[address]\nlearnt = "tcp"\n[idle]\ncounts = ["chat"]\n')
    done = command("load", *SMALL, "--dialect", str(mine), "--exec", f"{REFERENCE} --dialect {mine}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert written_report(command)["expected"] == 3 * 4 * 5 * 4


def test_whoever_is_known_by_sending_sends(command: Commands) -> None:
    mine = command.folder / "mine.toml"
    mine.write_text('[chat]\nempty = "relayed"\n[idle]\ncounts = ["chat"]\n')
    done = command("load", *SMALL, "--dialect", str(mine), "--exec", f"{REFERENCE} --dialect {mine}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert written_report(command)["notes"] == []


def test_a_message_a_day_needs_members_that_are_kept_in(command: Commands) -> None:
    done = command(
        "load", "--rooms", "1", "--members", "3", "--rate", "0.4", "--seconds", "2.5", "--idle-timeout", "0.9",
        "--exec", f"{REFERENCE} --idle-timeout 0.9",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert written_report(command)["disconnected"] == 0


def test_whoever_is_put_out_is_counted(command: Commands) -> None:
    done = command(
        "load", "--rooms", "1", "--members", "3", "--rate", "0.4", "--seconds", "2.5",
        "--exec", f"{REFERENCE} --idle-timeout 0.5",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert written_report(command)["disconnected"] > 0
    assert "that the server put out" in done.stdout


@pytest.mark.parametrize(
    ("fault", "field", "told"),
    [
        ("everything-twice", "duplicated", "duplicated"),
        ("two-messages-a-second", "lost", "lost"),
        ("chat-in-every-room", "foreign", "heard by the wrong member"),
    ],
)
def test_a_wrong_server_is_found_out(command: Commands, fault: str, field: str, told: str) -> None:
    done = command("load", *SMALL, "--exec", command.faulty(fault))
    assert done.returncode == 1, done.stdout + done.stderr
    report = written_report(command)
    assert report[field] > 0
    assert report["lost_by_generator"] == 0
    assert report["faults"] == [f"{report[field]:,} {told}"]
    assert f"Not held: {report[field]:,} {told}." in done.stdout


def test_a_server_with_few_rooms_is_told_from_one_that_loses(command: Commands) -> None:
    done = command("load", *SMALL[2:], "--rooms", "20", "--exec", f"{REFERENCE} --max-rooms 16")
    assert done.returncode == 5, done.stdout + done.stderr
    assert done.stderr == (
        "tcrp-conformance: the server took 16 rooms of 20: lower --rooms, or raise the server's limit\n"
    )


def test_a_server_with_small_rooms_is_told_too(command: Commands) -> None:
    done = command("load", "--rooms", "1", "--members", "20", "--exec", f"{REFERENCE} --max-members 16")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "the server took 16 members of 20 in a room: lower --members" in done.stderr


@pytest.mark.parametrize("words", [("--dialect", "tcrp"), ("--dialect", "stage1", "--rooms", "1")])
def test_nobody_there_is_unreachable(command: Commands, nowhere: Endpoint, words: tuple[str, ...]) -> None:
    where = f"127.0.0.1:{'-' if 'stage1' in words else nowhere.tcp}:{nowhere.udp}"
    done = command("load", *SMALL[2:], *words, "-t", where)
    assert done.returncode == 6, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Connect call" not in done.stderr
    assert "unreachable" in done.stderr or "none of them hears" in done.stderr or "could not enter" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no server to load: give -t HOST[:TCP[:UDP]] or --exec 'CMD'"),
        (("-t", "127.0.0.1:x"), "the TCP port is 'x'"),
        (("-t", "127.0.0.1:-:9"), "dialect tcrp needs TCP, and the endpoint has none"),
        (("-t", "127.0.0.1", "--rooms", "0"), "--rooms is 0: a whole number, at least 1"),
        (("-t", "127.0.0.1", "--members", "1"), "--members is 1: a whole number, at least 2"),
        (("-t", "127.0.0.1", "--rate", "0"), "--rate is 0: more than 0"),
        (("-t", "127.0.0.1", "--seconds", "nan"), "--seconds is nan: more than 0"),
        (("-t", "127.0.0.1", "--rooms", "100000"), "open files each, and the limit is"),
        (("-t", "127.0.0.1", "--dialect", "stage1", "--rooms", "2"), "--rooms 2: dialect stage1 has one room"),
        (("-t", "127.0.0.1", "--dialect", "none"), "there is no dialect 'none'"),
        (("-t", "127.0.0.1", "--json", "-", "--svg", "-"), "only one of them can be stdout"),
        (("-t", "127.0.0.1", "--json", "/dev/null/x"), "--json '/dev/null/x': "),
    ],
)
def test_a_wrong_option_is_one_line(command: Commands, words: tuple[str, ...], said: str) -> None:
    done = command("load", *words)
    assert done.returncode == 4, done.stdout + done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_figures_go_to_stdout_and_the_words_elsewhere(command: Commands) -> None:
    done = command("load", *SMALL, "--json", "-", "--svg", "here.svg", "--exec", REFERENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    jsonschema.validate(json.loads(done.stdout), SCHEMA)
    assert "delivered" in done.stderr
    assert ET.parse(command.folder / "here.svg").getroot().tag.endswith("svg")
    assert not (command.folder / "tcrp-report").exists()


def test_a_search_finds_where_a_server_begins_to_lose(command: Commands) -> None:
    done = command(
        "load", "--rooms", "1", "--members", "3", "--rate", "1", "--seconds", "1", "--search",
        "--exec", command.faulty("two-messages-a-second"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = written_report(command)
    search = report["search"]
    assert 1.0 < search["held"] < search["failed"] < 4.0
    assert report["lost"] == 0
    assert done.stdout.count("messages/s  ") >= len(search["steps"])
    assert "without loss; at " in done.stdout


def test_a_server_that_dies_is_told(command: Commands) -> None:
    dying = command.folder / "dying.py"
    dying.write_text(
        textwrap.dedent(f"""
        import subprocess, sys, time
        from pathlib import Path
        server = subprocess.Popen({shlex.split(REFERENCE)!r}[:1] + sys.argv[1:], stdout=subprocess.PIPE, text=True)
        print(server.stdout.readline(), end="", flush=True)
        while not Path("enough").exists():
            time.sleep(0.01)
        server.kill()
        sys.exit(3)
    """)
    )
    run = f"{sys.executable} {dying} --tcp-port {{tcp}} --udp-port {{udp}}"
    words = command.words("load", "--rooms", "2", "--members", "3", "--seconds", "60", "--exec", run)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=command.folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "delivered" in line:  # the first line of progress of the run itself
                break
        (command.folder / "enough").touch()
        out, _ = process.communicate()
    assert process.returncode == 7, out
    report = written_report(command)
    assert report["exit_code"] == 7
    assert report["delivered"] > 0
    assert "The server died: the process ended with exit code 3." in out


def test_ctrl_c_tells_what_was_measured_and_lets_everybody_leave(command: Commands) -> None:
    with command.started(REFERENCE.replace("{tcp}", "0").replace("{udp}", "0")) as address:
        words = command.words("load", "--rooms", "2", "--members", "3", "--seconds", "60", "-t", address)
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=command.folder, start_new_session=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if "delivered" in line:  # the first line of progress of the run itself
                    break
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate()
        assert process.returncode == 2, out + err
        report = written_report(command)
        assert 0 < report["delivered"] == report["expected"] < 2 * 3 * 120 * 2
        assert "Interrupted: these are the figures until then." in out
        again = command("load", *SMALL, "-t", address)  # nobody of before is in the way
        assert again.returncode == 0, again.stdout + again.stderr


def test_ctrl_c_ends_a_search_at_its_first_rate(command: Commands) -> None:
    words = command.words("load", *SMALL[:-1], "60", "--search", "--exec", REFERENCE)
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=command.folder, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "delivered" in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 2, out + err
    assert "Traceback" not in err


@pytest.mark.parametrize("kind", ["--json", "--svg"])
def test_a_folder_for_a_file_is_refused_before_anything_is_started(command: Commands, kind: str) -> None:
    done = command("load", *SMALL, kind, ".", "--exec", REFERENCE)
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr == f"tcrp-conformance: {kind} '.': Is a directory\n"


def test_help_names_the_exit_codes(command: Commands) -> None:
    done = command("load", "--help")
    assert done.returncode == 0
    assert "5 the server did not take" in " ".join(done.stdout.split())
    with contextlib.suppress(FileNotFoundError):
        assert not any(command.folder.iterdir())
