"""The endpoint under test: an address somewhere, or a process that the suite starts, watches and ends."""

import contextlib
import errno
import os
import secrets
import shlex
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from typing import IO

from conformance import kernel
from tcrp.dialects import Ports
from tcrp.endpoint import Endpoint, parse_endpoint

KEPT_LINES = 200
STOP_SECONDS = 5.0
POLL_SECONDS = 0.02
HALF_OPEN_SECONDS = 2.0
"""How long TCP may be open without UDP before the server is taken for ready."""
TIME_WAIT_SECONDS = 70.0
"""How long the port of a server that has ended may be taken."""
TIME_WAIT_POLL = 2.0
LEAVING_SECONDS = 1.0
"""How long what has just been ended may still hold its port."""
CHOSEN_PORTS = range(10_000, 32_768)
"""Free ports are chosen here, below those that Linux and macOS give to whoever asks for any."""
MOST_SECONDS = 1e6
"""What may be asked for."""
STARTS = 3
"""How often a server on chosen ports is started if it ends at once: another program may have been faster."""


class Unreachable(Exception):
    """The endpoint was never there to be tested; one line says why and what would do."""


class _EndedEarly(Unreachable):
    """The process ended before it was ready."""


class AddressTarget:
    """A server that somebody else runs. Unreachable if its host has no address."""

    owned = False
    renewable = False
    """Whether it can be started anew at any time."""
    stopped = False

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = resolve(endpoint)

    def start(self) -> None:
        """It runs already."""

    def ended(self) -> str | None:
        """How the process ended; nobody can know that here."""
        return None

    def begin(self) -> None:
        """What it prints from now on belongs to the next test; not to be had here."""

    def output(self, lines: int = 10) -> list[str]:
        """The last lines it printed; not to be had here."""
        return []

    def restart(self) -> bool:
        """Start it again: not in our hands."""
        return False

    def stop(self) -> int | None:
        """End it: not in our hands."""
        return None

    def terminate(self) -> None:
        """Send SIGTERM: not in our hands."""


class ProcessTarget:
    """A server that the suite starts from a command line, in which `{tcp}` and `{udp}` become free ports.

    It is ready when it prints a line that begins with `ready ` (the ports in it win), or else when its ports are
    open, unless another program had opened them before: on Linux the kernel tells, so that no connection is made
    which some servers would not survive.
    """

    owned = True

    def __init__(self, command: str, endpoint: Endpoint | None, defaults: Ports, ready_timeout: float = 10.0) -> None:
        self.command = command
        self._given = endpoint
        self._defaults = defaults
        self._ready_timeout = ready_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._ready = threading.Event()
        self._readers: list[threading.Thread] = []
        self._announced: tuple[int | None, int] | None = None
        self.endpoint = endpoint or Endpoint("127.0.0.1", *defaults)

    @property
    def renewable(self) -> bool:
        """Whether it can be started anew at any time: on a port that it had before, be it its default, the connections
        of before may hold the port for a minute (TIME_WAIT).
        """
        if self._given is not None:
            return False
        return "{tcp}" in self.command or self.endpoint.tcp != self._defaults.tcp or self.endpoint.tcp is None

    @property
    def stopped(self) -> bool:
        """Whether a test has stopped it, as it was to."""
        return self._process is None

    def start(self) -> None:
        """Start the process and return once it is ready; Unreachable if it does not get there."""
        chosen = "{tcp}" in self.command or "{udp}" in self.command
        for _ in range(STARTS - 1 if chosen else 0):
            with contextlib.suppress(_EndedEarly):
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
        taken = _taken_ports(endpoint)
        self._ready.clear()
        self._lines.clear()
        self._announced = None
        try:
            self._process = subprocess.Popen(
                shlex.split(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise Unreachable(f"cannot start {command!r}: {why}") from None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()
        self._wait_until_ready(endpoint, taken)
        if self._announced is not None:
            endpoint = Endpoint(endpoint.host, *self._announced)
        self.endpoint = resolve(endpoint)

    def ended(self) -> str | None:
        """How the process ended, in words, or None while it runs."""
        code = self._process.poll() if self._process else None
        if code is None:
            return None
        for reader in self._readers:
            reader.join(1.0)
        if code < 0:
            return f"the process ended by signal {signal.Signals(-code).name}"
        return f"the process ended with exit code {code}"

    def begin(self) -> None:
        """What it prints from now on belongs to the next test."""
        self._lines.clear()

    def output(self, lines: int = 10) -> list[str]:
        """The last lines it printed for this test, on either stream."""
        return list(self._lines)[-lines:]

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

    def stop(self) -> int | None:
        """End it as a user would, by SIGTERM, and if that does not do, by SIGKILL. Returns its exit code."""
        if self._process is None:
            return None
        process = self._process
        if process.poll() is None:
            _signal_group(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        _signal_group(process, signal.SIGKILL)  # whatever it may have started
        code = process.wait()
        for reader in self._readers:
            reader.join(1.0)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        self._process = None
        return code

    def terminate(self) -> None:
        """Send SIGTERM and do not wait (TCRP-5.7)."""
        if self._process is not None:
            _signal_group(self._process, signal.SIGTERM)

    def _read(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(ValueError, OSError):
            for line in stream:
                text = line.decode(errors="replace").rstrip("\n")
                if text.startswith("ready ") and not self._ready.is_set():
                    self._announced = parse_ready(text, self._defaults)
                    self._ready.set()
                else:
                    self._lines.append(text)

    def _wait_until_ready(self, endpoint: Endpoint, taken: str) -> None:
        """`taken`: the ports that another program has, so that nothing is learnt from their being open."""
        deadline = time.monotonic() + self._ready_timeout
        half_open: float | None = None
        while not self._ready.wait(POLL_SECONDS):
            if (how := self.ended()) is not None:
                if self._ready.is_set():
                    return  # and then it ended: what it said has been read to its end by now
                other = f"; another program is on {taken}" if taken else ""
                raise _EndedEarly(f"{how} before it was ready{self._last_words()}{other}")
            if not taken and is_listening(endpoint):
                return
            if not taken and is_listening(endpoint, udp=False):
                half_open = half_open or time.monotonic()
                if time.monotonic() - half_open > HALF_OPEN_SECONDS:
                    return  # it may do without UDP, which is for the clauses to judge
            if time.monotonic() > deadline:
                self.stop()
                open_ports = f"another program is on {taken}: end that" if taken else f"nothing listens on {endpoint}"
                raise Unreachable(
                    f"not ready after {self._ready_timeout:g} s: no line beginning with 'ready ', and {open_ports}"
                    f"{self._last_words()}"
                )

    def _last_words(self) -> str:
        last = self.output(1)
        return f"; it said: {last[0]}" if last else ""


Target = AddressTarget | ProcessTarget


def target_of(address: str | None, command: str | None, defaults: Ports, ready_timeout: float) -> Target:
    """What `-t`, `--exec` and `--ready-timeout` say. `defaults`: the dialect's usual ports. ValueError for what cannot
    be followed, Unreachable for a host without an address.
    """
    if not 0 < ready_timeout < MOST_SECONDS:
        raise ValueError(f"--ready-timeout is {ready_timeout:g}: seconds, more than 0")
    given = None if address is None else parse_endpoint(address, defaults)
    if command is not None:
        return ProcessTarget(command, given, defaults, ready_timeout)
    if given is None:
        raise ValueError("no server is named: give -t HOST[:TCP[:UDP]] or --exec 'CMD'")
    return AddressTarget(given)


def resolve(endpoint: Endpoint) -> Endpoint:
    """The endpoint with its host as a numeric address."""
    try:
        infos = socket.getaddrinfo(endpoint.host, endpoint.tcp or endpoint.udp, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(f"cannot find the host {endpoint.host!r}: {error.strerror or error}") from None
    infos.sort(key=lambda info: info[0] != socket.AF_INET)
    return endpoint._replace(host=str(infos[0][4][0]))


def family_of(host: str) -> socket.AddressFamily:
    """The family of a numeric address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def refuses(asking: socket.socket, data: bytes, wait: float) -> bool:
    """Whether nobody has the port that a connected UDP socket sends this datagram to, as far as the machine there tells
    within so many seconds: of this one, or of those before.
    """
    asking.settimeout(wait)
    try:
        asking.send(data)
        asking.recv(1)
    except ConnectionRefusedError:
        return True
    except OSError:  # nothing was said of it
        return False
    return False


def free_ports(host: str) -> tuple[int, int]:
    """A TCP and a UDP port that are free now, and different."""
    family = family_of(host)
    tcp = _free_port(family, socket.SOCK_STREAM)
    return tcp, _free_port(family, socket.SOCK_DGRAM, other_than=tcp)


def _free_port(family: socket.AddressFamily, kind: socket.SocketKind, other_than: int = 0) -> int:
    with socket.socket(family, kind) as found:
        for _ in range(100):
            port = secrets.choice(CHOSEN_PORTS)  # whatever the seed: suites side by side must not choose alike
            if port != other_than:
                with contextlib.suppress(OSError):
                    found.bind(("", port))
                    return port
        found.bind(("", 0))
        return int(found.getsockname()[1])


def parse_ready(line: str, defaults: Ports) -> tuple[int | None, int] | None:
    """The ports in `ready tcp=127.0.0.1:9001 udp=127.0.0.1:9002 ...`; `tcp=-` is no TCP. None if it names none."""
    fields = dict(word.partition("=")[::2] for word in line.split()[1:])
    try:
        tcp = None if fields["tcp"] == "-" else parse_endpoint(fields["tcp"], defaults).tcp
        udp = parse_endpoint(fields["udp"], Ports(0, 0)).tcp
    except (KeyError, ValueError):
        return None
    return None if udp is None else (tcp, udp)


def is_listening(endpoint: Endpoint, *, udp: bool = True) -> bool:
    """Whether the endpoint's ports are open on this machine: the kernel tells, or a connection where it does not."""
    if endpoint.tcp is not None:
        listens = kernel.is_open(socket.SOCK_STREAM, endpoint.tcp)
        if not (_is_served(endpoint.host, endpoint.tcp) if listens is None else listens):
            return False
    return not udp or kernel.is_open(socket.SOCK_DGRAM, endpoint.udp) is not False


def _is_served(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), 1.0):
        return True
    return False


def _taken_ports(endpoint: Endpoint) -> str:
    """Those of the endpoint's ports, in words, that another program has open; one that is just ending is waited for."""
    deadline = time.monotonic() + LEAVING_SECONDS
    while (taken := _open_ports(endpoint)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return taken


def _open_ports(endpoint: Endpoint) -> str:
    taken = []
    if endpoint.tcp is not None and is_listening(endpoint, udp=False):
        taken.append(f"TCP port {endpoint.tcp}")
    with socket.socket(family_of(endpoint.host), socket.SOCK_DGRAM) as tried:
        try:
            tried.bind((endpoint.host, endpoint.udp))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                taken.append(f"UDP port {endpoint.udp}")
    return " and ".join(taken)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
