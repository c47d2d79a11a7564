"""The UDP side of the proxy: one flow for each client, by a socket of its own towards the server."""

import contextlib
import resource
import selectors
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from conformance.impair.impairment import Direction, Impairment
from conformance.impair.schedule import Schedule

Address = tuple[str, int]
IDLE_SECONDS = 180.0
"""A flow that carries nothing for so long is ended: longer than any idle time of a server that is tested."""
MOST_FLOWS = min(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
"""Upper bound of flows; beyond it the one that was quiet for longest is ended."""
MOST_HELD = 10_000
"""Upper bound of datagrams that wait for their time; beyond it they are dropped."""
MOST_AT_ONCE = 200
SIZE = 65_535


class Flow:
    """One client, and our socket to the server that stands for it."""

    def __init__(self, client: Address, sock: socket.socket) -> None:
        self.client = client
        self.socket = sock
        self.used_at = time.monotonic()


class DatagramRelay:
    """Carries datagrams between clients and the server, as the two directions decide.

    Without NAT a flow's socket has the client's own address, and its port too where the client's socket lets others
    have it (SO_REUSEADDR, set once it is bound). The kernel gives such a socket what comes from the server, to which it
    is connected, and the client's own what comes from this proxy.
    """

    def __init__(
        self, impairment: Impairment, host: str, schedule: Schedule, selector: selectors.BaseSelector
    ) -> None:  # fmt: skip
        self._impairment = impairment
        self._schedule = schedule
        self._selector = selector
        self.up, self.down = Direction(impairment, "up"), Direction(impairment, "down")
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(self._family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self._flows: OrderedDict[Address, Flow] = OrderedDict()
        self.server: Address | None = None
        self.flows_ended = 0
        selector.register(self.socket, selectors.EVENT_READ, self._from_clients)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def _from_clients(self, _: int) -> None:
        for _ in range(MOST_AT_ONCE):
            try:
                data, client = self.socket.recvfrom(SIZE)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier datagram
            if self.server is not None and (flow := self._flow_of(client[:2])) is not None:
                self._carry(self.up, len(data), partial(_send, flow.socket, data))

    def _from_server(self, flow: Flow, _: int) -> None:
        for _ in range(MOST_AT_ONCE):
            try:
                data = flow.socket.recv(SIZE)
            except BlockingIOError:
                return
            except OSError:
                return  # nobody has the server's port, or the flow is ended
            self._use(flow)
            self._carry(self.down, len(data), partial(self._send_to, data, flow.client))

    def _carry(self, direction: Direction, size: int, send: Callable[[], None]) -> None:
        for after in direction.copies(size):
            if after <= 0:
                send()
            elif len(self._schedule) < MOST_HELD:
                self._schedule.after(after, send)
            else:
                direction.counts["overflow"] += 1

    def _send_to(self, data: bytes, client: Address) -> None:
        with contextlib.suppress(OSError):
            self.socket.sendto(data, client)

    def _flow_of(self, client: Address) -> Flow | None:
        flow = self._flows.get(client)
        if flow is None:
            if len(self._flows) >= MOST_FLOWS:
                self._end(next(iter(self._flows.values())))
                self.flows_ended += 1
            try:
                flow = self._open(client)
            except OSError:
                return None
            self._flows[client] = flow
            self._selector.register(flow.socket, selectors.EVENT_READ, partial(self._from_server, flow))
        self._use(flow)
        return flow

    def _open(self, client: Address) -> Flow:
        assert self.server is not None
        ways = [client, (client[0], 0)] if _is_loopback(self.server[0]) and not self._impairment.nat else [None]
        for number, source in enumerate(ways):
            made = socket.socket(self._family, socket.SOCK_DGRAM)
            try:
                if source is not None:
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(source[1] != 0))
                    made.bind(source)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
                made.connect(self.server)
            except OSError:
                made.close()
                if number == len(ways) - 1:
                    raise
                continue
            made.setblocking(False)
            return Flow(client, made)
        raise OSError("no socket")  # not reached: there is a way

    def _use(self, flow: Flow) -> None:
        flow.used_at = time.monotonic()
        if flow.client in self._flows:
            self._flows.move_to_end(flow.client)

    def _end(self, flow: Flow) -> None:
        self._flows.pop(flow.client, None)
        self._selector.unregister(flow.socket)
        flow.socket.close()

    def end_idle(self) -> None:
        """End the flows that have carried nothing for IDLE_SECONDS."""
        before = time.monotonic() - IDLE_SECONDS
        while self._flows and (oldest := next(iter(self._flows.values()))).used_at < before:
            self._end(oldest)
            self.flows_ended += 1

    def drop(self) -> None:
        """End every flow."""
        while self._flows:
            self._end(next(iter(self._flows.values())))


def _send(sock: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the flow may have ended, or the server be gone
        sock.send(data)


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "::1"
