"""Our own server with one fault: `python server.py FAULT --dialect NAME ...`, with the options of `tcrp-server`."""

import sys
from pathlib import Path
from typing import Any

import reference_server.control
import reference_server.server
from reference_server import cli
from reference_server.control import Connection
from relay import Relay
from tcrp.dialects import Dialect


def main(name: str, words: list[str]) -> int:
    """Start the server with a class of this fault in place of its own. The exit code."""
    from tests.broken.faults import FAULTS, WrongDialect

    instead = FAULTS[name].instead
    if issubclass(instead, Relay):
        vars(reference_server.server)["Relay"] = instead
    elif issubclass(instead, Connection):
        vars(reference_server.control)["Connection"] = instead
    else:
        assert issubclass(instead, WrongDialect)

        class Server(reference_server.server.Server):
            def __init__(self, dialect: Dialect, *others: Any, **named: Any) -> None:
                wrong: Any = instead(dialect)
                super().__init__(wrong, *others, **named)

        vars(cli)["Server"] = Server
    return cli.main(words)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # the folder that holds the package `tests`
    sys.exit(main(sys.argv[1], sys.argv[2:]))
