"""The kill matrix, fault by clause: collected from the tests' reports, printed at the end, and published."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conformance.spec.clauses import PREFIX, Clause, Level, all_clauses
from tcrp import __version__

HEAD = """\
# What the suite is tested with

`make selftest` ran tcrp-conformance {version} against {faults} servers that are each wrong in one way, and
against {odd} that are right but unusual, and wrote this page. Every fault was caught, no right server was blamed.

## Faults

A fault stands under the clause that it breaks. One fault of each MUST, **in bold**, is run against all clauses: its
clause, or one that was declared inseparable beforehand, must be the root of a finding. The others are run against their
own clauses. *Reported* is the verdict, with the clause if it is another one that cannot be told apart; *folded* is what
was told under it because it follows, *apart* what was told as a finding of its own.
"""

TABLE = """\

### {section}

| clause | fault | what is wrong | reported | folded | apart |
|---|---|---|---|---|---|
"""

RIGHT = """\

## Right servers

Each is run against all clauses. *Passed* counts the clauses that could be judged.

| server | what is unusual | passed |
|---|---|---|
"""


class Ran(NamedTuple):
    """What became of one server: whether its test passed, the verdicts by clause, and what is folded by root."""

    passed: bool
    verdicts: Mapping[str, str]
    roots: Mapping[str, Sequence[str]]

    def caught(self, clauses: Sequence[str]) -> str | None:
        """The first of these clauses that was reported as a root, else the first that failed at all."""
        failed = {*self.roots, *(one for folded in self.roots.values() for one in folded)}
        for reported in (self.roots, failed):
            if (found := next((one for one in clauses if one in reported), None)) is not None:
                return found
        return None


class Matrix:
    """A pytest plugin of the process that reports. `faults`, `odd`: rows of name, clauses (the root first), note."""

    def __init__(self, faults: Sequence[Any], odd: Sequence[Any], witnesses: Mapping[str, Any], page: Path | None):
        self.faults, self.odd, self.page = faults, odd, page
        self.whole = {one.name for one in witnesses.values()}
        self.ran: dict[tuple[str, str], Ran] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties if report.when == "call" else ():
            if name == "selftest":
                row = json.loads(str(value))
                ran = Ran(report.passed, row.get("verdicts", {}), row.get("roots", {}))
                self.ran[row["kind"], row["name"]] = ran

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.ran:
            return
        write = terminalreporter.write_line
        terminalreporter.section("kill matrix: fault by clause; * ran against all clauses")
        for clause, faults in self._by_clause():
            names = [self._cell(fault) for fault in faults if ("faults", fault.name) in self.ran]
            if names:
                write(f"{clause.names()[0]:6}{', '.join(names)}")
        missed = self._wrong("faults", self.faults)
        blamed = self._wrong("odd", self.odd)
        for fault in missed:
            write(f"MISSED {fault.name} ({', '.join(fault.clauses)}): {fault.note}", red=True, bold=True)
        for server in blamed:
            write(f"BLAMED {server.name}: {server.note}", red=True, bold=True)
        caught, right = self._count("faults") - len(missed), self._count("odd") - len(blamed)
        write(
            f"{caught} of {self._count('faults')} faults caught, "
            f"{right} of {self._count('odd')} right servers not blamed"
        )
        if self.page is not None:
            write(self._publish(self.page))

    def _publish(self, page: Path) -> str:
        wanted = {*(("faults", one.name) for one in self.faults), *(("odd", one.name) for one in self.odd)}
        if missing := wanted - {one for one, ran in self.ran.items() if ran.passed}:
            return f"{page} is as it was: {len(missing)} servers were not run, or not judged as they should be"
        page.write_text(self._page(), encoding="utf-8")
        return f"written: {page}"

    def _wrong(self, kind: str, servers: Sequence[Any]) -> list[Any]:
        return [one for one in servers if (kind, one.name) in self.ran and not self.ran[kind, one.name].passed]

    def _count(self, kind: str) -> int:
        return sum(one == kind and name != "none" for one, name in self.ran)

    def _by_clause(self) -> list[tuple[Clause, list[Any]]]:
        return [(one, [fault for fault in self.faults if fault.clauses[0] == one.id]) for one in all_clauses()]

    def _cell(self, fault: Any) -> str:
        passed = self.ran["faults", fault.name].passed
        return f"{'' if passed else 'MISSED '}{fault.name}{'*' if fault.name in self.whole else ''}"

    def _page(self) -> str:
        text, section = HEAD.format(version=__version__, faults=len(self.faults), odd=len(self.odd)), None
        for clause, faults in self._by_clause():
            if not faults:
                continue
            if clause.section != section:
                section = clause.section
                text += TABLE.format(section=section)
            for number, fault in enumerate(faults):
                text += f"| {_head(clause) if number == 0 else ''} | {' | '.join(self._row(fault))} |\n"
        text += RIGHT
        for server in self.odd:
            passed = sum(verdict == "pass" for verdict in self.ran["odd", server.name].verdicts.values())
            text += f"| `{server.name}` | {_cell(server.note)} | {passed} |\n"
        return text

    def _row(self, fault: Any) -> tuple[str, ...]:
        ran = self.ran["faults", fault.name]
        root = ran.caught(fault.clauses)
        assert root is not None
        folded = {*ran.roots.get(root, ())}
        apart = {*ran.roots, *(one for others in ran.roots.values() for one in others)} - folded - {root}
        name = f"**`{fault.name}`**" if fault.name in self.whole else f"`{fault.name}`"
        elsewhere = "" if root == fault.clauses[0] else f" {_short(root)}"
        return name, _cell(fault.note), f"{ran.verdicts[root]}{elsewhere}", _listed(folded), _listed(apart)


def _listed(clauses: set[str]) -> str:
    return " ".join(_short(one.id) for one in all_clauses() if one.id in clauses)


def _head(clause: Clause) -> str:
    level = "" if clause.level is Level.MUST else f"{clause.level}: "
    return f"{_short(clause.id)} {level}{_cell(clause.title)}"


def _short(clause_id: str) -> str:
    return clause_id.removeprefix(PREFIX)


def _cell(text: str) -> str:
    """The text in a cell of a table, where what Markdown would take for its own is escaped."""
    return "".join(f"\\{c}" if c in "\\|<>*_[]" else c for c in text)
