"""The chart is XML that stands alone, and shows what was measured."""

import xml.etree.ElementTree as ET

import pytest

from conformance.load import chart, outcome
from conformance.load.figures import Figures, Latencies, Moment, step_of
from conformance.load.plan import Plan
from conformance.verdicts import Exit

SVG = "{http://www.w3.org/2000/svg}"


def moment(ms, lost=0, count=9):
    ns = round(ms * 1e6)
    found = Latencies()
    found.counts[step_of(ns)] = count - lost
    found.most = ns
    return Moment(1, count, count - lost, found)


def drawn(*moments, dialect="tcrp", **figures):
    plan = Plan(2, 10, rate=1.0, seconds=len(moments) * 0.1)
    lost = sum(one.lost for one in moments)
    expected = sum(one.expected for one in moments)
    measured = Figures(expected=expected, delivered=expected - lost, moments=list(moments), **figures)
    report = outcome.report(
        target="127.0.0.1:1:2", dialect=dialect, plan=plan, figures=measured, code=Exit.CONFORMS, notes=[]
    )
    return ET.fromstring(chart.svg(report))


def paths(tree, style):
    return [one.attrib["d"] for one in tree.iter(f"{SVG}path") if one.attrib["class"] == f"line {style}"]


def test_it_holds_a_line_for_each_percentile_and_nothing_of_elsewhere():
    tree = drawn(moment(1), moment(2), moment(100))
    for style in ("p50", "p99", "max"):
        line, key = paths(tree, style)
        assert line.count("L") == 2
        assert "h24" in key
    assert not [name for one in tree.iter() for name in one.attrib if "href" in name]


def test_a_longer_latency_is_drawn_higher():
    tree = drawn(moment(1), moment(10), moment(100))
    heights = [float(point.split(" ")[1]) for point in paths(tree, "p50")[0][1:].split("L")]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=3)


def test_a_stretch_without_deliveries_is_a_gap():
    tree = drawn(moment(1), moment(1), moment(1, lost=9), moment(1))
    assert len(paths(tree, "p50")) == 3  # two stretches and the key


def test_what_was_lost_is_marked_where_it_was_lost():
    tree = drawn(moment(1), moment(1, lost=3), moment(1, lost=6))
    bars = [one for one in tree.iter(f"{SVG}rect") if one.attrib.get("class") == "lost"]
    assert len(bars) == 2
    assert float(bars[1].attrib["height"]) == pytest.approx(2 * float(bars[0].attrib["height"]))
    assert float(bars[1].attrib["x"]) > float(bars[0].attrib["x"])
    assert not [one for one in drawn(moment(1)).iter(f"{SVG}rect") if one.attrib.get("class") == "lost"]


def test_it_is_readable_on_a_dark_page():
    style = next(drawn(moment(1)).iter(f"{SVG}style")).text
    assert style is not None
    assert "prefers-color-scheme: dark" in style


def test_a_text_that_looks_like_markup_is_text():
    tree = drawn(moment(1), dialect="<b>&")
    assert any("<b>&" in (one.text or "") for one in tree.iter(f"{SVG}text"))


def test_nothing_delivered_is_drawn_too():
    assert paths(drawn(moment(1, lost=9), moment(1, lost=9)), "p50") == ["M630 58h24"]


def test_a_run_that_ended_at_once_is_an_empty_chart():
    plan = Plan(2, 10, rate=1.0, seconds=3.0)
    report = outcome.report(
        target="127.0.0.1:1:2", dialect="tcrp", plan=plan, figures=Figures(), code=Exit.DIED, notes=[]
    )
    tree = ET.fromstring(chart.svg(report))
    assert len(paths(tree, "p50")) == 1  # the key
    assert "3 s" in [one.text for one in tree.iter(f"{SVG}text")]


def test_a_generator_at_its_limit_is_told():
    tree = drawn(moment(1), overrun=5)
    assert any("the generator may have been the limit" in (one.text or "") for one in tree.iter(f"{SVG}text"))
