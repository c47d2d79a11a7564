"""The simplest rooms that work: dictionaries, and a loop over the members for each message."""

import json
import uuid
from dataclasses import dataclass

HEADER_SIZE = 32


@dataclass
class PlainMember:
    user: str
    ip: str
    address: tuple[str, int] | None = None


class PlainRooms:
    """All rooms of a server. Only one thread may call it at a time."""

    def __init__(self) -> None:
        self.rooms: dict[str, dict[bytes, PlainMember]] = {}
        self.hosts: dict[str, bytes] = {}

    def request(self, header: bytes, body: bytes, ip: str) -> bytes:
        """The bytes that answer a TCP request. `header` and `body`: whole. `ip`: of the client."""
        room_size, operation = header[0], header[1]
        room, payload = body[:room_size].decode(), body[room_size:]
        try:
            user = json.loads(payload)["username"]
        except ValueError:
            user = payload.decode()
        if operation == 1 and room in self.rooms:
            return frame(room, operation, 1, b"\x01")
        if operation == 2 and room not in self.rooms:
            return frame(room, operation, 1, b"\x02")
        token = str(uuid.uuid4()).encode()
        self.rooms.setdefault(room, {})[token] = PlainMember(user, ip)
        if operation == 1:
            self.hosts[room] = token
        return frame(room, operation, 1, b"\x00") + frame(room, operation, 2, token)

    def datagram(self, data: bytes, source: tuple[str, int]) -> tuple[bytes, list[tuple[str, int]]] | None:
        """The payload that a datagram makes the server send, and the addresses; None: nothing."""
        if not 2 <= len(data) <= 4096 or len(data) < 2 + data[0] + data[1]:
            return None
        end = 2 + data[0] + data[1]
        token, message = data[2 + data[0] : end], data[end:]
        try:
            name = data[2 : 2 + data[0]].decode()
        except UnicodeDecodeError:
            return None
        room = self.rooms.get(name)
        member = room.get(token) if room is not None else None
        if room is None or member is None or member.ip != source[0]:
            return None
        member.address = source
        if not message:
            return None
        if message == b"exit":
            if self.hosts[name] == token:
                del self.rooms[name], self.hosts[name]
                return b"\x04the host left", [m.address for t, m in room.items() if m.address and t != token]
            del room[token]
            return None
        payload = member.user.encode() + b": " + message
        return payload, [m.address for t, m in room.items() if m.address and t != token]


def frame(room: str, operation: int, state: int, payload: bytes) -> bytes:
    name = room.encode()
    return bytes([len(name), operation, state]) + len(payload).to_bytes(29, "big") + name + payload


def body_size(header: bytes) -> int:
    return header[0] + int.from_bytes(header[3:HEADER_SIZE], "big")
