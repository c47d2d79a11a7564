"""The Markdown report: it is short, and no text becomes markup. The tests look at the rendered page."""

import re
from html.parser import HTMLParser
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from conformance.report.formats.markdown import LIMIT, code, escape, render
from conformance.report.model import Report
from conformance.trace.text import one_line

OWN_TAGS = {"h3", "p", "code", "table", "thead", "tbody", "tr", "th", "td", "ol", "ul", "li", "strong", "details",
            "summary"}  # fmt: skip


class Page(HTMLParser):
    """The text and the tags of rendered Markdown."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").render(source))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(source: str) -> str:
    return Page(source).text.replace("\u200b", "").strip()


@given(st.text(st.characters(), max_size=80))
@settings(deadline=None)
def test_any_text_is_shown_as_it_is(text: str) -> None:
    source = escape(text)
    assert "\n" not in source
    page = Page(f"- it: {source}")
    assert page.text.replace("\u200b", "").strip() == f"it: {one_line(text)}".strip()
    assert page.tags <= {"ul", "li"}


@given(st.text(alphabet="`*_[]()!<>&;#@|\\~-+=.1a /:$\n\r\t", max_size=40))
@settings(deadline=None)
def test_any_markup_is_shown_as_it_is_wherever_it_stands(text: str) -> None:
    source = escape(text)
    assert seen(source) == one_line(text)
    assert Page(source).tags <= {"p"}
    row = Page(f"| a |\n| --- |\n| {source} |\n")
    assert row.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert re.sub(r"\s+", " ", row.text.replace("\u200b", "")).strip() == f"a {one_line(text)}".strip()


@pytest.mark.parametrize("text", ["<script src=x", "<div ", "<!-- ", "<?php", "</p", "<!DOCTYPE", "<![CDATA[", "&#64;"])
def test_no_text_begins_html(text: str) -> None:
    assert seen(escape(text)) == text.strip()
    assert Page(escape(text)).tags == {"p"}


@given(st.text("` ab", max_size=20) | st.text(st.characters(), max_size=40))
@settings(deadline=None)
def test_any_text_is_shown_as_code(text: str) -> None:
    page = Page(f"x {code(text)} y")
    assert page.tags <= {"p", "code"}
    assert page.text.strip() == f"x {one_line(text)} y"


def test_nobody_is_called_and_nothing_is_linked() -> None:
    source = escape("@alice mail me@home.org #12 http://evil.example https://x www.evil.example")
    assert not re.search(r"@\w|#\d|://\w|www\.", source, re.IGNORECASE)


def test_the_verdict_the_counts_and_the_findings(report: Report) -> None:
    text = seen(render(report))
    assert "the target died during the run: 4 causes, the most damaging first" in text
    assert "TCRP-2.5a fail, and 1 clause because of it: a request is reassembled" in text
    assert "TCRP-4.6b flaky (2 of 5 times)" in text
    assert "actual: a close without an answer" in text
    assert "replay: tcrp-conformance replay replay/2.5a.json" in text
    assert "TCRP-2.4c (passes), TCRP-4.2a (past its date)" in text
    assert "Not judged: TCRP-3.8e (this machine has no second source address (127.0.0.2)), TCRP-5.4b" in text
    table = re.findall(r"^\|.*\|$", render(report), re.MULTILINE)
    assert table[0].split(" | ")[:3] == ["| pass", "fail", "flaky"]
    assert table[2].split(" | ")[:3] == [f"| {report['summary']['pass']}", "3", "1"]


def test_a_server_that_conforms_needs_few_words(clean: Report) -> None:
    assert render(clean).splitlines()[0] == "### TCRP conformance: conforms"
    assert len(render(clean).splitlines()) < 10


def test_hostile_texts_are_shown_and_not_obeyed(report: Report, hostile: str) -> None:
    source = render(report)
    page = Page(source)
    assert page.tags <= OWN_TAGS
    assert one_line(hostile) in page.text.replace("\u200b", "")
    assert "@mention" not in source


@pytest.mark.parametrize("times", [0, 1, 3, 7, 40])
def test_it_stays_short_whatever_the_run_says(report: Report, times: int) -> None:
    text = "text\n" * 400
    for one in report["findings"]:
        one |= {"expected": text, "actual": text, "message": text, "hinge": text}
        one |= {"bytes": "00" * 4096, "replay": "r" * 3000}
    report["findings"] = [one | {"number": at} for at, one in enumerate(report["findings"] * times, 1)]
    report["deviations"] *= times
    for row in report["clauses"]:
        row |= {"verdict": "unsupported", "message": "because\n" * 100}
    lines = render(report).splitlines()
    assert len(lines) < LIMIT
    assert len(render(report)) < 20_000
    if times == 40:
        assert "and 230 findings more in the full report." in lines
        assert any(line.startswith("Not judged: ") and " more." in line for line in lines)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=60))
def test_no_text_makes_more_lines_or_other_markup(report: Report, text: str) -> None:
    lines = len(render(report).splitlines())
    for one in report["findings"][:3]:
        told = cast(dict[str, str | None], one)
        told |= {name: text for name in ("expected", "actual", "message", "hinge", "replay") if told[name]}
        one["title"] = text
    assert len(render(report).splitlines()) <= lines
    assert Page(render(report)).tags <= OWN_TAGS
