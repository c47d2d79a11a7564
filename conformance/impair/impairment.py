"""What `--impair` asks for, and what becomes of one datagram on such a path."""

import random
import re
from collections import Counter
from typing import NamedTuple

LARGEST = 65_507
"""Bytes: the largest UDP datagram over IPv4."""
LEAST_MTU = 128
MOST_SECONDS = 2.0
"""Upper bound of `delay`: beyond it no handshake of this protocol is in time."""
MOST_PERCENT = 90.0
LATE_SECONDS = 0.02
"""Upper bound of what reordering or doubling delays a copy by."""
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
FORM = "loss=2%,dup=5%,reorder=20%,delay=20ms,mtu=1472,nat,seed=1"
NAT_BOTH, NAT_UDP = "both", "udp"


class Impairment(NamedTuple):
    """A path. `loss`, `dup`, `reorder`: parts of 1, of the datagrams of each direction; `delay`: seconds, each way;
    `mtu`: bytes of the largest datagram that is carried; `nat`: for "both" all clients have one address, for "udp"
    their datagrams have; "" for none; `seed`: of what is drawn.
    """

    loss: float = 0.0
    dup: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    mtu: int = LARGEST
    nat: str = ""
    seed: int = 0

    def __str__(self) -> str:
        parts = [f"{name}={100 * getattr(self, name):g}%" for name in ("loss", "dup", "reorder") if getattr(self, name)]
        if self.delay:
            parts.append(f"delay={1000 * self.delay:g}ms")
        if self.mtu < LARGEST:
            parts.append(f"mtu={self.mtu}")
        if self.nat:
            parts.append("nat" if self.nat == NAT_BOTH else "nat=udp")
        return ",".join([*parts, f"seed={self.seed}"])


def parse_impairment(text: str) -> Impairment:
    """Parse the value of `--impair`. Raises ValueError; its message is one line that names the field, the value and the
    limit.
    """
    said: dict[str, float | int | str] = {}
    for part in text.split(","):
        name, equals, value = (word.strip() for word in part.partition("="))
        if name in said:
            raise ValueError(f"--impair: {name} is given twice")
        if name in ("loss", "dup", "reorder"):
            said[name] = _percent(name, value)
        elif name == "delay":
            said[name] = _seconds(value)
        elif name == "mtu":
            said[name] = _whole(name, value, LEAST_MTU, LARGEST, "bytes of a datagram")
        elif name == "seed":
            said[name] = _whole(name, value, 0, (1 << 32) - 1, "a whole number")
        elif name == "nat" and value in (("",) if not equals else (NAT_BOTH, NAT_UDP)):
            said[name] = value or NAT_BOTH
        elif name == "nat":
            raise ValueError(f"--impair: nat is {value!r}: write nat or nat=udp")
        else:
            raise ValueError(f"--impair: there is no field {name!r}: write, for example, {FORM}")
    return Impairment(**said)  # type: ignore[arg-type]


def _percent(name: str, value: str) -> float:
    number = _number(value.removesuffix("%"))
    if number is None or not value.endswith("%") or not 0 <= number <= MOST_PERCENT:
        raise ValueError(f"--impair: {name} is {value!r}: a percentage from 0% to {MOST_PERCENT:g}%, such as 2%")
    return number / 100


def _seconds(value: str) -> float:
    found = re.fullmatch(r"([0-9.]+)(us|ms|s)", value)
    number = _number(found[1]) if found else None
    if found is None or number is None or not 0 <= (seconds := number * UNITS[found[2]]) <= MOST_SECONDS:
        raise ValueError(f"--impair: delay is {value!r}: a time from 0ms to {1000 * MOST_SECONDS:g}ms, such as 20ms")
    return seconds


def _whole(name: str, value: str, least: int, most: int, what: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 11 and least <= int(value) <= most):
        raise ValueError(f"--impair: {name} is {value!r}: {what}, from {least} to {most}")
    return int(value)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text) else None


class Direction:
    """One direction of the path. `counts`: what has become of its datagrams so far."""

    def __init__(self, impairment: Impairment, name: str) -> None:
        self._impairment = impairment
        self._random = random.Random(f"{impairment.seed} {name}")
        self.counts: Counter[str] = Counter(sent=0, lost=0, doubled=0, reordered=0, too_large=0, overflow=0)

    def copies(self, size: int) -> list[float]:
        """Seconds after which each copy of a datagram of so many bytes goes on; none if it is dropped."""
        asked, counts = self._impairment, self.counts
        lost, doubled, late, by, again = (self._random.random() for _ in range(5))  # always as many: a seed repeats
        counts["sent"] += 1
        if size > asked.mtu:
            counts["too_large"] += 1
            return []
        if lost < asked.loss:
            counts["lost"] += 1
            return []
        after = [asked.delay]
        if late < asked.reorder:
            counts["reordered"] += 1
            after[0] += by * LATE_SECONDS
        if doubled < asked.dup:
            counts["doubled"] += 1
            after.append(asked.delay + again * LATE_SECONDS)
        return after
