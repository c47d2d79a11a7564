"""Servers that would hang, flood or outlive whoever tests them: each command comes to its end, and they to theirs."""

import os
import sys
from pathlib import Path

import pytest

from tests.conformance.commands import TESTS, Commands, Done

WAYS = (
    "never-accepts", "never-answers", "byte-a-second", "huge-frames", "endless-bytes", "endless-datagrams",
    "goes-to-the-background", "prints-a-gigabyte", "speaks-to-the-terminal",
)  # fmt: skip
LOAD = ("--rooms", "1", "--members", "2", "--rate", "1", "--seconds", "1", "--processes", "1")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


@pytest.fixture(autouse=True)
def _pid_file(monkeypatch: pytest.MonkeyPatch, command: Commands) -> None:
    monkeypatch.setenv("PID_FILE", str(command.folder / "pid"))


def against(command: Commands, way: str, *words: str) -> Done:
    """Run the command against a server of this way. It ends, and so does the server; nothing is shown raw."""
    server = f"{sys.executable} {TESTS / 'hostile' / 'server.py'} {way} {{tcp}} {{udp}}"
    done = command(*words, "--exec", server)
    with pytest.raises(ProcessLookupError):
        os.kill(int((command.folder / "pid").read_text()), 0)
    shown = done.stdout + done.stderr
    assert "Traceback" not in shown
    for path in (command.folder / "tcrp-report").rglob("*.*"):
        shown += Path(path).read_text(encoding="utf-8")
    for raw in ("\x1b", "\x07", "\x9b", "\u202e"):
        assert raw not in shown
    return done


@linux
@pytest.mark.parametrize("way", WAYS)
def test_a_run_ends_and_does_not_conform(command: Commands, way: str, long: bool) -> None:
    if not long and way in ("never-answers", "huge-frames", "endless-datagrams"):
        pytest.skip("long: all ways of a run")
    done = against(command, way, "run", "--max-time", "3")
    assert done.returncode in (1, 5, 6), done.stdout + done.stderr


@linux
@pytest.mark.parametrize("way", WAYS)
def test_a_load_ends(command: Commands, way: str, long: bool) -> None:
    if not long and way != "endless-datagrams":
        pytest.skip("long: all ways of a load")
    done = against(command, way, "load", *LOAD)
    assert done.returncode not in (0, 3), done.stdout + done.stderr


@linux
@pytest.mark.parametrize("way", WAYS)
def test_a_probe_ends(command: Commands, way: str, long: bool) -> None:
    if not long and way != "endless-bytes":
        pytest.skip("long: all ways of a probe")
    done = against(command, way, "probe")
    assert done.returncode in (0, 1, 6, 7), done.stdout + done.stderr


@linux
def test_a_replay_ends(command: Commands, long: bool) -> None:
    against(command, "endless-bytes", "run", "3.3a", "--dialect", "tcrp", "--runs", "1")
    (finding,) = (command.folder / "tcrp-report" / "findings").glob("*.json")
    others = ("never-accepts", "byte-a-second", "speaks-to-the-terminal") if long else ()
    for way in ("endless-bytes", *others):
        done = against(command, way, "replay", str(finding), "--runs", "1")
        assert done.returncode in (0, 1, 5, 6), done.stdout + done.stderr


def test_the_last_words_of_a_server_that_does_not_start_are_escaped(command: Commands) -> None:
    done = against(command, "ends-with-escapes", "run")
    assert done.returncode == 6
    assert "owned" in done.stderr
