"""Chat over UDP and the ways out of a room, sections 4 and 5 of the protocol, read literally.

Each step is a method of its own, so that a fault replaces one step and nothing else. All methods run with `lock` held.
"""

import socket
import threading
import time
from typing import NamedTuple

from tests.faults.plain.stream import Address

MAX_UP = 4096
MAX_DOWN = 4094
NOTICE = b"\x04"
INFORMATION = b"\x05"


class Room:
    """One room. `key` is what its name is known by (2.3), `password` is b"" where it has none (3.10)."""

    def __init__(self, key: bytes, password: bytes) -> None:
        self.key = key
        self.password = password
        self.members: dict[bytes, Member] = {}  # by token
        self.host: Member | None = None


class Member:
    """One member. `ip` is that of its TCP connection (3.8), `address` is where datagrams go (4.3)."""

    def __init__(self, room: Room, token: bytes, name: bytes, ip: str, last: float) -> None:
        self.room = room
        self.token = token
        self.name = name
        self.ip = ip
        self.last = last  # monotonic seconds of COMPLETE or of the latest valid datagram
        self.address: Address | None = None  # None until its first valid datagram (4.3)
        self.failures = 0  # deliveries that failed since it was last heard


class Datagram(NamedTuple):
    """What a client sends over UDP (4.1)."""

    room: bytes
    token: bytes
    message: bytes


class Dropped(Exception):
    """A datagram that is not valid. `clause` is the one that it breaks, "4.2a" to "4.2e"."""

    def __init__(self, clause: str) -> None:
        super().__init__(clause)
        self.clause = clause


class Chat:
    """What the server does with a datagram, and whom it sends one."""

    idle_timeout: float
    max_failures = 3
    lock: threading.RLock
    rooms: dict[bytes, Room]
    udp: socket.socket

    def room_key(self, name: bytes) -> bytes:
        raise NotImplementedError

    def ip_of(self, address: Address) -> str:
        raise NotImplementedError

    # what comes in (4.1 to 4.4) -----------------------------------------------------------------

    def on_datagram(self, data: bytes, source: Address) -> None:
        with self.lock:
            try:
                datagram = self.parse_datagram(data)
                member = self.find_member(datagram, source)
            except Dropped as dropped:
                self.drop(dropped.clause, data, source)
                return
            self.hear(member, source, datagram.message)
            self.act(member, datagram.message)

    def act(self, member: Member, message: bytes) -> None:
        """What a valid datagram does, after `hear` has noted its sender's address."""
        if not message:
            return
        if self.leaves(message):
            self.leave(member)
        else:
            self.relay(member, message)

    def parse_datagram(self, data: bytes) -> Datagram:
        if len(data) > MAX_UP:
            raise Dropped("4.2a")
        if len(data) < 2:
            raise Dropped("4.2b")
        room_end = 2 + data[0]
        token_end = room_end + data[1]
        if len(data) < token_end:
            raise Dropped("4.2b")
        return Datagram(data[2:room_end], data[room_end:token_end], data[token_end:])

    def find_member(self, datagram: Datagram, source: Address) -> Member:
        room = self.rooms.get(self.room_key(datagram.room))
        if room is None:
            raise Dropped("4.2c")
        member = self.member_with(room, datagram.token)
        if member is None:
            raise Dropped("4.2d")
        self.check_ip(member, source)
        return member

    def member_with(self, room: Room, token: bytes) -> Member | None:
        return room.members.get(token)

    def check_ip(self, member: Member, source: Address) -> None:
        if self.ip_of(source) != member.ip:
            raise Dropped("4.2e")

    def drop(self, clause: str, data: bytes, source: Address) -> None:
        """In silence: no reply, no effect."""

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        """4.3 and 5.3: any valid datagram moves the address and is a sign of life."""
        member.address = source
        member.last = time.monotonic()
        member.failures = 0

    # what goes out (4.5 to 4.7) -----------------------------------------------------------------

    def relay(self, member: Member, message: bytes) -> None:
        text = self.compose(member, message)
        if len(text) > MAX_DOWN:
            self.too_long(member, message)
            return
        for other in self.recipients(member):
            if other.address is not None:
                self.send(text, other.address)

    def compose(self, member: Member, message: bytes) -> bytes:
        return self.name_of(member) + b": " + message

    def name_of(self, member: Member) -> bytes:
        return member.name

    def recipients(self, member: Member) -> list[Member]:
        return [other for other in member.room.members.values() if other is not member]

    def too_long(self, member: Member, message: bytes) -> None:
        self.inform(member, "Your message was too long and was not sent.")

    def inform(self, member: Member, text: str) -> None:
        if member.address is not None:
            self.send(INFORMATION + text.encode("utf-8"), member.address)

    def notify(self, member: Member, text: str) -> None:
        """5.4: to the member that is disconnected, if it is registered."""
        if member.address is not None:
            self.send(self.notice(text), member.address)

    def notice(self, text: str) -> bytes:
        return NOTICE + text.encode("utf-8")

    def send(self, data: bytes, address: Address) -> None:
        raise NotImplementedError

    # leaving (5.1 to 5.7) -----------------------------------------------------------------------

    def leaves(self, message: bytes) -> bool:
        return message == b"exit"

    def leave(self, member: Member) -> None:
        self.remove(member)
        if member is member.room.host:
            self.close_room(member.room, "The host has left and the room is closed.")

    def remove(self, member: Member) -> None:
        del member.room.members[member.token]

    def close_room(self, room: Room, why: str) -> None:
        """5.2: everybody who is still in it is told, no token is left, the name is free."""
        del self.rooms[room.key]
        members = list(room.members.values())
        room.members.clear()
        for member in members:
            self.notify(member, why)

    def sweep(self) -> None:
        with self.lock:
            now = time.monotonic()
            members = [member for room in self.rooms.values() for member in room.members.values()]
            for member in members:
                if self.expired(member, now) and member.token in member.room.members:
                    self.time_out(member, "You were idle for too long and have left the room.")

    def sweep_interval(self) -> float:
        return min(0.25, self.idle_timeout / 8)

    def expired(self, member: Member, now: float) -> bool:
        """One interval is added: a datagram that came in time may still wait in the socket."""
        return now - member.last > self.idle_timeout + self.sweep_interval()

    def time_out(self, member: Member, why: str) -> None:
        """5.3: an idle host is a host that left, and the member itself is told."""
        self.leave(member)
        self.notify(member, why)

    def delivery_failed(self, address: Address) -> None:
        """5.6: an ICMP error came back from this address."""
        with self.lock:
            members = [member for room in self.rooms.values() for member in room.members.values()]
            for member in members:
                if member.address is not None and member.address[:2] == address[:2]:
                    member.failures += 1
                    if member.failures >= self.max_failures and member.token in member.room.members:
                        self.time_out(member, "Your messages could not be delivered.")

    def stop(self) -> None:
        """5.7: every room closes, and the host is told too."""
        with self.lock:
            for room in list(self.rooms.values()):
                self.close_room(room, "The server stops.")
