"""`tcrp-conformance bundle`: what is packed, what is left out, and what is refused."""

import json
import zipfile
from pathlib import Path

import jsonschema
import pytest

from conformance import cli
from tests.conformance.commands import Commands
from tests.conformance.schemas import REPORT_SCHEMA


def test_what_a_maintainer_needs_is_inside(command: Commands, recorded: Path) -> None:
    done = command("bundle", str(recorded), "-o", "b.zip")
    assert (done.returncode, done.stderr) == (0, "")
    with zipfile.ZipFile(command.folder / "b.zip") as archive:
        names = archive.namelist()
        assert names == [
            "report.json", "options.json", "versions.json", "output.txt", "findings/2.5a.json", "findings/2.5a.py"
        ]  # fmt: skip
        for name in ("report.json", "findings/2.5a.json", "findings/2.5a.py"):
            assert archive.read(name) == (recorded / name).read_bytes()
        versions = json.loads(archive.read("versions.json"))
        options = json.loads(archive.read("options.json"))
        assert b"TCRP-2.5a:\n" in archive.read("output.txt")
        archive.extractall(command.folder / "out")
    assert {"python", "system", "packages", "report"} <= versions.keys()
    assert {"pytest", "hypothesis", "tcrp"} <= versions["packages"].keys()
    assert options["seed"] == 1
    assert options["exec"] == command.faulty("header-in-one-recv")
    assert done.stdout.startswith("b.zip holds:\n")
    assert all(f"  {name} " in done.stdout for name in names)
    assert "look into it before you send it" in done.stdout
    again = command("replay", "out/findings/2.5a.json", "--runs", "1", "--exec")
    assert again.stdout.endswith("\nFAILED (1 of 1 runs failed)\n")


def test_redacted_it_holds_no_name_and_no_token(command: Commands, recorded: Path) -> None:
    replay = json.loads((recorded / "findings" / "2.5a.json").read_text())
    tokens = [bytes.fromhex(step["bytes"]).decode() for step in replay["steps"] if step["does"] == "token"]
    done = command("bundle", str(recorded), "--redact")
    assert (done.returncode, done.stderr) == (0, "")
    with zipfile.ZipFile(command.folder / "tcrp-bundle.zip") as archive:
        assert archive.namelist() == ["report.json", "options.json", "versions.json"]
        told = b"\n".join(map(archive.read, archive.namelist())).decode()
        report = json.loads(archive.read("report.json"))
    jsonschema.validate(report, REPORT_SCHEMA)
    assert [one["clause"] for one in report["findings"]] == ["TCRP-2.5a"]
    assert [word for word in ("alicia", replay["names"][0], *tokens) if word in told] == []
    assert "look into it" not in done.stdout


def test_the_dialect_file_of_the_run_is_packed(command: Commands) -> None:
    path = command.folder / "theirs.toml"
    path.write_text('[request]\nuser-key = "user_name"\n')
    assert command("run", "2.1", "--dialect", str(path), "--exec", command.reference).returncode == 1
    assert command("bundle").returncode == 0
    with zipfile.ZipFile(command.folder / "tcrp-bundle.zip") as archive:
        assert archive.read("dialect.toml") == path.read_bytes()


def test_what_cannot_be_packed_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path, recorded: Path) -> None:
    (tmp_path / "half.json").write_text('{"schema": 1}')
    rows = json.loads((recorded / "report.json").read_text())
    (tmp_path / "odd.json").write_text(json.dumps(rows | {"findings": [{"clause": "TCRP-2.5a"}]}))
    for words, says in (
        ([str(tmp_path / "odd.json"), "-o", str(tmp_path / "b.zip")], "no whole report of this version: KeyError"),
        ([str(tmp_path)], "report.json: it cannot be read: No such file"),
        ([str(tmp_path / "half.json")], "a report has a text there"),
        ([str(recorded), "-o", str(tmp_path / "no" / "b.zip")], "No such file or directory"),
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(["bundle", *words])
        errors = capsys.readouterr().err
        assert (ended.value.code, errors.count("\n")) == (4, 1)
        assert says in errors
    assert [path.name for path in tmp_path.glob("*.zip")] == []
