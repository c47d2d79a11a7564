"""Servers that are right and that few would write: `python server.py --odd NAME`; `--list` shows them all.

A suite that reports one of these is wrong. They deviate from the plain server in ../faults, within the
protocol.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "faults"))

import odd_chat  # noqa: F401  (each of these registers its servers)
import odd_control  # noqa: F401
import odd_information  # noqa: F401
import odd_sockets  # noqa: F401
import odd_timing  # noqa: F401
import odd_tokens  # noqa: F401
from registry import ODD, main

if __name__ == "__main__":
    main("odd", ODD)
