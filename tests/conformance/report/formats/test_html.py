"""The HTML report: it loads and runs nothing, everybody can read it, and it shows hostile texts as texts."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html
from lxml.html import HtmlElement

from conformance.report.formats import html
from conformance.report.model import FindingRow, Report
from conformance.trace.text import visible

CSS = Path(html.__file__).with_name("report.css").read_text(encoding="utf-8")


def page(report: Report) -> HtmlElement:
    return lxml_html.fromstring(html.render(report))


def text(element: HtmlElement) -> str:
    return " ".join(" ".join(element.itertext()).split())


def finding(root: HtmlElement, number: int) -> HtmlElement:
    return root.get_element_by_id(f"finding-{number}")


def test_it_loads_nothing_and_runs_nothing(report: Report) -> None:
    root = page(report)
    tags = {element.tag for element in root.iter() if isinstance(element.tag, str)}
    assert not tags & {"script", "img", "iframe", "object", "embed", "link", "form", "base", "svg", "audio", "video"}
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on") or name == "src"]
    (style,) = root.iter("style")
    assert not re.search(r"url\(|@import|@font-face|expression", style.text)
    (policy,) = root.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none';")


def test_links_lead_to_anchors_to_files_beside_it_or_to_the_web(report: Report) -> None:
    root = page(report)
    ids = root.xpath("//@id")
    assert len(ids) == len(set(ids))
    for link in root.xpath("//a/@href"):
        assert link[1:] in ids if link.startswith("#") else re.match(r"https?://|[\w/.%-]+$", link), link
    assert {one["id"] for one in report["clauses"]} <= set(ids)
    assert finding(root, 3).xpath(".//a[contains(@href, 'alert')]/@href") == ["javascript%3Aalert%281%29"]


def test_a_link_that_is_none_is_text(report: Report) -> None:
    report["deviations"][0]["link"] = "javascript:alert(1)"
    root = page(report)
    assert "javascript:alert(1)" in text(root)
    assert not root.xpath("//a[starts-with(@href, 'javascript:')]")


def test_the_head_says_what_was_tested_and_how_it_went(report: Report) -> None:
    root = page(report)
    head = text(root.find(".//header"))
    for words in ("127.0.0.1:9001:9002", "The target died during the run: 4 causes", "Dialect tcrp", "Seed 3578438309",
                  "Duration 2 min 14 s", "tcrp-conformance 0.1.0", "3 fail", "1 crash", "2 unsupported"):  # fmt: skip
        assert words in head
    assert " error" not in head


def test_the_document_has_an_outline_a_language_and_table_headers(report: Report) -> None:
    root = page(report)
    assert root.get("lang") == "en"
    assert "127.0.0.1:9001:9002" in root.findtext(".//title")
    levels = [int(element.tag[1]) for element in root.iter("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    tables = list(root.iter("table"))
    assert len(tables) > 6
    for table in tables:
        assert {one.get("scope") for one in table.iter("th")} == {"col", "row"}
    for box in root.xpath("//*[@class='scroll']"):
        assert box.get("tabindex") == "0"
        assert box.get("aria-label")


def test_a_finding_tells_all_of_it(report: Report) -> None:
    root = page(report)
    told = text(finding(root, 2))
    for words in ("a request is reassembled", "fail", "MUST", "TCP is a stream", "Expected an ACK with status 0",
                  "Actual a close without an answer", "Hinges on the same bytes in one segment", "Advice One recv()",
                  "OperationPayloadSize", "33 bytes of CREATE", "tcrp-conformance replay replay/2.5a.json",
                  "replay/2.5a.py", "What fails because of it", "failed 4 of 4 times"):  # fmt: skip
        assert words in told
    assert "IndexError: index out of range" in text(finding(root, 1))


def test_the_wrong_row_and_the_wrong_byte_are_marked(report: Report) -> None:
    root = page(report)
    row, problem = finding(root, 2).xpath("(.//table)[1]//tr[contains(@class, 'wrong')]")
    assert text(row.find("th")) == "room name"
    assert text(problem) == "33 here the second segment begins"
    assert [text(one) for one in row.iter("mark")] == ["83"]
    assert [text(one) for one in finding(root, 1).iter("mark")] == ["··"]
    assert [text(one) for one in finding(root, 4).iter("mark")] == ["d2"]


def test_a_finding_without_messages_still_shows_its_bytes(report: Report) -> None:
    report["findings"][1]["messages"] = []
    assert "e9 83 a8 e5 b1 8b 20 31" in text(finding(page(report), 2))


def test_every_clause_has_its_verdict_as_text(report: Report) -> None:
    root = page(report)
    for one in report["clauses"]:
        row = root.get_element_by_id(one["id"])
        assert row.tag == "tr"
        assert text(row[-1]) == one["verdict"]
        assert one["title"] in text(row)
    assert "this machine has no second source address" in text(root.get_element_by_id("TCRP-3.8e"))
    assert "because of finding 2" in text(root.get_element_by_id("TCRP-2.6a"))


def test_hostile_texts_are_shown_and_not_obeyed(report: Report, hostile: str) -> None:
    source = html.render(report)
    assert "<script" not in source
    assert "{{" not in re.sub(r"\{\{ 7\*7 \}\}|\}\} 7\*7 \{\{", "", source)
    assert "49" not in text(finding(page(report), 3))
    shown = " ".join(visible(hostile).split())
    for element in finding(page(report), 3).xpath(".//dd[not(code)]")[1:] + finding(page(report), 3).xpath(".//pre"):
        assert shown in text(element) or " ".join(visible(hostile[::-1]).split()) in text(element) or (
            element.get("class") == "command"
        )  # fmt: skip


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(st.characters(), min_size=1, max_size=60))
def test_no_text_changes_the_page(report: Report, words: str) -> None:
    def shape(root: HtmlElement) -> list[tuple[str, str | None]]:
        return [(element.tag, element.get("class")) for element in root.iter() if element.tag != "br"]

    def with_texts(text: str) -> Report:
        changed = cast(FindingRow, report["findings"][2] | {name: f"x{text}{name}" for name in names})
        return report | {"findings": [changed]}

    names = ("expected", "actual", "message", "example", "hinge", "advice", "replay", "script")
    plain = shape(page(with_texts("")))
    source = html.render(with_texts(words))
    source.encode()
    assert shape(lxml_html.fromstring(source)) == plain


def test_the_replay_command_is_one_word_for_a_shell(report: Report) -> None:
    (command,) = finding(page(report), 3).xpath(".//pre[@class='command']")
    assert shlex.split(command.text_content()) == ["tcrp-conformance", "replay", "replay/a b'c.json"]


def test_a_server_that_conforms_has_no_findings(clean: Report) -> None:
    root = page(clean)
    assert text(root.find(".//*[@class='conclusion good']")) == "Conforms"
    assert not root.xpath("//article")
    assert [text(one) for one in root.iter("h2")] == ["Clauses"]


def test_an_empty_run_is_a_page_too(clean: Report) -> None:
    assert "No clause was judged." in text(page(clean | {"clauses": [], "exit_code": 6}))


def parts(data: bytes, wrong: int | None) -> list[str]:
    return [f"[{word}]" if marked else word for word, marked in html.hex_parts(data, wrong)]


def test_fields_are_shown_whole_or_cut_around_the_wrong_byte() -> None:
    assert parts(b"\1\2\3", None) == ["01", "02", "03"]
    assert parts(b"\1\2\3", 1) == ["01", "[02]", "03"]
    assert parts(b"\1\2\3", 3) == ["01", "02", "03", "[··]"]
    assert parts(b"", 0) == ["[··]"]
    long = parts(bytes(200), 100)
    assert long.count("…") == 2
    assert long.count("[00]") == 1
    assert long[-1] == "(200 bytes)"
    assert len(long) == 32 + 16 + 16 + 3
    assert parts(bytes(200), 200)[-2:] == ["[··]", "(200 bytes)"]


@given(st.binary(max_size=300), st.none() | st.integers(0, 400))
@settings(deadline=None)
def test_exactly_the_wrong_byte_is_marked(data: bytes, wrong: int | None) -> None:
    marked = [word for word, is_wrong in html.hex_parts(data, wrong) if is_wrong]
    expected = [] if wrong is None else [data[wrong : wrong + 1].hex() or "··"]
    assert marked == expected


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_can_be_read_on_every_ground(scheme: int) -> None:
    block = CSS.split(":root {")[1 + scheme].split("}")[0]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    inks = ("text", "muted", "link", "pass", "fail", "weak", "info", "error")
    for ground in ("page", "box", "wrong"):
        for ink in inks:
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    assert contrast(colours["on-mark"], colours["mark"]) >= 4.5
