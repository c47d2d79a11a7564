"""The server that several modules here build on. It is not registered by itself."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from tests.faults.plain import Server


class Patient(Server):
    """Does some things later, in a thread that waits until they are due."""

    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.due: list[tuple[float, int, Callable[[], None]]] = []
        self.numbers = itertools.count()
        self.changed = threading.Condition()

    def chat_loop(self) -> None:
        threading.Thread(target=self.act_when_due, daemon=True).start()
        super().chat_loop()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        with self.changed:
            heapq.heappush(self.due, (time.monotonic() + seconds, next(self.numbers), action))
            self.changed.notify()

    def act_when_due(self) -> None:
        while True:
            with self.changed:
                while not self.due or self.due[0][0] > time.monotonic():
                    self.changed.wait(self.due[0][0] - time.monotonic() if self.due else None)
                action = heapq.heappop(self.due)[2]
            action()
