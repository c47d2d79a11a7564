"""The server of `json-envelope`: every payload is a JSON object with the same keys, on connections of many requests."""

import base64
import json
import os
import re
import time

import bcrypt

from tests.faults.plain import CREATE, JOIN, ROOM_EXISTS, ROOM_NOT_FOUND, WRONG_PASSWORD, Refused, Vanished
from tests.spoken.base import Address, Datagram, Dropped, Header, Member, Request, Room, Spoken, Stream

TEXTS = {
    ROOM_EXISTS: (2, "ルームは既に存在します。"),
    WRONG_PASSWORD: (1, "パスワードに誤りがあります。"),
    ROOM_NOT_FOUND: (1, "ルームが存在しません。"),
}
FULL = (2, "現在、これ以上受け付けられません。")
HASH = re.compile(rb"\$2[aby]\$(0[4-9]|1[0-2])\$[./A-Za-z0-9]{53}")


class Envelope(Spoken):
    """Datagrams hold the user name. Whoever creates a room sends the hash of its password."""

    def serve(self, stream: Stream) -> None:
        while True:
            stream.begun, stream.deadline = False, time.monotonic() + 60.0
            self.exchange(stream)

    def exchange(self, stream: Stream) -> None:
        request = self.read_request(stream)
        fields = self.fields_in(request.payload)
        try:
            if request.operation == JOIN and fields["type"] == "GET":
                self.list_rooms(stream)
                return
            if not request.room:
                raise Vanished
            if request.operation == CREATE and not HASH.fullmatch(fields["password"].encode()):
                self.say(stream, 1, error_message="パスワードのハッシュが正しくありません。")
                return
            if request.operation != CREATE and (request.operation, fields["type"]) != (JOIN, "JOIN"):
                raise Vanished
            member = self.enter(request, fields["password"].encode(), stream.peer)
        except Refused as refused:
            self.refuse(stream, request, refused.status)
        else:
            self.accept(stream, request, member)

    def fields_in(self, payload: bytes) -> dict[str, str]:
        try:
            fields: object = self.parse_json(payload)
        except Refused:
            raise Vanished from None
        if not isinstance(fields, dict) or not all(isinstance(fields.get(key), str) for key in ("type", "password")):
            raise Vanished
        return fields

    def enter(self, request: Request, password: bytes, peer: Address) -> Member:
        try:
            request.room.decode("utf-8")
        except UnicodeDecodeError:
            raise Vanished from None
        with self.lock:
            if request.operation == CREATE:
                return self.create(request.room, b"", password, peer)
            return self.join(request.room, b"", password, peer)

    def check_sizes(self, header: Header) -> None:
        if header.payload_size > self.max_payload:
            raise Vanished

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        try:
            fits = bcrypt.checkpw(password[:72], room.password)
        except ValueError:  # it has the form of a hash, but is not one
            fits = False
        if not fits:
            raise Refused(WRONG_PASSWORD)

    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        return base64.urlsafe_b64encode(os.urandom(128))

    def say(self, stream: Stream, state: int, **fields: object) -> None:
        envelope = {"error_message": None, "type": "", "token": "", "password": "", "room_list": [], **fields}
        stream.send(self.frame(Request(10, 0, b"", b""), state, json.dumps(envelope).encode()))

    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        self.say(stream, 1)
        self.say(stream, 2, token=member.token.decode())
        member.last = time.monotonic()

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        state, text = TEXTS.get(status, FULL)
        if state == 2:
            self.say(stream, 1)
        self.say(stream, state, error_message=text, token=None if state == 2 else "")

    def list_rooms(self, stream: Stream) -> None:
        names = [name.decode() for name in self.rooms]
        self.say(stream, 1)
        self.say(stream, 2, error_message=None if names else "現在ルームが存在しません。", room_list=names)

    # chat

    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        try:
            fields: object = self.load_json(datagram.message.decode("utf-8"))
        except (ValueError, RecursionError):
            raise Dropped("4.2b") from None
        if not isinstance(fields, dict):
            raise Dropped("4.2b")
        if not all(isinstance(fields.get(key), str) for key in ("type", "user_name", "chat_data")):
            raise Dropped("4.2b")
        if fields["type"] not in ("INITIAL", "CHAT", "LEAVE"):
            raise Dropped("4.2b")
        return datagram

    def on_datagram(self, data: bytes, source: Address) -> None:
        with self.lock:
            try:
                datagram = self.parse_datagram(data)
                member = self.find_member(datagram, source)
                fields = json.loads(datagram.message)
                if fields["type"] == "INITIAL":
                    member.address = source[:2]
                    return
                if member.address != source[:2]:
                    raise Dropped("4.2e")
            except Dropped as dropped:
                self.drop(dropped.clause, data, source)
                return
            member.name = fields["user_name"].encode("utf-8")
            if fields["type"] == "LEAVE":
                self.leave(member)
            else:
                self.hear(member, source, b"")
                self.relay(member, fields["chat_data"].encode("utf-8"))

    def check_ip(self, member: Member, source: Address) -> None:
        """An INITIAL may come from anywhere."""

    def compose(self, member: Member, message: bytes) -> bytes:
        return self.down("CHAT", self.name_of(member).decode(), message.decode("utf-8", "replace"))

    def down(self, kind: str, user: str, text: str) -> bytes:
        return b"\0\0" + json.dumps({"type": kind, "user_name": user, "chat_data": text}).encode()

    def notice(self, text: str) -> bytes:
        return self.down("CLOSE", "", text)

    def leave(self, member: Member) -> None:
        if member is member.room.host:
            self.close_room(member.room, "ルームがクローズしました。")
        else:
            self.remove(member)
