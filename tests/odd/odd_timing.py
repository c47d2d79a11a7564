"""Odd times: servers that pause, poll, answer late or do things one after another: sections 3 to 6."""

from __future__ import annotations

import heapq
import itertools
import random
import socket
import threading
import time
from collections.abc import Callable

from plain import Server
from plain_chat import Member, Room
from plain_control import ACK, COMPLETE, JOIN, OK, ROOM_NOT_FOUND, Refused, Request
from registry import odd
from stream import Stream


class Patient(Server):
    """Does some things later, when they are due, in a thread of their own."""

    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.due: list[tuple[float, int, Callable[[], None]]] = []
        self.numbers = itertools.count()
        self.changed = threading.Condition()

    def chat_loop(self) -> None:
        threading.Thread(target=self.act_when_due, daemon=True).start()
        super().chat_loop()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        with self.changed:
            heapq.heappush(self.due, (time.monotonic() + seconds, next(self.numbers), action))
            self.changed.notify()

    def act_when_due(self) -> None:
        while True:
            with self.changed:
                while not self.due or self.due[0][0] > time.monotonic():
                    self.changed.wait(self.due[0][0] - time.monotonic() if self.due else None)
                action = heapq.heappop(self.due)[2]
            action()


# the whole server -------------------------------------------------------------------------------


@odd("pauses", "TCRP-6.1b", note="every 3 s the whole server stands still for 700 ms, as for a garbage collection")
class Pauses(Server):
    pause = 0.7

    def sweep_loop(self) -> None:
        threading.Thread(target=self.stand_still, daemon=True).start()
        super().sweep_loop()

    def stand_still(self) -> None:
        while True:
            time.sleep(3.0)
            with self.lock:
                time.sleep(self.pause)

    def take(self, stream: Stream) -> None:
        with self.lock:
            super().take(stream)

    def expired(self, member: Member, now: float) -> bool:
        """What came in time may have waited for as long as the pause."""
        return super().expired(member, now - self.pause)


class Polls(Server):
    """Nothing is looked at but at every tick: one thread, no select()."""

    tick: float

    def wait_for_tick(self) -> None:
        time.sleep(self.tick - time.monotonic() % self.tick)

    def read_request(self, stream: Stream) -> Request:
        request = super().read_request(stream)
        self.wait_for_tick()
        return request

    def chat_loop(self) -> None:
        while True:
            self.wait_for_tick()
            while True:
                try:
                    data, source = self.udp.recvfrom(self.receive_size, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                except OSError:
                    self.read_icmp_errors()
                    continue
                self.on_datagram(data, source)

    def expired(self, member: Member, now: float) -> bool:
        return super().expired(member, now - self.tick)


@odd("polls-every-50-ms", "TCRP-3.4a", "TCRP-4.5a", note="sockets are looked at every 50 ms")
class PollsEvery50Ms(Polls):
    tick = 0.05


@odd("polls-every-200-ms", "TCRP-3.4b", "TCRP-4.5a", note="sockets are looked at every 200 ms")
class PollsEvery200Ms(Polls):
    tick = 0.2


@odd("one-at-a-time", "TCRP-6.3d", note="requests are decided one after another, 15 ms each, as by a disk that syncs")
class OneAtATime(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        with self.lock:
            time.sleep(0.015)
            return super().decide(request, peer)


# control ----------------------------------------------------------------------------------------


@odd("slow-answers", "TCRP-3.4a", note="every answer, a refusal too, comes after 300 ms")
class SlowAnswers(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        time.sleep(0.3)
        return super().decide(request, peer)


@odd(
    "stands-at-complete",
    "TCRP-3.11",
    note="COMPLETE comes 600 ms after ACK; the name is taken at ACK, and joined from then",
)
class StandsAtComplete(Server):
    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.begun: set[bytes] = set()

    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        if name in self.begun:
            raise Refused(2)
        return super().join(name, user, password, peer)

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        member = super().create(name, user, password, peer)
        self.begun.add(name)
        return member

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        if request.room not in self.begun:
            super().accept(stream, request, member)
            return
        try:
            stream.send(self.frame(request, ACK, self.status(OK)))
            time.sleep(0.6)
        finally:
            with self.lock:
                self.begun.discard(request.room)
                member.last = time.monotonic()
        stream.send(self.frame(request, COMPLETE, member.token))


# chat -------------------------------------------------------------------------------------------


@odd("unknown-rooms-take-time", "TCRP-6.3d", note="a status 2 is held back for 1.2 s, any number of them at once")
class UnknownRoomsTakeTime(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if status == ROOM_NOT_FOUND:
            time.sleep(1.2)
        super().refuse(stream, request, status)


@odd(
    "guest-tokens-come-late",
    "TCRP-6.1b",
    note="with 8 other connections open a guest's token comes 1.3 s after its ACK",
)
class GuestTokensComeLate(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        if request.operation != JOIN or self.connections <= 8:
            super().accept(stream, request, member)
            return
        stream.send(self.frame(request, ACK, self.status(OK)))
        time.sleep(1.3)
        stream.send(self.frame(request, COMPLETE, member.token))
        member.last = time.monotonic()


@odd("delivers-late", "TCRP-4.5a", note="each copy of a message goes out on its own, up to 150 ms later")
class DeliversLate(Patient):
    def send(self, data: bytes, address: tuple) -> None:
        self.after(random.random() * 0.15, lambda: super(DeliversLate, self).send(data, address))

    def stop(self) -> None:
        super().stop()
        time.sleep(0.2)


@odd("registers-late", "TCRP-4.3a", note="an address is moved to 200 ms after the datagram that came from it")
class RegistersLate(Patient):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        known = member.address
        super().hear(member, source, message)
        member.address = known
        self.after(0.2, lambda: self.move(member, source))

    def move(self, member: Member, source: tuple) -> None:
        with self.lock:
            member.address = source


# leaving ----------------------------------------------------------------------------------------


@odd("closes-late", "TCRP-5.2c", note="800 ms after its host has left a room is closed: notices, tokens and name")
class ClosesLate(Patient):
    def leave(self, member: Member) -> None:
        self.remove(member)
        if member is member.room.host:
            self.after(0.8, lambda: self.close_now(member.room))

    def close_now(self, room: Room) -> None:
        with self.lock:
            self.close_room(room, "The host has left and the room is closed.")


@odd("notices-come-late", "TCRP-5.2a", note="a disconnect notice comes 500 ms after the room was closed")
class NoticesComeLate(Patient):
    def notify(self, member: Member, text: str) -> None:
        self.after(0.5, lambda: super(NoticesComeLate, self).notify(member, text))

    def stop(self) -> None:
        super().stop()
        time.sleep(0.6)


@odd("ten-failures", "TCRP-5.6", note="a member goes at its tenth failed delivery in a row")
class TenFailures(Server):
    max_failures = 10


@odd("failures-are-swept", "TCRP-5.6", note="who could not be reached three times goes at a sweep, every 600 ms")
class FailuresAreSwept(Server):
    def delivery_failed(self, address: tuple) -> None:
        with self.lock:
            for room in self.rooms.values():
                for member in room.members.values():
                    if member.address is not None and member.address[:2] == address[:2]:
                        member.failures += 1

    def sweep_interval(self) -> float:
        return 0.6

    def expired(self, member: Member, now: float) -> bool:
        return member.failures >= self.max_failures or super().expired(member, now)


@odd("last-moment", "TCRP-5.3a", note="an idle member is removed a tenth of a second before 2 T + 1 s")
class LastMoment(Server):
    def sweep_interval(self) -> float:
        return 0.02

    def expired(self, member: Member, now: float) -> bool:
        return now - member.last > 2 * self.idle_timeout + 0.9


@odd("whole-seconds", "TCRP-5.3b", note="the clock of idling counts whole seconds")
class WholeSeconds(Server):
    def expired(self, member: Member, now: float) -> bool:
        return int(now) - int(member.last) > self.idle_timeout


@odd("host-told-first-guests-later", "TCRP-5.3d", note="an idle host is told at once, its guests 300 ms later")
class HostToldFirst(Patient):
    def close_room(self, room: Room, why: str) -> None:
        guests = list(room.members.values())
        room.members.clear()
        del self.rooms[room.key]
        for guest in guests:
            self.after(0.3, lambda guest=guest: self.notify(guest, why))

    def stop(self) -> None:
        super().stop()
        time.sleep(0.4)
