"""Whole runs: deviations, the four reports, servers that speak another protocol, an interrupt."""

import contextlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from lxml import etree, html

from tests.conformance.commands import Commands, Done
from tests.conformance.schemas import JUNIT_XSD, REPORT_SCHEMA

ONCE = ("--runs", "1")


Deviating = Callable[..., tuple[Done, dict[str, str], dict[str, str]]]
"""Runs the suite with deviations of (clause, more lines). Returns the process, their states and the verdicts."""
Behaviour = Callable[[socket.socket], None]
"""What a server does with a connection."""


@pytest.fixture
def deviating(command: Commands) -> Deviating:
    """Runs 2.1, which passes, and 2.5a, which fails, with these deviations."""

    def run(
        *deviations: tuple[str, str], fault: str = "header-in-one-recv"
    ) -> tuple[Done, dict[str, str], dict[str, str]]:
        rows = [f'[[deviation]]\nclause = "{clause}"\nreason = "it is old"\n{more}\n' for clause, more in deviations]
        (command.folder / "deviations.toml").write_text("\n".join(rows))
        done = command("run", "2.1", "2.5a", *ONCE, "--exec", command.faulty(fault), "--deviations", "deviations.toml")
        states = {one["clause"]: one["state"] for one in command.report()["deviations"]}
        verdicts = {one["id"]: one["verdict"] for one in command.report()["clauses"]}
        return done, states, verdicts

    return run


def test_what_is_listed_and_fails_is_known(command: Commands, deviating: Deviating) -> None:
    done, states, verdicts = deviating(("2.5a", "until = 2999-12-31"))
    assert done.returncode == 0, done.stdout
    assert states == {"TCRP-2.5a": "known"}
    assert verdicts == {"TCRP-2.1": "pass", "TCRP-2.5a": "known"}
    assert "known 2.5a  it is old (until 2999-12-31)" in done.stdout
    assert "exit 0: conforms" in done.stdout
    assert command.report()["summary"]["known"] == 1
    (finding,) = command.report()["findings"]
    assert (finding["clause"], finding["verdict"]) == ("TCRP-2.5a", "known")
    jsonschema.validate(command.report(), REPORT_SCHEMA)


def test_what_is_known_is_so_everywhere(command: Commands) -> None:
    (command.folder / "d.toml").write_text('[[deviation]]\nclause = "2.5a"\nreason = "it is old"\n')
    done = command(
        "run", "2.1", "2.5a", *ONCE, "--exec", command.faulty("header-in-one-recv"), "--deviations", "d.toml",
        "--report", "json,junit,html,md",
    )  # fmt: skip
    folder = command.folder / "tcrp-report"
    assert done.returncode == 0, done.stdout
    assert "\n  known       2.5a  a request is reassembled whatever its segmentation (it is old)\n" in done.stdout
    assert "fail" not in done.stdout
    assert done.stdout.endswith("exit 0: conforms but for 1 known\n")
    junit = etree.parse(folder / "report.xml")
    assert not list(junit.iter("failure"))
    assert [one.get("message") for one in junit.iter("skipped")] == ["known: it is old"]
    for page in ((folder / "report.md").read_text(), html.parse(folder / "report.html").getroot().text_content()):
        assert "onforms but for 1 known" in page
    assert "1. **TCRP-2.5a** known: " in (folder / "report.md").read_text()


def test_what_is_listed_and_passes_is_red(deviating: Deviating) -> None:
    done, states, verdicts = deviating(("2.5a", ""), fault="none")
    assert done.returncode == 1
    assert states == {"TCRP-2.5a": "passing"}
    assert verdicts["TCRP-2.5a"] == "pass"
    assert "passing 2.5a  it is old; passes now: take it out of the deviations" in done.stdout


def test_what_is_past_its_date_is_red(deviating: Deviating) -> None:
    done, states, verdicts = deviating(("2.5a", "until = 2020-01-01"))
    assert done.returncode == 1
    assert states == {"TCRP-2.5a": "expired"}
    assert verdicts["TCRP-2.5a"] == "fail"
    assert "expired 2.5a  it is old (until 2020-01-01); no longer excused: its date is past" in done.stdout


def test_what_is_not_listed_is_red(deviating: Deviating) -> None:
    done, states, verdicts = deviating(("4.5d", ""))
    assert done.returncode == 1
    assert states == {"TCRP-4.5d": "unjudged"}
    assert verdicts["TCRP-2.5a"] == "fail"


def test_a_known_crash_is_no_death(command: Commands) -> None:
    (command.folder / "d.toml").write_text('[[deviation]]\nclause = "6.1f"\nreason = "it is old"\n')
    server = command.faulty("dies-of-a-short-datagram")
    done = command("run", "2.1", "6.1f", "--timeout", "1", *ONCE, "--exec", server, "--deviations", "d.toml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "No such file"),
        ("[[deviation]\n", "not TOML"),
        ('[[deviation]]\nclause = "9.9"\nreason = "x"\n', "9.9"),
        ('[[deviation]]\nclause = "2.5a"\n', "reason is missing"),
    ],
)
def test_bad_deviations_are_one_line_and_4(command: Commands, text: str | None, says: str) -> None:
    if text is not None:
        (command.folder / "d.toml").write_text(text)
    done = command("run", "2.1", "--exec", command.reference, "--deviations", "d.toml")
    assert done.returncode == 4
    assert done.stderr.startswith("tcrp-conformance: d.toml: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (command.folder / "tcrp-report").exists()


def test_all_four_reports_of_a_run_with_findings(command: Commands) -> None:
    done = command(
        "run", "2.1", "2.5a", "2.6a", "4.7b", "5.3a", *ONCE, "--report", "json,junit,html,md", "--report-dir", "out",
        "--exec", command.faulty("header-in-one-recv"),
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    folder = command.folder / "out"
    report = json.loads((folder / "report.json").read_text())
    jsonschema.validate(report, REPORT_SCHEMA)
    assert [one["clause"] for one in report["findings"]] == ["TCRP-2.5a"]
    (finding,) = report["findings"]
    for name in (finding["replay"], finding["script"]):
        assert (folder / name).is_file()
    junit = etree.parse(folder / "report.xml")
    JUNIT_XSD.assertValid(junit)
    assert [one.get("name").split()[0] for one in junit.iter("testcase")] == [one["id"] for one in report["clauses"]]
    assert len(list(junit.iter("failure"))) == 1
    shown = " ".join(html.parse(folder / "report.html").getroot().text_content().split())
    page = (folder / "report.md").read_text()
    for text in (finding["title"], finding["expected"], finding["actual"], finding["hinge"] or finding["title"]):
        assert text in shown
    assert "TCRP-2.5a" in page


def test_the_script_of_a_finding_finds_it_again(command: Commands, recorded: Path) -> None:
    with command.started(command.faulty("header-in-one-recv")) as target:
        wrong = command.run("python3", str(recorded / "findings" / "2.5a.py"), *target.split(":"))
    with command.started(command.faulty("none")) as target:
        right = command.run("python3", str(recorded / "findings" / "2.5a.py"), *target.split(":"))
    assert (wrong.returncode, wrong.stderr) == (1, "")
    assert (right.returncode, right.stderr) == (0, "")


def test_files_of_findings_that_are_mended_are_gone(command: Commands) -> None:
    assert command("run", "2.5a", *ONCE, "--exec", command.faulty("header-in-one-recv")).returncode == 1
    findings = command.folder / "tcrp-report" / "findings"
    assert sorted(path.name for path in findings.iterdir()) == ["2.5a.json", "2.5a.py"]
    assert command("run", "2.5a", *ONCE, "--exec", command.faulty("none")).returncode == 0
    assert list(findings.iterdir()) == []


def changed(report: Path, folder: Path, **verdicts: str) -> Path:
    """Copy the report into this folder, with other verdicts of some clauses. Returns the folder."""
    row = json.loads((report / "report.json").read_text())
    for one in row["clauses"]:
        one["verdict"] = verdicts.get(one["id"].removeprefix("TCRP-").replace(".", "_"), one["verdict"])
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps(row))
    return folder


def test_two_reports_are_compared(command: Commands, recorded: Path) -> None:
    better = changed(recorded, command.folder / "better", **{"2_5a": "pass"})
    done = command("diff", str(recorded), str(better))
    assert (done.returncode, done.stderr) == (0, "")
    assert "better:\n  TCRP-2.5a" in done.stdout
    done = command("diff", str(better / "report.json"), str(recorded))
    assert (done.returncode, done.stderr) == (1, "")
    assert "worse:\n  TCRP-2.5a   pass -> fail " in done.stdout
    assert command("diff", str(recorded), str(recorded)).stdout == "the same: 2 clauses\n"
    done = command("diff", str(recorded), str(command.folder))
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "report.json" in done.stderr


class Strange:
    """A TCP server that speaks another protocol, and a UDP port that never answers."""

    def __init__(self, behave: Behaviour) -> None:
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.tcp.getsockname()[1]}:{self.udp.getsockname()[1]}"
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._serve, args=(behave,), daemon=True).start()

    def _serve(self, behave: Behaviour) -> None:
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            self._kept.append(connection)
            with contextlib.suppress(OSError):  # whoever asks may be gone
                behave(connection)

    def close(self) -> None:
        self.tcp.shutdown(socket.SHUT_RDWR)
        self.tcp.close()
        self.udp.close()
        for connection in self._kept:
            connection.close()


def json_at_once(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b'{"status": "error", "message": "unknown command"}')
    connection.close()


def noise(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(os.urandom(32))
    connection.close()


def http(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    connection.close()


def goodbye(connection: socket.socket) -> None:
    connection.close()


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (json_at_once, '49 bytes of JSON without a header: \'{"status": "error", "message": "unknown command"}\''),
        (http, "47 bytes of text without a header: 'HTTP/1.1 400 Bad Request"),
        (noise, "32 bytes that are no reply: b"),
        (goodbye, "no answer, then closed"),
    ],
)
def test_a_server_that_speaks_something_else_is_told_so_in_a_page(
    command: Commands, behave: Behaviour, says: str
) -> None:
    server = Strange(behave)
    try:
        done = command("run", "-t", server.address)
    finally:
        server.close()
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) < 130
    finding, *others = command.report()["findings"]
    assert {one["clause"] for one in others} <= {"TCRP-6.1b", "TCRP-6.3a"}  # it serves one at a time, and that is seen
    said = " ".join(done.stdout.split())
    assert others or "This server does not speak the dialect tcrp" in said
    assert finding["actual"].startswith(says), finding["actual"]
    passed = [one for one in command.report()["clauses"] if one["verdict"] == "pass"]
    assert all(one["how"] for one in passed)  # by comparing the server with itself
    jsonschema.validate(command.report(), REPORT_SCHEMA)


def test_a_server_without_udp(command: Commands) -> None:
    server = command.server("""
        @fault("now", "TCRP-4.5a", note="")
        class Now(Server):
            def ready_line(self):
                line = super().ready_line()
                self.udp.close()
                return line

            def chat_loop(self):
                pass

        sys.argv[1:] = ["--fault", "now"]
        main("fault", FAULTS)
    """)
    done = command("run", "2.1", "4.5a", "5.1a", *ONCE, "--exec", server)
    assert done.returncode == 1, done.stdout
    assert {one["id"]: one["verdict"] for one in command.report()["clauses"]} == {
        "TCRP-2.1": "pass", "TCRP-4.5a": "fail", "TCRP-5.1a": "unsupported",
    }  # fmt: skip
    assert "does not speak the dialect" not in done.stdout


def test_an_interrupt_while_a_failure_is_examined_leaves_a_report_and_no_process(command: Commands) -> None:
    """The run is interrupted at the second start of the server: only the repetition of a failure starts it again."""
    pids = command.folder / "pids"
    server = command.server(f"""
        import os
        import signal
        from pathlib import Path

        pids = Path({str(pids)!r})
        with pids.open("a") as file:
            print(os.getpid(), file=file)
        if len(pids.read_text().split()) == 2:
            os.kill(int(os.environ["RUNNER"]), signal.SIGINT)
        sys.argv[1:] = ["--fault", "header-in-one-recv"]
        main("fault", FAULTS)
    """)
    run = [f"exec env RUNNER=$$ {' '.join(command.words('run', '2.1', '2.5a', '--exec'))} '{server}'"]
    done = subprocess.run(["sh", "-c", *run], capture_output=True, text=True, cwd=command.folder, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    report = command.report()
    jsonschema.validate(report, REPORT_SCHEMA)
    assert report["exit_code"] == 2
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == 2
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
