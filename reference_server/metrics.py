"""`--metrics`: the figures of the server over HTTP, for Prometheus at /metrics, and /healthz.

It needs prometheus_client, the extra `metrics`. What is counted is counted in plain integers by the parts of the
server; only a scrape makes metrics of them.
"""

import asyncio
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from reference_server.figures import ENDED_EARLY, LISTED, MALFORMED, TIMED_OUT, Figures
from reference_server.listener import Listener
from reference_server.sockets import bind_tcp
from relay import DropKind
from tcrp import __version__
from tcrp.constants import Status
from tcrp.messages import Address

LAG_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the buckets of the loop's lag."""
# a counter that is there from the start shows its first increase
_REASONS: Final = dict.fromkeys(map(str, DropKind), 0)
_OUTCOMES: Final = dict.fromkeys(
    [*(status.name.lower() for status in Status), LISTED, MALFORMED, TIMED_OUT, ENDED_EARLY], 0
)
_LAG_INTERVAL = 0.25
_MAX_REQUEST = 8192
_REQUEST_SECONDS = 5.0
_MAX_CONNECTIONS = 32


class LoopLag:
    """How late the event loop calls what is due, measured four times a second: what a member waits at least."""

    def __init__(self) -> None:
        self.counts = [0] * (len(LAG_SECONDS) + 1)
        self.sum = 0.0
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + _LAG_INTERVAL
        self._timer = self._loop.call_at(self._due, self._measure)

    def close(self) -> None:
        self._timer.cancel()

    def _measure(self) -> None:
        now = self._loop.time()
        late = max(0.0, now - self._due)
        self.sum += late
        self.counts[sum(late > bound for bound in LAG_SECONDS)] += 1
        self._due = now + _LAG_INTERVAL
        self._timer = self._loop.call_at(self._due, self._measure)

    def metric(self) -> Metric:
        """A histogram in seconds."""
        buckets, count = [], 0
        for bound, inside in zip((*map(str, LAG_SECONDS), "+Inf"), self.counts, strict=True):
            count += inside
            buckets.append((bound, float(count)))
        family = HistogramMetricFamily("tcrp_loop_lag_seconds", "How late the event loop does what is due")
        family.add_metric([], buckets, self.sum)
        return family


class ServerCollector(Collector):
    """Makes metrics of the server's figures at each scrape. `lost_lines`: lines of the log that were lost so far."""

    def __init__(self, figures: Callable[[], Figures], lost_lines: Callable[[], int], lag: LoopLag) -> None:
        self._figures = figures
        self._lost_lines = lost_lines
        self._lag = lag

    def collect(self) -> Iterable[Metric]:
        now = self._figures()
        traffic = now.traffic
        yield InfoMetricFamily("tcrp", "The server", value={"version": __version__, "dialect": now.dialect})
        yield GaugeMetricFamily("tcrp_rooms", "Open rooms", now.rooms)
        yield GaugeMetricFamily("tcrp_members", "Members of all rooms", now.members)
        yield GaugeMetricFamily("tcrp_connections", "Open TCP connections", now.connections)
        yield GaugeMetricFamily("tcrp_passwords_pending", "Passwords being judged or waiting for it", now.passwords)
        for name, text, value in (
            ("tcrp_datagrams_received", "Datagrams that were read", traffic.received),
            ("tcrp_datagrams_sent", "Datagrams that the system took", traffic.sent - now.unsent),
            ("tcrp_datagrams_unsent", "Datagrams that the system did not take", now.unsent),
            ("tcrp_datagrams_lost", "Datagrams that the system threw away before they were read", now.lost),
            ("tcrp_messages", "Messages that were relayed", traffic.messages),
            ("tcrp_deliveries", "Datagrams in which messages were relayed, one for each hearer", traffic.delivered),
            ("tcrp_connections_unserved", "Connections closed because no more could be accepted", now.unserved),
            ("tcrp_log_lines_lost", "Lines of the log that nobody read in time", self._lost_lines()),
            ("tcrp_state_failures", "Changes that could not be written to the state file", now.state_failures),
        ):
            yield CounterMetricFamily(name, text, value)
        for name, text, label, counts in (
            (
                "tcrp_datagrams_dropped",
                "Datagrams that were not relayed, by reason",
                "reason",
                _REASONS | traffic.dropped,
            ),
            ("tcrp_requests", "Requests, by the status that was answered", "status", _OUTCOMES | traffic.requests),
            ("tcrp_refusals", "What was refused, by the limit that was reached", "limit", now.refusals),
        ):
            family = CounterMetricFamily(name, text, labels=[label])
            for key, count in sorted(counts.items()):
                family.add_metric([key], count)
            yield family
        yield self._lag.metric()


class MetricsServer:
    """Answers GET and HEAD of /metrics and /healthz on an address of its own, from `start` to `close`."""

    def __init__(self, figures: Callable[[], Figures], lost_lines: Callable[[], int]) -> None:
        self._lag = LoopLag()
        self._registry = CollectorRegistry()
        self._registry.register(ServerCollector(figures, lost_lines, self._lag))
        ProcessCollector(registry=self._registry)
        self._listener: Listener | None = None
        self._open: set[_Request] = set()

    def start(self, host: str, port: int) -> Address:
        """Listen; the address. Raises UnknownHost or BindError."""
        sock = bind_tcp(host, port, "--metrics")
        self._listener = Listener(sock, lambda: _Request(self._answer, self._open))
        address: Address = sock.getsockname()
        return address

    def close(self) -> None:
        """Answer nobody any more."""
        self._lag.close()
        if self._listener is not None:
            self._listener.close()
        for request in tuple(self._open):
            request.abort()

    def _answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Status, type and content of a page."""
        match path.partition("?")[0]:
            case "/metrics":
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry)
            case "/healthz":
                return HTTPStatus.OK, "text/plain", b"ok\n"
            case _:
                return HTTPStatus.NOT_FOUND, "text/plain", b"there are /metrics and /healthz\n"


class _Request(asyncio.Protocol):
    """One HTTP request on a connection of its own."""

    _transport: asyncio.Transport

    def __init__(self, answer: Callable[[str], tuple[HTTPStatus, str, bytes]], opened: "set[_Request]") -> None:
        self._page = answer
        self._opened = opened
        self._head = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._opened) >= _MAX_CONNECTIONS:
            transport.abort()
            return
        self._opened.add(self)
        self._timer = asyncio.get_running_loop().call_later(_REQUEST_SECONDS, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._opened.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._head += data
        head, whole, _ = self._head.partition(b"\r\n\r\n")
        if whole:
            method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
            self._answer(method, rest.partition(" ")[0])
        elif len(self._head) > _MAX_REQUEST:
            self._send("GET", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "text/plain", b"")

    def abort(self) -> None:
        self._transport.abort()

    def _answer(self, method: str, path: str) -> None:
        if method not in ("GET", "HEAD"):
            self._send(method, HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"GET and HEAD only\n")
            return
        self._send(method, *self._page(path))

    def _send(self, method: str, status: HTTPStatus, kind: str, content: bytes) -> None:
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + (b"" if method == "HEAD" else content))
        self._transport.close()
