"""Replay files: the same bytes are sent again. FAILED as long as the server is wrong, FIXED once it is right."""

import json
import shutil
from pathlib import Path

import pytest

from conformance import cli
from conformance.trace.recording import StepKind
from tcrp.endpoint import Endpoint
from tests.conformance.commands import Commands, Done

MODEL = "test_model:test_a_conversation_of_several_clients_agrees_with_the_model"
FAST = ("--runs", "1", "--timeout", "1")

LOGGING = """
    import hashlib
    from collections import Counter

    log = open({log!r}, "a")


    class Logging(FAULTS[{fault!r}].server):
        members = Counter()

        def new_token(self, room, user, peer):
            self.members[room.key, user] += 1
            return hashlib.md5(b"%s %s %d" % (room.key, user, self.members[room.key, user])).hexdigest().encode()

        def read_request(self, stream):
            wrapped, chunks = stream.recv, []
            stream.recv = lambda size: chunks.append(wrapped(size)) or chunks[-1]
            try:
                return super().read_request(stream)
            finally:
                print("tcp", b"".join(chunks).hex(), file=log, flush=True)

        def on_datagram(self, data, source):
            print("udp", data.hex(), file=log, flush=True)
            super().on_datagram(data, source)


    fault("now", "TCRP-1.1", note="")(Logging)
    sys.argv[1:] = ["--fault", "now"]
    main("fault", FAULTS)
"""


@pytest.fixture
def right(command: Commands) -> str:
    """The command of the server without any fault."""
    return command.faulty("none")


@pytest.fixture
def finding(command: Commands, recorded: Path) -> Path:
    """A replay file of header-in-one-recv under 2.5a."""
    return Path(shutil.copy(recorded / "findings" / "2.5a.json", command.folder))


def test_failed_as_long_as_it_is_wrong_and_fixed_once_it_is_right(command: Commands, finding: Path, right: str) -> None:
    done = command("replay", str(finding), "--exec")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(
        f"starting: {command.faulty('header-in-one-recv')}\n\n"
        "TCRP-2.5a: a request is reassembled whatever its segmentation\n"
    )
    assert "was       status 4 (MALFORMED)\nnow       status 4 (MALFORMED)\n" in done.stdout
    assert done.stdout.endswith("\nFAILED (3 of 3 runs failed)\n")

    done = command("replay", str(finding), "--exec", right, "--runs", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "now " not in done.stdout
    assert done.stdout.endswith("\nFIXED (0 of 2 runs failed)\n")


def test_against_a_server_that_runs(command: Commands, finding: Path, right: str) -> None:
    with command.started(right) as target:
        assert command("replay", str(finding), "-t", target).stdout.endswith("\nFIXED (0 of 3 runs failed)\n")
    with command.started(command.faulty("header-in-one-recv")) as target:
        done = command("replay", str(finding), "-t", target)
    assert done.returncode == 1
    assert done.stdout.endswith("\nFAILED (2 of 2 runs failed)\n"), "of the first, names might stand there already"


def test_a_command_of_somebody_else_is_shown_and_never_started_unasked(command: Commands, finding: Path) -> None:
    started = command.folder / "started"
    row = json.loads(finding.read_text())
    finding.write_text(json.dumps({**row, "command": f"touch {started} \x1b[31m"}))
    refused(command("replay", str(finding), "--exec", ""), 4, "is empty")
    refused(command("replay", str(finding)), 4, f"started its server with 'touch {started} \\x1b[31m'", "give --exec")
    assert not started.exists()
    done = command("replay", str(finding), "--exec")
    assert done.returncode == 6
    assert done.stdout.startswith(f"starting: touch {started} \\x1b[31m\n")
    assert started.exists()


def test_a_server_is_started_on_the_ports_of_the_run(command: Commands, finding: Path, nowhere: Endpoint) -> None:
    row = json.loads(finding.read_text())
    target = f"127.0.0.1:{nowhere.tcp}:{nowhere.udp}"
    finding.write_text(json.dumps({**row, "command": "false", "target": target}))
    refused(command("replay", str(finding), "--exec"), 6, f"UDP port {nowhere.udp}")


def test_a_server_that_ran_is_asked_again(command: Commands, finding: Path, right: str) -> None:
    row = json.loads(finding.read_text())
    with command.started(right) as target:
        finding.write_text(json.dumps({**row, "command": None, "target": target}))
        assert command("replay", str(finding)).stdout.endswith("\nFIXED (0 of 3 runs failed)\n")
    refused(command("replay", str(finding), "--exec"), 4, "--exec needs a command here")


def test_of_a_finding_that_comes_sometimes(command: Commands) -> None:
    flaky = command.wrong_at("header-in-one-recv", "start % 2")
    assert command("run", "2.5a", "--runs", "1", "--exec", flaky).returncode == 1
    done = command("replay", "tcrp-report/findings/2.5a.json", "--runs", "4", "--exec")
    assert done.returncode == 1
    assert done.stdout.endswith("\nFAILED (2 of 4 runs failed)\n")


@pytest.mark.parametrize(
    ("clause", "fault"),
    [("2.5a", "header-in-one-recv"), ("4.5d", "sender-hears-itself"), ("3.3a", "user-32-bytes-at-most")],
)
def test_what_is_sent_is_what_was_recorded(command: Commands, clause: str, fault: str) -> None:
    """The server gives the same tokens each time, so that only the number of registrations may differ."""
    log = command.folder / "log"
    server = command.server(LOGGING.format(log=str(log), fault=fault))
    assert command("run", clause, "2.1", "--runs", "1", "--exec", server).returncode == 1
    path = command.folder / "tcrp-report" / "findings" / f"{clause}.json"
    log.write_text("")
    assert command("replay", str(path), "--runs", "1", "--exec").returncode == 1
    heard = [tuple(line.split(" ")) for line in log.read_text().splitlines()]
    requests: dict[str, str] = {}
    datagrams: list[str] = []
    for step in json.loads(path.read_text())["steps"]:
        if step["does"] == StepKind.SEND and "tcp " in step["who"]:
            requests[step["who"]] = requests.get(step["who"], "") + step["bytes"]
        elif step["does"] == StepKind.SEND and not step["note"]:
            datagrams.append(step["bytes"])
    read = [data for kind, data in heard if kind == "tcp"]
    assert requests
    assert len(read) == len(requests)
    assert all(request.startswith(data) for request, data in zip(requests.values(), read, strict=True))
    assert set(datagrams) <= {data for kind, data in heard if kind == "udp"}
    assert datagrams or clause != "4.5d"


def test_of_the_plain_conversation(command: Commands, right: str) -> None:
    assert command("run", "4.5a", "--runs", "1", "--exec", command.faulty("ack-left-out")).returncode == 1
    path = "tcrp-report/findings/3.4a.json"
    assert command("replay", path, "--runs", "1", "--exec").stdout.endswith("\nFAILED (1 of 1 runs failed)\n")
    assert command("replay", path, "--exec", right).stdout.endswith("\nFIXED (0 of 3 runs failed)\n")


def test_of_a_conversation_that_was_found_by_the_model(command: Commands, right: str) -> None:
    words = ("-k", "agrees_with_the_model", "--examples", "40", "--seed", "1")
    assert command("run", *words, "--exec", command.faulty("password-ignored")).returncode == 1
    (finding,) = command.report()["findings"]
    assert finding["clause"] == "TCRP-3.10a"
    assert finding["runs"] == {"failed": 3, "total": 3}
    path = command.folder / "tcrp-report" / finding["replay"]
    replay = json.loads(path.read_text())
    assert replay["play"] == "test_model:test_a_conversation_of_several_clients_agrees_with_the_model"
    assert replay["example"] == finding["example"]
    assert command("replay", str(path), "--exec").stdout.endswith("\nFAILED (3 of 3 runs failed)\n")
    done = command("replay", str(path), "--exec", right)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "FIXED (0 of 3 runs failed)")


def test_of_an_idle_clause_that_looks_at_a_scene_of_before(command: Commands, right: str) -> None:
    """5.3a holds the conversation, and 5.3c only looks at the result."""
    server = f"{command.faulty('idle-untold')} --idle-timeout 1"
    assert command("run", "5.3a", "5.3c", "--idle-timeout", "1", "--runs", "1", "--exec", server).returncode == 1
    path = command.folder / "tcrp-report" / "findings" / "5.3c.json"
    first = next(step["bytes"] for step in json.loads(path.read_text())["steps"] if step["does"] == StepKind.SEND)
    room = bytes.fromhex(first)[32 : 32 + bytes.fromhex(first)[0]].decode()
    done = command("replay", str(path), "--runs", "1", "--exec")
    assert done.stdout.endswith("\nFAILED (1 of 1 runs failed)\n")
    assert f"CREATE REQUEST: room '{room}'" in done.stdout
    done = command("replay", str(path), "--runs", "1", "--exec", f"{right} --idle-timeout 1")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "FIXED (0 of 1 runs failed)")


def test_of_a_crash(command: Commands, right: str) -> None:
    assert command("run", "6.1f", *FAST, "--exec", command.faulty("dies-of-a-short-datagram")).returncode == 7
    path = "tcrp-report/findings/6.1f.json"
    assert command("replay", path, "--runs", "1", "--exec").stdout.endswith("\nFAILED (1 of 1 runs failed)\n")
    assert command("replay", path, "--runs", "1", "--exec", right).returncode == 0


def refused(done: Done, code: int, *words: str) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("tcrp-conformance: ")
    for word in words:
        assert word in done.stderr


def test_bad_use_is_one_line(command: Commands, finding: Path, nowhere: Endpoint) -> None:
    refused(command("replay", str(finding), "-t", f"127.0.0.1:{nowhere.tcp}:9"), 6, "unreachable: ", "refused")
    refused(command("replay", str(finding), "--exec", "false"), 6, "unreachable: ", "exit code 1")
    refused(command("replay", str(finding), "-t", "127.0.0.1:x"), 4, "the TCP port is 'x'")
    refused(command("replay", str(finding), "--runs", "0"), 4, "--runs is 0")
    refused(command("replay", "no-such.json"), 4, "no-such.json: No such file")
    refused(command("replay", "."), 4, "directory")


def said_of(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[object, str]:
    """The exit code of `replay`, and its one line on stderr."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["replay", *map(str, words), "--runs", "1"])
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert errors.startswith("tcrp-conformance: ")
    return ended.value.code, errors


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 2}, "is no replay file of schema 1"),
        ({"steps": None}, "is no replay file"),
        ({"steps": [{}]}, "a step has no 'at'"),
        ({"steps": [5]}, "is no replay file"),
        ({"names": [1, 2, 3]}, "marker is 1"),
        ({"names": 5}, "is no replay file"),
        ({"clause": "9.9z"}, "9.9z"),
        ({"clause": 5}, "clause is 5, a int"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"round_trip": "long"}, "round_trip is 'long'"),
        ({"expected": None}, "expected is None"),
        ({"dialect": "klingon"}, "klingon"),
        ({"play": "test_2_frame:test_of_nothing"}, "this version of the suite has no test 'test_of_nothing'"),
        ({"play": "test_9_nothing:test_of_nothing"}, "this version of the suite has no test 'test_of_nothing'"),
        ({"play": "test_2_frame:fresh"}, "this version of the suite has no test 'fresh'"),
        ({"play": "cli:main"}, "this version of the suite has no test 'main'"),
        ({"play": "baseline:hold"}, "this version of the suite has no test 'hold'"),
        ({"example": "{}"}, "takes cuts, join, and the file has nothing"),
        ({"example": "{'cuts': ["}, "is no Python literal"),
        ({"example": "[]"}, "is no dict of arguments"),
        ({"example": "__import__('os').getcwd()"}, "is no Python literal"),
        ({"example": "{'cuts': 'x', 'join': 5}"}, "could not be held: "),
        ({"play": MODEL, "example": "{'steps': [('lurk', 0, 0, None)]}"}, "('lurk', 0, 0, None) is not a step"),
        ({"play": MODEL, "example": "{'steps': [('haunt', 0, 'chat')]}"}, "('haunt', 0, 'chat') is not a step"),
        ({"steps": [{"at": 0, "who": "bob", "does": "lurk", "bytes": "", "local": "", "note": ""}]}, "'lurk' is not a"),
        ({"target": None, "command": None}, "no server is named: give -t"),
        ({"extra": 1}, "is no replay file of schema 1"),
    ],
)
def test_a_bad_file_is_one_line_and_4(
    capsys: pytest.CaptureFixture[str], finding: Path, change: dict[str, object], says: str
) -> None:
    finding.write_text(json.dumps({**json.loads(finding.read_text()), **change}))
    code, line = said_of(capsys, finding, *([] if "command" in change else ["--exec"]))
    assert code == (3 if "could not be held" in says else 4)
    assert says in line


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "[" * 100_000, "\ud800"])
def test_what_is_no_file_of_ours_is_one_line_and_4(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    code, line = said_of(capsys, path)
    assert code == 4
    assert "x.json is no replay file" in line


def test_a_key_that_is_missing(capsys: pytest.CaptureFixture[str], finding: Path) -> None:
    row = json.loads(finding.read_text())
    for key in row:
        finding.write_text(json.dumps({name: value for name, value in row.items() if name != key}))
        code, line = said_of(capsys, finding)
        assert code == 4
        assert "is no replay file of schema 1" in line


def test_a_report_is_no_replay_file(capsys: pytest.CaptureFixture[str], recorded: Path) -> None:
    code, line = said_of(capsys, recorded / "report.json")
    assert code == 4
    assert "replay files lie in the report's folder findings/" in line
