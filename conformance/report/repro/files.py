"""The files beside a report that repeat its findings: a replay file and a script for each."""

from pathlib import Path

from conformance.engine.session import Session
from conformance.outcome.findings import Evidence
from conformance.outcome.verdicts import Judgement
from conformance.report import formats
from conformance.report.finding_rows import WriteFiles
from conformance.report.repro.replay_file import Replay
from conformance.report.repro.script import script
from conformance.spec.clauses import PREFIX
from conformance.trace.text import as_utf8

FOLDER, DIALECT = "findings", "dialect.toml"


def remove_earlier(folder: Path, *, probed: bool) -> None:
    """Remove from the report's folder what an earlier run has written. `probed`: the dialect file of a probe too, which
    a run that is told its dialect may be about to read. OSError if that cannot be done.
    """
    formats.remove_earlier(folder)
    if probed:
        (folder / DIALECT).unlink(missing_ok=True)
    for old in (*(folder / FOLDER).glob("*.json"), *(folder / FOLDER).glob("*.py")):
        old.unlink()


def no_files(judgement: Judgement, evidence: Evidence) -> tuple[None, None]:
    """Nobody wants files."""
    return None, None


class FindingFiles:
    """Writes the files of one run into the folder of its report. `lost`: why a file could not be written, once."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.lost: OSError | None = None
        self._session = session
        self._folder = folder / FOLDER

    @property
    def writer(self) -> WriteFiles:
        """What writes them: nothing, where the report is redacted, because a replay holds every byte."""
        return no_files if self._session.options.redact else self.write

    def write(self, judgement: Judgement, evidence: Evidence) -> tuple[str | None, str | None]:
        """Paths of the replay file and of the script, relative to the report. There is no script where the dialect's
        tokens cannot be cut out of its replies, and over TLS, and neither where the files cannot be written.
        """
        try:
            return self._write(judgement, evidence)
        except OSError as error:
            self.lost = self.lost or error
            return None, None

    def _write(self, judgement: Judgement, evidence: Evidence) -> tuple[str, str | None]:
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
        path.write_bytes(as_utf8(replay.as_json()))
        endpoint = bench.target.server
        text = script(
            replay.steps, endpoint.host, endpoint.tcp, endpoint.udp or 0, title=f"{clause.id}: {clause.title}",
            quote=clause.quote, expected=expected, actual=actual, check=evidence.check, dialect=bench.dialect,
        )  # fmt: skip
        if not text or replay.tls:
            return f"{FOLDER}/{path.name}", None
        path.with_suffix(".py").write_bytes(as_utf8(text))
        return f"{FOLDER}/{path.name}", f"{FOLDER}/{name}.py"
