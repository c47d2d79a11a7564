"""What a person reads after a run: each finding in detail, then what to mend first and the sum, which stay in sight.

Everything is made from the report alone. Its texts come from a server that may be hostile: they are never markup, and
what does not print is escaped.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import PurePath

from rich.console import Console
from rich.text import Text

from conformance.outcome.findings import COMPARED
from conformance.outcome.verdicts import counted_verdicts
from conformance.report.field_table import format_message
from conformance.report.formats.phrases import ending, replay_command
from conformance.report.model import FieldRow, FindingRow, PathRow, Report
from conformance.spec.clauses import IN_DIALECT, PREFIX
from conformance.trace.text import safe

WIDTH = 100
"""In columns: of plain output, and the most that a terminal is filled with."""
STYLES = {
    "pass": "green", "fail": "bold red", "crash": "bold red", "flaky": "bold red", "error": "bold magenta",
    "weak": "magenta", "info": "cyan", "unsupported": "dim", "known": "dim",
}  # fmt: skip
"""Of the verdicts. No yellow, which a light terminal does not show, and no blue, which a dark one does not."""
FULL = 5
LADDER, OUTPUT, MESSAGES, ROWS = 12, 5, 2, 8
_LABEL = 11
_INDENT = 3
_DEVIATIONS = {
    "passing": "passes now: take it out of the deviations",
    "expired": "no longer excused: its date is past",
    "unjudged": "not judged in this run",
}


class Screen(Console):
    """stdout, as wide as the terminal, or WIDTH columns of plain text where there is none."""

    def __init__(self) -> None:
        at_terminal = sys.stdout.isatty()
        super().__init__(
            width=None if at_terminal else WIDTH, force_terminal=at_terminal, highlight=False, markup=False, emoji=False
        )
        self.is_live = at_terminal and not self.is_dumb_terminal


def print_findings(report: Report, console: Console, *, verbosity: int, folder: str = "tcrp-report") -> None:
    """The findings, in the order of the report: the first in full, the others short; all in full if `verbosity` is 1,
    what was expected and what came if it is -1. `folder`: where the report is, as seen from here.
    """
    page = _Page(console, folder, report)
    page.differences(report)
    if _speaks_nothing(report):
        page.blank()
        page.text(
            f"This server does not speak the dialect {report['dialect']}: "
            "nothing but the plain conversation could be judged" + _compared(report) + ".", style="bold",
        )  # fmt: skip
    for position, finding in enumerate(_open(report)):
        page.blank()
        page.heading(finding)
        if verbosity < 0:
            page.expected(finding)
        elif verbosity > 0 or position < FULL:
            page.in_full(finding, everything=verbosity > 0)
        else:
            page.expected(finding)
            page.labelled("hinges on", finding["hinge"])
            page.commands(finding, "replay")


def print_end(report: Report, console: Console, *, verbosity: int, folder: str = "tcrp-report") -> None:
    """What is known, what to mend in which order, the counts, where the report is, the exit code and the next step."""
    page = _Page(console, folder, report)
    findings = _open(report)
    page.blank()
    page.deviations(report, loud=False)
    if verbosity >= 0 and not _speaks_nothing(report):
        page.causes(findings)
    page.deviations(report, loud=True)
    if (path := report.get("path")) is not None and verbosity >= 0 and not _is_perfect(path):
        page.text(f"path: {path['summary']}", style="dim")
    page.text(f"{counted_verdicts(report['summary'])} in {report['seconds']:.1f} s")
    page.command("report: ", str(PurePath(folder) / "report.json"))
    code = report["exit_code"]
    page.text(f"exit {code}: {ending(report)}", style="bold green" if code == 0 else "bold red")
    if findings:
        page.command("next: ", f"tcrp-conformance explain {short(findings[0]['clause'])}")


def _is_perfect(path: PathRow) -> bool:
    """Whether the path has done nothing that is worth a line."""
    bad = path["loss_up"] or path["loss_down"] or path["doubled"] or path["reordered"] or path["largest_up"]
    measured = path["measured_by"] != "nothing" and path["impairment"] is None
    return measured and not bad and path["addresses"] == "kept"


def short(clause_id: str) -> str:
    """`2.5a` for `TCRP-2.5a`."""
    return clause_id.removeprefix(PREFIX)


def hung(console: Console, head: Text, text: Text) -> None:
    """Print `head` and beside it the text, wrapped in a column of its own. Wide characters count as two columns."""
    column = head.cell_len
    lines = text.wrap(console, max(min(console.width, WIDTH) - column, 12), overflow="fold") or [Text()]
    for number, line in enumerate(lines):
        line.rstrip()
        _print(console, head + line if number == 0 else Text(" " * column) + line)


def _print(console: Console, line: Text) -> None:
    console.print(line, soft_wrap=True)


def _open(report: Report) -> list[FindingRow]:
    return [one for one in report["findings"] if one["verdict"] != "known"]


def _speaks_nothing(report: Report) -> bool:
    """One finding, and every other clause is blocked by it: the plain conversation broke at once."""
    findings = _open(report)
    if len(findings) != 1:
        return False
    root = findings[0]["clause"]
    others = [one for one in report["clauses"] if one["id"] != root]
    if any(step["does"] == "token" for step in findings[0]["conversation"]):
        return False  # a room could be had
    blocked = [one for one in others if one["message"] == f"blocked by {root}"]
    otherwise = [one for one in others if (one["message"] or "").startswith(IN_DIALECT)]
    compared = [one for one in others if one["how"] == COMPARED]
    unjudged = all(one["verdict"] == "unsupported" or one in compared for one in others)
    return bool(blocked) and unjudged and len(blocked) + len(otherwise) + len(compared) == len(others)


def _compared(report: Report) -> str:
    """How many clauses were judged all the same, in words."""
    count = sum(one["how"] == COMPARED for one in report["clauses"])
    return f", and {count} clauses by comparing the server with itself" if count else ""


class _Page:
    """Lines on a console, of at most WIDTH columns."""

    def __init__(self, console: Console, folder: str, report: Report) -> None:
        self.report = report
        self.console = console
        self.width = min(console.width, WIDTH)
        self.folder = folder

    def blank(self) -> None:
        self.console.print()

    def text(self, text: str, style: str = "") -> None:
        hung(self.console, Text(), Text(safe(text), style))

    def labelled(self, label: str, text: str | None, style: str = "") -> None:
        if text:
            head = Text(" " * _INDENT + f"{label:<{_LABEL}}", "dim")
            hung(self.console, head, Text(safe(text), style))

    def command(self, label: str, command: str) -> None:
        """Never wrapped: it is there to be copied."""
        _print(self.console, Text.assemble((label, "dim"), safe(command, limit=4096)))

    def one_line(self, line: Text) -> None:
        """Cut to the width."""
        line.truncate(self.width, overflow="ellipsis")
        line.rstrip()
        _print(self.console, line)

    def lines(self, lines: Sequence[str], indent: int = _INDENT, style: str = "") -> None:
        for line in lines:
            self.one_line(Text(" " * indent + safe(line), style))

    def differences(self, report: Report) -> None:
        """What the server speaks, and where that is not TCRP/1, a line or more for each clause."""
        found = report.get("differences", [])
        if not found:
            return
        self.blank()
        count = f"{len(found)} difference{'s' * (len(found) != 1)} from TCRP/1:"
        self.text(f"This server speaks the dialect {report['dialect']}. {count}", style="bold")
        for one in found:
            head = Text(f"{'':{_INDENT}}{short(one['clause']):<6}", "dim")
            hung(self.console, head, Text(safe(one["text"], limit=300)))

    def heading(self, finding: FindingRow) -> None:
        verdict = finding["verdict"]
        head = Text.assemble(
            f"{finding['number']}  ", (verdict, STYLES[verdict]), f"  {finding['clause']} {finding['level']}  "
        )
        hung(self.console, head, Text(safe(finding["title"]), "bold"))

    def expected(self, finding: FindingRow) -> None:
        self.labelled("expected", finding["expected"])
        self.labelled("actual", finding["actual"])
        if finding["actual"] is None or finding["verdict"] == "error":
            self.labelled("message", finding["message"])

    def in_full(self, finding: FindingRow, *, everything: bool) -> None:
        hung(self.console, Text(" " * _INDENT), Text(safe(finding["quote"], limit=1000), "italic"))
        self.expected(finding)
        failed, total = finding["runs"]["failed"], finding["runs"]["total"]
        once = finding["seen_once"]
        self.labelled(
            "how often", f"seen once: {once}" if once else f"failed {failed} of {total} run{'s' * (total != 1)}"
        )
        self.exception(finding)
        self.labelled("example", finding["example"] if finding["example"] != "{}" else None)
        self.labelled("hinges on", finding["hinge"])
        self.labelled("advice", finding["advice"])
        decisive = [one for one in finding["messages"] if one["decisive"]]
        for message in decisive if everything else decisive[:MESSAGES]:
            self.blank()
            rows = message["rows"] if everything else _around(message["rows"])
            self.lines(format_message({**message, "rows": rows}))
            if len(rows) < len(message["rows"]):
                self.lines([f"… {len(message['rows']) - len(rows)} rows more (-v shows them)"], style="dim")
        self.some("", finding["ladder"], LADDER, everything, first=3)
        self.some("the server's last output", finding["output"], OUTPUT, everything)
        if finding["replay"] or finding["script"]:
            self.blank()
        self.commands(finding, "replay", "script")
        if finding["also"]:
            also = " ".join(short(one["clause"]) for one in finding["also"])
            hung(self.console, Text(" " * _INDENT + "also fails because of it: ", "dim"), Text(also))
        if finding["may_share"]:
            other = " ".join(map(short, finding["may_share"]))
            hung(self.console, Text(" " * _INDENT + "may have the same cause as: ", "dim"), Text(other))

    def exception(self, finding: FindingRow) -> None:
        """What the server has printed of its trouble, with its place."""
        if (found := finding["exception"]) is not None:
            said = f"{found['type']}: {found['message']}" if found["message"] else found["type"]
            place = f" ({found['file']}, line {found['line']})" if found["file"] else ""
            self.labelled("the server", said + place)

    def some(self, title: str, lines: Sequence[str], limit: int, everything: bool, first: int = 0) -> None:
        """The first few and the last of the lines: what decides is said at the end."""
        if not lines:
            return
        self.blank()
        if title:
            self.lines([title], style="dim")
        indent = 2 * _INDENT
        if everything or len(lines) <= limit:
            self.lines(lines, indent)
            return
        last = limit - first - 1
        self.lines(lines[:first], indent)
        self.lines([f"… {len(lines) - first - last} lines more (-v shows them)"], indent, "dim")
        self.lines(lines[-last:], indent)

    def commands(self, finding: FindingRow, *kinds: str) -> None:
        for kind in kinds:
            found = finding["replay"] if kind == "replay" else finding["script"]
            if found is None:
                continue
            path = str(PurePath(self.folder) / found)
            script = f"python {shlex.quote(path)} HOST TCP UDP"
            words = replay_command(self.report, path) if kind == "replay" else script
            self.command(" " * _INDENT + f"{kind:<{_LABEL}}", words)

    def causes(self, findings: Sequence[FindingRow]) -> None:
        """One line each, in the order in which to mend them."""
        if not findings:
            return
        self.text("To mend, in this order:", style="bold")
        numbers = max(len(str(one["number"])) for one in findings)
        verdicts = max(len(one["verdict"]) for one in findings)
        ids = max(len(short(one["clause"])) for one in findings)
        for one in findings:
            verdict = one["verdict"]
            line = Text.assemble(
                f"{one['number']:>{numbers}}  ", (f"{verdict:<{verdicts}}", STYLES[verdict]),
                f"  {short(one['clause']):<{ids}}  ",
            )  # fmt: skip
            also = [short(other["clause"]) for other in one["also"]]
            listed = f"  (and {', '.join(also) if len(also) <= 4 else f'{len(also)} more'})" if also else ""
            what = Text(safe(one["summary"]))
            what.truncate(max(self.width - line.cell_len - len(listed), 12), overflow="ellipsis")
            self.one_line(line + what + Text(listed, "dim"))
        self.blank()

    def deviations(self, report: Report, *, loud: bool) -> None:
        """Each in a line. Loud: what makes the run fail, because it passes or because its date is past."""
        shown = [one for one in report["deviations"] if loud == (one["state"] in ("passing", "expired"))]
        for one in shown:
            state = one["state"]
            until = f" (until {one['until']})" if one["until"] else ""
            link = f" {one['link']}" if one["link"] else ""
            said = f"; {_DEVIATIONS[state]}" if state in _DEVIATIONS else ""
            head = Text(f"{state} {short(one['clause'])}  ", STYLES["fail"] if loud else STYLES["known"])
            hung(self.console, head, Text(safe(f"{one['reason']}{until}{link}{said}")))
        if shown:
            self.blank()


def _around(rows: list[FieldRow]) -> list[FieldRow]:
    """At most ROWS of them: those around what is wrong."""
    wrong = next((number for number, row in enumerate(rows) if row["problem"] or row["at"] is not None), 0)
    first = max(0, min(wrong - ROWS // 2, len(rows) - ROWS))
    return rows[first : first + ROWS]
