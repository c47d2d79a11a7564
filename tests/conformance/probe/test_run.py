"""`tcrp-conformance probe`: the file that it writes, and how it refuses."""

import pytest

from tcrp.dialects.file import loads
from tests.conformance.commands import REFERENCE, Commands
from tests.conformance.probe.servers import command_of


def test_the_command_writes_the_file_and_says_so(command: Commands) -> None:
    done = command("probe", "--exec", command_of({"payload": "raw"}), "-o", "odd.toml")
    assert done.returncode == 0, done.stderr
    assert "written to odd.toml" in done.stdout
    settings = loads((command.folder / "odd.toml").read_text(encoding="utf-8"))
    assert settings.name == "odd"
    assert settings.request.payload == "raw"


def test_the_command_says_that_a_built_in_dialect_needs_no_file(command: Commands) -> None:
    done = command("probe", "--exec", f"{REFERENCE} --dialect json-status", "-o", "new.toml")
    assert done.returncode == 0, done.stderr
    assert "new.toml is not written, since none is needed: run --dialect json-status" in done.stdout
    assert not (command.folder / "new.toml").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 4, "no server to probe"),
        (["-t", "127.0.0.1:x"], 4, "TCP port"),
        (["--exec", "/nonexistent-server"], 6, "cannot start"),
        (["--exec", "/nonexistent-server", "--ready-timeout", "0"], 4, "--ready-timeout is 0: seconds, more than 0"),
        (
            ["--exec", "/nonexistent-server", "-o", "/nonexistent/odd.toml"],
            4,
            "-o '/nonexistent/odd.toml': No such file",
        ),
    ],
)
def test_the_command_refuses_in_one_line(command: Commands, words: list[str], code: int, said: str) -> None:
    done = command("probe", *words)
    assert done.returncode == code
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
