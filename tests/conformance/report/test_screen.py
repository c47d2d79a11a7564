"""What a person reads after a run, from the report of a student's server with eight faults."""

import io
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

import jsonschema
import pytest
from rich.cells import cell_len
from rich.console import Console

from conformance.outcome.deviations import State
from conformance.outcome.verdicts import Verdict
from conformance.report.model import ClauseRow, DeviationRow, FieldRow, FindingRow, Head, MessageRow, Report
from conformance.report.screen import print_end, print_findings
from conformance.spec.clauses import clause
from tcrp.annotate import annotate, mark
from tcrp.layouts import header_layout
from tests.conformance.schemas import REPORT_SCHEMA

ESCAPES = re.compile(r"\x1b\[([0-9;]*)m")
HOSTILE = "[bold]x[/bold] [/] \x1b[31m\x1b]0;title\x07 \0 \x7f \x9b31m \r\n \ud800 \u202e 部屋 :smile: "


def a_row(offset: int, data: str, field: str, value: str = "", problem: str = "", at: int | None = None) -> FieldRow:
    return {"offset": offset, "bytes": data, "field": field, "value": value, "problem": problem, "at": at}


def message(rows: list[FieldRow], title: str = "bob sends a datagram of 3 bytes", decisive: bool = True) -> MessageRow:
    return {"title": title, "decisive": decisive, "rows": rows}


def header_message() -> MessageRow:
    header = bytes([5, 1, 7]) + (40).to_bytes(29, "big")
    rows = mark(annotate(header, header_layout), 2, "the state is 7")
    return message([a_row(row.offset, row.data.hex(), *row[2:]) for row in rows], "tcp 1 sends a header")


def finding(number: int, name: str, verdict: str = "fail", **given: Any) -> FindingRow:
    one = clause(name)
    row = {
        "number": number, "clause": one.id, "level": str(one.level), "title": one.title, "quote": one.quote,
        "verdict": verdict, "test": "a request is served whatever its segmentation",
        "expected": f"expected of {name}", "actual": f"actual of {name}", "message": f"message of {name}",
        "bytes": "00ff", "example": "{}", "runs": {"failed": 3, "total": 3}, "summary": "",
        "seen_once": None, "killer": None, "exception": None, "may_share": [], "hinge": f"hinge of {name}",
        "advice": f"advice about {name}", "conversation": [], "ladder": [], "messages": [], "output": [],
        "replay": f"findings/{name}.json", "script": f"findings/{name}.py", "also": [],
    }  # fmt: skip
    whole = row | given
    came = whole["actual"] or whole["message"] or ""
    summary = came if whole["verdict"] == "crash" else f"{one.title}: {came}"
    return cast(FindingRow, whole | {"summary": given.get("summary", summary)})


def also(name: str) -> Head:
    one = clause(name)
    return {
        "clause": one.id, "level": str(one.level), "title": one.title, "verdict": "fail",
        "expected": "chat", "actual": "silence",
    }  # fmt: skip


def row(name: str, verdict: str, text: str | None = None) -> ClauseRow:
    one = clause(name)
    return {
        "id": one.id, "level": str(one.level), "section": one.section, "title": one.title, "verdict": verdict,
        "examples": 1, "seconds": 0.1, "expected": None, "actual": None, "bytes": None, "replay": None,
        "message": text, "how": "test", "runs": {"failed": 0, "total": 1},
    }  # fmt: skip


def report_of(
    findings: Iterable[FindingRow],
    clauses: Iterable[ClauseRow] = (),
    deviations: Iterable[DeviationRow] = (),
    exit_code: int = 1,
    counted: Mapping[str, int] = {},
) -> Report:
    report: Report = {
        "schema": 1, "tool": "tcrp-conformance 0.1.0", "spec": "0123456789ab", "options": {},
        "target": "127.0.0.1:9001:9002", "dialect": "tcrp", "seed": 7,
        "seconds": 21.34, "exit_code": exit_code, "incomplete": None,
        "summary": {str(v): counted.get(v, 0) for v in Verdict},
        "clauses": list(clauses), "findings": list(findings), "deviations": list(deviations),
    }  # fmt: skip
    jsonschema.validate(report, REPORT_SCHEMA)
    return report


@pytest.fixture
def student() -> Report:
    crash = finding(
        1, "6.1f", "crash", actual="the process ended with exit code 1 after a datagram of 1 byte",
        hinge="with a datagram of 2 bytes it passes", also=[also("4.2b"), also("4.2d")],
        advice="the sizes are read before anybody looks whether there are two bytes",
        messages=[message([a_row(0, "05", "RoomNameSize", "5"),
                           a_row(1, "", "TokenSize", "", "the TokenSize ends after 0 of 1 bytes", 1)])],
        ladder=[f"{at / 10:8.1f}  alicia  ---- datagram {at} ---->  server" for at in range(20)],
        output=["Traceback (most recent call last):", *(f"  frame {n}" for n in range(7)), "IndexError: out of range"],
    )  # fmt: skip
    others = [
        finding(2, "2.5a", example="{'cuts': [1]}", messages=[header_message()], runs={"failed": 1, "total": 1}),
        finding(3, "4.5d", "flaky", runs={"failed": 1, "total": 3}),
        finding(4, "3.4d"),
        finding(5, "3.7b", also=[also(name) for name in ("3.7a", "3.7c", "3.7d", "3.7e", "3.3b")]),
        finding(6, "5.2a", replay=None, script=None, hinge=None),
        finding(7, "3.9", "error", expected=None, actual=None, message="KeyError: 'x' (test_3_control.py:9)"),
        finding(8, "4.7b", "weak"),
    ]
    return report_of([crash, *others], [row("2.1", "pass")], counted={"pass": 61, "fail": 4, "crash": 1, "weak": 1})


def shown(
    report: Report, *, width: int = 100, verbosity: int = 0, colour: bool = False, folder: str = "tcrp-report"
) -> str:
    """The page that a run prints at its end."""
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=colour, color_system="standard" if colour else None,
        no_color=not colour, legacy_windows=False, _environ={},
    )  # fmt: skip
    print_findings(report, console, verbosity=verbosity, folder=folder)
    print_end(report, console, verbosity=verbosity, folder=folder)
    return file.getvalue()


def test_the_first_findings_are_told_in_full_and_the_others_in_short(student: Report) -> None:
    text = shown(student)
    assert "1  crash  TCRP-6.1f MUST  " in text
    assert text.count("failed 3 of 3 runs") == 3
    assert "failed 1 of 1 run\n" in text
    assert "failed 1 of 3 runs" in text
    assert text.count("advice about") == 4
    heads = [text.index(f"\n{one['number']}  {one['verdict']}  {one['clause']}") for one in student["findings"]]
    assert heads == sorted(heads)
    short = text[heads[5] : heads[6]]
    assert [line.split()[0] for line in short.splitlines() if line] == ["6", "expected", "actual"]
    assert "message    KeyError: 'x' (test_3_control.py:9)" in text
    assert "also fails because of it: 4.2b 4.2d\n" in text
    assert "example    {'cuts': [1]}" in text
    assert "\n   replay     tcrp-conformance replay tcrp-report/findings/2.5a.json\n" in text
    assert "\n   script     python tcrp-report/findings/2.5a.py HOST TCP UDP\n" in text


def test_what_is_long_is_cut_in_its_middle_unless_all_is_wanted(student: Report) -> None:
    text, whole = shown(student), shown(student, verbosity=1)
    assert "datagram 0 " in text
    assert "datagram 19 " in text
    assert len(re.findall(r"datagram \d+ --", text)) == 11
    assert "… 9 lines more (-v shows them)" in text
    assert "IndexError" in text
    assert "Traceback" not in text
    assert len(re.findall(r"datagram \d+ --", whole)) == 20
    assert "Traceback" in whole
    assert whole.count("how often") == 8


def test_quiet_is_what_was_expected_and_what_came(student: Report) -> None:
    text = shown(student, verbosity=-1)
    assert text.count("expected   ") == 7
    assert "hinge" not in text
    assert "replay" not in text
    assert "exit 1: does not conform" in text


def test_what_to_mend_first_stays_in_sight(student: Report) -> None:
    lines = shown(student).rstrip().splitlines()
    start = lines.index("To mend, in this order:")
    assert lines[start - 1] == ""
    assert lines[start + 1] == (
        "1  crash  6.1f  the process ended with exit code 1 after a datagram of 1 byte  (and 4.2b, 4.2d)"
    )
    assert lines[start + 5].endswith("  (and 5 more)")
    assert [line.split()[0] for line in lines[start + 1 : start + 9]] == list("12345678")
    assert lines[start + 9 :] == [
        "",
        "61 pass, 4 fail, 1 weak, 1 crash in 21.3 s",
        "report: tcrp-report/report.json",
        "exit 1: does not conform",
        "next: tcrp-conformance explain 6.1f",
    ]


def test_many_causes_are_all_listed() -> None:
    names = [
        "2.1",
        "2.2",
        "2.3a",
        "2.3b",
        "2.3c",
        "2.4a",
        "2.5a",
        "3.1a",
        "3.1b",
        "3.2a",
        "3.2b",
        "3.2c",
        "3.2d",
        "3.2e",
    ]
    lines = shown(report_of([finding(n, name) for n, name in enumerate(names, 1)], counted={"fail": 14})).splitlines()
    start = lines.index("To mend, in this order:")
    assert [line.split()[2] for line in lines[start + 1 : start + 15]] == names


@pytest.mark.parametrize("verbosity", [-1, 0, 1])
@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_no_line_is_wider_than_the_screen_but_what_is_to_be_copied(student: Report, width: int, verbosity: int) -> None:
    student["findings"][0] |= {
        "actual": "部屋" * 200,
        "ladder": ["-" * 300],
        "output": ["x" * 300],
        "quote": "語 " * 200,
    }
    for line in shown(student, width=width, verbosity=verbosity).splitlines():
        assert cell_len(line) <= min(width, 100) or "tcrp-conformance " in line or "python " in line
        assert line == line.rstrip()


@pytest.mark.parametrize("width", [80, 100])
def test_colour_is_one_of_eight_and_says_nothing_that_words_do_not(student: Report, width: int) -> None:
    coloured, plain = shown(student, width=width, colour=True), shown(student, width=width)
    assert ESCAPES.sub("", coloured) == plain
    codes = {code for found in ESCAPES.findall(coloured) for code in found.split(";")}
    assert {"1", "31"} <= codes <= {"0", "1", "2", "3", *map(str, range(31, 38))}
    assert not codes & {"33", "34", "37"}, "yellow, blue and white are not read on every terminal"


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("verbosity", [-1, 0, 1])
def test_hostile_texts_are_shown_as_they_are(student: Report, verbosity: int, colour: bool) -> None:
    """Texts of a server are no markup, move no cursor, and can always be written."""
    evil = HOSTILE + "y" * 4096
    for one in student["findings"]:
        one |= {"expected": evil, "actual": evil, "message": evil, "example": evil, "hinge": evil, "advice": evil,
                "output": [evil] * 3, "ladder": [evil] * 3, "title": evil, "quote": evil}  # fmt: skip
        one["messages"] = [message([a_row(0, "00" * 300, evil, evil, evil, 1)], title=evil)]
    student["deviations"] = [{"clause": "TCRP-3.9", "reason": evil, "link": evil, "until": None, "state": "expired"}]
    text = ESCAPES.sub("", shown(student, verbosity=verbosity, colour=colour))
    assert all(c.isprintable() or c == "\n" for c in text)
    text.encode()
    joined = " ".join(text.split())
    assert r"[bold]x[/bold] [/] \x1b[31m\x1b]0;title\x07 \x00 \x7f \x9b31m \r\n \ud800 \u202e 部屋 :smile: y" in joined
    assert "y" * 1000 not in text.replace("\n", "").replace(" ", "")
    assert "characters)" in text


def test_a_mark_stands_under_the_byte_that_is_wrong(student: Report) -> None:
    lines = shown(student).splitlines()
    start = next(number for number, line in enumerate(lines) if "tcp 1 sends a header" in line)
    (mark_at,) = [n for n, line in enumerate(lines) if line.strip() == "^^" and start < n < start + 8]
    assert lines[mark_at - 1].split()[:3] == ["2", "07", "State"]
    assert lines[mark_at].index("^") == lines[mark_at - 1].index("07")
    assert lines[mark_at + 1].strip() == "!  at 2: the state is 7"


@pytest.mark.parametrize("at", [0, 5, 150, 298, 299])
def test_a_long_field_is_cut_around_the_byte_that_is_wrong(student: Report, at: int) -> None:
    data = bytearray(300)
    data[at] = 0x80
    fields = [a_row(10 * n, "aa", f"f{n}") for n in range(20)]
    wrong = a_row(200, data.hex(), "text", problem="bad UTF-8", at=200 + at)
    student["findings"][0]["messages"] = [message([*fields, wrong, *fields])]
    lines = shown(student, width=80).splitlines()
    (line,) = [n for n, line in enumerate(lines) if "(300 bytes)" in line]
    assert lines[line].index("80", 10) == lines[line + 1].index("^")
    assert sum(bool(re.search(r"  f\d+$", one)) for one in lines) == 7, "with the wrong one eight rows"
    assert any("… 33 rows more (-v shows them)" in one for one in lines)


def test_a_server_that_does_not_speak_the_dialect_is_told_so_and_nothing_else() -> None:
    names = ["2.1", "2.2", "3.1a", "4.5a", "5.1a", "6.1a"]
    blocked = [row(name, "unsupported", "blocked by TCRP-3.4a") for name in names]
    report = report_of([finding(1, "3.4a")], [*blocked, row("3.4a", "fail")], counted={"fail": 1, "unsupported": 6})
    text = shown(report)
    first, rest = text.strip().split("\n", 1)
    assert first == "This server does not speak the dialect tcrp: nothing but the plain conversation could be judged."
    assert rest.count("TCRP-") == 1
    assert "advice about 3.4a" in rest
    assert "To mend" not in text
    assert not any(name in text for name in names)
    assert text.rstrip().splitlines()[-4] == "1 fail, 6 unsupported in 21.3 s"
    for other in (
        row("3.4b", "pass"),
        row("3.4b", "unsupported", "blocked by TCRP-6.1a, since which no room can be had"),
    ):
        judged = report_of([finding(1, "3.4a")], [*blocked, row("3.4a", "fail"), other], counted={"fail": 1})
        assert "does not speak" not in shown(judged)


def deviation(name: str, state: State, until: str | None = None, link: str | None = None) -> DeviationRow:
    return {
        "clause": f"TCRP-{name}", "reason": f"reason of {name}", "link": link, "until": until, "state": state,
    }  # fmt: skip


def test_known_deviations_are_a_line_each_and_loud_if_they_make_it_fail() -> None:
    known = [
        deviation("3.9", "known", until="2027-01-01"),
        deviation("4.5d", "passing"),
        deviation("5.2a", "expired", until="2020-01-01", link="https://example.org/1"),
        deviation("5.1a", "unjudged"),
    ]
    report = report_of(
        [finding(1, "3.9", "known"), finding(2, "2.5a")], deviations=known, counted={"fail": 1, "known": 1}
    )
    text = shown(report)
    assert "expected of 3.9" not in text
    lines = text.splitlines()
    assert "known 3.9  reason of 3.9 (until 2027-01-01)" in lines
    assert "unjudged 5.1a  reason of 5.1a; not judged in this run" in lines
    assert "passing 4.5d  reason of 4.5d; passes now: take it out of the deviations" in lines
    assert (
        "expired 5.2a reason of 5.2a (until 2020-01-01) https://example.org/1; no longer excused: its date is past"
        in " ".join(text.split())
    )
    assert text.index("known 3.9") < text.index("To mend") < text.index("passing 4.5d") < text.index("expired 5.2a")
    assert "next: tcrp-conformance explain 2.5a" in lines
    red = shown(report, colour=True)
    assert "\x1b[1;31mpassing 4.5d" in red
    assert "\x1b[1;31mknown" not in red


def test_a_right_server_is_told_in_few_lines() -> None:
    report = report_of([], [row("2.1", "pass")], exit_code=0, counted={"pass": 1})
    assert shown(report).strip().splitlines() == [
        "1 pass in 21.3 s", "report: tcrp-report/report.json", "exit 0: conforms"
    ]  # fmt: skip


@pytest.mark.parametrize("code", REPORT_SCHEMA["properties"]["exit_code"]["enum"])
def test_every_exit_code_has_words(code: int) -> None:
    (line,) = [one for one in shown(report_of([], exit_code=code)).splitlines() if one.startswith("exit ")]
    assert re.fullmatch(rf"exit {code}: \w.*", line)


def test_commands_can_be_copied_whatever_the_folder_is_called(student: Report) -> None:
    folder = "a folder/" + "x" * 120
    lines = shown(student, width=40, folder=folder).splitlines()
    assert f"   replay     tcrp-conformance replay '{folder}/findings/6.1f.json'" in lines
    assert f"report: {folder}/report.json" in lines
