"""Odd datagrams and notices: sections 4 and 5."""

from __future__ import annotations

import queue
import random
import socket
import threading
import time

from plain import Server
from plain_chat import Member
from plain_control import Request
from registry import odd

# datagrams --------------------------------------------------------------------------------------


@odd(
    "informs-of-everything",
    "TCRP-5.5",
    note="joining, registering, leaving and every message come with information datagrams",
)
class InformsOfEverything(Server):
    def tell(self, members: list[Member], text: str) -> None:
        for member in members:
            self.inform(member, text)

    def decide(self, request: Request, peer: tuple) -> Member:
        member = super().decide(request, peer)
        with self.lock:
            self.tell(self.recipients(member), f"{member.name.decode()} has joined")
        return member

    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        super().hear(member, source, message)
        self.tell([*self.recipients(member), member], f"{len(message)} bytes from {member.name.decode()}")

    def remove(self, member: Member) -> None:
        super().remove(member)
        self.tell(self.recipients(member), f"{member.name.decode()} has left")


@odd(
    "informs-with-chat-in-it",
    "TCRP-5.5",
    note="information datagrams quote the message, before it is relayed",
)
class InformsWithChatInIt(Server):
    def relay(self, member: Member, message: bytes) -> None:
        quoted = message[:1000].decode("utf-8", "replace")
        for other in [*self.recipients(member), member]:
            self.inform(other, f"{member.name.decode()}: {quoted}")
        super().relay(member, message)


@odd(
    "thread-per-datagram",
    "TCRP-4.5a",
    note="every datagram has a thread of its own, so that they overtake each other",
)
class ThreadPerDatagram(Server):
    def on_datagram(self, data: bytes, source: tuple) -> None:
        threading.Thread(target=self.later, args=(data, source), daemon=True).start()

    def later(self, data: bytes, source: tuple) -> None:
        time.sleep(random.random() * 0.003)
        super().on_datagram(data, source)


@odd("slow-chat", "TCRP-4.5a", note="every datagram is served 100 ms after it came")
class SlowChat(Server):
    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.waiting: queue.SimpleQueue = queue.SimpleQueue()

    def chat_loop(self) -> None:
        threading.Thread(target=self.serve_waiting, daemon=True).start()
        super().chat_loop()

    def on_datagram(self, data: bytes, source: tuple) -> None:
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


@odd("text-only", "TCRP-4.6b", note="a message that is not UTF-8 is dropped")
class TextOnly(Server):
    def relay(self, member: Member, message: bytes) -> None:
        try:
            message.decode("utf-8")
        except UnicodeDecodeError:
            return
        super().relay(member, message)


@odd("mapped-addresses", "TCRP-4.2f", note="TCP sees ::ffff:127.0.0.1 where UDP sees 127.0.0.1")
class MappedAddresses(Server):
    def bind(self, host: str, port: int, kind: socket.SocketKind) -> socket.socket:
        if kind == socket.SOCK_STREAM and ":" not in host:
            host = "::ffff:" + socket.gethostbyname(host)
        return super().bind(host, port, kind)


# leaving and notices ----------------------------------------------------------------------------


@odd("leaver-is-told", "TCRP-5.1e", note="who leaves gets a disconnect notice, the host too")
class LeaverIsTold(Server):
    def act(self, member: Member, message: bytes) -> None:
        super().act(member, message)
        if self.leaves(message):
            self.notify(member, "You have left the room.")


@odd("notices-are-empty", "TCRP-5.4a", note="the text of a notice is empty")
class NoticesAreEmpty(Server):
    def notice(self, text: str) -> bytes:
        return super().notice("")


@odd("notices-are-long", "TCRP-5.4a", note="the text of a notice is 4 KB of Japanese")
class NoticesAreLong(Server):
    def notice(self, text: str) -> bytes:
        return super().notice("ホストが退出したため、チャットルームを終了します。" * 54)


@odd("notices-look-like-chat", "TCRP-5.4a", note="the text of a notice is `alice: hello`")
class NoticesLookLikeChat(Server):
    def notice(self, text: str) -> bytes:
        return super().notice("alice: hello")


@odd("slow-sweep", "TCRP-5.3a", note="an idle member is removed just before 2 T + 1 s")
class SlowSweep(Server):
    def expired(self, member: Member, now: float) -> bool:
        return now - member.last > 2 * self.idle_timeout + 0.6 - self.sweep_interval()


@odd("prompt-sweep", "TCRP-5.3b", note="an idle member is removed at T, to the hundredth of a second")
class PromptSweep(Server):
    def sweep_interval(self) -> float:
        return 0.005


@odd("five-failures", "TCRP-5.6", note="a member goes at its fifth failed delivery, not at its third")
class FiveFailures(Server):
    max_failures = 5
