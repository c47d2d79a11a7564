"""The suite in dialects other than the canonical one: right servers pass, wrong ones do not."""

import pytest

from conformance.dialect.traits import Traits
from conformance.spec.applicability import why_not
from conformance.spec.clauses import all_clauses, choose
from tcrp import Create, Join, Status, dialects
from tcrp.dialects.framed import Framed
from tests.conformance.commands import Commands

OTHERS = [name for name in dialects.names() if name != dialects.DEFAULT]
WITH_ROOMS = [name for name in OTHERS if dialects.get(name).can.rooms]
PASSES = {
    "stage1": 1, "model-answer": 65, "json-status": 55, "json-envelope": 65, "fixed-fields": 28, "fixed-width": 28,
}  # fmt: skip
"""How many clauses our server passes in each dialect, at least."""
FILE = """
[request]
payload = "json"
user-key = "user_name"

[reply]
room = "absent"
operation = 10

[status]
form = "json"
ok = 200
room-exists = 409
room-not-found = 404

[token]
form = "json"
size = 36

[up]
layout = ["token-size", "room-size", "token", "room", "message"]

[down]
form = "binary"

[chat]
leave = "/quit"
echo = true
"""


def verdicts(command: Commands) -> dict[str, str]:
    return {one["id"].removeprefix("TCRP-"): one["verdict"] for one in command.report()["clauses"]}


@pytest.mark.parametrize(("name", "least"), PASSES.items())
def test_our_server_passes_in_every_dialect(command: Commands, name: str, least: int) -> None:
    done = command("run", "--seed", "1", "--dialect", name, "--exec", f"{command.reference} --dialect {name}")
    assert done.returncode == 0, done.stdout
    found = verdicts(command)
    assert set(found.values()) <= {"pass", "info", "unsupported"}
    assert [*found.values()].count("pass") >= least


def test_our_server_passes_in_a_dialect_that_a_file_says(command: Commands) -> None:
    path = command.folder / "ours.toml"
    path.write_text(FILE)
    done = command("run", "--seed", "1", "--dialect", str(path), "--exec", f"{command.reference} --dialect {path}")
    assert done.returncode == 0, done.stdout
    assert [*verdicts(command).values()].count("pass") > 75


MIRRORED = """
[up]
layout = ["type", "room-size", "token-size", "room", "token", "message"]
chat-type = 1
[down]
form = "mirrored"
"""


@pytest.mark.parametrize(
    "text", ['[address]\nlearnt = "tcp"\n[chat]\nempty = "ignored"\n', '[chat]\nempty = "relayed"\n', MIRRORED],
    ids=["members are where their connection came from", "nothing registers but a message", "messages name their room"],
)  # fmt: skip
def test_members_are_where_the_dialect_says_and_messages_what_it_says(command: Commands, text: str) -> None:
    path = command.folder / "ours.toml"
    path.write_text(text)
    done = command("run", "3.5", "4", "--dialect", str(path), "--exec", f"{command.reference} --dialect {path}")
    assert done.returncode == 0, done.stdout
    assert verdicts(command)["4.5a"] == "pass"


def test_null_is_judged_only_where_a_request_may_leave_the_password_out(command: Commands) -> None:
    """A dialect whose requests always hold "" does not define null: a server that closes on null is right."""
    path = command.folder / "spelled-out.toml"
    path.write_text('[request]\nno-password = "empty"\n')
    server = command.faulty("null-password-refused")
    for dialect, verdict in (("tcrp", "fail"), (str(path), "pass")):
        command("run", "3.2b", "3.10a", "--seed", "1", "--runs", "1", "--dialect", dialect, "--exec", server)
        assert verdicts(command) == {"3.2b": verdict, "3.10a": verdict}


def test_every_dialect_has_its_passes_listed() -> None:
    assert sorted(PASSES) == sorted(OTHERS)


def test_in_the_canonical_dialect_every_clause_applies() -> None:
    traits = Traits(dialects.get())
    assert [one.id for one in choose([], []) if why_not(traits, one.id)] == []


@pytest.mark.parametrize("name", OTHERS)
def test_what_does_not_apply_says_why(name: str) -> None:
    traits = Traits(dialects.get(name))
    reasons = [why_not(traits, one.id) for one in all_clauses()]
    assert all(reason is None or reason.startswith(f"in dialect {name} ") for reason in reasons)
    assert None in reasons


@pytest.mark.parametrize("name", WITH_ROOMS)
def test_a_refusal_is_told_from_what_is_good(name: str) -> None:
    traits = Traits(dialects.get(name))
    good = traits.replies.answer(Create("r", "alicia"), Status.OK)
    assert good.token
    invite = b"0" * 36 if traits.dialect.can.invites else None
    for status in (Status.ROOM_NOT_FOUND, Status.WRONG_PASSWORD):
        refused = traits.replies.answer(Join("r", "alicia", invite=invite), status)
        assert not refused.token
        assert refused.status != good.status


def test_a_dialect_that_the_server_does_not_speak_is_one_finding(command: Commands) -> None:
    done = command("run", "--seed", "1", "--dialect", "json-status", "--exec", command.reference)
    assert done.returncode == 1, done.stdout
    assert len(command.report()["findings"]) == 1
    assert "does not speak the dialect json-status" in " ".join(done.stdout.split())


def test_a_replay_of_a_dialect_from_a_file_needs_no_file(command: Commands) -> None:
    path = command.folder / "theirs.toml"
    path.write_text('[request]\nuser-key = "user_name"\n')
    done = command("run", "3.2a", "2.1", "--seed", "1", "--dialect", str(path), "--exec", command.reference)
    assert done.returncode == 1, done.stdout
    finding = command.report()["findings"][0]
    path.unlink()
    again = command("replay", str(command.folder / "tcrp-report" / finding["replay"]), "--exec")
    assert again.returncode == 1, again.stdout + again.stderr
    assert "FAILED" in again.stdout


def test_a_file_that_says_no_dialect_is_a_line(command: Commands) -> None:
    path = command.folder / "wrong.toml"
    path.write_text('[request]\npayload = "jsonn"\n')
    done = command("run", "--dialect", str(path), "--exec", command.reference)
    assert done.returncode == 4
    assert f"{path}:2: request.payload" in done.stderr
    assert done.stderr.count("\n") == 1


def test_auto_is_the_canonical_dialect_without_a_probe_where_that_works(command: Commands) -> None:
    done = command("run", "2.1", "--dialect", "auto", "--exec", command.reference)
    assert done.returncode == 0, done.stdout
    assert command.report()["dialect"] == "tcrp"
    assert "probing" not in done.stdout


def test_auto_finds_a_built_in_dialect(command: Commands) -> None:
    server = f"{command.reference} --dialect json-status"
    done = command("run", "2.5a", "3.4e", "4.5a", "--dialect", "auto", "--exec", server)
    assert done.returncode == 0, done.stdout
    assert command.report()["dialect"] == "json-status"
    assert "dialect json-status, found in" in done.stdout


def test_auto_writes_the_dialect_that_it_found(command: Commands) -> None:
    path = command.folder / "ours.toml"
    path.write_text(FILE)
    done = command("run", "2.5a", "4.5a", "--dialect", "auto", "--exec", f"{command.reference} --dialect {path}")
    assert done.returncode == 0, done.stdout
    found = command.folder / "tcrp-report" / "dialect.toml"
    dialect = dialects.get(str(found))
    assert isinstance(dialect, Framed)
    assert dialect.settings.request.user_key == "user_name"
    again = command("run", "4.5a", "--dialect", str(found), "--exec", f"{command.reference} --dialect {path}")
    assert again.returncode == 0, again.stdout


def test_auto_without_any_dialect_judges_in_the_canonical_one(command: Commands) -> None:
    server = command.server("""
        @fault("now", "TCRP-3.4a", note="")
        class Now(Server):
            def take(self, stream):
                stream.close()

        sys.argv[1:] = ["--fault", "now"]
        main("fault", FAULTS)
    """)
    done = command("run", "2.1", "3.4a", "--dialect", "auto", "--exec", server)
    assert done.returncode == 1, done.stdout
    assert command.report()["dialect"] == "tcrp"
    assert "no other was found" in done.stdout
