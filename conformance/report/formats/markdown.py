"""The report as a comment on a pull request: short whatever the run says, and inert whatever the server says."""

import re
from typing import Any

from conformance.report.formats.phrases import conclusion, counts, dump, duration, plural, remarks, replay_command
from conformance.report.model import FindingRow, Report
from conformance.trace.text import one_line

LIMIT = 60
"""Lines that a comment stays below."""
_LISTED = 10
_SHOWN = 3
_SPECIAL = re.compile(r"[\\`*_\[\]|~$]")
_MARKER = re.compile(r"^(\d+)([.)])|^([-+#=])")
_SPACE = "\u200b"  # of no width: after it a hosting site sees no mention, no issue number and no address


def render(report: Report) -> str:
    """The report as Markdown, fewer than LIMIT lines."""
    found = counts(report)
    told = "".join(f"; {one}" for one in remarks(report))
    about = f"{code(report['target'])}, dialect {code(report['dialect'])}"
    lines = [
        f"### TCRP conformance: {escape(conclusion(report) + told)}",
        "",
        f"{about}, seed {report['seed']}, {escape(report['tool'])}, {duration(report['seconds'])}",
        "",
    ]
    if (path := report.get("path")) is not None:
        lines += [f"Path: {escape(path['summary'])}", ""]
    if found:
        lines += [_row(found), _row(["---:"] * len(found)), _row(map(str, found.values())), ""]
    findings = report["findings"]
    for finding in findings[:_LISTED]:
        lines.append(f"{finding['number']}. **{finding['clause']}** {_verdict(finding)}: {escape(finding['title'])}")
    if len(findings) > _LISTED:
        lines += ["", f"and {plural(len(findings) - _LISTED, 'finding')} more in the full report."]
    for finding in findings[:_SHOWN]:
        lines += ["", *_details(report, finding)]
    return "\n".join([*lines, *_differences(report), *_deviations(report), *_not_judged(report)]).rstrip() + "\n"


def escape(text: str, limit: int = 300) -> str:
    """A text of anybody as Markdown on one line that shows it: no markup, no HTML, no mention, no link, no table."""
    text = one_line(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(r"\\\g<0>", text)
    text = _MARKER.sub(lambda found: f"{found[1] or ''}\\{found[2] or found[3]}", text)
    return re.sub(r"[@#](?=\w)|(?<=:)(?=//)|(?<=www)(?=\.)", rf"\g<0>{_SPACE}", text, flags=re.IGNORECASE)


def code(text: str, limit: int = 200) -> str:
    """A text of anybody as a code span on one line. Not for tables, which a pipe would split."""
    text = one_line(text, limit)
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _verdict(finding: FindingRow) -> str:
    also = f", and {plural(len(finding['also']), 'clause')} because of it" if finding["also"] else ""
    runs = finding["runs"]
    times = f" ({runs['failed']} of {runs['total']} times)" if finding["verdict"] == "flaky" else ""
    return f"{finding['verdict']}{times}{also}"


def _details(report: Report, finding: FindingRow) -> list[str]:
    told = (
        ("expected", finding["expected"]), ("actual", finding["actual"]), ("message", finding["message"]),
        ("hinge", finding["hinge"]),
    )  # fmt: skip
    rows = [(label, escape(text, 500)) for label, text in told if text]
    if finding["bytes"]:
        rows.append(("bytes", code(" ".join(dump(finding["bytes"], 48)))))
    if finding["replay"]:
        rows.append(("replay", code(replay_command(report, finding["replay"]), 500)))
    if not rows:
        return []
    summary = f"<details><summary>{finding['clause']}: expected and actual</summary>"
    return [summary, "", *(f"- {name}: {text}" for name, text in rows), "", "</details>"]


def _differences(report: Report) -> list[str]:
    """Where what the server speaks is not TCRP/1, in one line."""
    told = [f"{one['clause']}: {escape(one['text'], 120)}" for one in report.get("differences", [])]
    return ["", f"Differences from TCRP/1: {_listed(told, 40)}."] if told else []


def _deviations(report: Report) -> list[str]:
    """The listed deviations in a line, but for those that are as listed."""
    words = {"passing": "passes", "expired": "past its date", "unjudged": "not judged"}
    told = [f"{one['clause']} ({words[one['state']]})" for one in report["deviations"] if one["state"] in words]
    return ["", f"Listed deviations to look at: {_listed(told)}."] if told else []


def _not_judged(report: Report) -> list[str]:
    told = [f"{one['id']} ({escape(one['message'] or 'no reason given', 60)})" for one in report["clauses"]
            if one["verdict"] == "unsupported"]  # fmt: skip
    return ["", f"Not judged: {_listed(told)}."] if told else []


def _listed(words: list[str], limit: int = 12) -> str:
    """The words with commas between, and how many more there are."""
    more = f" and {len(words) - limit} more" if len(words) > limit else ""
    return ", ".join(words[:limit]) + more
