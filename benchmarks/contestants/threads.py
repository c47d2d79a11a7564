"""A server of threads: one for each TCP connection, one for UDP, and a lock around the rooms."""

import contextlib
import socket
import socketserver
import threading

from benchmarks.contestants.rooms import HEADER_SIZE, Rooms, body_size


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        header = self.rfile.read(HEADER_SIZE)
        if len(header) < HEADER_SIZE:
            return
        body = self.rfile.read(body_size(header))
        with lock:
            answer = rooms.request(header, body, self.client_address[0])
        self.wfile.write(answer)


class Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 512


def chat() -> None:
    while True:
        try:
            data, source = udp.recvfrom(65535)
        except OSError:
            continue
        with lock:
            said = rooms.datagram(data, source)
        if said is not None:
            payload, addresses = said
            for address in addresses:
                with contextlib.suppress(OSError):  # the others are still to hear it
                    udp.sendto(payload, address)


rooms, lock = Rooms(), threading.Lock()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
udp.bind(("127.0.0.1", 0))
listener = Listener(("127.0.0.1", 0), Handler)
threading.Thread(target=chat, daemon=True).start()
print(f"ready tcp=127.0.0.1:{listener.server_address[1]} udp=127.0.0.1:{udp.getsockname()[1]}", flush=True)
listener.serve_forever()
