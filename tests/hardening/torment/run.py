"""Runs one attack on a server of its own, while the canaries use it, and judges what they observed."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tcrp import dialects
from tests.certificates import Certificates
from tests.hardening.kernel import drops_at
from tests.hardening.torment.aim import Attack
from tests.hardening.torment.canary import Canaries, Observed
from tests.hardening.victim import Victim

MESSAGE_SECONDS: Final = 1.0
"""Within which every message of the canaries must arrive."""
REQUEST_SECONDS: Final = 2.0
"""Within which whoever creates and joins must have a token."""
MAX_GROWTH: Final = 256 << 20
"""Bytes that the server's memory may grow by."""
MAX_LOG: Final = 16 << 20
"""Bytes of log that one attack may cause, without debug lines."""


class Result(NamedTuple):
    """What an attack did, what the canaries observed meanwhile, and what became of the server.

    `grown`: bytes that its memory grew by at most. `logged`: bytes. `problems`: what is wrong, whatever the time it
    took; `late`: what took too long.
    """

    attack: Attack
    did: dict[str, int]
    observed: Observed
    grown: int
    logged: int
    problems: list[str]

    @property
    def late(self) -> list[str]:
        """What took longer than it may."""
        found = []
        if self.observed.waits and max(self.observed.waits) > MESSAGE_SECONDS:
            found.append(f"a message took {max(self.observed.waits):.2f} s")
        if self.observed.took and max(self.observed.took) > REQUEST_SECONDS:
            found.append(f"a request took {max(self.observed.took):.2f} s")
        return found


def torment(attack: Attack, folder: Path, seconds: float, most: int = sys.maxsize) -> Result:
    """Attack for so many seconds, or so many steps."""
    certificates = Certificates.made_in(folder)
    options = ["--exempt", "none", "--dialect", attack.dialect, *attack.options]
    options += certificates.options if attack.tls else ()
    victim = Victim(folder, *options, files=attack.files, log_is_read=attack.log_is_read)
    problems: list[str] = []
    did: dict[str, int] = {}
    peak = before = victim.memory()
    observed = Observed()
    try:
        canaries = Canaries(
            victim.endpoint,
            dialect=None if attack.dialect == dialects.DEFAULT else dialects.get(attack.dialect),
            tls=certificates.context if attack.tls else None,
            password="secret" if attack.password else None,
            visiting=attack.visitors,
        )
        observed = canaries.observed
        with canaries, _attacker(attack, victim, seconds, most) as attacker, _reloads(attack, victim):
            while attacker.poll() is None:
                peak = max(peak, victim.memory())
                _pause(attacker)
            did = json.loads(attacker.stdout.read() if attacker.stdout else "{}")
    except Exception as error:
        problems.append(f"{type(error).__name__}: {error}")
    ended, dropped = victim.process.poll(), drops_at(victim.endpoint.udp or 0)
    code = victim.end()
    log = victim.logged()
    if ended is not None or code != 0:
        problems.append(f"the server ended with {code}")
    if b"Traceback" in log:
        problems.append("a traceback is in the log")
    if peak - before > MAX_GROWTH:
        problems.append(f"the memory grew by {(peak - before) >> 20} MiB")
    if len(log) > MAX_LOG:
        problems.append(f"{len(log) >> 20} MiB were logged")
    if observed.lost:
        why = f", and the system dropped {dropped:,} datagrams before the server read them" if dropped else ""
        problems.append(f"{observed.lost} of {observed.messages} messages did not arrive{why}")
    if did.get("the third party heard"):
        problems.append(f"a third party heard {did['the third party heard']} datagrams")
    problems += list(dict.fromkeys(observed.troubles))[:3]
    return Result(attack, did, observed, peak - before, len(log), problems)


@contextmanager
def _attacker(attack: Attack, victim: Victim, seconds: float, most: int) -> Iterator[subprocess.Popen[str]]:
    where = victim.endpoint
    words = [where.host, where.tcp, where.udp, victim.metrics, seconds, most]
    command = [sys.executable, "-m", "tests.hardening.torment.attacks", attack.name, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it begins
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def _reloads(attack: Attack, victim: Victim) -> Iterator[None]:
    """Tell the server again and again to read its certificate, if the attack wants it."""
    stopped = threading.Event()

    def tell() -> None:
        while not stopped.wait(0.02):
            os.kill(victim.process.pid, signal.SIGHUP)

    thread = threading.Thread(target=tell, daemon=True)
    if attack.reload:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        if attack.reload:
            thread.join()


def _pause(process: subprocess.Popen[str]) -> None:
    """Wait a little, or until the process ends."""
    try:
        process.wait(0.1)
    except subprocess.TimeoutExpired:
        return
