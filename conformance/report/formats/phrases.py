"""What the reports say alike: the conclusion, counts, durations."""

import shlex
from collections.abc import Iterable

from conformance.outcome.verdicts import MEND, Exit
from conformance.report.model import ClauseRow, FindingRow, Report

ENDINGS = {
    0: "conforms",
    1: "does not conform",
    2: "interrupted: not everything was judged",
    3: "the suite itself failed: please report it",
    5: "nothing was judged",
    6: "the target is unreachable",
    7: "the target died during the run",
}


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


def ending(report: Report) -> str:
    """What the exit code says: `conforms but for 1 known`; of a run that time has ended also how far it came."""
    said = ENDINGS.get(report["exit_code"], f"exit code {report['exit_code']}")
    if report["exit_code"] == Exit.CONFORMS and report.get("differences"):
        said = f"conforms to {report['dialect']}, not TCRP/1"
    known = report["summary"]["known"]
    if known and report["exit_code"] == Exit.CONFORMS:
        said += f" but for {known} known"
    if (found := report["incomplete"]) is None:
        return said
    incomplete = f"incomplete: {found['judged']} of {found['chosen']} judged"
    return incomplete if report["exit_code"] == Exit.NOTHING else f"{said} ({incomplete})"


def replay_command(report: Report, path: str) -> str:
    """How a finding is held again. `path`: of the replay file. A server that the run has started is started again only
    where `--exec` says so.
    """
    started = " --exec" if report["options"].get("exec") else ""
    return f"tcrp-conformance replay {shlex.quote(path)}{started}"


def conclusion(report: Report) -> str:
    """`does not conform: 3 causes, the most damaging first`."""
    said = ending(report)
    causes = sum(finding["verdict"] in MEND for finding in report["findings"])
    if not causes:
        return said
    order = ", the most damaging first" if causes > 1 else ""
    return f"{said}{'; ' if ':' in said else ': '}{plural(causes, 'cause')}{order}"


def remarks(report: Report) -> list[str]:
    """What else is to be said of the whole run: `1 recommendation not kept`."""
    weak = sum(finding["verdict"] == "weak" for finding in report["findings"])
    found = [f"{plural(weak, 'recommendation')} not kept"] if weak else []
    for state, words in (("passing", "not needed any more"), ("expired", "past the date")):
        if count := sum(one["state"] == state for one in report["deviations"]):
            found.append(f"{plural(count, 'listed deviation')} {words}")
    return found


def counts(report: Report) -> dict[str, int]:
    """How many clauses got each verdict that was given at all, what must be mended first after what is well."""
    order = ("pass", "fail", "flaky", "crash", "error", "weak", "known", "info", "unsupported")
    return {verdict: report["summary"][verdict] for verdict in order if report["summary"][verdict]}


def by_section(clauses: Iterable[ClauseRow]) -> dict[str, list[ClauseRow]]:
    """The clauses of each section, both in the order of the report."""
    sections: dict[str, list[ClauseRow]] = {}
    for clause in clauses:
        sections.setdefault(clause["section"], []).append(clause)
    return sections


def findings_by_clause(report: Report) -> dict[str, FindingRow]:
    """Clause id -> the finding that is about it, or because of which it fails."""
    found: dict[str, FindingRow] = {}
    for finding in report["findings"]:
        for clause in (finding["clause"], *(also["clause"] for also in finding["also"])):
            found.setdefault(clause, finding)
    return found
