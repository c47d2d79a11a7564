"""Our own server with one fault: `python server.py FAULT --dialect NAME ...`; what follows is as of `tcrp-server`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from broken import FAULTS, Spoken

import reference_server.control
import reference_server.server
from reference_server import cli
from reference_server.control import Connection
from relay import Relay
from tcrp.dialects import Dialect


def main(name: str, words: list[str]) -> int:
    """Start it with this class in place of the server's own. The exit code."""
    instead = FAULTS[name].instead
    if issubclass(instead, Relay):
        reference_server.server.Relay = instead  # type: ignore[misc]
    elif issubclass(instead, Connection):
        reference_server.control.Connection = instead  # type: ignore[misc]
    else:
        assert issubclass(instead, Spoken)

        class Server(reference_server.server.Server):
            def __init__(self, dialect: Dialect, *others: object, **named: object) -> None:
                super().__init__(instead(dialect), *others, **named)  # type: ignore[arg-type]

        cli.Server = Server  # type: ignore[misc]
    return cli.main(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
