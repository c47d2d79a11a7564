"""Hundreds of runs of `tcrp-conformance`, each in a process of its own, forked from one that has it imported already:
importing takes longer than most of the runs.
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from functools import cache
from multiprocessing import forkserver
from pathlib import Path

import pytest

_context = multiprocessing.get_context("forkserver")


@cache
def _start() -> None:
    _context.set_forkserver_preload(["warm"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        forkserver.ensure_running()


def run(words: Sequence[str], folder: Path) -> tuple[int, str]:
    """What `tcrp-conformance` with these words, in this folder, exits with and says on both streams."""
    _start()
    said = folder / "said.txt"
    process = _context.Process(target=_run, args=([*words], str(folder), str(said)))
    process.start()
    try:
        process.join()
    finally:
        process.kill()  # where the test has run out of time
    assert process.exitcode is not None
    return process.exitcode, said.read_text(encoding="utf-8", errors="replace")


def _run(words: list[str], folder: str, said: str) -> None:
    os.chdir(folder)
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(out, stream)
    from conformance.cli import main

    sys.exit(main(words))
