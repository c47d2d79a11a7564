"""Two reports side by side."""

import copy
import json
from pathlib import Path
from typing import Any, cast

import pytest

from conformance.outcome.verdicts import Verdict
from conformance.report.compare import Change, Difference, compare, lines, load
from conformance.report.formats import as_json, write
from conformance.report.model import Report
from tests.conformance.report.conftest import Rejudge


def test_a_report_does_not_differ_from_itself(report: Report) -> None:
    difference = compare(report, copy.deepcopy(report))
    assert difference == Difference((), (), (), (), (), (), len(report["clauses"]))
    assert lines(difference) == [f"the same: {len(report['clauses'])} clauses"]


@pytest.mark.parametrize(
    ("old", "new", "group"),
    [
        ("pass", "fail", "worse"),
        ("pass", "weak", "worse"),
        ("info", "crash", "worse"),
        ("pass", "flaky", "worse"),
        ("pass", "known", "worse"),
        ("fail", "pass", "better"),
        ("weak", "pass", "better"),
        ("known", "pass", "better"),
        ("flaky", "info", "better"),
        ("fail", "flaky", "changed"),
        ("fail", "crash", "changed"),
        ("fail", "known", "changed"),
        ("pass", "unsupported", "changed"),
        ("unsupported", "fail", "changed"),
        ("pass", "error", "changed"),
        ("error", "fail", "changed"),
        ("pass", "info", "changed"),
    ],
)
def test_what_became_of_a_clause(rejudged: Rejudge, old: str, new: str, group: str) -> None:
    before, after = rejudged("TCRP-4.5a", old), rejudged("TCRP-4.5a", new)
    difference = compare(before, after)
    title = "a message goes to every other registered member of the room"
    assert getattr(difference, group) == (Change("TCRP-4.5a", title, old, new),)
    assert sum(len(getattr(difference, name)) for name in ("worse", "better", "changed")) == 1
    assert difference.same == len(before["clauses"]) - 1
    assert lines(difference) == [
        f"{group}:",
        f"  TCRP-4.5a   {f'{old} -> {new}':<22}  {title}",
        f"the same: {difference.same} clauses",
    ]


def test_every_pair_of_verdicts_is_in_one_group(rejudged: Rejudge) -> None:
    for old in Verdict:
        for new in Verdict:
            found = compare(rejudged("TCRP-4.5a", str(old)), rejudged("TCRP-4.5a", str(new)))
            told = len(found.worse) + len(found.better) + len(found.changed)
            assert told == (old != new), (old, new)


def test_what_is_in_one_of_them_only(report: Report) -> None:
    old, new = copy.deepcopy(report), copy.deepcopy(report)
    old["clauses"] = report["clauses"][:3]
    new["clauses"] = report["clauses"][2:]
    difference = compare(old, new)
    assert difference.only_old == ("TCRP-2.1", "TCRP-2.2")
    assert difference.only_new == tuple(one["id"] for one in report["clauses"][3:])
    assert difference.same == 1
    told = lines(difference)
    assert told[0] == "only in the old report: TCRP-2.1, TCRP-2.2"
    assert told[1].startswith("only in the new report: TCRP-2.3b, ")
    assert all(len(line) <= 100 for line in told)
    assert told[-1] == "the same: 1 clause"


def test_the_groups_keep_the_order_of_the_document(report: Report, clean: Report) -> None:
    names = [one["id"] for one in report["clauses"]]
    found = [one.clause for one in compare(clean, report).worse]
    assert found == sorted(found, key=names.index)
    assert "TCRP-2.5a" in found
    assert [one.clause for one in compare(report, clean).better] == [*found[:3], "TCRP-3.10a", *found[4:]]


def test_other_circumstances_are_told_first(report: Report) -> None:
    new = report | {"target": "127.0.0.1:9101:9102", "dialect": "stage1", "seed": 7, "tool": "tcrp-conformance 0.2.0"}
    assert lines(compare(report, new))[:4] == [
        "target: 127.0.0.1:9001:9002 -> 127.0.0.1:9101:9102",
        "dialect: tcrp -> stage1",
        "tool: tcrp-conformance 0.1.0 -> tcrp-conformance 0.2.0",
        "seed: 3578438309 -> 7",
    ]


def test_what_makes_two_runs_differ_is_explained(report: Report, clean: Report) -> None:
    fewer = report | {"spec": "ba9876543210", "seed": 7, "clauses": report["clauses"][:-2]}
    told = lines(compare(report, fewer))
    assert told[:2] == ["seed: 3578438309 -> 7", "spec: 0123456789ab -> ba9876543210"]
    assert told[2].startswith("With another seed other examples are drawn")
    assert told[3].startswith("The rules were not the same")
    assert told[4] == f"only in the old report: {', '.join(one['id'] for one in report['clauses'][-2:])}"
    assert not any("seed" in line or "spec" in line for line in lines(compare(report, clean)))


def test_a_report_of_before_has_no_revision(report: Report, tmp_path: Path) -> None:
    old = {name: value for name, value in report.items() if name != "spec"}
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert lines(compare(load(tmp_path / "old.json"), report))[0] == "spec: not recorded -> 0123456789ab"


def test_texts_are_made_fit_for_a_terminal(rejudged: Rejudge, hostile: str) -> None:
    old, new = rejudged("TCRP-4.5a", "pass"), rejudged("TCRP-4.5a", "fail")
    for one in new["clauses"]:
        one["title"] = hostile
    new["target"] = hostile
    told = "\n".join(lines(compare(old, new)))
    assert "\x1b" not in told
    assert "\\x1b[31m" in told
    assert len(told.splitlines()) == 4


def test_a_report_is_loaded_from_its_file_or_its_folder(report: Report, tmp_path: Path) -> None:
    (path,) = write(report, tmp_path, ["json"])
    assert load(path) == load(tmp_path) == report


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schema": 2}, "schema = 2: only 1 can be read here"),
        ({"schema": "1"}, 'schema = "1": only 1'),
        ({"schema": True}, "schema = true: only 1"),
        ({"seed": "seven"}, 'seed = "seven": a report has a number there'),
        ({"target": None}, "target = null: a report has a text there"),
        ({"clauses": {}}, "clauses = {}: a report has a list there"),
        ({"clauses": [3]}, "clause number 1: 3: a report has an object there"),
        ({"clauses": [{"id": "TCRP-2.1", "title": "t"}]}, "clause number 1: verdict = null: a report has a text there"),
        ({"clauses": [{"id": 1, "title": "t", "verdict": "pass"}]}, "clause number 1: id = 1: a report has a text"),
        (
            {"clauses": [{"id": "TCRP-2.1", "title": "t", "verdict": "fine"}]},
            'clause number 1: verdict = "fine": it must be one of pass, fail, weak',
        ),
        (
            {"clauses": [{"id": "TCRP-2.1", "title": "t", "verdict": "pass"}] * 2},
            'clause number 2: id = "TCRP-2.1": it stands there twice',
        ),
    ],
)
def test_a_file_that_is_no_report_is_refused_in_one_line(
    report: Report, tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(as_json(cast(Report, report | change)))
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        load(tmp_path)
    assert str(caught.value).startswith(f"{path}: {complaint}")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not JSON: "),
        (b"{", "not JSON: "),
        (b"\xff\xfe{}", "not JSON: "),
        (b"[" * 100_000, "not JSON: "),
        (b'{"schema": ' + b"1" * 5000 + b"}", "not JSON: "),
        (b"[]", "not a report of tcrp-conformance"),
        (b"{}", "not a report of tcrp-conformance: it has no schema number; give its report.json"),
    ],
)
def test_what_is_not_even_json_is_refused_in_one_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "old.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")


def test_a_missing_key_is_named(report: Report, tmp_path: Path) -> None:
    row = {name: value for name, value in report.items() if name != "target"}
    (tmp_path / "report.json").write_text(json.dumps(row))
    with pytest.raises(ValueError, match=r"report\.json: target = null: a report has a text there$"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_a_file_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+\.json: it cannot be read: [^\n]+$"):
        load(tmp_path / name)
