"""The plain server: its two sockets, its threads and its limits."""

import errno
import ipaddress
import os
import signal
import socket
import struct
import sys
import threading
import time
import traceback

from tests.faults.plain.chat import Chat, Room
from tests.faults.plain.control import ACK, LIMIT_REACHED, UNREAD, Control
from tests.faults.plain.stream import Address, Stream, Vanished

IP_RECVERR = 11  # Linux: ICMP errors come back on a socket that is not connected
IPV6_RECVERR = 25
ICMP_ORIGINS = (2, 3)  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6


class Server(Control, Chat):
    """One server process. `tcp_port` and `udp_port` may be 0 for a free port; `idle_timeout` is in seconds (5.3)."""

    stream_type = Stream
    backlog = 128
    max_connections = 400
    receive_size = 65535

    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        self.host = host
        self.idle_timeout = idle_timeout
        self.lock = threading.RLock()
        self.rooms: dict[bytes, Room] = {}
        self.connections = 0
        self.tcp = self.bind(host, tcp_port, socket.SOCK_STREAM)
        self.tcp.listen(self.backlog)
        self.udp = self.bind(host, udp_port, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.ask_for_icmp_errors()

    # sockets ------------------------------------------------------------------------------------

    def bind(self, host: str, port: int, kind: socket.SocketKind) -> socket.socket:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, kind)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        return sock

    def ask_for_icmp_errors(self) -> None:
        if sys.platform != "linux":
            return
        if self.udp.family == socket.AF_INET6:
            self.udp.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        # A dual-stack socket also sends over IPv4, and wants both.
        self.udp.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)

    def ip_of(self, address: Address) -> str:
        """4.2: an IPv4-mapped address is its IPv4 address."""
        ip = ipaddress.ip_address(address[0].partition("%")[0])
        mapped = ip.ipv4_mapped if ip.version == 6 else None
        return str(mapped or ip)

    def ready_line(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        tcp, udp = self.tcp.getsockname()[1], self.udp.getsockname()[1]
        return f"ready tcp={shown}:{tcp} udp={shown}:{udp}"

    # threads ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT, then closes every room and exits with code 0."""
        signals = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        for loop in (self.accept_loop, self.chat_loop, self.sweep_loop):
            threading.Thread(target=loop, daemon=True).start()
        print(self.ready_line(), flush=True)
        signal.sigwait(signals)
        self.stop()
        os._exit(0)  # the other threads still wait in the kernel

    def accept_loop(self) -> None:
        while True:
            try:
                connection, peer = self.tcp.accept()
            except OSError as error:
                if error.errno in (errno.EBADF, errno.EINVAL):
                    return
                time.sleep(0.02)  # out of descriptors, or the client was gone before it was accepted
                continue
            self.take(self.stream_type(connection, peer))

    def take(self, stream: Stream) -> None:
        with self.lock:
            self.connections += 1
            stream.counted = True
            full = self.connections > self.max_connections
        try:
            if full:
                self.turn_away(stream)
            else:
                threading.Thread(target=self.run_connection, args=(stream,), daemon=True).start()
        except (OSError, RuntimeError):  # the client is gone, or no thread can be had
            self.forget_connection(stream)
            stream.close()

    def turn_away(self, stream: Stream) -> None:
        """6.3: beyond the limits any request may get status 6."""
        stream.send(self.frame(UNREAD, ACK, self.status(LIMIT_REACHED)))
        self.forget_connection(stream)
        stream.close()

    def run_connection(self, stream: Stream) -> None:
        try:
            self.serve(stream)
        except (Vanished, OSError) as error:
            self.lost(stream, error)
        except Exception as error:
            self.failed(error)
        finally:
            self.forget_connection(stream)
            stream.close()

    def forget_connection(self, stream: Stream) -> None:
        with self.lock:
            self.connections -= stream.counted
            stream.counted = False

    def lost(self, stream: Stream, error: Exception) -> None:
        """The client closed early, sent a RST or took too long. The server does nothing about it."""

    def failed(self, error: Exception) -> None:
        """6.1: whatever went wrong, the server goes on for the others."""
        traceback.print_exception(error)

    def chat_loop(self) -> None:
        while True:
            try:
                data, source = self.udp.recvfrom(self.receive_size)
            except OSError:
                self.read_icmp_errors()
                continue
            try:
                self.on_datagram(data, source)
            except Exception as error:
                self.failed(error)

    def sweep_loop(self) -> None:
        while True:
            time.sleep(self.sweep_interval())
            try:
                self.sweep()
            except Exception as error:
                self.failed(error)

    # datagrams out ------------------------------------------------------------------------------

    def send(self, data: bytes, address: Address) -> None:
        for _ in range(16):
            try:
                self.udp.sendto(data, address)
                return
            except OSError:
                # On Linux this is the error of an earlier datagram, and this one was not sent.
                if not self.read_icmp_errors():
                    return

    def read_icmp_errors(self) -> int:
        """The number of errors that waited. Each counts against the address that its datagram was sent to (5.6)."""
        waiting = []
        while sys.platform == "linux":
            try:
                waiting.append(self.udp.recvmsg(1, 1024, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT))
            except OSError:
                break
        for _, control, _, address in waiting:
            for _, _, data in control:
                number, origin = struct.unpack_from("=IB", data)
                if origin in ICMP_ORIGINS and number != errno.EMSGSIZE and address:
                    self.delivery_failed(address)
        return len(waiting)
