"""Ctrl-C once ends a run with what there is; twice, at once, with the server and every helper."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conformance.commands import Commands

DEAF = """
        import os
        import signal
        import time
        from pathlib import Path

        def stay(signals, sigwait=signal.sigwait):
            sigwait(signals)
            Path({asked!r}).touch()
            time.sleep(3600)

        signal.sigwait = stay  # the server blocks signals, and waits for them
        Path({pid!r}).write_text(str(os.getpid()))
        sys.argv[1:] = ["--fault", "none"]
        main("fault", FAULTS)
"""


def deaf(command: Commands) -> str:
    """The command of a right server that stays when it is asked to end, and notes both its process id and that."""
    return command.server(DEAF.format(pid=str(command.folder / "pid"), asked=str(command.folder / "asked")))


def wait_until_asked(command: Commands) -> None:
    """Return once the first interrupt is being seen to: the server has been asked to end."""
    while not (command.folder / "asked").exists():
        time.sleep(0.01)


def is_gone(command: Commands) -> bool:
    try:
        os.kill(int((command.folder / "pid").read_text()), 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interrupt_ends_a_run_at_once(command: Commands, number: signal.Signals) -> None:
    words = command.words("run", "-v", "--exec", deaf(command))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=command.folder) as run:
        assert run.stdout is not None
        while " pass " not in run.stdout.readline():
            pass
        run.send_signal(number)
        wait_until_asked(command)
        run.send_signal(number)
        output, errors = run.communicate(timeout=60)
    assert run.returncode == 2, output + errors
    assert "Traceback" not in errors
    assert not (command.folder / "tcrp-report" / "report.json").exists()  # it did not come so far
    assert is_gone(command)


def test_a_second_interrupt_ends_a_probe_at_once(command: Commands) -> None:
    words = command.words("probe", "--exec", deaf(command))
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=command.folder
    ) as probe:
        assert probe.stderr is not None
        assert probe.stderr.readline() == "asking ...\n"
        probe.send_signal(signal.SIGINT)
        wait_until_asked(command)
        probe.send_signal(signal.SIGINT)
        probe.communicate(timeout=60)
    assert probe.returncode == 2
    assert is_gone(command)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="load needs Linux")
def test_a_second_interrupt_ends_a_load_at_once_with_its_processes(command: Commands) -> None:
    options = ("--rooms", "4", "--members", "4", "--rate", "1", "--seconds", "600", "--processes", "2")
    words = command.words("load", *options, "--exec", deaf(command))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=command.folder) as load:
        assert load.stdout is not None
        while " sent " not in load.stdout.readline():
            pass
        started = helpers(load.pid)
        load.send_signal(signal.SIGINT)
        load.send_signal(signal.SIGINT)
        output, errors = load.communicate(timeout=60)
    assert load.returncode == 2, output + errors
    assert is_gone(command)
    assert len(started) >= 3  # two that generate, and the server
    for pid in started:
        while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
            time.sleep(0.01)


def helpers(pid: int) -> list[int]:
    """The processes that this one has started."""
    return [int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()]
