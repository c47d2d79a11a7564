"""The report as JUnit XML, in the strictest of the forms that CI servers read.

A testsuite is a section of the specification, a testcase a clause. What the form has no element for (a SHOULD that is
not kept, a reading) stands in the suite's system-out, what the endpoint printed in its system-err.
"""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from conformance.outcome.verdicts import MEND, Verdict
from conformance.report.formats.phrases import by_section, dump, findings_by_clause
from conformance.report.model import ClauseRow, DeviationRow, FindingRow, Report
from conformance.trace.text import one_line, visible

_FAILURES = MEND - {Verdict.ERROR}
_TOLD = ("weak", "info")
_OUTDATED = {
    "passing": "it passes, but is listed as a deviation: take it off the list",
    "expired": "it fails, and the date of the listed deviation is past",
}


def render(report: Report, written: datetime) -> bytes:
    """The report as a JUnit XML document in UTF-8. `written`: when, in any time zone; the suites began before it."""
    began = (written - timedelta(seconds=report["seconds"])).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    root = ET.Element("testsuites")
    findings = findings_by_clause(report)
    deviations = {one["clause"]: one for one in report["deviations"]}
    for number, (section, clauses) in enumerate(by_section(report["clauses"]).items()):
        cases = [_case(one, findings.get(one["id"]), deviations.get(one["id"])) for one in clauses]
        suite = ET.SubElement(
            root, "testsuite", name=one_line(section), package="tcrp", id=str(number), timestamp=began,
            hostname="localhost", tests=str(len(cases)), failures=_count(cases, "failure"),
            errors=_count(cases, "error"), skipped=_count(cases, "skipped"),
            time=_seconds(sum(one["seconds"] for one in clauses)),
        )  # fmt: skip
        properties = ET.SubElement(suite, "properties")
        for name in ("target", "dialect", "seed", "tool", "spec"):
            ET.SubElement(properties, "property", name=name, value=one_line(str(report[name])))
        suite.extend(cases)
        ET.SubElement(suite, "system-out").text = visible("\n".join(_told(clauses)))
        ids = {one["id"] for one in clauses}
        printed = [line for one in report["findings"] if one["clause"] in ids for line in one["output"]]
        ET.SubElement(suite, "system-err").text = visible("\n".join(printed))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(clause: ClauseRow, finding: FindingRow | None, deviation: DeviationRow | None) -> ET.Element:
    case = ET.Element(
        "testcase", name=one_line(f"{clause['id']} {clause['title']}"),
        classname=f"tcrp.{one_line(clause['section'])}", time=_seconds(clause["seconds"]),
    )  # fmt: skip
    state = deviation["state"] if deviation else None
    reason = deviation["reason"] if deviation else clause["message"]
    verdict = clause["verdict"]
    if state in _OUTDATED:
        lines = [f"reason: {reason}", *([] if state == "passing" else _why(clause, finding))]
        _say(case, "failure", _OUTDATED[state], lines, state)
    elif verdict in _FAILURES:
        _say(case, "failure", _found(clause), _why(clause, finding), verdict)
    elif verdict == "error":
        _say(case, "error", clause["message"] or _found(clause), _why(clause, finding), "error")
    elif verdict == "known":
        _say(case, "skipped", f"known: {reason or 'listed as a deviation'}", _why(clause, finding))
    elif verdict == "unsupported":
        _say(case, "skipped", clause["message"] or "not judged", [])
    return case


def _count(cases: list[ET.Element], tag: str) -> str:
    return str(sum(case.find(tag) is not None for case in cases))


def _say(case: ET.Element, tag: str, message: str, lines: list[str], kind: str | None = None) -> None:
    element = ET.SubElement(case, tag, message=one_line(message, 1000))
    if kind is not None:
        element.set("type", kind)
    if lines:
        element.text = visible("\n".join(lines))


def _found(clause: ClauseRow) -> str:
    if clause["expected"] is None:
        return str(clause["message"] or clause["verdict"])
    return f"expected {clause['expected']}; got {clause['actual']}"


def _why(clause: ClauseRow, finding: FindingRow | None) -> list[str]:
    """What a developer needs who sees nothing but the CI server."""
    lines = [f"{name}: {clause[name]}" for name in ("expected", "actual", "message") if clause[name] is not None]
    if finding is None:
        return lines + _bytes(clause)
    if finding["clause"] != clause["id"]:
        return [*lines, f"It fails because of {finding['clause']} (finding {finding['number']})."]
    told = (("hinges on", finding["hinge"]), ("advice", finding["advice"]), ("example", finding["example"]))
    lines += [f"{label}: {text}" for label, text in told if text is not None]
    lines.append(f"failed {finding['runs']['failed']} of {finding['runs']['total']} times")
    lines += [*_bytes(finding), *finding["ladder"]]
    if finding["replay"] is not None:
        lines.append(f"replay: {finding['replay']}")
    return lines


def _bytes(row: ClauseRow | FindingRow) -> list[str]:
    return ["bytes:", *(f"  {line}" for line in dump(row["bytes"]))] if row["bytes"] else []


def _told(clauses: list[ClauseRow]) -> list[str]:
    lines = [(f"{one['verdict']} {one['id']} {one['title']}", one) for one in clauses if one["verdict"] in _TOLD]
    return [f"{line}: {one_line(_found(one), 1000)}" if one["expected"] or one["message"] else line
            for line, one in lines]  # fmt: skip


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
