"""An SVG of a run: the latency over time, on a logarithmic scale, and what was lost when.

It needs no other file, and is readable on a light page and on a dark one.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal
from xml.sax.saxutils import escape

from conformance.load.model import LoadReport, TimelineRow

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 66, 96
"""Margins of the plot."""
BAR_HEIGHT = 34
"""Height of the bars under the plot, which show what was lost."""
LINES: tuple[tuple[Literal["max_ms", "p99_ms", "p50_ms"], str], ...] = (
    ("max_ms", "max"), ("p99_ms", "p99"), ("p50_ms", "p50"),
)  # fmt: skip
"""The lines of the plot: a key of the timeline, and the name and style."""
STYLE = """
svg { --ink: #1f2328; --faint: #d0d7de; --paper: #ffffff; --p50: #0969da; --p99: #9a6700; --max: #8250df;
  --lost: #cf222e; font: 13px system-ui, sans-serif; background: var(--paper) }
@media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --faint: #30363d; --paper: #0d1117; --p50: #58a6ff;
  --p99: #d29922; --max: #bc8cff; --lost: #ff7b72 } }
.paper { fill: var(--paper) } text { fill: var(--ink) } .title { font-size: 16px; font-weight: 600 }
.grid { stroke: var(--faint) } .end { text-anchor: end } .mid { text-anchor: middle }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round } .p50 { stroke: var(--p50) } .p99 { stroke: var(--p99) }
.max { stroke: var(--max); stroke-dasharray: 3 3 } .lost { fill: var(--lost) }
"""


def svg(report: LoadReport) -> str:
    """The chart of a report. A point without a delivery leaves a gap. Without any point the chart is empty."""
    timeline = report["timeline"]
    step = timeline[1]["at"] - timeline[0]["at"] if len(timeline) > 1 else report["asked"]["seconds"]
    length = step * max(1, len(timeline))
    low, high = _decades(point[name] for point in timeline for name, _ in LINES)

    def x(seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * seconds / length

    def y(ms: float) -> float:
        share = (math.log10(max(ms, 10.0**low)) - low) / (high - low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d">',
        f"<style>{STYLE}</style>",
        f'<title id="t">{escape(_title(report))}</title>',
        f'<desc id="d">{escape(_sum(report))}</desc>',
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        _text(LEFT, 24, _title(report), "title"),
        _text(LEFT, 44, _sum(report)),
    ]
    for decade in range(low, high + 1):
        parts.append(_rule(LEFT, y(10.0**decade), WIDTH - RIGHT, y(10.0**decade)))
        parts.append(_text(LEFT - 8, y(10.0**decade) + 4, _ms(decade), "end"))
    parts += [_text(x(seconds), HEIGHT - BOTTOM + 18, f"{seconds:g} s", "mid") for seconds in _ticks(length)]
    for name, style in LINES:
        points = [(x(point["at"] + step / 2), point[name]) for point in timeline]
        parts += [f'<path class="line {style}" d="{path}"/>' for path in _paths(points, y)]
    parts += _losses(timeline, x, step)
    for number, (_, style) in enumerate(reversed(LINES)):
        at = WIDTH - RIGHT - 210 + 72 * number
        parts.append(f'<path class="line {style}" d="M{at} {TOP - 8}h24"/>')
        parts.append(_text(at + 30, TOP - 4, style))
    return "\n".join([*parts, "</svg>", ""])


def _title(report: LoadReport) -> str:
    """What was asked for."""
    asked = report["asked"]
    return (
        f"{asked['rooms']:,} rooms of {asked['members']:,}, {asked['messages_per_second']:,.6g} messages a second "
        f"({report['dialect']})"
    )


def _sum(report: LoadReport) -> str:
    """What was delivered and lost."""
    share = report["lost"] / report["expected"] if report["expected"] else 0.0
    limit = "; the generator may have been the limit" if report["generator"]["limit"] else ""
    return f"{report['delivered']:,} of {report['expected']:,} deliveries, {report['lost']:,} lost ({share:.2%}){limit}"


def _decades(values: Iterable[float | None]) -> tuple[int, int]:
    """The powers of ten, in milliseconds, between which all values lie; at least one decade apart."""
    known = [value for value in values if value]
    low = math.floor(math.log10(min(known, default=0.1)))
    return low, max(low + 1, math.ceil(math.log10(max(known, default=10.0))))


def _ms(decade: int) -> str:
    return f"{10 ** (decade - 3):,} s" if decade >= 3 else f"{10.0**decade:g} ms"


def _ticks(length: float) -> list[float]:
    """Round numbers of seconds, about ten at the most."""
    rough = length / 8
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [number * step for number in range(math.floor(length / step + 1e-9) + 1)]


def _paths(points: Sequence[tuple[float, float | None]], y: Callable[[float], float]) -> list[str]:
    """One path for each stretch without a gap. A single point is a short dash."""
    paths, current = [], ""
    for at, value in (*points, (0.0, None)):
        if value is None:
            if current:
                paths.append(current if "L" in current else f"{current}h2")
            current = ""
        else:
            current += f"{'L' if current else 'M'}{at:.1f} {y(value):.1f}"
    return paths


def _losses(timeline: Sequence[TimelineRow], x: Callable[[float], float], step: float) -> list[str]:
    foot = HEIGHT - 14
    most = max((point["lost"] for point in timeline), default=0)
    label = "nothing lost" if most <= 0 else f"lost, up to {most:,} in {step:.2g} s"
    parts = [_rule(LEFT, foot, WIDTH - RIGHT, foot), _text(LEFT, foot - BAR_HEIGHT - 4, label)]
    for point in timeline:
        if point["lost"] > 0:
            height = max(2.0, BAR_HEIGHT * point["lost"] / most)
            parts.append(
                f'<rect class="lost" x="{x(point["at"]):.1f}" y="{foot - height:.1f}" '
                f'width="{max(1.0, x(step) - x(0)):.1f}" height="{height:.1f}"/>'
            )
    return parts


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{f" class={chr(34)}{style}{chr(34)}" if style else ""}>{escape(text)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
