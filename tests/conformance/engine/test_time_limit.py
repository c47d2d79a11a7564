"""--max-time: it ends a run wherever the run is, and a run that it has ended never conforms."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from conformance.engine.time_limit import TimeLimit
from conformance.outcome.findings import TimeUp
from conformance.report.formats.phrases import conclusion
from tests.conformance.commands import Commands, Done
from tests.conformance.schemas import REPORT_SCHEMA

LIMIT = 2.0
HANGS = 60.0
"""Seconds after which a run is taken for one that hangs; without a limit these would last for minutes."""
SILENT = """
import os, socket, sys, threading, time
tcp = socket.create_server(("127.0.0.1", int(sys.argv[1])))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", int(sys.argv[2])))
"""
NEVER_READY = "import time\ntime.sleep(600)\n"
MUTE = SILENT + "kept = []\nwhile True:\n    kept.append(tcp.accept())\n"
TRICKLES = (
    SILENT
    + """
def trickle(connection):
    while True:
        connection.sendall(b"\\0")
        time.sleep(0.5)
while True:
    threading.Thread(target=trickle, args=(tcp.accept()[0],), daemon=True).start()
"""
)
Limited = Callable[..., Done]


@pytest.fixture
def limited(command: Commands) -> Limited:
    """Runs the suite for LIMIT seconds against a server of this source, on the clauses and with the options given."""

    def run(source: str, *words: str) -> Done:
        path = command.folder / "server.py"
        path.write_text(source)
        server = f"{sys.executable} {path} {{tcp}} {{udp}}"
        words = ("run", *words, "--exec", server, "--max-time", str(LIMIT), "--ready-timeout", "600")
        done = subprocess.run(
            command.words(*words), capture_output=True, text=True, cwd=command.folder, check=False, timeout=HANGS
        )
        jsonschema.validate(command.report(), REPORT_SCHEMA)
        return done

    return run


@pytest.mark.parametrize(
    ("source", "words"),
    [(NEVER_READY, ()), (MUTE, ("--timeout", "30")), (TRICKLES, ("--dialect", "auto")), (TRICKLES, ())],
    ids=["start-up", "baseline", "probe", "diagnosis"],
)
def test_it_covers_whatever_comes_before_the_first_test(
    limited: Limited, command: Commands, source: str, words: tuple[str, ...]
) -> None:
    done = limited(source, *words)
    report = command.report()
    assert "Traceback" not in done.stdout + done.stderr
    judged = sum(one["verdict"] != "unsupported" for one in report["clauses"])
    assert judged <= 1
    assert report["incomplete"] == {"judged": judged, "chosen": len(report["clauses"])}
    assert done.returncode == (1 if judged else 5), done.stdout + done.stderr
    assert f"incomplete: {judged} of {len(report['clauses'])} judged" in done.stdout


def test_a_run_that_it_ends_never_conforms(command: Commands) -> None:
    done = command("run", "--exec", command.reference, "--max-time", str(LIMIT), "--report", "md,html")
    report = command.report()
    assert done.returncode == 5, done.stdout
    judged = report["summary"]["pass"] + report["summary"]["info"] + report["summary"]["weak"]
    assert report["incomplete"] == {"judged": judged, "chosen": len(report["clauses"])}
    words = f"incomplete: {judged} of {len(report['clauses'])} judged"
    assert conclusion(report) == words  # type: ignore[arg-type]
    assert done.stdout.rstrip().endswith(f"exit 5: {words}")
    assert words in (command.folder / "tcrp-report" / "report.md").read_text()
    assert f"not judged within --max-time of {LIMIT:g} s" in {one["message"] for one in report["clauses"]}


def test_a_test_that_goes_on_is_ended_and_what_others_have_found_is_told(command: Commands) -> None:
    """The server hears its own sender, and says nothing to whoever names a long room."""
    server = command.server("""
        import time

        @fault("now", "TCRP-2.5a", note="")
        class Now(FAULTS["sender-hears-itself"].server):
            def take(self, stream):
                if stream.peek(10.0)[:1] > b"\\x30":
                    time.sleep(3600)
                super().take(stream)

        sys.argv[1:] = ["--fault", "now"]
        main("fault", FAULTS)
    """)
    words = ("--runs", "1", "--timeout", "300", "--max-time", "6")
    done = command("run", "4.5d", "6.2b", *words, "--exec", server)
    verdicts = {one["id"]: one["verdict"] for one in command.report()["clauses"]}
    assert verdicts == {"TCRP-4.5d": "fail", "TCRP-6.2b": "unsupported"}
    assert done.returncode == 1
    assert "exit 1: does not conform (incomplete: 1 of 2 judged)" in done.stdout


def test_the_server_is_ended_with_the_run(limited: Limited, command: Commands) -> None:
    pid = command.folder / "pid"
    limited(f"import os, signal\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\n"
            f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{NEVER_READY}")  # fmt: skip
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_pytest_is_not_green_either(command: Commands) -> None:
    words = ("-p", "no:cacheprovider", "--tcrp-exec", command.reference, "--tcrp-max-time", str(LIMIT))
    done = command.run(command.script("pytest"), *words, "--tcrp-report-dir", "out", "--pyargs", "conformance")
    assert done.returncode == 5, done.stdout + done.stderr
    report = json.loads((Path(command.folder) / "out" / "report.json").read_text())
    assert report["incomplete"]["judged"] < report["incomplete"]["chosen"]


def catch(times: int) -> None:
    """Go on until the time is over, and so many times after that."""
    for _ in range(times):
        with contextlib.suppress(TimeUp):
            time.sleep(600)
    time.sleep(600)


def test_what_goes_on_is_ended_even_if_it_catches_that() -> None:
    limit = TimeLimit(0.2)
    with limit.running():
        with pytest.raises(TimeUp), limit.limited():
            catch(2)
        with pytest.raises(TimeUp), limit.limited():
            pytest.fail("it is over already")


def test_nothing_is_ended_that_is_not_to_be_ended() -> None:
    limit = TimeLimit(0.05)
    with limit.running():
        while limit.left > -0.2:
            time.sleep(0.01)
