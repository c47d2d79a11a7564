"""The short form of `make fuzz`, and the proof that it finds what it is for."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.hardening.fuzz import engines, over_sockets
from tests.hardening.fuzz.__main__ import NAMES
from tests.hardening.fuzz.chunks import Chunks, piece
from tests.hardening.fuzz.planted import PLANTS
from tests.hardening.fuzz.targets import TARGETS, Target

EXAMPLES = 150
ALL = (*TARGETS, *over_sockets.SOCKET_TARGETS)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def closed() -> Iterator[None]:
    """After the test no server of a target runs any more."""
    yield
    over_sockets.close()


def fuzz(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.hardening.fuzz", "--folder", str(folder), "--jobs", "1", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.name)
def test_nothing_is_found_in_a_few_examples(target: Target, closed: None) -> None:
    engines.run_examples(target, EXAMPLES)


def test_every_target_is_run() -> None:
    assert [target.name for target in ALL] == list(NAMES)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found_within_a_minute(plant: str, tmp_path: Path) -> None:
    _, target = PLANTS[plant]
    done = fuzz("--engine", "hypothesis", "--seconds", "60", "--plant", plant, target, folder=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    (found,) = (tmp_path / "findings" / target).iterdir()
    again = fuzz("--repeat", str(found), "--plant", plant, target, folder=tmp_path)
    assert again.returncode == 1
    assert "Error" in again.stderr
    assert fuzz("--repeat", str(found), target, folder=tmp_path).returncode == 0


@pytest.mark.timeout(180)
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed: pip install -e '.[fuzz]'")
@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found_by_atheris_within_a_minute(plant: str, tmp_path: Path) -> None:
    _, target = PLANTS[plant]
    done = fuzz("--engine", "atheris", "--seconds", "60", "--plant", plant, target, folder=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILS: " in done.stdout


def test_nothing_found_is_exit_0_and_says_how_much_was_tried(tmp_path: Path) -> None:
    done = fuzz("--engine", "hypothesis", "--seconds", "2", "up", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    target, tried, what, state = done.stdout.splitlines()[-1].split()
    assert (target, what, state) == ("up", "inputs", "ok")
    assert int(tried.replace(",", "")) > 0


def test_bytes_are_taken_apart() -> None:
    chunks = Chunks(b"\x07" + piece(b"abc") + b"rest")
    assert (chunks.number(5), chunks.piece(), chunks.left(), chunks.rest()) == (2, b"abc", True, b"rest")
    assert (chunks.number(5), chunks.piece(), chunks.left()) == (0, b"", False)


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        ((1, 0, b"XY"), b"aXYd"),
        ((4, 1, b"XY"), b"abcdXY"),
        ((1, 2, b"X"), b"ad"),
        ((2, 3, b""), b"abcdcd"),
        ((5, 1, b"X"), b"Xabcd"),
    ],
)
def test_seeds_are_changed(edit: tuple[int, int, bytes], found: bytes) -> None:
    assert engines.changed(b"abcd", [edit]) == found
