"""The proxy: one thread that carries datagrams and connections between the suite and a server."""

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from conformance.impair.datagrams import DatagramRelay
from conformance.impair.impairment import Impairment
from conformance.impair.schedule import Schedule
from conformance.impair.streams import StreamRelay
from tcrp.endpoint import Endpoint

SWEEP_SECONDS = 1.0


class Proxy:
    """An impaired path to a server, on loopback. `endpoint`: where clients go. Nothing is carried before `aim`."""

    def __init__(self, impairment: Impairment, *, ipv6: bool = False) -> None:
        self.impairment = impairment
        host = "::1" if ipv6 else "127.0.0.1"
        self._schedule = Schedule()
        self._selector = selectors.DefaultSelector()
        self._udp = DatagramRelay(impairment, host, self._schedule, self._selector)
        self._tcp = StreamRelay(impairment, host, self._schedule, self._selector)
        self.endpoint = Endpoint(host, self._tcp.port, self._udp.port)
        self._calls: deque[Callable[[], None]] = deque()
        self._wakes, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="impair", daemon=True)
        self._thread.start()

    def aim(self, server: Endpoint | None) -> None:
        """Carry to this server from now on. What was begun towards another is dropped, connections by RST."""

        def change() -> None:
            self._udp.drop()
            self._tcp.drop()
            self._udp.server = None if server is None or server.udp is None else (server.host, server.udp)
            self._tcp.server = None if server is None or server.tcp is None else (server.host, server.tcp)

        self._do(change)

    def reached(self, sock: socket.socket, patience: float) -> None:
        """Return once this connection to the proxy has reached the server. OSError if the server did not take it."""
        self._tcp.reached(sock.getsockname()[:2], patience)

    def counts(self) -> dict[str, dict[str, int]]:
        """What has become of the datagrams of each direction so far, by direction ("up", "down") and kind."""
        return {"up": dict(self._udp.up.counts), "down": dict(self._udp.down.counts)}

    @property
    def flows_ended(self) -> int:
        """How many clients' flows were ended, since they were idle or there were too many."""
        return self._udp.flows_ended

    def close(self) -> None:
        """End everything."""
        if self._closed:
            return
        self._closed = True
        self._wakes.send(b"x")
        self._thread.join()
        self._udp.drop()
        self._tcp.drop()
        self._selector.close()
        for sock in (self._udp.socket, self._tcp.socket, self._wakes, self._woken):
            sock.close()

    def _do(self, call: Callable[[], None]) -> None:
        """Let the proxy's thread make this call, and wait for its end."""
        if self._closed:
            return
        done = threading.Event()

        def called() -> None:
            try:
                call()
            finally:
                done.set()

        self._calls.append(called)
        self._wakes.send(b"x")
        done.wait()

    def _wake(self, _: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)

    def _run(self) -> None:
        sweep = time.monotonic()
        while not self._closed:
            left = self._schedule.run()
            for key, mask in self._selector.select(SWEEP_SECONDS if left is None else min(left, SWEEP_SECONDS)):
                if key.fileobj in self._selector.get_map():  # it may have been closed meanwhile
                    handle: Any = key.data
                    handle(mask)
            while self._calls:
                self._calls.popleft()()
            if time.monotonic() - sweep > SWEEP_SECONDS:
                sweep = time.monotonic()
                self._udp.end_idle()
