"""The server of `stage1`: UDP alone, one room, no tokens."""

import time

from tests.faults.plain import MAX_UP
from tests.spoken.base import Address, Member, Room, Spoken


class Stage1(Spoken):
    """Whoever sends is a member, and every datagram goes to all of them as it is, the sender included."""

    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.tcp.close()
        self.room = self.rooms[b""] = Room(b"", b"")

    def ready_line(self) -> str:
        return f"ready tcp=- udp={self.host}:{self.udp.getsockname()[1]}"

    def accept_loop(self) -> None:
        """There is no TCP."""

    def on_datagram(self, data: bytes, source: Address) -> None:
        if not data or len(data) > MAX_UP or len(data) < 1 + data[0]:
            return
        name, message = data[1 : 1 + data[0]], data[1 + data[0] :]
        key = repr(source).encode()
        with self.lock:
            member = self.room.members.setdefault(key, Member(self.room, key, name, source[0], 0.0))
            member.name, member.address, member.last = name, source, time.monotonic()
            self.relay(member, message)

    def deliver(self, member: Member, message: bytes) -> None:
        for other in self.recipients(member):
            if other.address is not None:
                self.send(self.compose(member, message), other.address)

    def compose(self, member: Member, message: bytes) -> bytes:
        name = self.name_of(member)
        return bytes([len(name)]) + name + message

    def recipients(self, member: Member) -> list[Member]:
        return [*member.room.members.values()]

    def time_out(self, member: Member, why: str) -> None:
        self.remove(member)

    def stop(self) -> None:
        """Nobody is told."""
