"""Servers of `fixed-fields` and `fixed-width`: TCP in fields of fixed size, UDP addresses that the server gives out."""

import random
import struct
import time
import uuid

from tests.faults.plain import CREATE, JOIN, LIMIT_REACHED, MAX_UP, ROOM_NOT_FOUND, WRONG_PASSWORD, Refused, Vanished
from tests.spoken.base import Address, Dropped, Member, Room, Spoken, Stream

CLIENT_PORT = 8080
ANSWERS = {ROOM_NOT_FOUND: b"1", LIMIT_REACHED: b"2", WRONG_PASSWORD: b"3"}


class FixedRoom(Room):
    """`key`: the host token. Its members are known by the IP address that each was given."""

    def __init__(self, key: bytes, password: bytes, capacity: int) -> None:
        super().__init__(key, password)
        self.capacity = capacity


class FixedFields(Spoken):
    """Datagrams are text between colons, and everybody hears them, the sender too."""

    def serve(self, stream: Stream) -> None:
        while not self.answered(stream):
            stream.begun, stream.deadline = False, time.monotonic() + 60.0
        self.finish(stream)

    def answered(self, stream: Stream) -> bool:
        """Read one request. Whether it was the last one: after a refusal another may come."""
        header = stream.recv_exactly(32)
        capacity, operation = header[0], header[1]
        room, user, password = (self.text(field) for field in struct.unpack("8s10s11s", header[3:]))
        if operation == CREATE:
            with self.lock:
                try:
                    host = self.open_room(capacity, password)
                except Refused:
                    return True
            for state in (1, 2):
                stream.send(
                    struct.pack(
                        "!BBB8s10s11s", capacity, operation, state, room.ljust(8), b" " * 10, password.ljust(11)
                    )
                )
            stream.send(host.room.key + host.token)
            return True
        if operation != JOIN:
            return False
        token = stream.recv_exactly(36)
        try:
            with self.lock:
                member = self.join(token, user, password, stream.peer)
        except Refused as refused:
            stream.send(ANSWERS[refused.status])
            return False
        stream.send(b"0" + member.token)
        return True

    def text(self, field: bytes) -> bytes:
        text = field.replace(b" ", b"")
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            raise Vanished from None
        return text

    def open_room(self, capacity: int, password: bytes) -> Member:
        if len(self.rooms) >= self.max_rooms:
            raise Refused(LIMIT_REACHED)
        key = str(uuid.uuid4()).encode()
        room = FixedRoom(self.new_key(key), password, capacity)
        self.rooms[room.key] = room
        room.host = self.admit(room, b"", ("", 0))
        return room.host

    def new_key(self, key: bytes) -> bytes:
        return key

    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        assert isinstance(room, FixedRoom)
        if room.members and len(room.members) >= min(room.capacity, self.max_members):
            raise Refused(LIMIT_REACHED)
        ip = f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
        member = Member(room, ip.encode(), user, ip, time.monotonic())
        member.address = (ip, CLIENT_PORT)
        room.members[member.token] = member
        return member

    def on_datagram(self, data: bytes, source: Address) -> None:
        with self.lock:
            try:
                token, user, message = self.split(data)
                member = self.sender(token, source)
            except Dropped as dropped:
                self.drop(dropped.clause, data, source)
                return
            member.name = user
            if message == b"exit":
                self.leave(member)
            else:
                self.relay(member, message)

    def split(self, data: bytes) -> tuple[bytes, bytes, bytes]:
        """Token, user name and message. Raises Dropped."""
        try:
            data.decode("utf-8")
            token, user, message = data.split(b":")
        except ValueError:
            raise Dropped("4.2b") from None
        if len(data) > MAX_UP:
            raise Dropped("4.2a")
        return token, user, message

    def sender(self, token: bytes, source: Address) -> Member:
        room = self.rooms.get(token)
        member = room.members.get(source[0].encode()) if room is not None and source[1] == CLIENT_PORT else None
        if member is None:
            raise Dropped("4.2d")
        return member

    def recipients(self, member: Member) -> list[Member]:
        return [*member.room.members.values()]

    def compose(self, member: Member, message: bytes) -> bytes:
        return self.name_of(member) + b":" + message

    def leave(self, member: Member) -> None:
        if member is member.room.host:
            self.rooms.pop(member.room.key, None)
            member.room.members.clear()
            return
        self.remove(member)
        self.deliver(member, b"exit")

    def sweep(self) -> None:
        """Nobody is silent for so long here."""

    def stop(self) -> None:
        """Nobody is told."""


class FixedWidth(FixedFields):
    """Datagrams are fields of fixed size, padded with NUL; the token has no hyphens in them."""

    def split(self, data: bytes) -> tuple[bytes, bytes, bytes]:
        if len(data) != MAX_UP:
            raise Dropped("4.2a")
        short, user, message = data[:32], data[32:287].rstrip(b"\0"), data[287:].rstrip(b"\0")
        try:
            (user + b" " + message).decode("utf-8")
        except UnicodeDecodeError:
            raise Dropped("4.2b") from None
        return b"-".join((short[:8], short[8:12], short[12:16], short[16:20], short[20:])), user, message

    def compose(self, member: Member, message: bytes) -> bytes:
        return self.name_of(member).ljust(255, b"\0") + message.ljust(3839, b"\0")
