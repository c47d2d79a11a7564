"""Measuring a path between two sockets of our own: one sends as a client does, one stands where the server is."""

import contextlib
import select
import socket
import struct
import time
from collections.abc import Callable

from conformance.impair.proxy import Proxy
from conformance.net.path import CONTROL, KEEPS, MERGES, UNBOUNDED, UNSURE, Path
from tcrp import Address
from tcrp.endpoint import Endpoint

NUMBER = struct.Struct("!I")
PROXY_DATAGRAMS, LOOPBACK_DATAGRAMS = 600, 200
BURST = 20
BURST_SECONDS = 0.001
"""Between two bursts through a proxy, whose thread must have its turn."""
QUIET_SECONDS = 0.03
"""After so long without a datagram, beyond the round trip, the rest is lost."""
LARGEST = 24_500
"""Bytes. The suite sends nothing larger; a path that carries it is taken to carry everything."""
SMALLEST = 64
SIZES = 12
"""Sizes that are tried at once."""
COPIES = 8
"""Of each size: enough for a path that loses a sixth."""
OTHER_SOURCE = "127.0.0.2"

Send = Callable[[bytes], object]


class Arrivals:
    """Numbered datagrams as they come in at one end."""

    def __init__(self, sent: int) -> None:
        self.sent = sent
        self.came: dict[int, float] = {}
        self.extra = 0
        self.overtaken = 0
        self.latest = 0.0
        self._last = -1

    def take(self, number: int, age: float) -> None:
        """This one has come, so many seconds after it was sent."""
        self.latest = max(self.latest, age)
        if number in self.came:
            self.extra += 1
            return
        self.came[number] = age
        self.overtaken += number < self._last
        self._last = max(self._last, number)

    @property
    def loss(self) -> float:
        """As a part of 1."""
        return 1 - len(self.came) / self.sent if self.sent else 0.0

    @property
    def late(self) -> float:
        """Seconds between the quickest and the slowest."""
        return self.latest - min(self.came.values(), default=self.latest)


def through_proxy(proxy: Proxy, server: Endpoint) -> Path:
    """The path through this proxy, which leads to that server afterwards."""
    host, port = proxy.endpoint.host, proxy.endpoint.udp
    assert port is not None
    with _bound(host) as there:
        proxy.aim(Endpoint(host, None, there.getsockname()[1]))
        try:
            return _measured((host, port), there, PROXY_DATAGRAMS, BURST_SECONDS)
        finally:
            proxy.aim(server)


def over_loopback(host: str) -> Path:
    """The path between two sockets on this address of the machine itself."""
    with _bound(host) as there:
        return _measured(there.getsockname()[:2], there, LOOPBACK_DATAGRAMS, 0.0)


def _measured(to: Address, there: socket.socket, count: int, pause: float) -> Path:
    with _bound(to[0]) as here:
        up, back = _carried(lambda data: here.sendto(data, to), there, count, pause)
        if back is None:
            return Path(CONTROL, count, loss_up=0.9, loss_down=0.9)
        down, _ = _carried(lambda data: there.sendto(data, back), here, count, pause)
        largest_up = _largest(lambda data: here.sendto(data, to), there, up.latest)
        largest_down = _largest(lambda data: there.sendto(data, back), here, down.latest)
    both = up.sent + down.sent
    return Path(
        CONTROL, both, up.loss, down.loss, (up.extra + down.extra) / both, (up.overtaken + down.overtaken) / both,
        max(up.late, down.late) if up.overtaken + down.overtaken + up.extra + down.extra else 0.0,
        largest_up, largest_down,
        min(up.came.values(), default=0.0) + min(down.came.values(), default=0.0), _sources(to, there),
    )  # fmt: skip


def _carried(send: Send, end: socket.socket, count: int, pause: float) -> tuple[Arrivals, Address | None]:
    """Numbered datagrams, sent in small bursts with a pause between, and who they came from."""
    arrivals, source, times = Arrivals(count), None, []
    patience = 10 * QUIET_SECONDS
    for number in range(count):
        times.append(time.monotonic())
        with contextlib.suppress(OSError):
            send(NUMBER.pack(number) + bytes(60))
        if number % BURST == BURST - 1:
            source = _take(end, 0.0, arrivals, times) or source
            time.sleep(pause)
    while len(arrivals.came) < count and (came := _take(end, patience, arrivals, times)):
        source, patience = came, QUIET_SECONDS + arrivals.latest
    if arrivals.extra + arrivals.overtaken:  # copies of the last ones
        _take(end, arrivals.latest, arrivals, times)
    return arrivals, source


def _take(end: socket.socket, wait: float, arrivals: Arrivals, times: list[float]) -> Address | None:
    """Take what has come, waiting for the first. Returns from whom the last came."""
    source: Address | None = None
    while select.select([end], [], [], 0.0 if source else wait)[0]:
        with contextlib.suppress(OSError):
            data, (host, port, *_) = end.recvfrom(LARGEST)
            (number,) = NUMBER.unpack_from(data)
            if number < len(times):
                arrivals.take(number, time.monotonic() - times[number])
            source = host, port
    return source


def _largest(send: Send, end: socket.socket, latest: float) -> int:
    """Bytes of the largest datagram that arrives; UNBOUNDED if LARGEST does."""
    good, bad = SMALLEST, LARGEST + 1
    tried = [LARGEST]
    while bad - good > 1:
        for size in tried:
            for _ in range(COPIES):
                with contextlib.suppress(OSError):  # the machine itself may refuse it
                    send(b"\xff" * size)
        wait = QUIET_SECONDS + 2 * latest
        came = 0
        while came < tried[-1] and select.select([end], [], [], wait)[0]:
            with contextlib.suppress(OSError):
                data = end.recv(LARGEST)
                came = max(came, len(data) if len(data) in tried else 0)
        good = max(good, came)
        bad = min((size for size in tried if size > good), default=bad)
        step = max(1, (bad - good) // (SIZES + 1))
        tried = sorted({*range(good + step, bad, step)})[:SIZES] or [bad - 1]
    return UNBOUNDED if good >= LARGEST else good


def _sources(to: Address, there: socket.socket) -> str:
    """Whether two addresses of ours stay two on their way."""
    if not to[0].startswith("127."):
        return UNSURE
    try:
        with _bound(OTHER_SOURCE) as other:
            for _ in range(COPIES):
                other.sendto(b"\xfe", to)
            while select.select([there], [], [], 10 * QUIET_SECONDS)[0]:
                data, source = there.recvfrom(LARGEST)
                if data == b"\xfe":
                    return KEEPS if source[0] == OTHER_SOURCE else MERGES
    except OSError:
        pass  # the machine has no such address
    return UNSURE


def _bound(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    made.bind((host, 0))
    made.setblocking(False)
    return made
