"""The suite against a server whose TCP speaks TLS."""

from pathlib import Path

import pytest

from tests.certificates import Certificates
from tests.conformance.commands import Commands


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates.made_in(tmp_path)


def encrypted(command: Commands, certificates: Certificates) -> str:
    return " ".join([command.reference, *certificates.options])


def test_clauses_are_judged_over_tls(command: Commands, certificates: Certificates) -> None:
    done = command(
        "run", "2.5a", "2.6c", "3.4d", "3.6a", "4.5a", "6.1c", "--examples", "1",
        "--tls-ca", str(certificates.ca), "--exec", encrypted(command, certificates),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = {clause["id"]: clause for clause in command.report()["clauses"]}
    half_closed = verdicts.pop("TCRP-2.6c")
    assert half_closed["verdict"] == "unsupported"
    assert "TLS closes both directions at once" in half_closed["message"]
    assert {clause["verdict"] for clause in verdicts.values()} == {"pass"}


def test_a_server_that_is_not_trusted_or_speaks_no_tls_is_unreachable(
    command: Commands, certificates: Certificates
) -> None:
    for server, options, said in (
        (encrypted(command, certificates), ["--tls"], "the server's certificate is not trusted"),
        (command.reference, ["--tls-ca", str(certificates.ca)], "no TLS: "),
    ):
        done = command("run", "2.5a", *options, "--exec", server)
        assert done.returncode == 6, done.stdout + done.stderr
        assert said in done.stdout + done.stderr


def test_a_file_that_cannot_be_used_is_one_line(command: Commands, tmp_path: Path) -> None:
    for words in (["run", "2.5a"], ["replay", str(tmp_path / "none.json")]):
        done = command(*words, "--tls-ca", str(tmp_path / "none.pem"), "--exec", command.reference)
        assert done.returncode == 4
        assert done.stderr.count("\n") == 1
    (tmp_path / "empty.pem").write_text("")
    done = command("run", "2.5a", "--tls-ca", str(tmp_path / "empty.pem"), "--exec", command.reference)
    assert (done.returncode, "--tls-ca" in done.stderr) == (4, True)


def test_a_finding_is_held_again_over_tls(command: Commands, certificates: Certificates) -> None:
    """What the reference server refuses at a limit is no failure, so the file is made of a clause that it breaks."""
    server = encrypted(command, certificates)
    done = command(
        "run", "5.3a", "--idle-timeout", "0.2", "--runs", "1", "--tls-ca", str(certificates.ca),
        "--exec", f"{server} --idle-timeout 60",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    (file,) = (command.folder / "tcrp-report" / "findings").glob("*.json")
    again = command("replay", str(file), "--runs", "1", "--exec", "--tls-ca", str(certificates.ca))
    assert (again.returncode, "FAILED" in again.stdout) == (1, True), again.stdout + again.stderr
    plain = command("replay", str(file), "--runs", "1", "--exec")
    assert (plain.returncode, plain.stderr.count("\n")) == (4, 1)
    assert "the server spoke TLS when this was found" in plain.stderr
    assert not list((command.folder / "tcrp-report" / "findings").glob("*.py"))  # a script has no TLS
