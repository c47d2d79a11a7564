"""Chat servers whose talk no dialect describes, and which do not survive every question: `python foreign.py KIND`.

They print `ready tcp=... udp=...` and serve until they are ended. Standard library only. One speaks TCRP: `late-udp`.
"""

import contextlib
import json
import secrets
import socket
import struct
import sys
import threading
import time
from pathlib import Path

HEADER_SIZE = 32
MOST_BYTES = 1 << 30
KEY_SIZE = 256
UDP_SECONDS = 0.5


def bound(kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    made.bind(("127.0.0.1", 0))
    return made


def second_odd_request(tcp: socket.socket) -> None:
    """The accept loop ends by the exception of the second request that it does not understand."""
    odd = 0
    while True:
        connection, _ = tcp.accept()
        with connection:
            data = connection.recv(4096)
            try:
                nick = json.loads(data[HEADER_SIZE + data[0] :])["nick"]
            except Exception:
                odd += 1
                if odd == 2:
                    raise
                connection.sendall(b"ERR bad request\n")
            else:
                connection.sendall(f"welcome {nick}\n".encode())


def huge_size(tcp: socket.socket) -> None:
    """4 bytes of length, and JSON. The process ends by the exception of a length that is too large."""
    while True:
        connection, _ = tcp.accept()
        with connection:
            data = connection.recv(4)
            if len(data) < 4:
                continue
            (size,) = struct.unpack(">I", data)
            if size > MOST_BYTES // 16:
                raise MemoryError
            body = b""
            while len(body) < size and (more := connection.recv(size - len(body))):
                body += more
            answer = json.dumps({"ok": len(body)}).encode()
            connection.sendall(struct.pack(">I", len(answer)) + answer)


def lines(tcp: socket.socket) -> None:
    """Lines of text, one client after the other, each read by one recv."""
    while True:
        connection, _ = tcp.accept()
        with connection, contextlib.suppress(OSError):
            if connection.recv(4096).startswith(b"JOIN "):
                connection.sendall(f"OK {secrets.token_hex(8)}\n".encode())
            else:
                connection.sendall(b"ERR\n")


def dialogue(tcp: socket.socket) -> None:
    """Asks for room, name and password in turn. Each client has a thread."""

    def ask(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError), connection.makefile("rwb") as file:
            for question in ("room", "name", "password"):
                file.write(f"{question}? ".encode())
                file.flush()
                if not file.readline():
                    return
            file.write(f"Welcome, your token is {secrets.token_hex(8)}, have fun\n".encode())

    while True:
        threading.Thread(target=ask, args=(tcp.accept()[0],), daemon=True).start()


def encrypted(tcp: socket.socket) -> None:
    """Sends a new key, and closes without a word once a block of the key's size could not be decrypted."""

    def meet(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"-----BEGIN PUBLIC KEY-----\n" + secrets.token_hex(64).encode() + b"\n")
            block = b""
            while len(block) < KEY_SIZE and (more := connection.recv(KEY_SIZE - len(block))):
                block += more

    while True:
        threading.Thread(target=meet, args=(tcp.accept()[0],), daemon=True).start()


def digits(tcp: socket.socket) -> None:
    """4 digits of length, 2 digits of operation, JSON. The process ends by the exception of what is no digit."""
    while True:
        connection, _ = tcp.accept()
        with connection:
            header = connection.recv(6)
            size, operation = int(header[:4]), int(header[4:])
            body = connection.recv(size)
            answer = json.dumps({"token": secrets.token_hex(8), "got": len(body)}).encode()
            connection.sendall(b"%04d%02d" % (len(answer), operation) + answer)


def chat(udp: socket.socket, *, fragile: bool) -> None:
    """Reads datagrams. `fragile`: the first that is no JSON object with a token ends it."""
    while True:
        data = udp.recvfrom(4096)[0]
        if fragile:
            json.loads(data)["token"]


def late_udp() -> None:
    """The server that is right, but its UDP port is opened only a while after the first connection."""
    from tests.faults.plain.server import Server
    from tests.faults.plain.stream import Stream

    class Late(Server):
        def __init__(self) -> None:
            super().__init__("127.0.0.1", 0, 0, 60.0)
            self.port = self.udp.getsockname()[1]
            self.udp.close()
            self.asked = threading.Event()

        def ready_line(self) -> str:
            return f"ready tcp=127.0.0.1:{self.tcp.getsockname()[1]} udp=127.0.0.1:{self.port}"

        def take(self, stream: Stream) -> None:
            self.asked.set()
            super().take(stream)

        def chat_loop(self) -> None:
            self.asked.wait()
            time.sleep(UDP_SECONDS)
            self.udp = self.bind("127.0.0.1", self.port, socket.SOCK_DGRAM)
            self.ask_for_icmp_errors()
            super().chat_loop()

    Late().run()


def main(kind: str) -> None:
    if kind == "late-udp":
        late_udp()
        return
    tcp, udp = bound(socket.SOCK_STREAM), bound(socket.SOCK_DGRAM)
    tcp.listen(64)
    ports = [one.getsockname()[1] for one in (tcp, udp)]
    print(f"ready tcp=127.0.0.1:{ports[0]} udp=127.0.0.1:{ports[1]}", flush=True)
    threading.Thread(target=chat, args=(udp,), kwargs={"fragile": kind == "dialogue"}, daemon=True).start()
    serve = KINDS[kind]
    if kind in ("second-odd-request", "dialogue"):  # the process outlives its accept loop
        threading.Thread(target=serve, args=(tcp,)).start()
        threading.Event().wait()
    serve(tcp)


KINDS = {
    "second-odd-request": second_odd_request, "huge-size": huge_size, "lines": lines, "dialogue": dialogue,
    "encrypted": encrypted, "digits": digits,
}  # fmt: skip


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # the folder that holds the package `tests`
    main(sys.argv[1])
