"""The suite as a pytest plugin in another repository: `pytest --tcrp-target ... --pyargs conformance`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from conformance.spec.clauses import all_clauses
from tests.conformance.commands import Commands, Done
from tests.conformance.schemas import REPORT_SCHEMA

RunPytest = Callable[..., Done]


@pytest.fixture
def run_pytest(tmp_path: Path, command: Commands) -> RunPytest:
    """Runs pytest in a folder with files of its own."""
    (tmp_path / "relay.py").write_text("raise RuntimeError('the wrong relay')\n")
    (tmp_path / "tcrp.py").write_text("raise RuntimeError('the wrong tcrp')\n")
    (tmp_path / "test_mine.py").write_text("def test_mine():\n    assert True\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files = check_*.py test_mine.py\n")

    def run(*words: str) -> Done:
        return command.run(command.script("pytest"), "-p", "no:cacheprovider", "-p", "no:randomly", *words)

    return run


def test_it_runs_beside_other_tests_whatever_files_lie_there(
    run_pytest: RunPytest, tmp_path: Path, command: Commands
) -> None:
    done = run_pytest(
        "--tcrp-exec", command.reference, "--tcrp-clause", "2.1", "--tcrp-clause", "4.5c", "--tcrp-report-dir", "out",
        "test_mine.py", "--pyargs", "conformance",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert "2 pass" in done.stdout
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [one["verdict"] for one in report["clauses"]] == ["pass", "pass"]


def test_a_finding_is_a_failed_test_in_words(run_pytest: RunPytest, command: Commands) -> None:
    done = run_pytest(
        "--tcrp-exec", command.faulty("sender-hears-itself"), "--tcrp-clause", "4.5d", "--pyargs", "conformance"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "TCRP-4.5d: " in done.stdout
    assert "expected" in done.stdout
    assert "Traceback" not in done.stdout


def test_without_a_server_the_suite_is_skipped(run_pytest: RunPytest) -> None:
    done = run_pytest("--pyargs", "conformance")
    assert done.returncode == 0
    assert "passed" not in done.stdout
    assert " skipped" in done.stdout


def test_an_option_that_cannot_be_followed_is_one_line(run_pytest: RunPytest) -> None:
    done = run_pytest("--tcrp-target", "127.0.0.1:x", "--pyargs", "conformance")
    assert done.returncode == 4
    assert "the TCP port is 'x'" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_runs_in_several_processes(run_pytest: RunPytest, command: Commands) -> None:
    done = run_pytest("--tcrp-exec", command.reference, "--tcrp-clause", "4.5", "-n", "2", "--pyargs", "conformance")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 pass" in done.stdout


def test_several_processes_make_one_report(run_pytest: RunPytest, tmp_path: Path, command: Commands) -> None:
    with command.started(command.reference.format(tcp=0, udp=0)) as target:
        done = run_pytest(
            "-n", "2", "--tcrp-target", target, "--tcrp-report-dir", "out", "--pyargs", "conformance", "-k", "frame"
        )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    jsonschema.validate(report, REPORT_SCHEMA)
    assert report["target"] == target
    assert {one["verdict"] for one in report["clauses"]} == {"pass"}
    names = [one["id"] for one in report["clauses"]]
    assert {"TCRP-2.1", "TCRP-2.2", "TCRP-2.5a"} <= set(names)
    assert names == [one.id for one in all_clauses() if one.id in names], "in the order of the document"
    assert sum(one["examples"] for one in report["clauses"]) > len(names)


def test_a_finding_of_another_process_comes_with_its_evidence(
    run_pytest: RunPytest, tmp_path: Path, command: Commands
) -> None:
    with command.started(command.faulty("header-in-one-recv")) as target:
        done = run_pytest(
            "-n", "2", "--tcrp-target", target, "--tcrp-report-dir", "out", "--tcrp-clause", "2.1", "--tcrp-clause",
            "2.5a", "--pyargs", "conformance",
        )  # fmt: skip
        assert done.returncode == 1, done.stdout + done.stderr
        assert "TCRP-2.5a: " in done.stdout
        report = json.loads((tmp_path / "out" / "report.json").read_text())
        jsonschema.validate(report, REPORT_SCHEMA)
        assert {one["id"]: one["verdict"] for one in report["clauses"]} == {"TCRP-2.1": "pass", "TCRP-2.5a": "fail"}
        (finding,) = report["findings"]
        assert finding["runs"] == {"failed": 3, "total": 3}
        assert finding["hinge"].startswith("passes in one segment")
        assert finding["conversation"]
        assert finding["ladder"]
        again = command("replay", str(tmp_path / "out" / finding["replay"]), "-t", target)
        assert again.stdout.endswith("\nFAILED (2 of 2 runs failed)\n")
        script = command.run(sys.executable, str(tmp_path / "out" / finding["script"]), *target.split(":"))
        assert (script.returncode, script.stderr) == (1, "")


def test_other_runs_of_pytest_go_on_as_before(run_pytest: RunPytest) -> None:
    done = run_pytest("test_mine.py")
    assert done.returncode == 0
    assert "1 passed" in done.stdout


def test_it_says_so_when_another_tcrp_is_in_the_way(run_pytest: RunPytest, tmp_path: Path, command: Commands) -> None:
    """`python -m pytest` looks for modules in the working directory first."""
    done = command.run(sys.executable, "-m", "pytest", "--tcrp-exec", command.reference, "--pyargs", "conformance")
    assert done.returncode == 4
    assert f"another 'tcrp' is in the way: {tmp_path / 'tcrp.py'}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--tcrp-target", "--tcrp-exec"])
def test_a_server_of_no_words_is_refused(run_pytest: RunPytest, option: str) -> None:
    done = run_pytest(option, "", "--pyargs", "conformance")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr == f"ERROR: {option} is '': it is empty\n\n"
