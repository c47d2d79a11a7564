"""What makes the inputs: atheris, which is led by coverage and needs Linux, or hypothesis, which runs everywhere."""

import hashlib
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

if TYPE_CHECKING:  # atheris instruments what is imported while it looks, so nothing is imported here
    from tests.hardening.fuzz.targets import Target

ATHERIS, HYPOTHESIS = "atheris", "hypothesis"
FOUND: Final = 77
"""The exit code of a process that has found something, as libFuzzer has it."""
ROUND: Final = 200
"""Examples of one round of hypothesis."""
MAX_INPUT: Final = 8192
"""Bytes of an input."""
PACKAGES: Final = ("tcrp", "relay", "reference_server", "reference_client")

_edits = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 3), st.binary(max_size=4)), max_size=6)


def available() -> str:
    """The better engine that is installed."""
    return ATHERIS if find_spec("atheris") else HYPOTHESIS


def run_hypothesis(target: "Target", seconds: float, *, start: int | None = None) -> tuple[int, bytes | None]:
    """Fuzz for so many seconds. Returns how many inputs were tried, and the smallest one that fails, if any does."""
    until = time.monotonic() + seconds
    chance = Random(start)
    tried = 0
    while time.monotonic() < until:
        failing, count = _one_round(target, chance.getrandbits(64))
        tried += count
        if failing is not None:
            return tried, failing
    return tried, None


def run_examples(target: "Target", examples: int) -> None:
    """Try a number of examples. Raises what the target raises, for the smallest input that does."""
    for data in target.seeds:
        target.run(data)
    _settings(examples)(given(inputs(target.seeds))(target.run))()


def _one_round(target: "Target", number: int) -> tuple[bytes | None, int]:
    latest, count = b"", 0

    def once(data: bytes) -> None:
        nonlocal latest, count
        latest = data
        count += 1
        target.run(data)

    wrapped: Callable[[], None] = seed(number)(_settings(ROUND)(given(inputs(target.seeds))(once)))
    try:
        wrapped()
    except Exception:
        traceback.print_exc()
        return latest, count  # hypothesis runs the smallest one last
    return None, count


def _settings(examples: int) -> Any:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def inputs(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Random bytes, and the seeds with a few changes."""
    return st.binary(max_size=200) | st.builds(changed, st.sampled_from(seeds), _edits)


def changed(data: bytes, edits: Sequence[tuple[int, int, bytes]]) -> bytes:
    """The bytes after these edits: replace, insert, remove, repeat."""
    for place, kind, piece in edits:
        at = place % (len(data) + 1)
        match kind:
            case 0:
                data = data[:at] + piece + data[at + len(piece) :]
            case 1:
                data = data[:at] + piece + data[at:]
            case 2:
                data = data[:at] + data[at + 1 + len(piece) :]
            case _:
                data = data[:at] + data[at : at + 8] * (1 + len(piece)) + data[at:]
    return data[:MAX_INPUT]


def run_atheris(target: "Target", seconds: float, corpus: Path, findings: Path) -> None:
    """Fuzz for so many seconds, and end the process: with FOUND if an input fails. It is left in `findings`."""
    import atheris

    corpus.mkdir(parents=True, exist_ok=True)
    for data in target.seeds:
        (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)
    words = [
        sys.argv[0], str(corpus), f"-max_total_time={max(1, round(seconds))}", f"-artifact_prefix={findings}/",
        f"-max_len={MAX_INPUT}", "-timeout=20", "-rss_limit_mb=1500", "-print_final_stats=1", "-use_value_profile=1",
    ]  # fmt: skip
    atheris.Setup(words, target.run)
    atheris.Fuzz()
