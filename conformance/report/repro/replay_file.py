"""A finding as a file, and its conversation held again: the same bytes, but for the tokens, which the server gives."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from conformance.client.bench import Bench
from conformance.client.drawing import Drawing
from conformance.engine.rerun.attempt import Attempt, Play, Trial, attempt, drawn_by, of_text, play_at
from conformance.net.control import through_proxy
from conformance.net.pacing import Waits
from conformance.net.target import Target, Unreachable
from conformance.outcome.findings import Evidence, TargetLost
from conformance.trace.names import NameState, names
from conformance.trace.recording import Step, Steps
from conformance.trace.text import as_json_text
from tcrp import Dialect, dialects

SCHEMA = 1
_REAL = (float, float | None)


class Replay(NamedTuple):
    """What a replay file holds. `target` and `command`: where it was found, as the command line named it. `tls`: the
    server spoke TLS.
    """

    clause: str
    expected: str
    actual: str
    play: str
    example: str
    names: NameState
    dialect: str
    target: str | None
    command: str | None
    idle_timeout: float | None
    timeout: float | None
    round_trip: float
    registers_by_chat: bool
    seed: int
    steps: Steps
    tls: bool

    def as_json(self) -> str:
        row = {
            "schema": SCHEMA,
            **self._asdict(),
            "names": list(self.names),
            "steps": [step.as_dict() for step in self.steps],
        }
        return as_json_text(row)

    @classmethod
    def of_finding(cls, clause: str, expected: str, actual: str, evidence: Evidence, bench: Bench, seed: int, *,
                   target: str | None, command: str | None) -> "Replay":  # fmt: skip
        """What repeats this finding, as the run that found it was made."""
        context = bench.context
        return cls(
            clause=clause, expected=expected, actual=actual, play=evidence.play, example=evidence.example,
            names=evidence.names, dialect=dialects.to_text(bench.dialect), target=target, command=command,
            idle_timeout=context.idle_timeout, timeout=bench.waits.fixed, round_trip=round(bench.waits.round_trip, 6),
            registers_by_chat=context.registers_by_chat, seed=seed, steps=evidence.steps,
            tls=bench.target.tls is not None,
        )  # fmt: skip


def read(path: Path) -> Replay:
    """The replay in a file. ValueError, in one line that names the file, for whatever is none."""
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no replay file: {error}") from None
    if not isinstance(row, dict) or row.pop("schema", None) != SCHEMA or row.keys() != set(Replay._fields):
        raise ValueError(
            f"{path} is no replay file of schema {SCHEMA}: replay files lie in the report's folder findings/"
        )
    try:
        read = Replay(**{**row, "names": NameState(*row["names"]), "steps": tuple(map(Step.of_dict, row["steps"]))})
    except KeyError as error:
        raise ValueError(f"{path} is no replay file: a step has no {error}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is no replay file: {error}") from None
    for part in (read, read.names):
        for name, kind in get_type_hints(type(part)).items():
            value = getattr(part, name)
            if kind != Steps and kind is not NameState and not isinstance(value, int | kind if kind in _REAL else kind):
                raise ValueError(f"{path} is no replay file: {name} is {value!r:.60}, a {type(value).__name__}")
    return read


def hold(replay: Replay, dialect: Dialect, target: Target, runs: int, told: Callable[[Attempt], None]) -> list[Attempt]:
    """Hold the conversation `runs` times on the endpoint, which is running. Unreachable if nobody is there, LookupError
    if the suite has the conversation no more, ValueError if it takes other arguments.

    A server that can be is started anew each time and hears the same bytes. On another rooms of the first time may
    still stand: if the same names fail, only what names of the same size show is believed.
    """
    play, example = play_at(replay.play), of_text(replay.example)
    if (takes := drawn_by(play)) != example.keys():
        raise ValueError(f"the test {replay.play} takes {_named(takes)}, and the file has {_named(example)}")
    drawing = Drawing(seed=replay.seed)
    bench = Bench(target, dialect, Waits(replay.timeout), replay.idle_timeout, drawing)
    if bench.context.proxy is not None:
        bench.context.path = through_proxy(bench.context.proxy, target.server)
    bench.context.registers_by_chat = replay.registers_by_chat
    if replay.round_trip:
        bench.waits.measured(replay.round_trip)
    found: list[Attempt] = []
    for number in range(runs):
        if number and target.renewable:
            target.restart()
            bench.forget()
        again = _once(bench, play, example, replay.names if target.renewable or not number else None, number)
        if isinstance(again.found, TargetLost) and not again.steps and not number:
            raise Unreachable(str(again.found))
        if again.failed and not target.renewable and not number and runs > 1:
            continue
        told(again)
        found.append(again)
    return found


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _once(bench: Bench, play: Play, example: dict[str, Any], state: NameState | None, number: int) -> Attempt:
    if state is None:
        bench.shared.drop()
        names.renew()
    else:
        names.set(state)
    with bench.repetition(number):
        return attempt(bench, Trial(play, example, names.state()))
