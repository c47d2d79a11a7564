"""The reference server and its client as processes whose output is read while they run."""

import contextlib
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from tcrp.endpoint import Endpoint

PATIENCE = 30.0
"""Seconds after which a test fails instead of waiting on. No test waits that long when all is well."""


class OutputLines:
    """The lines of a stream, read by a thread. `seen`: those that were returned so far."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._queue: queue.Queue[str | None] = queue.Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def next(self) -> str | None:
        """The next line, or None at the end."""
        line = self._queue.get(timeout=PATIENCE)
        if line is not None:
            self.seen.append(line)
        return line

    def rest(self) -> list[str]:
        """All lines that are left, once the stream has ended."""
        return list(iter(self.next, None))

    def until(self, text: str) -> str:
        """The first line that contains the text."""
        for line in iter(self.next, None):
            if text in line:
                return line
        raise AssertionError(f"the stream ended without {text!r}: {self.seen}")

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._queue.put(line.decode().removesuffix("\n"))
        self._queue.put(None)


class PipedProcess:
    """A process. Its three streams are pipes, unless the options of subprocess.Popen say otherwise."""

    def __init__(self, *command: str | bytes, **options: Any) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.popen: subprocess.Popen[bytes] = subprocess.Popen(command, **{**pipes, **options})
        self._out = OutputLines(self.popen.stdout) if self.popen.stdout else None
        self._err = OutputLines(self.popen.stderr) if self.popen.stderr else None

    @property
    def out(self) -> OutputLines:
        assert self._out, "stdout is not a pipe"
        return self._out

    @property
    def err(self) -> OutputLines:
        assert self._err, "stderr is not a pipe"
        return self._err

    def type(self, *lines: str | bytes) -> None:
        """Write lines to stdin."""
        self.write(b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines))

    def write(self, data: bytes) -> None:
        """Write bytes to stdin."""
        assert self.popen.stdin, "stdin is not a pipe"
        self.popen.stdin.write(data)
        self.popen.stdin.flush()

    def end_input(self) -> None:
        assert self.popen.stdin, "stdin is not a pipe"
        self.popen.stdin.close()

    def wait(self) -> int:
        """The exit status, once the process has ended."""
        return self.popen.wait(PATIENCE)

    def failure(self) -> tuple[int, str]:
        """Exit status and stderr of a process that prints one line there and nothing on stdout."""
        status = self.wait()
        assert self.out.rest() == []
        (line,) = self.err.rest()
        return status, line

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(PATIENCE)
        if self.popen.stdin:
            with contextlib.suppress(OSError):
                self.popen.stdin.close()


class DialectServer:
    """The reference server as a process on free ports. `options`: what makes a client speak its dialect."""

    def __init__(self, start: "Start", dialect: str, *options: str) -> None:
        self._start = start
        self._command = [sys.executable, "-m", "reference_server", "--dialect", dialect, *options]
        self.options = ["--dialect", dialect]
        self.process, self.ready = self._run(0, 0)
        found = re.match(r"ready tcp=(?:\S+:(\d+)|-) udp=(\S+):(\d+) dialect=", self.ready)
        assert found, self.ready
        self.endpoint = Endpoint(found[2].strip("[]"), int(found[1]) if found[1] else None, int(found[3]))

    def restart(self) -> None:
        """Kill the process without warning, and start another one on the same ports."""
        self.process.kill()
        self.process, self.ready = self._run(self.endpoint.tcp or 0, self.endpoint.udp or 0)

    def _run(self, tcp: int, udp: int) -> tuple[PipedProcess, str]:
        """A process that listens, and its first line."""
        ports = "--tcp-port", str(tcp), "--udp-port", str(udp)
        process = self._start(*self._command, *ports, stderr=subprocess.DEVNULL)
        return process, process.out.next() or ""


Start = Callable[..., PipedProcess]
"""`start("command", "argument", ..., stdin=..., ...)`: a process that is killed after the test."""
StartClient = Callable[..., PipedProcess]
"""`client(endpoint, "join", "r", ..., stdin=..., ...)`: tcrp-client as a process, without `--server` for None."""
StartMember = Callable[..., PipedProcess]
"""`member(endpoint, "join", "r", "alice", ..., stdin=..., ...)`: tcrp-client once it is in the room."""
Serve = Callable[..., DialectServer]
"""`serve("stage1", "--idle-timeout", "60", ...)`: a server in this dialect. It tells joins and leaves only if
`--announce` is among the options.
"""
