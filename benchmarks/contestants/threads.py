"""A server made of threads: one for each TCP connection, one for UDP, and a lock around the rooms."""

import contextlib
import socket
import socketserver
import threading

from benchmarks.contestants.rooms import HEADER_SIZE, PlainRooms, body_size


class RequestHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        header = self.rfile.read(HEADER_SIZE)
        if len(header) < HEADER_SIZE:
            return
        body = self.rfile.read(body_size(header))
        with lock:
            answer = rooms.request(header, body, self.client_address[0])
        self.wfile.write(answer)


class RequestListener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 512


def serve_chat() -> None:
    while True:
        try:
            data, source = udp.recvfrom(65535)
        except OSError:
            continue
        with lock:
            relayed = rooms.datagram(data, source)
        if relayed is not None:
            payload, addresses = relayed
            for address in addresses:
                with contextlib.suppress(OSError):  # a failed send must not keep the message from the others
                    udp.sendto(payload, address)


rooms, lock = PlainRooms(), threading.Lock()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
udp.bind(("127.0.0.1", 0))
listener = RequestListener(("127.0.0.1", 0), RequestHandler)
threading.Thread(target=serve_chat, daemon=True).start()
print(f"ready tcp=127.0.0.1:{listener.server_address[1]} udp=127.0.0.1:{udp.getsockname()[1]}", flush=True)
listener.serve_forever()
