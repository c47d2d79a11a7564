"""`--shard I/N` divides the tests: each test is in one part, and always in the same."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def collect(*words):
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    return subprocess.run([*command, *words, "tests/test_imports.py"], capture_output=True, text=True, cwd=ROOT)


def node_ids(*words):
    done = collect(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_each_test_is_in_one_part():
    parts = [node_ids("--shard", f"{number}/3") for number in (1, 2, 3)]
    assert all(parts)
    assert sorted(node_id for part in parts for node_id in part) == sorted(node_ids())


@pytest.mark.parametrize("shard", ["0/4", "5/4", "1", "x/2", "1/0", "-1/2"])
def test_a_part_that_does_not_exist_is_refused(shard):
    done = collect(f"--shard={shard}")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"{shard!r} is not I/N, such as 1/4 to 4/4" in done.stderr
