"""The chart is XML that needs no other file, and shows what was measured."""

import xml.etree.ElementTree as ET

import pytest

from conformance.load import chart
from conformance.load.figures import Figures, TimelinePoint
from conformance.load.plan import Plan
from conformance.load.report import make_report
from conformance.outcome.verdicts import Exit
from tests.conformance.load.samples import latencies

SVG = "{http://www.w3.org/2000/svg}"


def point(ms: float, lost: int = 0, count: int = 9) -> TimelinePoint:
    """One message with `count` deliveries after this time, of which some are lost."""
    return TimelinePoint(1, count, count - lost, latencies(ms, count - lost))


def drawn(*timeline: TimelinePoint, dialect: str = "tcrp", overrun: int = 0) -> ET.Element:
    """The chart of a run with this timeline."""
    plan = Plan(2, 10, rate=1.0, seconds=len(timeline) * 0.1)
    lost = sum(one.lost for one in timeline)
    expected = sum(one.expected for one in timeline)
    figures = Figures(expected=expected, delivered=expected - lost, timeline=list(timeline), overrun=overrun)
    return chart_of(plan, figures, Exit.CONFORMS, dialect)


def chart_of(plan: Plan, figures: Figures, code: Exit, dialect: str = "tcrp") -> ET.Element:
    report = make_report(target="127.0.0.1:1:2", dialect=dialect, plan=plan, figures=figures, code=code, notes=[])
    return ET.fromstring(chart.svg(report))


def paths(tree: ET.Element, style: str) -> list[str]:
    """What draws the lines of this style, and their key."""
    return [one.attrib["d"] for one in tree.iter(f"{SVG}path") if one.attrib["class"] == f"line {style}"]


def test_it_holds_a_line_for_each_percentile_and_nothing_of_elsewhere() -> None:
    tree = drawn(point(1), point(2), point(100))
    for style in ("p50", "p99", "max"):
        line, key = paths(tree, style)
        assert line.count("L") == 2
        assert "h24" in key
    assert not [name for one in tree.iter() for name in one.attrib if "href" in name]


def test_a_longer_latency_is_drawn_higher() -> None:
    tree = drawn(point(1), point(10), point(100))
    heights = [float(one.split(" ")[1]) for one in paths(tree, "p50")[0][1:].split("L")]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=3)


def test_a_stretch_without_deliveries_is_a_gap() -> None:
    tree = drawn(point(1), point(1), point(1, lost=9), point(1))
    assert len(paths(tree, "p50")) == 3  # two stretches and the key


def test_what_was_lost_is_marked_where_it_was_lost() -> None:
    tree = drawn(point(1), point(1, lost=3), point(1, lost=6))
    bars = [one for one in tree.iter(f"{SVG}rect") if one.attrib.get("class") == "lost"]
    assert len(bars) == 2
    assert float(bars[1].attrib["height"]) == pytest.approx(2 * float(bars[0].attrib["height"]))
    assert float(bars[1].attrib["x"]) > float(bars[0].attrib["x"])
    assert not [one for one in drawn(point(1)).iter(f"{SVG}rect") if one.attrib.get("class") == "lost"]


def test_it_is_readable_on_a_dark_page() -> None:
    style = next(drawn(point(1)).iter(f"{SVG}style")).text
    assert style is not None
    assert "prefers-color-scheme: dark" in style


def test_a_text_that_looks_like_markup_is_text() -> None:
    tree = drawn(point(1), dialect="<b>&")
    assert any("<b>&" in (one.text or "") for one in tree.iter(f"{SVG}text"))


def test_nothing_delivered_is_drawn_too() -> None:
    assert paths(drawn(point(1, lost=9), point(1, lost=9)), "p50") == ["M630 58h24"]


def test_a_run_that_ended_at_once_is_an_empty_chart() -> None:
    plan = Plan(2, 10, rate=1.0, seconds=3.0)
    tree = chart_of(plan, Figures(), Exit.DIED)
    assert len(paths(tree, "p50")) == 1  # the key
    assert "3 s" in [one.text for one in tree.iter(f"{SVG}text")]


def test_a_generator_at_its_limit_is_told() -> None:
    tree = drawn(point(1), overrun=5)
    assert any("the generator may have been the limit" in (one.text or "") for one in tree.iter(f"{SVG}text"))
