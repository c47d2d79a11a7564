"""The suite as a pytest plugin in another repository: `pytest --tcrp-target ... --pyargs conformance`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from conformance.spec.clauses import all_clauses
from conformance.spec.suite_index import SUITE
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
    assert "7 passed" in done.stdout
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


PORTS = " --tcp-port {tcp} --udp-port {udp}"
NO_SERVER = "ERROR: no server to test: give --tcrp-target HOST[:TCP[:UDP]] or --tcrp-exec 'CMD'\n\n"


@pytest.mark.parametrize(
    "words",
    [
        ("--pyargs", "conformance"),
        ("--pyargs", "conformance.suite.test_2_frame"),
        ("-n", "2", "--pyargs", "conformance"),
        ("test_mine.py", str(SUITE)),
        (str(SUITE / "test_2_frame.py"),),
        (str(SUITE.parent.parent), "-k", "frame"),
    ],
)
def test_without_a_server_nothing_is_run(run_pytest: RunPytest, words: tuple[str, ...]) -> None:
    done = run_pytest(*words)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert done.stderr == NO_SERVER
    assert "skipped" not in done.stdout
    assert "passed" not in done.stdout


def test_the_tests_are_listed_without_a_server(run_pytest: RunPytest) -> None:
    done = run_pytest("--collect-only", "-q", "--pyargs", "conformance")
    assert done.returncode == 0, done.stderr
    assert "test_a_request_is_" in done.stdout


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
    done = run_pytest(
        "-n", "2", "--tcrp-exec", command.reference, "--tcrp-report-dir", "out", "--pyargs", "conformance", "-k",
        "frame",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    jsonschema.validate(report, REPORT_SCHEMA)
    assert report["target"].startswith("127.0.0.1:")
    assert {one["verdict"] for one in report["clauses"]} == {"pass"}
    names = [one["id"] for one in report["clauses"]]
    assert {"TCRP-2.1", "TCRP-2.2", "TCRP-2.5a"} <= set(names)
    assert names == [one.id for one in all_clauses() if one.id in names], "in the order of the document"
    assert sum(one["examples"] for one in report["clauses"]) > len(names)


def test_a_finding_of_another_process_comes_with_its_evidence(
    run_pytest: RunPytest, tmp_path: Path, command: Commands
) -> None:
    done = run_pytest(
        "-n", "2", "--tcrp-exec", command.faulty("header-in-one-recv") + PORTS, "--tcrp-report-dir", "out",
        "--tcrp-clause", "2.1", "--tcrp-clause", "2.5a", "--pyargs", "conformance",
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
    with command.started(command.faulty("header-in-one-recv")) as target:
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


# What makes pytest red


def verdicts(folder: Path) -> dict[str, str]:
    report = json.loads((folder / "out" / "report.json").read_text())
    jsonschema.validate(report, REPORT_SCHEMA)
    return {one["id"].removeprefix("TCRP-"): one["verdict"] for one in report["clauses"]}


def test_a_should_counts_only_where_asked(run_pytest: RunPytest, command: Commands) -> None:
    words = ("--tcrp-exec", command.faulty("too-long-message-untold"), "--tcrp-clause", "4.7b", "--pyargs")
    done = run_pytest(*words, "conformance")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 weak" in done.stdout
    assert "weak   TCRP-4.7b" in done.stdout
    done = run_pytest(*words, "conformance", "--tcrp-level", "should")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "TCRP-4.7b: " in done.stdout


@pytest.mark.parametrize("processes", ["0", "2"])
def test_deviations_are_honoured(run_pytest: RunPytest, tmp_path: Path, command: Commands, processes: str) -> None:
    (tmp_path / "known.toml").write_text('[[deviation]]\nclause = "2.5a"\nreason = "it is old"\n')
    done = run_pytest(
        "-n", processes, "--tcrp-exec", command.faulty("header-in-one-recv") + PORTS, "--tcrp-clause", "2.1",
        "--tcrp-clause", "2.5a", "--tcrp-deviations", "known.toml", "--tcrp-report-dir", "out", "--tcrp-report", "html",
        "--pyargs", "conformance",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 known" in done.stdout
    assert "failed" not in done.stdout
    assert "1 pass, 1 known: conforms but for 1 known\n" in done.stdout
    assert verdicts(tmp_path) == {"2.1": "pass", "2.5a": "known"}
    assert (tmp_path / "out" / "report.html").exists()


def test_a_deviation_that_is_none_any_more_is_red(run_pytest: RunPytest, tmp_path: Path, command: Commands) -> None:
    (tmp_path / "known.toml").write_text('[[deviation]]\nclause = "2.1"\nreason = "it is old"\n')
    done = run_pytest(
        "--tcrp-exec", command.reference, "--tcrp-clause", "2.1", "--tcrp-deviations", "known.toml", "--pyargs",
        "conformance",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "listed deviation TCRP-2.1 (passing): it is old" in done.stdout


def test_a_server_with_which_nothing_works_is_red(run_pytest: RunPytest, command: Commands) -> None:
    """Each test of the suite is skipped: what it needs is broken."""
    done = run_pytest(
        "--tcrp-exec", command.faulty("ack-left-out"), "--tcrp-clause", "4.5", "test_mine.py", "--pyargs", "conformance"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "fail   TCRP-3.4a" in done.stdout


def test_nothing_judged_is_never_0(run_pytest: RunPytest, command: Commands) -> None:
    words = ("--tcrp-exec", command.reference, "--tcrp-clause", "5.3a", "test_mine.py", "--pyargs", "conformance")
    assert run_pytest(*words).returncode == 5, "all of it unsupported"


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_server_that_does_not_start_is_told_in_a_line(run_pytest: RunPytest, processes: str) -> None:
    words = ("-n", processes, "--tcrp-exec", "false {tcp} {udp}", "--tcrp-clause", "2.1", "--pyargs", "conformance")
    done = run_pytest(*words)
    assert done.returncode == 6, done.stdout + done.stderr
    assert "\nunreachable: the process ended with exit code 1 before it was ready\n" in done.stdout
    assert "INTERNALERROR" not in done.stdout
    assert "Traceback" not in done.stdout


# Several processes


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--tcrp-target", "127.0.0.1"), "2 processes cannot share one server: give --tcrp-exec with {tcp} and {udp}"),
        (("--tcrp-exec", "server"), "2 processes could start servers on the same ports: put {tcp} and {udp} in place"),
        (("--tcrp-exec", "server {tcp}"), "could start servers on the same ports: put {udp} in place"),
    ],
)
@pytest.mark.parametrize("count", [("-n", "2"), ("--dist", "load", "--tx", "2*popen")])
def test_several_processes_at_one_server_are_refused(
    run_pytest: RunPytest, words: tuple[str, ...], says: str, count: tuple[str, ...]
) -> None:
    done = run_pytest(*count, *words, "--pyargs", "conformance")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.startswith("ERROR: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 2
    assert "or give -n 0" in done.stderr or "or -n 0" in done.stderr


def test_one_process_of_its_own_may_test_a_server_that_runs(run_pytest: RunPytest, command: Commands) -> None:
    with command.started(command.reference.format(tcp=0, udp=0)) as target:
        done = run_pytest("-n", "1", "--tcrp-target", target, "--tcrp-clause", "2.1", "--pyargs", "conformance")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{target}: 1 pass: conforms\n" in done.stdout


def test_each_process_has_a_server_of_its_own(run_pytest: RunPytest, tmp_path: Path, command: Commands) -> None:
    server = command.server(f"""
        import os
        from pathlib import Path
        Path({str(tmp_path)!r}, f"server-{{os.environ['PYTEST_XDIST_WORKER']}}-{{os.getpid()}}").touch()
        sys.argv[1:] = ["--fault", "none", *sys.argv[1:]]
        main("fault", FAULTS)
    """)
    done = run_pytest(
        "-n", "2", "--tcrp-exec", server + PORTS, "--tcrp-clause", "2", "--tcrp-report-dir", "out", "--pyargs",
        "conformance",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name.split("-")[1] for path in tmp_path.glob("server-*")} == {"gw0", "gw1"}
    assert set(verdicts(tmp_path).values()) <= {"pass", "info", "unsupported"}


def test_reports_of_an_earlier_run_are_gone(run_pytest: RunPytest, tmp_path: Path, command: Commands) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("report.json", "report.html", "report.xml", "mine.txt"):
        (out / name).write_text("old")
    done = run_pytest(
        "--tcrp-exec", command.reference, "--tcrp-clause", "2.1", "--tcrp-report-dir", "out", "--pyargs", "conformance"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["mine.txt", "report.json"]
    assert verdicts(tmp_path) == {"2.1": "pass"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--tcrp-level", "perhaps"), "--tcrp-level is 'perhaps': choose from must, should, may"),
        (("--tcrp-report", "pdf"), "there is no report 'pdf': choose from json, junit, html, md"),
        (("--tcrp-deviations", "none.toml"), "none.toml: it cannot be read: No such file or directory"),
    ],
)
def test_an_option_of_the_report_that_cannot_be_followed(
    run_pytest: RunPytest, words: tuple[str, ...], says: str
) -> None:
    done = run_pytest("--tcrp-target", "127.0.0.1", *words, "--pyargs", "conformance")
    assert (done.returncode, done.stderr) == (pytest.ExitCode.USAGE_ERROR, f"ERROR: {says}\n\n")
