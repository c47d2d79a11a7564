"""Control of the probed server: requests and replies over TCP."""

import json
import os
import secrets
import socket
import threading
from typing import Any, NamedTuple

from tests.probed.chat import Chat
from tests.probed.options import Options
from tests.probed.rooms import Address, Refusal, Rooms

WORDS = ("fine", "room {room} is there", "no such room", "that password is wrong", "what do you mean?")
"""What is said of each outcome, where words are."""


class Unreadable(Exception):
    """What came is no request."""


class Login(NamedTuple):
    """The payload of a request. `declared` is the address that it says datagrams will come from."""

    user: str
    password: str | None = None
    declared: Address | None = None


class Control:
    """Serves one TCP socket."""

    def __init__(self, options: Options, rooms: Rooms, chat: Chat) -> None:
        self.options = options
        self.rooms = rooms
        self.chat = chat
        self.socket = socket.create_server(("127.0.0.1", 0))

    def serve(self) -> None:
        held = []
        while True:
            connection, peer = self.socket.accept()
            if self.options.keeps_open:
                held.append(connection)
                del held[:-2]
            if self.options.one_at_a_time:
                self.serve_connection(connection, peer)
            else:
                threading.Thread(target=self.serve_connection, args=(connection, peer), daemon=True).start()

    def serve_connection(self, connection: socket.socket, peer: Address) -> None:
        try:
            if self.options.answers:
                self.answer_as_another_kind_of_server(connection)
            else:
                self.talk(connection, peer)
        except OSError:
            pass
        except (Unreadable, ValueError, KeyError, IndexError, TypeError):
            if self.options.hangs:
                threading.Event().wait(3)
        if not self.options.keeps_open:
            connection.close()

    def answer_as_another_kind_of_server(self, connection: socket.socket) -> None:
        data = connection.recv(65536)
        match self.options.answers:
            case "nothing":
                while connection.recv(65536):
                    pass
            case "http":
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            case "random":
                connection.sendall(os.urandom(40 + len(data) % 20))
            case "tls":
                connection.sendall(bytes.fromhex("15030100020246"))

    def talk(self, connection: socket.socket, peer: Address) -> None:
        o = self.options
        header, body = self.read_header(connection)
        room_size, operation, state = header[:3]
        size = self.payload_size(header[3:32])
        if size > 10000:
            raise Unreadable
        if o.early_ack:
            self.say(connection, "", operation, o.states[0], self.status(0))
        if body is None:
            body = self.take(connection, size + (room_size if o.counts == "payload" else 0))
        if state != o.state and o.dies_of == "state":
            os._exit(3)
        room, payload = body[:room_size].decode(), body[room_size:]
        try:
            if (operation not in (o.create, o.join) and not o.any_operation) or (
                o.state is not None and state != o.state
            ):
                raise Refusal(4)
            login = self.read_payload(payload)
            member = self.rooms.enter(room, login.user, login.password, creating=operation != o.join)
            if not member.host:
                self.chat.tell_others(member, o.joined)
        except Refusal as refusal:
            self.refuse(connection, room, operation, refusal.outcome)
            return
        member.ip = peer[0]
        member.address = {"tcp": peer, "request": login.declared}.get(o.address)
        if o.tcp_fallback:
            member.address = peer
        if o.port_optional:
            member.address = login.declared
        if o.steps == 2 and not o.early_ack:
            self.say(connection, room, operation, o.states[0], self.status(0))
        self.say(connection, room, operation, o.states[1], self.token_payload(member.token))
        if o.waits_for_port or o.address == "handshake":
            port = int.from_bytes(self.take(connection, 2), "big")
            if o.address == "handshake":
                member.address = (peer[0], port)

    # reading a request --------------------------------------------------------------------------

    def take(self, connection: socket.socket, count: int) -> bytes:
        """`count` bytes, in however many segments they come. Raises Unreadable."""
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            if not more:
                if not data and self.options.dies_of_empty:
                    os._exit(3)
                raise Unreadable
            data += more
        return data

    def read_header(self, connection: socket.socket) -> tuple[bytes, bytes | None]:
        """The header, and the body where it has been read with it."""
        if self.options.one_recv:
            whole = connection.recv(4096)
            if not whole and self.options.dies_of_empty:
                os._exit(3)
            return whole[:32], whole[32:]
        if self.options.stages:
            return connection.recv(4096)[:32], None
        return self.take(connection, 32), None

    def payload_size(self, number: bytes) -> int:
        if self.options.size == "binary":
            return int.from_bytes(number, "big")
        return int(number.rstrip(b"\0") if self.options.size == "digits-nul" else number)

    def read_payload(self, payload: bytes) -> Login:
        """Raises Refusal."""
        o = self.options
        form = o.payload
        if form == "json-or-raw":
            form = "json" if payload[:1] == b"{" else "raw"
        try:
            match form:
                case "raw":
                    return Login(payload.decode())
                case "length-prefixed":
                    if len(payload) != payload[0] + 1 and not (o.loose and len(payload) > payload[0]):
                        raise Refusal(4)
                    return Login(payload[1 : 1 + payload[0]].decode())
                case "json-string":
                    value = json.loads(payload)
                    if not isinstance(value, str):
                        raise Refusal(4)
                    return Login(value)
            return self.read_json(json.loads(payload))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise Refusal(4) from None

    def read_json(self, value: Any) -> Login:
        """`value` should be a dict. Raises Refusal, KeyError, TypeError or AttributeError."""
        o = self.options
        password = value[o.password_key] if o.needs_password else value.get(o.password_key)
        if password is None and not o.null_password and o.password_key in value:
            raise Refusal(4)
        if o.extra_key and o.extra_key not in value:
            raise Refusal(4)
        declared = None
        if o.pair_key:
            declared = tuple(value[o.pair_key])
        elif o.port_key and (o.port_key in value or not o.port_optional):
            declared = (value[o.ip_key], value[o.port_key])
        user = "" if o.user_key is None else str(value[o.user_key])
        return Login(user, password or None, declared)

    # replies ------------------------------------------------------------------------------------

    def status(self, outcome: int, words: str = "") -> bytes:
        o, value = self.options, self.options.values[outcome]
        match o.status:
            case "byte":
                return bytes([value])
            case "json":
                return json.dumps({o.status_key: value} | ({o.words_key: words} if o.words_key else {})).encode()
            case "text":
                return str(value).replace("{room}", self.rooms.latest).encode()
        return b""

    def token_payload(self, token: bytes) -> bytes:
        o = self.options
        if not o.token_key:
            return token
        fields: dict[str, Any] = {}
        if o.status == "json" and not o.says_once:
            fields[o.status_key] = o.values[0] if o.token_ok is None else o.token_ok
        if o.words_key:
            fields[o.words_key] = "fine"
        return json.dumps(fields | {o.token_key: token.decode()}).encode()

    def refuse(self, connection: socket.socket, room: str, operation: int, outcome: int) -> None:
        o = self.options
        words = WORDS[outcome].replace("{room}", room)
        if o.words_differ:
            words = f"{secrets.token_hex(4)}: {words[::-1]}"
        state = o.states[2]
        match o.status:
            case "close":
                return
            case "words":
                payload = words.encode()
            case "error":
                payload = json.dumps({"error": words}).encode()
            case "state":
                payload, state = b"", o.values[outcome]
            case _:
                payload = self.status(outcome, words)
        self.say(connection, room, operation, state, payload)
        if o.empty_token_follows:
            self.say(connection, room, operation, o.states[1], self.token_payload(b""))

    def say(self, connection: socket.socket, room: str, operation: int, state: int, payload: bytes) -> None:
        o = self.options
        if o.framing == "none":
            connection.sendall(payload)
            return
        name = room.encode()
        shown = name if o.room == "echoed" else b""
        announced = 0 if o.room == "absent" else len(room) if o.characters else len(name)
        number = len(payload) + (len(shown) if o.counts == "body" else 0)
        size = {
            "binary": number.to_bytes(29, "big"), "digits": b"%029d" % number, "digits-nul": b"%d" % number,
        }[o.size].ljust(29, b"\0")  # fmt: skip
        operation = operation if o.operation is None else o.operation
        connection.sendall(bytes([announced, operation, state]) + size + shown + payload)
