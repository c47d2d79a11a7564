"""A server that the suite starts from a command line, watches, and ends."""

import contextlib
import os
import shlex
import signal
import socket
import struct
import subprocess
import threading
import time
from weakref import WeakSet

from conformance.net import guard, time_wait
from conformance.net.addresses import Unreachable, is_of_this_machine
from conformance.net.naming import found_at
from conformance.net.offspring import VARIABLE, Offspring, adopt, how_it_ended
from conformance.net.output import Output
from conformance.net.ownership import is_all_of_others
from conformance.net.ports import (
    HALF_OPEN_SECONDS,
    POLL_SECONDS,
    free_ports,
    has_udp,
    is_listening,
    parse_ready,
    taken_ports,
)
from conformance.net.tls import Tls
from tcrp.dialects import Ports
from tcrp.endpoint import Endpoint

STOP_SECONDS, STUBBORN_SECONDS = 5.0, 0.5
"""How long it may take to end on SIGTERM, and once it has not done so in time."""
KILL_SECONDS = 2.0
TIME_WAIT_SECONDS = 70.0
"""How long the port of a server that has ended may be taken, where it cannot be freed."""
TIME_WAIT_POLL = 2.0
STARTS = 3
"""How often a server on chosen ports is started if it ends at once: another program may have been faster."""
BACKGROUND = "; if it goes on in the background, let it stay in the foreground: it cannot be watched there"


class EndedEarly(Unreachable):
    """The process ended before it was ready."""


class ProcessTarget:
    """A server that the suite starts from a command line, in which `{tcp}` and `{udp}` become free ports.

    It is ready when it prints a line that begins with `ready ` (the ports in it win), or else when its ports are
    open, unless another program had opened them before: on Linux the kernel tells, so that no connection is made
    which some servers would not survive. A command that ends with exit code 0 and leaves a server in the background
    is followed there.
    """

    owned = True

    def __init__(
        self,
        command: str,
        endpoint: Endpoint | None,
        defaults: Ports,
        ready_timeout: float = 10.0,
        tls: Tls | None = None,
    ) -> None:
        self.command = command
        self.tls = tls
        self._given = endpoint
        self._defaults = defaults
        self._ready_timeout = ready_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._output: Output | None = None
        self._offspring = Offspring()
        self._ready = threading.Event()
        self._announced: tuple[int | None, int] | None = None
        self._started = False
        self._in_background = False
        self._lacks_udp = False
        self._patience = STOP_SECONDS
        self._frees = True
        self._connections: WeakSet[socket.socket] = WeakSet()
        self.endpoint = endpoint or Endpoint("127.0.0.1", *defaults)

    @property
    def server(self) -> Endpoint:
        """Where the server's own sockets are."""
        return self.endpoint

    @property
    def renewable(self) -> bool:
        """Whether it can be started anew at any time: on other ports, or where its ports can be freed at once of what
        connections of before still hold.
        """
        if not is_of_this_machine(self.endpoint.host):
            return False
        return self._ports_change or (self._frees and time_wait.can_free())

    @property
    def _ports_change(self) -> bool:
        """Whether it has other ports at each start, as far as that is known. Without TCP, the same will do."""
        if "{tcp}" in self.command or self.endpoint.tcp is None:
            return True
        return self._given is None and self.endpoint.tcp != self._defaults.tcp

    @property
    def stopped(self) -> bool:
        """Whether a test has stopped it, as it was to."""
        return self._process is None

    def start(self) -> None:
        """Start the process and return once it is ready; Unreachable if it does not get there."""
        chosen = "{tcp}" in self.command or "{udp}" in self.command
        for _ in range(STARTS - 1 if chosen else 0):
            with contextlib.suppress(EndedEarly):
                return self._start()
            self.stop()
        return self._start()

    def _start(self) -> None:
        tcp, udp = free_ports(self.endpoint.host)
        given = self._given or Endpoint("127.0.0.1", *self._defaults)
        endpoint = Endpoint(
            given.host,
            given.tcp if given.tcp is None or "{tcp}" not in self.command else tcp,
            udp if "{udp}" in self.command else given.udp,
        )
        command = self.command.replace("{tcp}", str(tcp)).replace("{udp}", str(udp))
        self._free(endpoint)  # an earlier run may just have ended
        taken = taken_ports(endpoint)
        self._ready.clear()
        self._announced = None
        self._started = self._in_background = False
        self._offspring = Offspring()
        adopt(True)
        guard.keep(self, self.kill)
        try:
            process = subprocess.Popen(
                shlex.split(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", VARIABLE: self._offspring.mark},
            )
        except (OSError, ValueError) as error:
            self.kill()
            why = getattr(error, "strerror", None) or error
            raise Unreachable(f"cannot start {command!r}: {why}") from None
        self._process = process
        self._offspring.parent = process.pid
        assert process.stdout is not None
        assert process.stderr is not None
        self._output = Output([os.dup(stream.fileno()) for stream in (process.stdout, process.stderr)], self._is_ready)
        process.stdout.close()
        process.stderr.close()
        self.endpoint = found_at(self._wait_until_ready(endpoint, taken))
        self._started = True

    def ended(self) -> str | None:
        """How the process ended, in words, or None while it runs."""
        code = self._process.poll() if self._process else None
        if code is None or (code == 0 and self._goes_on()):
            return None
        if self._output is not None:
            self._output.catch_up()
        return f"the process {self._offspring.how_ended if self._in_background else how_it_ended(code)}"

    def _goes_on(self) -> bool:
        """Whether the command has left a server in the background."""
        if not self._offspring.living() or (self._started and not _is_served(self.endpoint)):
            return False
        self._in_background = True
        return True

    def processes(self) -> list[int]:
        """The ids of what runs of it: the command's own process, and what that has started."""
        own = [] if self._process is None else [self._process.pid]
        return [*own, *self._offspring.living()]

    def begin(self) -> None:
        """What it prints from now on belongs to the next test."""
        if self._output is not None:
            self._output.clear()

    def output(self, lines: int = 10) -> list[str]:
        """The last lines it printed for this test, on either stream."""
        return [] if self._output is None else self._output.last(lines)

    def reset_at_its_end(self, connection: socket.socket) -> None:
        """Once the process has ended, close this connection to it by RST, if it is still open: it would hold the port.
        Never before: a server that closes its side may read on.
        """
        self._connections.add(connection)

    def restart(self) -> bool:
        """Start it again, on whatever ports it gets. Unreachable if it does not get there."""
        self.stop()
        deadline = time.monotonic() + (0.0 if self.renewable else TIME_WAIT_SECONDS)
        while True:
            try:
                self.start()
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(TIME_WAIT_POLL)
            else:
                return True

    def stop(self, patience: float = STOP_SECONDS) -> int | None:
        """End it as a user would, by SIGTERM, and if that does not do in so many seconds, by SIGKILL. Returns its exit
        code, None if there is none.
        """
        process = self._process
        if process is None:
            return None
        try:
            if self.ended() is None:
                self.terminate()
                self._wait_for_its_end(process, min(patience, self._patience))
        finally:
            self.kill()
        return process.returncode

    def _wait_for_its_end(self, process: subprocess.Popen[bytes], patience: float) -> None:
        deadline = time.monotonic() + patience
        try:
            process.wait(patience)
            while self._in_background and self._offspring.living():
                if time.monotonic() > deadline:
                    raise subprocess.TimeoutExpired(self.command, patience)
                time.sleep(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            self._patience = STUBBORN_SECONDS

    def kill(self) -> None:
        """End it at once, with whatever it may have started, and give its ports back."""
        process = self._process
        if process is not None:
            _signal_group(process, signal.SIGKILL)
            deadline = time.monotonic() + KILL_SECONDS
            while self._offspring.signal(signal.SIGKILL) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS / 4)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(KILL_SECONDS)
            self._offspring.living()  # removes those that have ended
            self._reset_connections()
            self._frees = self._free(self.endpoint)
        if self._output is not None:
            self._output.close()
        self._process = None
        guard.release(self)
        if guard.is_empty():
            adopt(False)

    def _reset_connections(self) -> None:
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        self._connections.clear()

    def _free(self, endpoint: Endpoint) -> bool:
        """Give its TCP port back, now that it does not run. Returns whether that was done, where it will be needed."""
        if endpoint.tcp is None or "{tcp}" in self.command or not is_of_this_machine(endpoint.host):
            return True
        return time_wait.free(endpoint.tcp)

    def terminate(self) -> None:
        """Send SIGTERM and do not wait (TCRP-5.7)."""
        if self._process is not None:
            _signal_group(self._process, signal.SIGTERM)
            if self._in_background:
                self._offspring.signal(signal.SIGTERM)

    def _is_ready(self, line: str) -> bool:
        """Whether it says that it is ready with this line, which is no output then."""
        if self._ready.is_set() or not line.startswith("ready "):
            return False
        self._announced = parse_ready(line, self._defaults)
        self._ready.set()
        return True

    def _wait_until_ready(self, endpoint: Endpoint, taken: str) -> Endpoint:
        """Where it serves, once it is ready. `taken`: the ports that another program has, so that nothing is learnt
        from their being open. UDP may be open a little later than TCP; that it never is, is for the clauses to judge.
        """
        deadline = time.monotonic() + self._ready_timeout
        half_open: float | None = None
        while True:
            self._ready.wait(POLL_SECONDS)
            how = self.ended()  # before the line is looked for, which may be its last word
            says_so = self._ready.is_set()
            served = endpoint if self._announced is None else Endpoint(endpoint.host, *self._announced)
            if how is not None:
                if says_so:
                    return served
                other = f"; another program is on {taken}" if taken else BACKGROUND if self._left() else ""
                raise EndedEarly(f"{how} before it was ready{self._last_words()}{other}")
            if says_so and taken and is_all_of_others(served, self.processes()):
                self.kill()
                raise Unreachable(f"it says that it is ready, but another program is on {taken}: end that")
            now = time.monotonic()
            if says_so or (not taken and _is_served(endpoint)):
                half_open = half_open or now
                self._lacks_udp = self._lacks_udp or now - half_open > HALF_OPEN_SECONDS
                if self._lacks_udp or has_udp(served):
                    return served
                time.sleep(POLL_SECONDS)
            elif now > deadline:
                self.kill()
                open_ports = f"another program is on {taken}: end that" if taken else f"nothing listens on {endpoint}"
                raise Unreachable(
                    f"not ready after {self._ready_timeout:g} s: no line beginning with 'ready ', and {open_ports}"
                    f"{self._last_words()}"
                )

    def _left(self) -> bool:
        """Whether the command itself has ended well."""
        return self._process is not None and self._process.returncode == 0

    def _last_words(self) -> str:
        last = self.output(1)
        return f"; it said: {last[0]}" if last else ""


def _is_served(endpoint: Endpoint) -> bool:
    """Whether its TCP port is open; without TCP, its UDP port."""
    return is_listening(endpoint, udp=endpoint.tcp is None)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
