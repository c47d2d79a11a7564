"""Runs a server of another dialect: `python server.py DIALECT [NAME]`, right, or as the variant NAME has it."""

import argparse
import sys
from pathlib import Path


def main() -> None:
    """Serve until a signal comes."""
    from tests.spoken import odd, variants, wrong

    table = {**variants.WRONG, **variants.ODD}
    assert {odd.__name__, wrong.__name__} <= set(sys.modules)  # which register them
    parser = argparse.ArgumentParser()
    parser.add_argument("dialect", choices=variants.RIGHT)
    parser.add_argument("name", nargs="?", choices=table)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--idle-timeout", type=float, default=60.0, metavar="SECONDS")
    arguments = parser.parse_args()
    made = variants.server(arguments.dialect, table[arguments.name] if arguments.name else None)
    made(arguments.host, 0, 0, arguments.idle_timeout).run()


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # the folder that holds the package `tests`
    main()
