"""Right but unusual in 4.2 to 4.7: addresses, delivery, and what is sent to a client."""

import queue
import random
import socket
import threading
import time

from tests.faults.plain import Address, Member, Server
from tests.faults.registry import odd
from tests.odd.bases import Patient

# 4.2a: a datagram longer than 4096 bytes is dropped in silence ------------------------------------


@odd("reads-4097-bytes", "TCRP-4.2a", note="a datagram is read with room for 4097 bytes, enough to see that it is long")
class Reads4097Bytes(Server):
    receive_size = 4097


# 4.2f: an IPv4-mapped IPv6 address is its IPv4 address --------------------------------------------


@odd("mapped-addresses", "TCRP-4.2f", note="TCP sees ::ffff:127.0.0.1 where UDP sees 127.0.0.1")
class MappedAddresses(Server):
    def bind(self, host: str, port: int, kind: socket.SocketKind) -> socket.socket:
        if kind == socket.SOCK_STREAM and ":" not in host:
            host = "::ffff:" + socket.gethostbyname(host)
        return super().bind(host, port, kind)


@odd("dual-stack", "TCRP-4.2f", note="one socket each for IPv4 and IPv6: every IPv4 address comes mapped")
class DualStack(Server):
    def bind(self, host: str, port: int, kind: socket.SocketKind) -> socket.socket:
        return super().bind("::", port, kind)


@odd("tcp-on-both-families", "TCRP-4.2f", note="TCP listens on IPv6 too, UDP on IPv4 only")
class TcpOnBothFamilies(Server):
    def bind(self, host: str, port: int, kind: socket.SocketKind) -> socket.socket:
        return super().bind("::" if kind == socket.SOCK_STREAM else host, port, kind)


# 4.3a: a member's address is the source of its latest valid datagram ------------------------------


@odd("registers-late", "TCRP-4.3a", note="an address is moved to 200 ms after the datagram that came from it")
class RegistersLate(Patient):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        known = member.address
        super().hear(member, source, message)
        member.address = known
        self.after(0.2, lambda: self.move(member, source))

    def move(self, member: Member, source: Address) -> None:
        with self.lock:
            member.address = source


# 4.3c: two members on one UDP address: not judged -------------------------------------------------


@odd("one-member-an-address", "TCRP-4.3c", note="a member whose address another one takes is removed")
class OneMemberAnAddress(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        for room in list(self.rooms.values()):
            for other in list(room.members.values()):
                if other is not member and other.address == source:
                    self.leave(other)
        super().hear(member, source, message)


# 4.5a: a message goes to every other registered member of the room --------------------------------


@odd(
    "thread-per-datagram",
    "TCRP-4.5a",
    note="every datagram has a thread of its own, so that they overtake each other",
)
class ThreadPerDatagram(Server):
    def on_datagram(self, data: bytes, source: Address) -> None:
        threading.Thread(target=self.later, args=(data, source), daemon=True).start()

    def later(self, data: bytes, source: Address) -> None:
        time.sleep(random.random() * 0.003)
        super().on_datagram(data, source)


@odd("slow-chat", "TCRP-4.5a", note="every datagram is served 100 ms after it came")
class SlowChat(Server):
    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.waiting: queue.SimpleQueue[tuple[float, bytes, Address]] = queue.SimpleQueue()

    def chat_loop(self) -> None:
        threading.Thread(target=self.serve_waiting, daemon=True).start()
        super().chat_loop()

    def on_datagram(self, data: bytes, source: Address) -> None:
        self.waiting.put((time.monotonic() + 0.1, data, source))

    def serve_waiting(self) -> None:
        while True:
            due, data, source = self.waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            super().on_datagram(data, source)

    def expired(self, member: Member, now: float) -> bool:
        return super().expired(member, now - 0.1)


@odd("random-order", "TCRP-4.5a", note="the members of a room are delivered to in random order")
class RandomOrder(Server):
    def recipients(self, member: Member) -> list[Member]:
        others = super().recipients(member)
        return random.sample(others, len(others))


@odd("delivers-late", "TCRP-4.5a", note="each copy of a message goes out on its own, up to 150 ms later")
class DeliversLate(Patient):
    def send(self, data: bytes, address: Address) -> None:
        self.after(random.random() * 0.15, lambda: super(DeliversLate, self).send(data, address))

    def stop(self) -> None:
        super().stop()
        time.sleep(0.2)


# 4.6b: the message's bytes are relayed unchanged --------------------------------------------------


@odd("text-only", "TCRP-4.6b", note="a message that is not UTF-8 is dropped")
class TextOnly(Server):
    def relay(self, member: Member, message: bytes) -> None:
        try:
            message.decode("utf-8")
        except UnicodeDecodeError:
            return
        super().relay(member, message)


@odd("text-only-and-told", "TCRP-4.6b", note="a message that is not UTF-8 is dropped, and its sender is told")
class TextOnlyAndTold(Server):
    def relay(self, member: Member, message: bytes) -> None:
        try:
            message.decode("utf-8")
        except UnicodeDecodeError:
            self.inform(member, "Text only, please.")
            return
        super().relay(member, message)


# 4.6d: every datagram to a client comes from the chat port ----------------------------------------


@odd("every-interface", "TCRP-4.6d", note="both sockets are bound to 0.0.0.0")
class EveryInterface(Server):
    def bind(self, host: str, port: int, kind: socket.SocketKind) -> socket.socket:
        return super().bind("0.0.0.0", port, kind)


# 4.7b: the sender of a message that is too long is told -------------------------------------------


@odd("informs-late", "TCRP-4.7b", "TCRP-5.5", note="information comes 300 ms after what it is about")
class InformsLate(Patient):
    def inform(self, member: Member, text: str) -> None:
        self.after(0.3, lambda: self.inform_now(member, text))

    def inform_now(self, member: Member, text: str) -> None:
        with self.lock:
            if member.token in member.room.members:
                super().inform(member, text)
