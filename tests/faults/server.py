"""Runs the plain TCRP server with one fault: `python server.py --fault NAME`; `--list` shows them all."""

from __future__ import annotations

from registry import FAULTS, main

MODULES = (
    "activity",
    "bounds",
    "capacity",
    "chat",
    "commands",
    "control",
    "corners",
    "datagrams",
    "fatal",
    "frame",
    "hearing",
    "identity",
    "idling",
    "joining",
    "languages",
    "leaving",
    "lenient",
    "malformed",
    "messages",
    "names",
    "outgoing",
    "parting",
    "passwords",
    "payload",
    "refusals",
    "remembering",
    "rooms",
    "staying_up",
)
"""Each registers its faults."""

if __name__ == "__main__":
    main("fault", FAULTS, MODULES)
