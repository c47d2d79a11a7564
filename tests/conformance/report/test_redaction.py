"""What a redacted report no longer says, in each of its forms."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from conformance.report.formats import FILES
from conformance.report.model import Report
from conformance.report.redaction import MASK, redacted
from conformance.trace.identities import Identities
from tests.conformance.commands import Commands
from tests.conformance.report.sample import ROOM, TOKEN
from tests.conformance.schemas import REPORT_SCHEMA

TELLING = """
    class Telling(FAULTS["header-in-one-recv"].server):
        def new_token(self, room, user, peer):
            token = super().new_token(room, user, peer)
            print("room", room.key, "user", user, "token", token, flush=True)
            with open({log!r}, "a") as log:
                log.write(f"{{room.key.decode()}}\\n{{token.decode()}}\\n")
            return token


    fault("now", "TCRP-1.1", note="")(Telling)
    sys.argv[1:] = ["--fault", "now", *sys.argv[1:]]
    main("fault", FAULTS)
"""
"""A server that prints every name and token, and keeps a list of them."""


def everything_in(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file())


def secrets_in(log: Path) -> set[str]:
    words = {"alicia", "username", *log.read_text().split()}
    return words | {word.encode().hex() for word in words}


def test_no_file_of_a_run_has_a_name_or_a_token(command: Commands) -> None:
    log = command.folder / "log"
    server = command.server(TELLING.format(log=str(log)))
    words = ("run", "2.5a", "3.8", "4.5a", "--runs", "1", "--report", "json,junit,html,md", "--exec", f"{server}")
    plain = command(*words)
    assert plain.returncode == 1, plain.stdout + plain.stderr
    folder = command.folder / "tcrp-report"
    assert any(secret in everything_in(folder) for secret in secrets_in(log)), "without it they are there"
    done = command(*words, "--redact")
    assert done.returncode == 1, done.stdout + done.stderr
    assert {path.name for path in folder.iterdir() if path.is_file()} == set(FILES.values())
    assert not list((folder / "findings").glob("*"))
    told = everything_in(folder) + done.stdout.partition("\n")[2]  # the first line repeats the command
    assert [secret for secret in secrets_in(log) if secret in told] == []
    report = command.report()
    jsonschema.validate(report, REPORT_SCHEMA)
    assert report["options"]["exec"] == MASK
    assert [one["clause"] for one in report["findings"]] == ["TCRP-2.5a"]


def test_pytest_and_its_own_reports_say_the_rule_alone(command: Commands) -> None:
    log = command.folder / "log"
    server = command.server(TELLING.format(log=str(log)))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "--tcrp-exec", f"{server} --tcp-port {{tcp}} --udp-port {{udp}}",
         "--tcrp-clause", "2.5a", "--tcrp-redact", "--tcrp-report-dir", "out", "--junitxml", "out/own.xml", "--pyargs",
         "conformance"], cwd=command.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    told = everything_in(command.folder / "out")
    assert "TCRP-2.5a" in told
    assert [secret for secret in secrets_in(log) if secret in told] == []


def test_nothing_of_a_conversation_stays(report: Report) -> None:
    before = copy.deepcopy(report)
    there = redacted(report)
    assert report == before
    jsonschema.validate(json.loads(json.dumps(there)), REPORT_SCHEMA)
    told = json.dumps(there, ensure_ascii=False)
    for secret in (ROOM.decode(), ROOM.hex(), TOKEN.decode(), TOKEN.hex(), "alicia", "127.0.0.2"):
        assert secret not in told.replace("this machine has no second source address (127.0.0.2)", "")
    assert [one["clause"] for one in there["findings"]] == [one["clause"] for one in before["findings"]]
    assert there["summary"] == before["summary"]


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("bob received nothing of alicia in 3.0 s", f"{MASK} received nothing of {MASK} in 3.0 s"),
        ("status 4 (MALFORMED)", "status 4 (MALFORMED)"),
        ("room 'it\\'s' and b'ab' and \"x y\"", f"room {MASK} and {MASK} and {MASK}"),
        ("the token 0c4f21f69b0e4f8e8f5f0a1b2c3d4e5f", f"the token {MASK}"),
        ("the token 0c4f21f6-9b0e-4f8e-8f5f-0a1b2c3d4e5f", f"the token {MASK}"),
        ("it went to room-51e1ff-34", f"it went to {MASK}"),
        ("ウルトラ is taken", f"{MASK} is taken"),
        ("the server's answer isn't 1 frame", "the server's answer isn't 1 frame"),
        ("ACK, then FIN … 32 bytes → nothing", "ACK, then FIN … 32 bytes → nothing"),
        ("xenia heard it, the password was open sesame", f"{MASK} heard it, the password was {MASK}"),
    ],
)
def test_in_a_sentence(report: Report, text: str, becomes: str) -> None:
    known = Identities()
    known.users.add("xenia")
    known.passwords.add("open sesame")
    report["findings"][0]["actual"] = text
    assert redacted(report, known)["findings"][0]["actual"] == becomes
