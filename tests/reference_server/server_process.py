"""The real server as a process on free ports."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.reference_server import wire

PATIENCE = 30.0
"""Seconds after which a test fails instead of waiting on. No test waits that long when all is well."""


class ServerProcess:
    """A server process. `ready`: its first line. `fields`: what that says, by name. `tcp`, `udp`: its addresses.
    `code`: its exit code, after `stop`.

    It owns the sockets that it opens, and `close` closes them.
    """

    code: int

    def __init__(self, folder: Path, *options: str, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.family = family
        self._log_path = folder / "server.log"
        self._log = self._log_path.open("wb")
        command = [sys.executable, "-m", "reference_server", "--tcp-port", "0", "--udp-port", "0", *options]
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log
        )
        assert self._process.stdout is not None
        self.stdout = self._process.stdout
        self.ready = self.stdout.readline().decode()
        self.fields = dict(field.split("=", 1) for field in self.ready.split()[1:])
        self.tcp, self.udp = (_address(self.fields[name]) for name in ("tcp", "udp"))
        self._sockets: list[socket.socket] = []

    @property
    def pid(self) -> int:
        return self._process.pid

    def connect(self, source: str = "", host: str | None = None) -> socket.socket:
        """A TCP connection, from the address `source` and to the address `host`, if given."""
        sock = self._open(socket.SOCK_STREAM, host)
        if source:
            sock.bind((source, 0))
        sock.connect((host or self.tcp[0], self.tcp[1]))
        return sock

    def datagrams(self, source: str | None = None, host: str | None = None) -> socket.socket:
        """A UDP socket connected to the chat port, from the address `source` and to the address `host`, if given."""
        sock = self._open(socket.SOCK_DGRAM, host)
        sock.bind((source or self.udp[0], 0))
        sock.connect((host or self.udp[0], self.udp[1]))
        return sock

    def ask(self, data: bytes, *, host: str | None = None) -> bytes:
        """Send bytes on a new connection; every byte that comes back until the server closes."""
        with self.connect(host=host) as sock:
            sock.sendall(data)
            return wire.everything(sock)

    def create(self, room: str = "r", user: str = "a", *, host: str | None = None) -> bytes:
        """Create a room; the token."""
        return wire.token(self.ask(wire.request(wire.CREATE, room, user), host=host), wire.CREATE, room)

    def join(self, room: str = "r", user: str = "b", *, host: str | None = None) -> bytes:
        """Join a room; the token."""
        return wire.token(self.ask(wire.request(wire.JOIN, room, user), host=host), wire.JOIN, room)

    def send_signal(self, number: int) -> None:
        """Send a signal that does not end the server."""
        self._process.send_signal(number)

    def stop(self, number: int = signal.SIGINT) -> str:
        """End the server by a signal; what it logged."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        self.code = self._process.wait(PATIENCE)
        return self.log

    def kill(self) -> None:
        """End the server without a chance to do anything."""
        self._process.kill()
        self._process.wait(PATIENCE)

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log_path.read_text("utf-8")

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)
        self.stdout.close()
        self._log.close()

    def _open(self, kind: socket.SocketKind, host: str | None) -> socket.socket:
        family = self.family if host is None else socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, kind)
        sock.settimeout(PATIENCE)
        self._sockets.append(sock)
        return sock


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


StartServer = Callable[..., ServerProcess]
"""`start("--option", "value", ..., family=socket.AF_INET6)`: a server with these options."""
