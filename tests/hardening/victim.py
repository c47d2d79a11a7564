"""The server under test, and what can be seen of it from outside."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tcrp.endpoint import Endpoint

ENDING_SECONDS: Final = 20.0


class Victim:
    """The real server as a process. `endpoint`: where it is. `metrics`: the port of its metrics, or 0."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        files: int | None = None,
        log_is_read: bool = True,
        program: Sequence[str] = ("reference_server",),
    ) -> None:
        """`options`: beside the ports. `files`: how many it may open. `log_is_read`: its log goes into a file in
        `folder`, and not into a pipe that nobody reads. `program`: the module that is started, and its first arguments.
        """
        self._log = folder / "server.log"
        words = [sys.executable, "-m", *program, "--tcp-port", "0", "--udp-port", "0", *options]
        if files is not None:
            words = ["/bin/sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *words]
        with self._log.open("wb") as log:
            unread = None if log_is_read else subprocess.PIPE
            self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=unread or log)
        assert self.process.stdout is not None
        ready = dict(word.partition("=")[::2] for word in self.process.stdout.readline().decode().split()[1:])
        ports = {name: int(where.rpartition(":")[2]) for name, where in ready.items() if ":" in where}
        self.endpoint = Endpoint("127.0.0.1", ports["tcp"], ports["udp"])
        self.metrics = ports.get("metrics", 0)

    def memory(self) -> int:
        """Bytes of memory that the process has now; 0 where the system does not say."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) * 1024 if found else 0

    def open_files(self) -> int:
        """Descriptors that the process has open now; 0 where the system does not say."""
        try:
            return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())
        except OSError:
            return 0

    def cpu_seconds(self) -> float:
        """Seconds of a core that the process has used so far; 0.0 where the system does not say."""
        try:
            words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def logged(self) -> bytes:
        """What is in its log."""
        return self._log.read_bytes()

    def end(self) -> int:
        """Stop it. Returns its exit code; -9 if it did not end."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return self.process.wait(ENDING_SECONDS)
