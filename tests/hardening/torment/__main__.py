"""`make torment`: every attack for some seconds, and what others of the server had of it.

Exit codes: 0 every message of the canary room arrived within a second and every request of another address succeeded
within two, 1 not so. The attacks come from loopback addresses, of which Linux has as many as one likes, and which the
server does not exempt here (`--exempt none`).
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hardening.torment.attacks import ATTACKS
from tests.hardening.torment.canary import can_bind
from tests.hardening.torment.run import Result, torment


def main() -> int:
    """Run the attacks, one line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.hardening.torment", description=__doc__)
    names = [attack.name for attack in ATTACKS]
    parser.add_argument("names", nargs="*", metavar="ATTACK", help=f"of: {', '.join(names)} (all)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each attack (%(default)g)")
    options = parser.parse_args()
    if unknown := set(options.names) - {*names}:
        parser.error(f"no attack {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    if not can_bind("127.0.0.2"):
        parser.error("this machine has no 127.0.0.2, from which to attack")
    print(f"{'attack':14} {'messages':>9} {'longest':>8} {'requests':>9} {'longest':>8} {'memory':>8}  what it did")
    failed = False
    for attack in ATTACKS:
        if options.names and attack.name not in options.names:
            continue
        with TemporaryDirectory() as folder:
            result = torment(attack, Path(folder), options.seconds)
        wrong = [*result.problems, *result.late]
        failed = failed or bool(wrong)
        print(line(result), flush=True)
        for problem in wrong:
            print(f"{'':14} FAILS: {problem}", flush=True)
    return 1 if failed else 0


def line(result: Result) -> str:
    """A row of the table."""
    observed = result.observed
    did = ", ".join(f"{what} {count:,}" for what, count in result.did.items())
    return (
        f"{result.attack.name:14} {len(observed.waits):>4}/{observed.messages:<4} {longest(observed.waits):>8} "
        f"{len(observed.took):>9} {longest(observed.took):>8} {f'+{result.grown >> 20} MiB':>8}  {did}"
    )


def longest(seconds: list[float]) -> str:
    """The longest time, in ms."""
    return f"{1000 * max(seconds):.0f} ms" if seconds else "-"


if __name__ == "__main__":
    sys.exit(main())
