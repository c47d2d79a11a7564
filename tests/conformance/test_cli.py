"""What scripts depend on: exit codes, errors of one line, report.json."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tcrp.endpoint import Endpoint
from tests.conformance.commands import Commands, Done
from tests.conformance.schemas import REPORT_SCHEMA


def one_line(done: Done, *words: str) -> None:
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("tcrp-conformance: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_right_server_conforms(command: Commands) -> None:
    done = command("run", "2.1", "3.4", "4.5", "--exec", command.reference, "--seed", "7")
    assert done.returncode == 0, done.stdout + done.stderr
    report = command.report()
    jsonschema.validate(report, REPORT_SCHEMA)
    assert report["exit_code"] == 0
    assert report["seed"] == 7
    assert {one["verdict"] for one in report["clauses"]} == {"pass"}
    assert [one["id"] for one in report["clauses"]][:2] == ["TCRP-2.1", "TCRP-3.4a"]
    assert sum(report["summary"].values()) == len(report["clauses"])
    assert "exit 0: conforms" in done.stdout


def test_a_wrong_server_does_not(command: Commands) -> None:
    done = command("run", "2.5a", "--exec", command.faulty("header-in-one-recv"))
    assert done.returncode == 1
    report = command.report()
    jsonschema.validate(report, REPORT_SCHEMA)
    (clause,) = report["clauses"]
    assert clause["verdict"] == "fail"
    assert clause["expected"] in " ".join(done.stdout.split())
    assert bytes.fromhex(clause["bytes"])[32:].startswith(b"room-")
    assert clause["runs"] == {"failed": 3, "total": 3}


def test_a_should_counts_only_where_asked(command: Commands) -> None:
    words = ("run", "4.7b", "--exec", command.faulty("too-long-message-untold"))
    assert command(*words).returncode == 0
    assert command.report()["clauses"][0]["verdict"] == "weak"
    assert command(*words, "--level", "should").returncode == 1


def test_a_server_that_dies_is_a_crash_and_the_rest_is_judged(command: Commands) -> None:
    done = command("run", "6.1f", "6.2b", "--exec", command.faulty("dies-of-a-short-datagram"))
    assert done.returncode == 7, done.stdout
    verdicts = {one["id"]: one for one in command.report()["clauses"]}
    assert verdicts["TCRP-6.1f"]["verdict"] == "crash"
    assert "IndexError" in verdicts["TCRP-6.1f"]["message"]
    assert verdicts["TCRP-6.2b"]["verdict"] == "pass"


def crash(command: Commands) -> tuple[str, str, list[str]]:
    (finding,) = command.report()["findings"]
    return (
        finding["verdict"],
        finding["clause"],
        [one["id"] for one in command.report()["clauses"] if one["verdict"] == "pass"],
    )


def test_a_server_that_the_plain_conversation_ends_is_a_crash_and_no_absence(command: Commands) -> None:
    server = command.faulty("dies-of-the-first-registration")
    done = command("run", "2.1", "4.5a", "6.2b", "--exec", server)
    assert done.returncode == 7, done.stdout + done.stderr
    assert crash(command) == ("crash", "TCRP-4.5a", ["TCRP-2.1", "TCRP-6.2b"])
    with command.started(server) as where:
        done = command("run", "2.1", "4.5a", "6.2b", "-t", where)
    assert done.returncode == 7, done.stdout + done.stderr
    assert crash(command) == ("crash", "TCRP-4.5a", [])
    assert "the server had ended under TCRP-4.5a" in done.stdout


def test_a_udp_port_where_nobody_is_is_told_at_once(command: Commands, nowhere: Endpoint) -> None:
    with command.started(command.reference.format(tcp=0, udp=0)) as where:
        done = command("run", "2.1", "4.5a", "-t", f"{where.rpartition(':')[0]}:{nowhere.udp}", "--dialect", "auto")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "probing" not in done.stdout
    verdicts = {one["id"]: one for one in command.report()["clauses"]}
    assert verdicts["TCRP-2.1"]["verdict"] == "pass"
    assert verdicts["TCRP-4.5a"]["actual"] == f"nothing listens on UDP port {nowhere.udp}, where datagrams are refused"


def test_a_server_without_tcp_that_is_not_there(command: Commands, nowhere: Endpoint) -> None:
    done = command("run", "--dialect", "stage1", "-t", f"127.0.0.1:-:{nowhere.udp}")
    assert done.returncode == 6
    one_line(done, "unreachable", f"nothing listens on UDP 127.0.0.1:-:{nowhere.udp}, where datagrams are refused")


def test_a_mute_server_is_told_once(command: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        done = command("run", "-t", f"127.0.0.1:{tcp.getsockname()[1]}:{udp.getsockname()[1]}")
    assert done.returncode == 1, done.stdout
    report = command.report()
    assert report["summary"]["fail"] == 1
    assert report["summary"]["pass"] == 0
    assert {one["message"] for one in report["clauses"] if one["verdict"] == "unsupported"} == {"blocked by TCRP-3.4a"}


def test_an_unreachable_server(command: Commands, nowhere: Endpoint) -> None:
    done = command("run", "-t", f"127.0.0.1:{nowhere.tcp}:9")
    assert done.returncode == 6
    one_line(done, "unreachable", "refused")
    jsonschema.validate(command.report(), REPORT_SCHEMA)


@pytest.mark.parametrize("words", [("run",), ("probe",), ("load",)])
def test_a_host_without_an_address(command: Commands, words: tuple[str, ...]) -> None:
    done = command(*words, "-t", "no.such.host.invalid")
    assert done.returncode == 6
    one_line(done, "unreachable: cannot find the host 'no.such.host.invalid'")


@pytest.mark.parametrize(
    ("server", "why"), [("false", "exit code 1"), ("no-such-program", "no-such-program"), ("sleep 60", "not ready")]
)
def test_a_server_that_does_not_start(command: Commands, nowhere: Endpoint, server: str, why: str) -> None:
    done = command("run", "--exec", server, "-t", f"127.0.0.1:{nowhere.tcp}:9", "--ready-timeout", "0.5")
    assert done.returncode == 6
    one_line(done, why)
    assert "Errno" not in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run",), "--exec"),
        (("run", "-t", "127.0.0.1:x"), "'x'"),
        (("run", "-t", "127.0.0.1:1:2:3"), "HOST[:TCP[:UDP]]"),
        (("run", "-t", "127.0.0.1:99999"), "65535"),
        (("run", "9.9z", "-t", "127.0.0.1"), "9.9z"),
        (("run", "-t", "127.0.0.1", "--dialect", "klingon"), "klingon"),
        (("run", "-t", "127.0.0.1", "--examples", "0"), "--examples"),
        (("run", "-t", "127.0.0.1", "--idle-timeout", "-1"), "--idle-timeout"),
        (("run", "-t", "127.0.0.1", "--timeout", "soon"), "soon"),
        (("run", "-t", "127.0.0.1", "--report", "pdf"), "pdf"),
        (("run", "-t", "127.0.0.1", "--level", "perhaps"), "perhaps"),
        (("run", "-t", "127.0.0.1", "--nonsense"), "--nonsense"),
        (("explain", "1.23"), "1.23"),
        (("sing",), "sing"),
    ],
)
def test_bad_usage_is_one_line_and_4(command: Commands, words: tuple[str, ...], says: str) -> None:
    done = command(*words)
    assert done.returncode == 4
    one_line(done, says)


def test_nothing_selected_is_never_0(command: Commands) -> None:
    target = ("-t", "127.0.0.1")
    assert command("run", "7.1", *target).returncode == 5
    assert command("run", "2", "--skip", "2", *target).returncode == 5
    assert command("run", "2.1", "-k", "no_such_test", "--exec", command.reference).returncode == 5
    assert command("run", "5.3a", "--exec", command.reference).returncode == 5, "all of it unsupported"


def test_an_interrupt_leaves_a_report(command: Commands) -> None:
    process = subprocess.Popen(
        command.words("run", "--exec", command.reference), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=command.folder,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if " pass " in line:
            process.send_signal(signal.SIGINT)
            break
    output, errors = process.communicate()
    assert process.returncode == 2, output + errors
    assert "Traceback" not in output + errors
    report = command.report()
    jsonschema.validate(report, REPORT_SCHEMA)
    assert report["exit_code"] == 2
    assert report["summary"]["pass"] > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whatever_ends_a_run_ends_the_server_that_it_has_started(command: Commands, number: signal.Signals) -> None:
    pid = command.folder / "pid"
    server = command.server(f"""
        import os
        from pathlib import Path
        Path({str(pid)!r}).write_text(str(os.getpid()))
        sys.argv[1:] = ["--fault", "none"]
        main("fault", FAULTS)
    """)
    words = command.words("run", "--exec", server)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=command.folder) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if " pass " in line:
                run.send_signal(number)
                break
        output, errors = run.communicate()
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(pid.read_text()), signal.SIGKILL)
        pytest.fail("the server is still there")
    assert run.returncode == 2, output + errors
    assert command.report()["exit_code"] == 2


@pytest.mark.parametrize("words", [["run", "2.5a", "--runs", "1"], ["explain", "2.5a"], ["replay"]])
def test_a_locale_without_arrows_gets_them_escaped(command: Commands, recorded: Path, words: list[str]) -> None:
    server = ["--exec", command.faulty("header-in-one-recv")]
    if words == ["replay"]:
        words = ["replay", str(recorded / "findings" / "2.5a.json"), "--runs", "1"]
    done = subprocess.run(
        command.words(*words, *(server if words[0] != "explain" else [])), capture_output=True, text=True,
        cwd=command.folder, env={**os.environ, "PYTHONIOENCODING": "latin-1"}, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == (0 if words[0] == "explain" else 1)
    assert ("\\u25b6" in done.stdout) == (words[0] != "explain")


def test_a_folder_that_takes_no_file_is_refused_before_anything_is_started(command: Commands) -> None:
    done = command("run", "2.1", "--exec", command.reference, "--report-dir", "/dev/fd")
    assert done.returncode == 4
    assert done.stdout == ""
    one_line(done, "--report-dir '/dev/fd': ")


def test_a_report_that_cannot_be_written_in_the_end_is_told_in_a_line(command: Commands) -> None:
    server = command.server("""
        import shutil
        from pathlib import Path
        shutil.rmtree("tcrp-report")
        Path("tcrp-report").touch()
        sys.argv[1:] = ["--fault", "none"]
        main("fault", FAULTS)
    """)
    done = command("run", "2.1", "--exec", server)
    assert done.returncode == 3
    one_line(done, "the report cannot be written to tcrp-report: it is not a folder; name another folder")


def test_a_closed_stdout_keeps_nothing_from_the_report(command: Commands) -> None:
    words = command.words("run", "2.1", "--exec", command.reference)
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *words], stderr=subprocess.PIPE, text=True, cwd=command.folder, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert command.report()["exit_code"] == 0


@pytest.mark.parametrize("name", ["run", "probe", "load"])
@pytest.mark.parametrize("option", ["--target", "--exec"])
@pytest.mark.parametrize("value", ["", " "])
def test_a_server_of_no_words_is_refused(command: Commands, name: str, option: str, value: str) -> None:
    done = command(name, option, value)
    assert done.returncode == 4
    one_line(done, option, f"{value!r} is empty")


def test_what_is_no_expression_is_refused(command: Commands) -> None:
    done = command("run", "2.1", "-k", "(", "--exec", command.reference)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1].startswith(
        "tcrp-conformance: -k is '(': parts of names, joined by and, or, not"
    )
    assert "Traceback" not in done.stderr


def test_the_endpoint_is_left_as_it_was_found(command: Commands) -> None:
    """Rooms are closed and processes ended: a second run against the same server is like the first."""
    words = [*command.reference.split()]
    words[words.index("{tcp}")] = words[words.index("{udp}")] = "0"
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            ready = dict(word.partition("=")[::2] for word in server.stdout.readline().split()[1:])
            target = f"{ready['tcp']}:{ready['udp'].rpartition(':')[2]}"
            for _ in range(2):
                done = command("run", "2.2", "4.5", "5.2", "6.3b", "-t", target)
                assert done.returncode == 0, done.stdout
        finally:
            server.terminate()
    with contextlib.suppress(OSError):
        host, _, port = ready["tcp"].rpartition(":")
        with socket.create_connection((host, int(port)), 1):
            raise AssertionError("the server still listens")


def test_list_names_every_clause_with_its_tests(command: Commands) -> None:
    done = command("list")
    assert done.returncode == 0
    assert "TCRP-2.5a" in done.stdout
    assert "[not tested: client]" in done.stdout
    assert "[0 tests]" not in done.stdout
    assert command("list", "4.3").stdout.count("TCRP-") == 3


def test_explain_tells_the_clause_and_why(command: Commands) -> None:
    done = command("explain", "tcrp-4.3a")
    assert done.returncode == 0
    assert "TCRP-4.3a (MUST, server" in done.stdout
    assert "Why: " in done.stdout


def test_it_says_so_when_another_tcrp_is_in_the_way(command: Commands) -> None:
    (command.folder / "tcrp.py").write_text("")
    done = command.run(sys.executable, "-m", "conformance", "list")
    assert done.returncode == 4
    one_line(done, str(command.folder / "tcrp.py"))


def test_a_students_files_do_not_get_in_the_way(command: Commands) -> None:
    for name in ("relay.py", "conftest.py", "test_mine.py", "pytest.ini", "pyproject.toml"):
        (command.folder / name).write_text("raise SystemExit('loaded')\n" if name.endswith(".py") else "[broken\n")
    done = command("run", "2.1", "--exec", command.reference)
    assert done.returncode == 0, done.stdout + done.stderr
