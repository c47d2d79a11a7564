"""Report files are written whole or not at all. And the phrases that all reports share."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.report.formats import FILES, KINDS, as_json, write
from conformance.report.formats.phrases import conclusion, counts, dump, duration, plural, remarks
from conformance.report.model import Report
from conformance.trace.text import clip, one_line, visible


def test_the_sample_is_a_report(report: Report, clean: Report, schema: dict[str, Any]) -> None:
    jsonschema.validate(report, schema)
    jsonschema.validate(clean, schema)


def test_every_kind_is_written_into_a_new_folder(report: Report, tmp_path: Path) -> None:
    folder = tmp_path / "ci" / "report"
    paths = write(report, folder, KINDS)
    assert [path.name for path in paths] == ["report.json", "report.xml", "report.html", "report.md"]
    assert sorted(folder.iterdir()) == sorted(paths)
    assert all(path.stat().st_size > 1000 for path in paths)


@pytest.mark.parametrize("kinds", [(), ("json",), ["json", "json"]])
def test_json_is_always_written_and_nothing_unasked(report: Report, tmp_path: Path, kinds: Sequence[str]) -> None:
    assert write(report, tmp_path, kinds) == [tmp_path / "report.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_json_gives_back_the_very_report_surrogates_included(report: Report, tmp_path: Path) -> None:
    (path,) = write(report, tmp_path, ["json"])
    assert json.loads(path.read_text(encoding="utf-8")) == report
    assert "部屋" in path.read_text(encoding="utf-8")
    assert "\\ud800" in path.read_text(encoding="utf-8")


def test_json_holds_no_number_that_json_has_not(report: Report) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json(report | {"seconds": float("nan")})


def test_a_second_run_replaces_the_first(report: Report, clean: Report, tmp_path: Path) -> None:
    write(report, tmp_path, KINDS)
    write(clean, tmp_path, KINDS)
    assert json.loads((tmp_path / "report.json").read_text())["exit_code"] == 0
    assert len(list(tmp_path.iterdir())) == len(KINDS)


def test_an_unknown_kind_is_named_before_anything_is_written(report: Report, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^there is no report 'pdf': choose from json, junit, html, md$"):
        write(report, tmp_path / "new", ["json", "pdf"])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("deeper", ["", "below"])
def test_a_folder_that_is_a_file_is_one_clear_error(report: Report, tmp_path: Path, deeper: str) -> None:
    file = tmp_path / "taken"
    file.write_text("mine")
    with pytest.raises(OSError, match=r"^the report cannot be written to .*: it is not a folder; name another folder$"):
        write(report, file / deeper, KINDS)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_put_in_place_leaves_no_half_file(report: Report, tmp_path: Path, kind: str) -> None:
    (tmp_path / FILES[kind]).mkdir()
    with pytest.raises(OSError, match=r"^the report cannot be written to [^\n]*; name another folder$"):
        write(report, tmp_path, [kind])
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]
    assert (tmp_path / FILES[kind]).is_dir()


@given(st.text(st.characters()))
def test_visible_text_holds_nothing_that_acts(text: str) -> None:
    shown = visible(text)
    assert all(char in "\n\t" or char.isprintable() or char in text for char in shown)
    assert not any(ord(char) < 0x20 and char not in "\n\t" for char in shown)
    assert not any(0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in shown)
    assert visible(shown) == shown
    shown.encode()


def test_visible_names_what_it_hides() -> None:
    assert visible("a\0b\x1b\x85\ud800\u202e\uffff\r\n\tü部") == "a\\x00b\\x1b\\x85\\ud800\\u202e\\uffff\\x0d\n\tü部"


def test_short_forms() -> None:
    assert one_line(" a\n\t b\0 ") == "a b\\x00"
    assert clip("abc", 3) == "abc"
    assert clip("abcd", 3) == "abc… (4 characters)"
    assert dump("00ff10", width=2) == ["00 ff", "10"]
    assert dump("00ff10", limit=2, width=2) == ["00 ff", "… (3 bytes)"]
    assert [duration(seconds) for seconds in (0.04, 59.94, 60, 134.2)] == ["0.0 s", "59.9 s", "1 min 0 s", "2 min 14 s"]
    assert [plural(1, "cause"), plural(0, "cause"), plural(2, "clause")] == ["1 cause", "0 causes", "2 clauses"]


@pytest.mark.parametrize(
    ("code", "causes", "sentence"),
    [
        (0, 0, "conforms but for 1 known"),
        (1, 1, "does not conform: 1 cause"),
        (1, 3, "does not conform: 3 causes, the most damaging first"),
        (2, 0, "interrupted: not everything was judged"),
        (2, 2, "interrupted: not everything was judged; 2 causes, the most damaging first"),
        (7, 1, "the target died during the run: 1 cause"),
    ],
)
def test_the_conclusion_counts_causes(report: Report, code: int, causes: int, sentence: str) -> None:
    assert conclusion(report | {"exit_code": code, "findings": report["findings"][:causes]}) == sentence


def test_what_is_weak_or_known_is_no_cause(report: Report) -> None:
    report["findings"] = report["findings"][-2:]
    assert conclusion(report | {"exit_code": 0}) == "conforms but for 1 known"
    report["summary"]["known"] = 0
    assert conclusion(report | {"exit_code": 0}) == "conforms"
    assert remarks(report) == [
        "1 recommendation not kept",
        "1 listed deviation not needed any more",
        "1 listed deviation past the date",
    ]


def test_no_verdict_is_left_out_of_the_counts(report: Report) -> None:
    report["summary"] = {verdict: number for number, verdict in enumerate(report["summary"], 1)}
    assert sorted(counts(report).items()) == sorted(report["summary"].items())
