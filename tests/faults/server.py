"""Runs the plain TCRP server with one fault: `python server.py --fault NAME`; `--list` shows them all."""

from __future__ import annotations

import activity  # noqa: F401  (each of these registers its faults)
import bounds  # noqa: F401
import capacity  # noqa: F401
import chat  # noqa: F401
import commands  # noqa: F401
import control  # noqa: F401
import datagrams  # noqa: F401
import fatal  # noqa: F401
import frame  # noqa: F401
import hearing  # noqa: F401
import identity  # noqa: F401
import idling  # noqa: F401
import joining  # noqa: F401
import languages  # noqa: F401
import leaving  # noqa: F401
import lenient  # noqa: F401
import malformed  # noqa: F401
import messages  # noqa: F401
import names  # noqa: F401
import outgoing  # noqa: F401
import passwords  # noqa: F401
import payload  # noqa: F401
import remembering  # noqa: F401
import rooms  # noqa: F401
import staying_up  # noqa: F401
from registry import FAULTS, main

if __name__ == "__main__":
    main("fault", FAULTS)
