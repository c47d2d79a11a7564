"""The files beside a report that repeat its findings: a replay file and a script for each."""

from pathlib import Path

from conformance.engine.session import Session
from conformance.outcome.findings import Evidence
from conformance.outcome.verdicts import Judgement
from conformance.report.repro.replay_file import Replay
from conformance.report.repro.script import script
from conformance.spec.clauses import PREFIX

FOLDER = "findings"


class FindingFiles:
    """Writes the files of one run into the folder of its report. Those of an earlier run are removed."""

    def __init__(self, session: Session, folder: Path) -> None:
        """OSError if the files of an earlier run cannot be removed."""
        self._session = session
        self._folder = folder / FOLDER
        if self._folder.is_dir():
            for old in (*self._folder.glob("*.json"), *self._folder.glob("*.py")):
                old.unlink()

    def write(self, judgement: Judgement, evidence: Evidence) -> tuple[str, str | None]:
        """Paths of the replay file and of the script, relative to the report. There is no script where the dialect's
        tokens cannot be cut out of its replies, and over TLS. OSError if the files cannot be written.
        """
        clause, outcome, bench = judgement.clause, judgement.outcome, self._session.bench
        assert outcome is not None
        name = clause.id.removeprefix(PREFIX)
        expected, actual = outcome.expected or "", outcome.actual or ""
        options = self._session.options
        replay = Replay.of_finding(
            clause.id, expected, actual, evidence, bench, options.seed, target=options.given, command=options.command
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{name}.json"
        path.write_text(replay.as_json(), encoding="utf-8")
        endpoint = bench.target.endpoint
        text = script(
            replay.steps, endpoint.host, endpoint.tcp, endpoint.udp, title=f"{clause.id}: {clause.title}",
            quote=clause.quote, expected=expected, actual=actual, check=evidence.check, dialect=bench.dialect,
        )  # fmt: skip
        if not text or replay.tls:
            return f"{FOLDER}/{path.name}", None
        path.with_suffix(".py").write_text(text, encoding="utf-8")
        return f"{FOLDER}/{path.name}", f"{FOLDER}/{name}.py"
