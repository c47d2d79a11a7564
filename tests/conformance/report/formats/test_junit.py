"""The JUnit report: it is valid whatever the texts are, and every verdict is where CI servers look for it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml.etree import _Element as Element

from conformance.report.formats import junit
from conformance.report.model import Report
from tests.conformance.report.conftest import Rejudge
from tests.conformance.schemas import JUNIT_XSD

NOW = datetime(2026, 3, 1, 0, 30, 15, 999, tzinfo=timezone(timedelta(hours=9)))


def parsed(report: Report) -> Element:
    root = etree.fromstring(junit.render(report, NOW))
    JUNIT_XSD.assertValid(root)
    return root


def case(root: Element, name: str) -> Element:
    (found,) = [one for one in root.iter("testcase") if one.get("name").startswith(f"{name} ")]
    return found


def told(root: Element, name: str) -> tuple[str, str | None, str]:
    """Tag, type and message of what a testcase says."""
    (child,) = case(root, name)
    return child.tag, child.get("type"), child.get("message")


def test_the_schema_refuses_what_readers_refuse(report: Report) -> None:
    good = junit.render(report, NOW)
    JUNIT_XSD.assertValid(etree.fromstring(good))
    for old, new in (
        (b' hostname="localhost"', b""),
        (b' id="1"', b' id="0"'),
        (b'time="0.125"', b'time="fast"'),
        (b' type="crash"', b""),
        (b"<testsuites>", b'<testsuites version="1">'),
        (b"<properties>", b"<system-out /><properties>"),
        (b'timestamp="2026-02-28T15:28:00"', b'timestamp="2026-02-28T15:28:00+00:00"'),
    ):
        assert old in good
        assert not JUNIT_XSD.validate(etree.fromstring(good.replace(old, new, 1))), old


def test_a_suite_a_section_and_a_case_a_clause(report: Report) -> None:
    root = parsed(report)
    assert [suite.get("name") for suite in root] == list(dict.fromkeys(one["section"] for one in report["clauses"]))
    assert len(list(root.iter("testcase"))) == len(report["clauses"])
    one = case(root, "TCRP-2.5a")
    assert one.get("name") == "TCRP-2.5a a request is reassembled whatever its segmentation"
    assert one.get("classname") == "tcrp.2 The TCP frame"
    assert one.get("time") == "0.125"


def test_the_counts_are_those_of_the_cases(report: Report) -> None:
    root = parsed(report)
    for suite in root:
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(name)) == len(suite.findall(f"testcase/{tag}"))
        assert float(suite.get("time")) == pytest.approx(0.125 * len(suite.findall("testcase")))
    # 3 fail, 1 flaky, 1 crash, 1 deviation that passes; the one that is expired is one of the 3
    assert sum(int(suite.get("failures")) for suite in root) == 6


def test_the_suites_began_before_the_report_was_written(report: Report) -> None:
    assert {suite.get("timestamp") for suite in parsed(report)} == {"2026-02-28T15:28:00"}
    assert NOW.astimezone(UTC) - timedelta(seconds=report["seconds"]) >= datetime(2026, 2, 28, 15, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TCRP-2.5a", ("failure", "fail", "expected an ACK with status 0; got a close without an answer")),
        ("TCRP-6.1f", ("failure", "crash", "expected the server to stay up; got the process ended with exit code 1")),
        ("TCRP-3.8e", ("skipped", None, "this machine has no second source address (127.0.0.2)")),
        ("TCRP-2.4c", ("failure", "passing", "it passes, but is listed as a deviation: take it off the list")),
        ("TCRP-4.2a", ("failure", "expired", "it fails, and the date of the listed deviation is past")),
    ],
)
def test_what_a_case_says(report: Report, name: str, expected: tuple[str, str | None, str]) -> None:
    assert told(parsed(report), name) == expected


def test_a_known_deviation_is_skipped_with_its_reason(report: Report) -> None:
    tag, _, message = told(parsed(report), "TCRP-3.10a")
    assert tag == "skipped"
    assert message.startswith("known: passwords are being moved <script>")


def test_a_flaky_clause_fails_and_says_how_often(report: Report) -> None:
    (failure,) = case(parsed(report), "TCRP-4.6b")
    assert (failure.tag, failure.get("type")) == ("failure", "flaky")
    assert "failed 2 of 5 times" in failure.text


def test_a_fault_of_the_suite_is_an_error(rejudged: Rejudge) -> None:
    assert told(parsed(rejudged("TCRP-4.5a", "error")), "TCRP-4.5a") == ("error", "error", "error")


@pytest.mark.parametrize("name", ["TCRP-2.1", "TCRP-2.6b", "TCRP-3.2h"])
def test_pass_weak_and_info_are_no_failures(report: Report, name: str) -> None:
    assert len(case(parsed(report), name)) == 0


def test_what_is_weak_stands_in_the_output_of_its_suite(report: Report) -> None:
    frame, control, *_ = parsed(report)
    assert "weak TCRP-2.6b" in frame.findtext("system-out")
    assert "expected ACK, then FIN; got a reset overtook the ACK" in frame.findtext("system-out")
    assert "info TCRP-3.2h" in control.findtext("system-out")


def test_a_failure_tells_all_that_is_needed(report: Report) -> None:
    (failure,) = case(parsed(report), "TCRP-2.5a")
    for text in (
        "hinges on: the same bytes in one segment",
        "One recv()",
        "e9 83 a8",
        "replay: replay/2.5a.json",
        "->",
    ):
        assert text in failure.text


def test_what_follows_from_a_cause_names_it(report: Report) -> None:
    (failure,) = case(parsed(report), "TCRP-2.6a")
    assert "because of TCRP-2.5a (finding 2)" in failure.text


def test_long_bytes_are_cut(report: Report) -> None:
    (failure,) = case(parsed(report), "TCRP-4.2a")
    assert "… (4142 bytes)" in failure.text
    assert len(failure.text) < 4142


def test_hostile_texts_are_shown_and_not_obeyed(report: Report) -> None:
    root = parsed(report)
    (failure,) = case(root, "TCRP-4.6b")
    for text in ("<script>alert('x')</script>", "]]>", "部屋", "\\x00\\x1b[31m", "\\ud800", "\\u202e"):
        assert text in failure.get("message")
        assert text in failure.text
    assert next(root.iter("script"), None) is None
    assert "\\x00" in root[-1].findtext("system-err")


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=60))
def test_it_is_valid_whatever_the_server_says(report: Report, text: str) -> None:
    one = report["findings"][2]
    one |= {"expected": text, "actual": text, "message": text, "hinge": text, "advice": text, "example": text}
    one |= {"output": [text], "ladder": [text]}
    (row,) = [row for row in report["clauses"] if row["id"] == one["clause"]]
    row |= {"expected": text, "actual": text, "message": text}
    for deviation in report["deviations"]:
        deviation["reason"] = text
    parsed(report)


def test_an_empty_run_is_a_report_too(clean: Report) -> None:
    assert len(parsed(clean | {"clauses": []})) == 0
