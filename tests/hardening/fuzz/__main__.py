"""`make fuzz SECONDS=600`: all targets, as many at once as there are cores, each in a process of its own.

Exit codes: 0 nothing was found, 1 something was. What fails is left in the folder `.fuzz/findings`, and
`python -m tests.hardening.fuzz --repeat FILE TARGET` repeats it. The inputs of atheris are kept in `.fuzz/corpus`.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.hardening.fuzz import engines

if TYPE_CHECKING:
    from tests.hardening.fuzz.targets import Target

LEAST_SECONDS = 2.0
"""Of one target."""
GRACE_SECONDS = 60.0
"""After its time a process is ended."""
NAMES = (
    "wire", "up", "down", "decode", "text", "file", "server-conversation", "client-conversation", "relay", "server",
    "client",
)  # fmt: skip


class Report(NamedTuple):
    """What became of one target. `found`: the file with the input that fails."""

    target: str
    tried: int
    found: Path | None
    text: str


def main() -> int:
    """Fuzz, and say what was found."""
    options = _parser().parse_args()
    if options.repeat is not None:
        _target(options.only[0], options.plant).run(options.repeat.read_bytes())
        print("it does not fail any more")
        return 0
    if options.child:
        return _fuzz_here(options)
    engine = options.engine or engines.available()
    chosen = options.only or NAMES
    jobs = options.jobs or os.cpu_count() or 1
    seconds = max(LEAST_SECONDS, options.seconds * jobs / len(chosen))
    print(f"{engine}: {len(chosen)} targets, {seconds:.0f} s each, {jobs} at once", flush=True)
    failed = False
    with ThreadPoolExecutor(jobs) as pool:
        for report in pool.map(lambda name: _fuzz(name, engine, seconds, options), chosen):
            failed = failed or report.found is not None
            state = "ok" if report.found is None else f"FAILS: {report.found}"
            print(f"{report.target:20} {report.tried:>12,} inputs  {state}", flush=True)
            if report.found is not None:
                print(f"{report.text}\nagain: python -m tests.hardening.fuzz --repeat {report.found} {report.target}")
    return 1 if failed else 0


def _fuzz(name: str, engine: str, seconds: float, options: argparse.Namespace) -> Report:
    findings = options.folder / "findings" / name
    findings.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    command = [sys.executable, "-m", "tests.hardening.fuzz", "--child", "--engine", engine]
    command += ["--seconds", f"{seconds:g}", "--folder", str(options.folder)]
    command += ["--plant", options.plant] if options.plant else []
    try:
        done = subprocess.run(
            [*command, name],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + GRACE_SECONDS,
            check=False,
        )
        code, text = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired as late:
        code, text = -1, f"it did not end: {late}"
    tried = [int(number) for number in re.findall(r"(?:number_of_executed_units|inputs tried): *(\d+)", text)]
    if code == 0:
        return Report(name, sum(tried), None, text)
    new = sorted(set(findings.iterdir()) - before)
    if not new:
        new = [findings / "output"]
        new[0].write_text(text)
    return Report(name, sum(tried), new[0], "\n".join(text.splitlines()[-30:]))


def _fuzz_here(options: argparse.Namespace) -> int:
    name = options.only[0]
    if options.engine == engines.ATHERIS:
        import atheris

        with atheris.instrument_imports(include=list(engines.PACKAGES)):
            target = _target(name, options.plant)
        engines.run_atheris(
            target, options.seconds, options.folder / "corpus" / name, options.folder / "findings" / name
        )
    target = _target(name, options.plant)
    tried, failing = engines.run_hypothesis(target, options.seconds)
    print(f"inputs tried: {tried}")
    if failing is None:
        return 0
    (options.folder / "findings" / name / f"fails-{sha1(failing).hexdigest()[:12]}").write_bytes(failing)
    return engines.FOUND


def _target(name: str, planted: str | None) -> "Target":
    """Import the code under test only here: atheris instruments what is imported while it looks."""
    from tests.hardening.fuzz.over_sockets import SOCKET_TARGETS
    from tests.hardening.fuzz.planted import plant
    from tests.hardening.fuzz.targets import TARGETS

    if planted is not None:
        plant(planted)
    return {target.name: target for target in (*TARGETS, *SOCKET_TARGETS)}[name]


def _name(text: str) -> str:
    if text not in NAMES:
        raise argparse.ArgumentTypeError(f"there is no target {text!r}: choose from {', '.join(NAMES)}")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.hardening.fuzz", description=__doc__)
    add = parser.add_argument
    add("only", nargs="*", type=_name, metavar="TARGET", help=f"of: {', '.join(NAMES)} (all)")
    add("--seconds", type=float, default=60.0, help="in all (%(default)g)")
    add("--engine", choices=(engines.ATHERIS, engines.HYPOTHESIS), help="atheris if it is installed, else hypothesis")
    add("--jobs", type=int, help="targets at once (as many as there are cores)")
    add("--folder", type=Path, default=Path(".fuzz"), help="for inputs and findings (%(default)s)")
    add("--repeat", type=Path, metavar="FILE", help="run one TARGET on the bytes in a file")
    add("--plant", help="break the code first, to see that the fuzzer finds it: decoder, conversation, server, client")
    add("--child", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
