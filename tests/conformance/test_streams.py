"""Streams that are closed or full, disks that are full, folders that are gone: none of that is a verdict."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.commands import Commands, Done


def in_shell(command: Commands, before: str, *words: str) -> Done:
    """Run `tcrp-conformance` in a shell that has said this before, `exec "$@"` and redirections for example."""
    return command.run("sh", "-c", before, "sh", *command.words(*words))


def one_line(done: Done, *words: str) -> None:
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("tcrp-conformance: ")
    for word in words:
        assert word in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [("list",), ("explain", "2.1"), ("run", "2.1", "--exec", "SERVER")])
def test_a_full_stdout_is_told(command: Commands, words: tuple[str, ...]) -> None:
    words = tuple(command.reference if word == "SERVER" else word for word in words)
    done = in_shell(command, 'exec "$@" >/dev/full', *words)
    assert done.returncode == 3
    one_line(done, "what was to be printed is lost: No space left on device")
    if words[0] == "run":
        assert command.report()["exit_code"] == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", ">&- 2>&- <&-"])
@pytest.mark.parametrize(
    ("words", "code"),
    [(("list",), 0), (("run", "-t", "127.0.0.1:x"), 4), (("run", "2.1", "--exec", "false"), 6),
     (("run", "2.1", "--exec", "SERVER"), 0)],
)  # fmt: skip
def test_a_closed_stderr_changes_no_exit_code(
    command: Commands, redirection: str, words: tuple[str, ...], code: int
) -> None:
    words = tuple(command.reference if word == "SERVER" else word for word in words)
    assert in_shell(command, f'exec "$@" {redirection}', *words).returncode == code


@pytest.mark.parametrize("words", [("list",), ("run", "2.5a", "--runs", "1", "-v", "--exec", "SERVER")])
def test_a_reader_who_has_read_enough_changes_no_exit_code(command: Commands, words: tuple[str, ...]) -> None:
    words = tuple(command.faulty("header-in-one-recv") if word == "SERVER" else word for word in words)
    with subprocess.Popen(
        command.words(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=command.folder
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == (0 if words == ("list",) else 1)


def test_a_report_for_which_there_is_no_room_is_told_and_the_findings_are_shown(command: Commands) -> None:
    server = command.faulty("header-in-one-recv")
    done = in_shell(command, 'ulimit -f 0; exec "$@"', "run", "2.5a", "--runs", "1", "--exec", server)
    assert done.returncode == 3, done.stdout + done.stderr
    one_line(done, "the report cannot be written to tcrp-report: File too large")
    assert "TCRP-2.5a MUST" in done.stdout
    assert "exit 0" not in done.stdout


def test_a_folder_that_is_deleted_meanwhile_is_made_again(command: Commands) -> None:
    done = command("run", "2.1", "--exec", deleting(command, command.folder / "tcrp-report"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert command.report()["exit_code"] == 0


def test_a_current_folder_that_is_deleted_meanwhile_is_told(command: Commands, tmp_path: Path) -> None:
    (inner := tmp_path / "inner").mkdir()
    words = command.words("run", "2.1", "--exec", deleting(command, inner))
    done = subprocess.run(words, capture_output=True, text=True, cwd=inner, check=False)
    assert done.returncode == 3, done.stdout
    one_line(done, "No such file or directory")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def deleting(command: Commands, folder: Path) -> str:
    """The command of a server that deletes this folder."""
    return command.server(f"""
        import os
        import shutil
        from pathlib import Path
        Path({str(command.folder / "pid")!r}).write_text(str(os.getpid()))
        shutil.rmtree({str(folder)!r})
        sys.argv[1:] = ["--fault", "none"]
        main("fault", FAULTS)
    """)


BROKEN_SUITE = """
import sys
from conformance import cli
from conformance.engine.session import Session

def broken(*_):
    raise RuntimeError("of two\\nlines")

setattr(Session, sys.argv[1], broken)
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("where", ["__init__", "_begin_run", "begin", "outcomes_of"])
def test_a_fault_of_the_suite_is_one_line_and_no_verdict(command: Commands, where: str) -> None:
    words = ("run", "2.1", "2.2", "--exec", command.reference)
    done = command.run(sys.executable, "-c", BROKEN_SUITE, where, *words)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "RuntimeError: of two lines" in done.stdout + done.stderr
    if where in ("__init__", "outcomes_of"):
        one_line(done, "the suite itself failed, please report it: RuntimeError: of two lines (<string>:7)")
    else:
        assert json.loads((command.folder / "tcrp-report" / "report.json").read_text())["summary"]["error"] > 0
