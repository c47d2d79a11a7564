"""A server that behaves badly in one way: `python server.py HOW TCP UDP`. Ways are the functions below, by their names
with dashes. It writes no ready line, and its process id into the file that PID_FILE names.
"""

import contextlib
import itertools
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HOST = "127.0.0.1"
HEADER = 32
Converse = Callable[[socket.socket], None]


def serve(tcp: socket.socket, converse: Converse) -> None:
    """Hold a conversation on each connection, all at once."""

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            converse(connection)

    while True:
        threading.Thread(target=one, args=(tcp.accept()[0],), daemon=True).start()


class Request(NamedTuple):
    """What a reply repeats of a request."""

    operation: int
    room: bytes


def request(connection: socket.socket) -> Request:
    """The request that comes. Whatever it asks for is well-formed."""
    data = b""
    while len(data) < HEADER or len(data) < HEADER + data[0] + int.from_bytes(data[3:HEADER], "big"):
        more = connection.recv(65536)
        if not more:
            raise OSError("it has closed")
        data += more
    return Request(data[1], data[HEADER : HEADER + data[0]])


def frame(of: Request, state: int, payload: bytes, size: int | None = None) -> bytes:
    """A reply. `size`: what the header says in place of the payload's size."""
    claimed = len(payload) if size is None else size
    return bytes([len(of.room), of.operation, state]) + claimed.to_bytes(29, "big") + of.room + payload


def never_accepts(tcp: socket.socket, udp: socket.socket) -> None:
    """Connections wait in the listener's queue for ever."""
    while True:
        time.sleep(600)


def never_answers(tcp: socket.socket, udp: socket.socket) -> None:
    """Every connection is accepted, and nothing is said."""
    serve(tcp, lambda connection: time.sleep(3600))


def byte_a_second(tcp: socket.socket, udp: socket.socket) -> None:
    """The answer never ends, a byte a second."""

    def converse(connection: socket.socket) -> None:
        for byte in itertools.cycle(frame(Request(1, b""), 1, b"\0")):
            connection.sendall(bytes([byte]))
            time.sleep(1.0)

    serve(tcp, converse)


def huge_frames(tcp: socket.socket, udp: socket.socket) -> None:
    """The COMPLETE is of 2^28 bytes, which come slowly."""

    def converse(connection: socket.socket) -> None:
        asked = request(connection)
        connection.sendall(frame(asked, 1, b"\0"))
        connection.sendall(frame(asked, 2, b"", size=1 << 28))
        while True:
            connection.sendall(b"x" * 100)
            time.sleep(0.2)

    serve(tcp, converse)


def endless_bytes(tcp: socket.socket, udp: socket.socket) -> None:
    """The answer never ends, as fast as it is read."""

    def converse(connection: socket.socket) -> None:
        asked = request(connection)
        connection.sendall(frame(asked, 1, b"\0") + frame(asked, 2, b"", size=1 << 28))
        while True:
            connection.sendall(b"x" * 65536)

    serve(tcp, converse)


def endless_datagrams(tcp: socket.socket, udp: socket.socket) -> None:
    """Everybody gets a token, and whoever sends a datagram is sent datagrams for ever."""
    tokens = itertools.count()

    def converse(connection: socket.socket) -> None:
        asked = request(connection)
        connection.sendall(frame(asked, 1, b"\0") + frame(asked, 2, b"token-%030d" % next(tokens)))

    def flood() -> None:
        known: set[tuple[str, int]] = set()
        udp.setblocking(False)
        while True:
            try:
                known.add(udp.recvfrom(65536)[1])
            except OSError:
                time.sleep(0.001 if not known else 0.0)
            for address in list(known):
                try:
                    udp.sendto(b"alicia: and so on", address)
                except OSError:
                    known.discard(address)

    threading.Thread(target=flood, daemon=True).start()
    serve(tcp, converse)


def goes_to_the_background(tcp: socket.socket, udp: socket.socket) -> None:
    """The command ends at once, and its grandchild never answers, in a session of its own, deaf to SIGTERM."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note_pid()
    never_answers(tcp, udp)


def prints_a_gigabyte(tcp: socket.socket, udp: socket.socket) -> None:
    """It prints 1 GB without a line feed, and answers nothing."""

    def flood() -> None:
        for _ in range(1 << 10):
            os.write(1, b"x" * (1 << 20))

    threading.Thread(target=flood, daemon=True).start()
    never_answers(tcp, udp)


ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnihton\r"
"""What a terminal would act on."""


def speaks_to_the_terminal(tcp: socket.socket, udp: socket.socket) -> None:
    """Whatever it says is full of escape sequences: on its output, in its answers, in its datagrams."""

    def converse(connection: socket.socket) -> None:
        asked = request(connection)
        print(f"error: {ESCAPES}", file=sys.stderr, flush=True)
        connection.sendall(frame(asked, 1, b"\0") + frame(asked, 2, ESCAPES.encode()))

    def chat() -> None:
        known: set[tuple[str, int]] = set()
        while True:
            _, source = udp.recvfrom(65536)
            known.add(source)
            for address in known:
                udp.sendto(f"{ESCAPES}: {ESCAPES}".encode(), address)

    threading.Thread(target=chat, daemon=True).start()
    serve(tcp, converse)


def ends_with_escapes(tcp: socket.socket, udp: socket.socket) -> None:
    """It ends before it is ready, and its last word is an escape sequence."""
    print(f"no: {ESCAPES}", file=sys.stderr, flush=True)
    os._exit(1)


def note_pid() -> None:
    """Write down which process serves."""
    if "PID_FILE" in os.environ:
        Path(os.environ["PID_FILE"]).write_text(str(os.getpid()))


def main() -> None:
    """Open the ports and behave badly."""
    how, tcp_port, udp_port = sys.argv[1].replace("-", "_"), int(sys.argv[2]), int(sys.argv[3])
    note_pid()
    if how == "ends_with_escapes":
        print(f"no: {ESCAPES}", file=sys.stderr, flush=True)
        sys.exit(1)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((HOST, udp_port))
    globals()[how](socket.create_server((HOST, tcp_port)), udp)


if __name__ == "__main__":
    main()
