"""Runs the plain TCRP server with one fault: `python server.py --fault NAME`. `--list` shows them all."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # the folder that holds the package `tests`
    from tests.faults.registry import FAULTS, main

    main("fault", FAULTS, "faults")
