"""A cause as reports tell it: everything that its reader can act on, and the files that repeat it."""

from pathlib import Path
from typing import Any

from conformance.causes import Cause
from conformance.clauses import PREFIX
from conformance.dump import messages
from conformance.findings import Check, Evidence
from conformance.ladder import ladder
from conformance.recording import Step
from conformance.replay import Replay
from conformance.script import script
from conformance.session import Session
from conformance.verdicts import Judgement

FOLDER = "findings"


class Findings:
    """Turns causes into the `findings` of report.json, and writes their replay files and scripts beside it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._bench = session.bench

    def rows(self, causes: list[Cause], folder: Path) -> list[dict[str, Any]]:
        """One row a cause. OSError if the files cannot be written."""
        written = folder / FOLDER
        if written.is_dir():
            for old in (*written.glob("*.json"), *written.glob("*.py")):
                old.unlink()
        return [self._row(number, cause, folder) for number, cause in enumerate(causes, 1)]

    def _row(self, number: int, cause: Cause, folder: Path) -> dict[str, Any]:
        root = cause.root
        outcome = root.outcome
        assert outcome is not None
        evidence = outcome.evidence or Evidence()
        steps = tuple(map(Step.of_dict, evidence.steps))
        data = None if outcome.data is None else bytes.fromhex(outcome.data)
        replay, written = self._files(root, evidence, folder) if steps else (None, None)
        failed, total = root.runs
        return {
            "number": number,
            **_head(root),
            "quote": root.clause.quote,
            "test": outcome.test.rpartition("::")[2].removeprefix("test_").replace("_", " "),
            "message": outcome.message,
            "bytes": outcome.data,
            "example": None if evidence.example == "{}" else evidence.example,
            "runs": {"failed": failed, "total": total},
            "hinge": evidence.hinge,
            "advice": evidence.advice,
            "conversation": list(evidence.steps),
            "ladder": ladder(steps, dialect=self._bench.dialect),
            "messages": messages(steps, self._bench.dialect, data, evidence.at, outcome.actual or ""),
            "output": list(evidence.output),
            "replay": replay,
            "script": written,
            "also": [_head(one) for one in cause.also],
        }

    def _files(self, root: Judgement, evidence: Evidence, folder: Path) -> tuple[str, str | None]:
        """Paths of the replay and of the script, relative to the report."""
        outcome, name = root.outcome, root.clause.id.removeprefix(PREFIX)
        assert outcome is not None
        expected, actual = outcome.expected or "", outcome.actual or ""
        replay = Replay.of_finding(
            root.clause.id, expected, actual, evidence, self._bench, self._session.seed,
            target=self._session.given, command=self._session.command,
        )  # fmt: skip
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        path = folder / FOLDER / f"{name}.json"
        path.write_text(replay.as_json(), encoding="utf-8")
        endpoint = self._bench.target.endpoint
        text = script(
            replay.steps, endpoint.host, endpoint.tcp, endpoint.udp, title=f"{root.clause.id}: {root.clause.title}",
            quote=root.clause.quote, expected=expected, actual=actual, check=_check(evidence),
            dialect=self._bench.dialect,
        )  # fmt: skip
        if not text:
            return f"{FOLDER}/{path.name}", None
        path.with_suffix(".py").write_text(text, encoding="utf-8")
        return f"{FOLDER}/{path.name}", f"{FOLDER}/{name}.py"


def _check(evidence: Evidence) -> Check | None:
    if evidence.check is None:
        return None
    kind, who, mark, statuses, token, close = evidence.check
    return Check(kind, who, mark if isinstance(mark, bytes) else bytes.fromhex(mark), tuple(statuses), token, close)


def _head(judgement: Judgement) -> dict[str, Any]:
    found = judgement.outcome
    return {
        "clause": judgement.clause.id,
        "level": str(judgement.clause.level),
        "title": judgement.clause.title,
        "verdict": str(judgement.verdict),
        "expected": found.expected if found else None,
        "actual": found.actual if found else None,
    }
