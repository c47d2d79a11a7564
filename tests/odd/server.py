"""Servers that are right and that few would write: `python server.py --odd NAME`; `--list` shows them all.

A suite that reports one of these is wrong. They deviate from the plain server in ../faults, within the
protocol.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "faults"))

from registry import ODD, main

MODULES = ("odd_chat", "odd_control", "odd_information", "odd_sockets", "odd_timing", "odd_tokens")
"""Each registers its servers."""

if __name__ == "__main__":
    main("odd", ODD, MODULES)
