"""Servers of `model-answer` and `json-status`: frames of the canonical layout, other replies and other words."""

import json
import os
import struct
import threading

from tests.faults.plain import CREATE, JOIN, MALFORMED, REQUEST, ROOM_EXISTS, ROOM_NOT_FOUND, Refused, Vanished
from tests.spoken.base import Address, Datagram, Dropped, Member, Request, Room, Spoken, Stream


class Utf8Chat(Spoken):
    """Messages that are not UTF-8 are dropped; an empty one is chat."""

    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        try:
            datagram.message.decode("utf-8")
        except UnicodeDecodeError:
            raise Dropped("4.2b") from None
        return datagram

    def check_user(self, name: bytes) -> bytes:
        return name

    def object_in(self, payload: bytes) -> dict[str, object]:
        fields: object = self.parse_json(payload)
        if not isinstance(fields, dict):
            raise Refused(MALFORMED)
        return fields

    def act(self, member: Member, message: bytes) -> None:
        if self.leaves(message) and self.may_leave(member):
            self.says_goodbye(member, message)
            self.leave(member)
        else:
            self.relay(member, message)

    def says_goodbye(self, member: Member, message: bytes) -> None:
        """What happens to the message that leaves."""


class ModelAnswer(Utf8Chat):
    """The client tells its UDP port after the token, and is heard from there alone."""

    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        fields = self.object_in(payload)
        return self.user_in(fields), self.password_in(fields)

    def status(self, status: int) -> bytes:
        return super().status(3 if status == MALFORMED else status)

    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation not in (CREATE, JOIN) or request.state != REQUEST:
            raise Vanished  # and the connection closes
        return super().decide(request, peer)

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        try:
            super().accept(stream, request, member)
            port = int.from_bytes(stream.recv_exactly(2), "big")
        except (Vanished, OSError):
            with self.lock:
                self.remove(member)
                if member is member.room.host:
                    self.close_room(member.room, "")
            raise
        with self.lock:
            if member.token in member.room.members:
                member.address = (stream.peer[0], self.port_told(port))
                others = [one for one in member.room.members.values() if one is not member]
                self.tell(others, f"{member.name.decode()} がチャットルームに参加しました")

    def port_told(self, port: int) -> int:
        return port

    def check_ip(self, member: Member, source: Address) -> None:
        if member.address != source[:2]:
            raise Dropped("4.2e")

    def leaves(self, message: bytes) -> bool:
        return message.decode("utf-8").strip().casefold() == "/exit"

    def may_leave(self, member: Member) -> bool:
        return member is member.room.host

    def says_goodbye(self, member: Member, message: bytes) -> None:
        self.relay(member, message)

    def leave(self, member: Member) -> None:
        if member is member.room.host:
            self.close_room(member.room, "チャットルームが閉じられました")
        else:
            self.remove(member)

    def stop(self) -> None:
        with self.lock:
            for room in list(self.rooms.values()):
                self.close_room(room, "チャットルームが閉じられました")


class JsonStatus(Utf8Chat):
    """The request says where the client's datagrams go, the only reply is JSON, and the client closes."""

    def __init__(self, host: str, tcp_port: int, udp_port: int, idle_timeout: float) -> None:
        super().__init__(host, tcp_port, udp_port, idle_timeout)
        self.said = threading.local()

    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        fields = self.object_in(payload)
        name, address = fields.get("user_name"), fields.get("user_address")
        if not isinstance(name, str) or not isinstance(address, list) or len(address) != 2:
            raise Refused(MALFORMED)
        host, port = address
        if not isinstance(host, str) or not isinstance(port, int) or not 0 < port < 65536:
            raise Refused(MALFORMED)
        self.said.address = (host, port)
        return name.encode("utf-8"), b""

    def decide(self, request: Request, peer: Address) -> Member:
        if request.operation not in (CREATE, JOIN):
            raise Refused(ROOM_NOT_FOUND)
        member = super().decide(request._replace(state=REQUEST), peer)
        member.address = self.declared(self.said.address)
        return member

    def declared(self, address: Address) -> Address:
        return address

    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return os.urandom(32).hex().encode("ascii")

    def check_ip(self, member: Member, source: Address) -> None:
        """From wherever it comes."""

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        fields = {"status": 202, "message": "リクエストを完了しました。", "token": member.token.decode()}
        stream.send(self.frame(request, 2, json.dumps(fields).encode()))

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        room = request.room.decode("utf-8", "replace")
        if status in (ROOM_EXISTS, ROOM_NOT_FOUND):
            text = f"部屋 {room} は" + ("すでに存在します" if status == ROOM_EXISTS else "存在しません")
            stream.send(self.frame(request, 0, json.dumps({"status": 400, "message": text}).encode()))
        else:
            text = "リクエストを完了できませんでした。\n入力し直してください。"
            stream.send(self.frame(request, 3, json.dumps({"status": 500, "message": text}).encode()))

    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        return struct.pack("!BBB29s", self.room_size(request), request.operation, state, _size(payload)) + payload

    def room_size(self, request: Request) -> int:
        return len(request.room.decode("utf-8", "replace"))

    def finish(self, stream: Stream) -> None:
        """The client closes."""
        self.forget_connection(stream)
        stream.drain(60.0)

    def leave(self, member: Member) -> None:
        room, text = member.room.key.decode(), f"{member.name.decode()}が{member.room.key.decode()}から退出しました。"
        self.remove(member)
        if member is member.room.host:
            closing = f"\nホストが退出したため、チャットルーム:{room}を終了します。"
            self.close_room(member.room, text + closing)
        else:
            self.tell([*member.room.members.values()], text)

    def stop(self) -> None:
        with self.lock:
            for room in list(self.rooms.values()):
                self.close_room(room, f"ホストが退出したため、チャットルーム:{room.key.decode()}を終了します。")

    def sweep(self) -> None:
        """There is no idle time."""


def _size(payload: bytes) -> bytes:
    return len(payload).to_bytes(29, "big")
