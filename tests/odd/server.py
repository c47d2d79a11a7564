"""Runs a TCRP server that is right but unusual: `python server.py --odd NAME`. `--list` shows them all.

A suite that reports one of these is wrong.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # the folder that holds the package `tests`
    from tests.faults.registry import ODD, main

    main("odd", ODD, "odd")
