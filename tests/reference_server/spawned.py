"""The real server with standard streams and a limit of files as a test wants them."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.reference_server import wire
from tests.reference_server.server_process import PATIENCE

ATTEMPTS = 5


class Spawned:
    """A server whose standard streams are as a test wants them. Its ports come from its log, or are given."""

    def __init__(self, folder: Path, streams: str, *options: str, files: int | None = None) -> None:
        """`streams`: redirections of a shell, in which `out` and `err` are files in `folder`."""
        self.folder = folder
        limit = f"ulimit -n {files}; " if files else ""
        for _ in range(ATTEMPTS):  # a port that is free now may be another test's a moment later
            with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
                tcp.bind(("127.0.0.1", 0))
                udp.bind(("127.0.0.1", 0))
                self.tcp, self.udp = tcp.getsockname(), udp.getsockname()
            ports = ("--tcp-port", str(self.tcp[1]), "--udp-port", str(self.udp[1]))
            command = " ".join([sys.executable, "-m", "reference_server", *ports, *options])
            self.process = subprocess.Popen(["/bin/sh", "-c", f"{limit}exec {command} {streams}"], cwd=folder)
            if self._listens():
                return
        raise AssertionError("the server has ended")

    def _listens(self) -> bool:
        """Wait until the kernel no longer refuses connections. False: the server has ended."""
        while self.process.poll() is None:
            with socket.socket() as attempt:
                if attempt.connect_ex(self.tcp) == 0 and attempt.getsockname() != self.tcp:  # not to itself
                    return self.process.poll() is None
        return False

    def ask(self, data: bytes) -> bytes:
        with socket.create_connection(self.tcp, PATIENCE) as sock:
            sock.sendall(data)
            return wire.everything(sock)

    def token(self, operation: int, room: str, user: str) -> bytes:
        return wire.token(self.ask(wire.request(operation, room, user)), operation, room)

    def member(self) -> socket.socket:
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.settimeout(PATIENCE)
        sock.connect(self.udp)
        return sock

    def chat(self) -> None:
        """A new room, in which two members hear each other."""
        a, b = self.token(1, "chat", "a"), self.token(2, "chat", "b")
        with self.member() as hears_a, self.member() as hears_b:
            hears_b.send(wire.packet("chat", b))
            hears_a.send(wire.packet("chat", a, b"hello"))
            assert hears_b.recv(5000) == b"a: hello"
            hears_a.send(wire.packet("chat", a, b"exit"))
            assert hears_b.recv(5000).startswith(b"\x04")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")
