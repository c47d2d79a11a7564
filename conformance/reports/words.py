"""What the reports say alike: the conclusion, durations, and texts of strangers made fit to be shown."""

import re
from collections.abc import Iterable
from typing import Any

ENDINGS = {
    0: "conforms",
    1: "does not conform",
    2: "interrupted: not everything was judged",
    3: "the suite itself failed: please report it",
    5: "nothing was judged",
    6: "the target is unreachable",
    7: "the target died during the run",
}
FAILING = ("fail", "flaky", "crash", "error")
"""Verdicts that say that something must be mended."""

# What XML 1.0 cannot hold, what a page or a terminal would act on instead of showing it, and what reorders a line.
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")


def visible(text: str) -> str:
    r"""The text with every control character but line feed and tab, and every lone surrogate, as `\x00` or `\ud800`."""
    return _HIDDEN.sub(lambda found: _escaped(ord(found[0])), text)


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str, limit: int = 300) -> str:
    """The text on one line, white space as single spaces, cut to `limit` characters."""
    return clip(" ".join(visible(text).split()), limit)


def clip(text: str, limit: int) -> str:
    """The text, cut to `limit` characters with a word about how many there were."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def dump(data: str, limit: int = 512, width: int = 16) -> list[str]:
    """Hex digits as lines of `width` bytes, after `limit` bytes cut."""
    rows = [data[at : at + 2 * width] for at in range(0, min(len(data), 2 * limit), 2 * width)]
    lines = [" ".join(row[at : at + 2] for at in range(0, len(row), 2)) for row in rows]
    return lines if len(data) <= 2 * limit else [*lines, f"… ({len(data) // 2} bytes)"]


def duration(seconds: float) -> str:
    """`0.4 s`, `12.3 s`, `2 min 14 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def plural(number: int, word: str) -> str:
    """`1 cause`, `2 causes`; a word in -y ends in -ies."""
    if number == 1:
        return f"1 {word}"
    return f"{number} {word[:-1]}ies" if word.endswith("y") else f"{number} {word}s"


def conclusion(report: dict[str, Any]) -> str:
    """`does not conform: 3 causes, the most damaging first`."""
    ending = ENDINGS.get(report["exit_code"], f"exit code {report['exit_code']}")
    causes = sum(finding["verdict"] in FAILING for finding in report["findings"])
    if not causes:
        return ending
    order = ", the most damaging first" if causes > 1 else ""
    return f"{ending}{'; ' if ':' in ending else ': '}{plural(causes, 'cause')}{order}"


def remarks(report: dict[str, Any]) -> list[str]:
    """What else is to be said of the whole run: `1 recommendation not kept`."""
    weak = sum(finding["verdict"] == "weak" for finding in report["findings"])
    found = [f"{plural(weak, 'recommendation')} not kept"] if weak else []
    for state, words in (("passing", "not needed any more"), ("expired", "past the date")):
        if count := sum(one["state"] == state for one in report["deviations"]):
            found.append(f"{plural(count, 'listed deviation')} {words}")
    return found


def counts(report: dict[str, Any]) -> dict[str, int]:
    """How many clauses got each verdict that was given at all, what must be mended first after what is well."""
    order = ("pass", *FAILING, "weak", "known", "info", "unsupported")
    return {verdict: report["summary"][verdict] for verdict in order if report["summary"][verdict]}


def by_section(clauses: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The clauses of each section, both in the order of the report."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for clause in clauses:
        sections.setdefault(clause["section"], []).append(clause)
    return sections


def findings_by_clause(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Clause id -> the finding that is about it, or because of which it fails."""
    found: dict[str, dict[str, Any]] = {}
    for finding in report["findings"]:
        for clause in (finding["clause"], *(also["clause"] for also in finding["also"])):
            found.setdefault(clause, finding)
    return found
