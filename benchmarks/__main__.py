"""Run the benchmarks named, or all of them: `python -m benchmarks [NAME ...] [--write FILE]`."""

import argparse
from importlib import import_module
from pathlib import Path

from benchmarks.report import as_text, document, progress

NAMES = ("codecs", "relaying", "state", "scale", "startup", "servers", "suite")
"""The benchmarks. Each is a module with a function `run() -> list[Section]`."""


def main() -> None:
    """Run the benchmarks and print each section as soon as it is measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(NAMES)} (all)")
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the results there too, as Markdown")
    options = parser.parse_args()
    if unknown := set(options.names) - {*NAMES}:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(NAMES)}")
    sections = []
    for name in options.names or NAMES:
        progress(name)
        measured = import_module(f"benchmarks.{name}").run()
        sections += measured
        for section in measured:
            print(as_text(section), flush=True)
    if options.write:
        options.write.write_text(document(sections), encoding="utf-8")


if __name__ == "__main__":
    main()
