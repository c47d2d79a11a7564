"""A small chat server whose every habit is an option: `python server.py '{"payload": "raw", ...}'`.

Standard library only, written apart from everything else here. It prints `ready tcp=... udp=...` and serves until it
is ended; on SIGUSR1 it prints how many rooms stand. `OPTIONS` are the habits and their defaults.
"""

import json
import os
import secrets
import signal
import socket
import sys
import threading
import uuid

OPTIONS = {
    "size": "binary",  # digits, digits-nul: how the header's size field is written
    "counts": "payload",  # body: what it counts
    "payload": "json",  # raw, json-string, length-prefixed, json-or-raw
    "loose": False,  # what follows a name with its length does not matter
    "user_key": "username",
    "needs_password": False,  # the key must be there
    "password_key": "password",
    "passwords": True,
    "null_password": True,  # null is taken
    "extra_key": None,  # one that must be there, whatever it holds
    "pair_key": None,  # the key of [ip, port]
    "port_key": None,  # or those of ip and port
    "ip_key": "ip",
    "state": 0,  # of a request; None: any
    "create": 1,
    "join": 2,
    "framing": "header",  # none
    "steps": 2,
    "early_ack": False,  # acknowledged once the header is there, refused in the token's place
    "room": "echoed",  # absent, announced
    "characters": False,  # room sizes in replies
    "operation": None,  # constant in replies
    "states": [1, 2, 1],  # of acknowledgement, token, refusal
    "status": "byte",  # json, text, state, words, close, error
    "status_key": "status",
    "values": [0, 1, 2, 3, 4],  # ok, exists, not found, password, malformed
    "token_ok": None,
    "says_once": False,  # no status beside a token that an acknowledgement went before
    "words_key": None,
    "token_key": None,  # JSON
    "token": "uuid",  # hex, base64, bytes, digits, ip, varying
    "waits_for_port": False,
    "address": "latest",  # message, request, handshake, tcp
    "register": None,  # the message that registers
    "source": "ip",  # anything, address
    "up": "room-size token-size room token message",  # elements, or text:TEMPLATE, or json:{field: key}
    "register_type": None,
    "chat_type": None,
    "leave_type": None,
    "down": "text:{user}: {message}",  # elements, text:TEMPLATE, json:{field: key}, mirrored, message
    "down_type": None,
    "echo": False,
    "empty": "registers",  # relayed, ignored
    "leave": "exit",
    "folded": False,
    "guests_leave": True,
    "leave_relayed": False,
    "utf8": False,
    "joined": None,  # notices
    "left": None,
    "host_left": None,
    "mark": "",
    "one_at_a_time": False,
    "keeps_open": False,  # never closes first
    "dies_of_empty": False,  # of a connection without a byte
    "one_recv": False,
    "hangs": False,  # for 3 s, on what it does not understand
    "stages": False,  # a request in one segment is not read to its end
    "dies_of": None,  # state, utf8, datagram: an unexpected State, a message that is not UTF-8, one that is not read
    "answers": None,  # nothing, http, random, close, tls: no chat server at all
}


class Bad(Exception):
    pass


class Refusal(Exception):
    pass


class Server:
    def __init__(self, options):
        self.o = {**OPTIONS, **options}
        assert set(self.o) == set(OPTIONS), set(self.o) - set(OPTIONS)
        self.rooms = {}
        self.lock = threading.RLock()
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))

    def run(self):
        threading.Thread(target=self.serve_udp, daemon=True).start()
        tcp, udp = (one.getsockname()[1] for one in (self.tcp, self.udp))
        signal.signal(signal.SIGUSR1, lambda *_: print(f"rooms {len(self.rooms)}", flush=True))
        print(f"ready tcp=127.0.0.1:{tcp} udp=127.0.0.1:{udp}", flush=True)
        held = []
        while True:
            connection, peer = self.tcp.accept()
            if self.o["keeps_open"]:
                held.append(connection)
                del held[:-2]
            if self.o["one_at_a_time"]:
                self.serve(connection, peer)
            else:
                threading.Thread(target=self.serve, args=(connection, peer), daemon=True).start()

    # TCP

    def serve(self, connection, peer):
        try:
            if self.o["answers"]:
                self.answer_otherwise(connection)
            else:
                self.talk(connection, peer)
        except OSError:
            pass
        except (Bad, ValueError, KeyError, IndexError, TypeError):
            if self.o["hangs"]:
                threading.Event().wait(3)
        if not self.o["keeps_open"]:
            connection.close()

    def answer_otherwise(self, connection):
        data = connection.recv(65536)
        match self.o["answers"]:
            case "nothing":
                while connection.recv(65536):
                    pass
            case "http":
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            case "random":
                connection.sendall(os.urandom(40 + len(data) % 20))
            case "tls":
                connection.sendall(bytes.fromhex("15030100020246"))

    def take(self, connection, count):
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            if not more:
                if not data and self.o["dies_of_empty"]:
                    os._exit(3)
                raise Bad
            data += more
        return data

    def talk(self, connection, peer):
        o = self.o
        if o["one_recv"]:
            whole = connection.recv(4096)
            if not whole and o["dies_of_empty"]:
                os._exit(3)
            header, rest = whole[:32], whole[32:]
        elif o["stages"]:
            header = connection.recv(4096)[:32]
            rest = None
        else:
            header, rest = self.take(connection, 32), None
        room_size, operation, state = header[:3]
        number = header[3:32]
        if o["size"] == "binary":
            size = int.from_bytes(number, "big")
        else:
            size = int(number.rstrip(b"\0") if o["size"] == "digits-nul" else number)
        if size > 10000:
            raise Bad
        if o["early_ack"]:
            self.say(connection, "", operation, o["states"][0], self.status(0))
        if rest is None:
            rest = self.take(connection, size + (room_size if o["counts"] == "payload" else 0))
        if state != o["state"] and o["dies_of"] == "state":
            os._exit(3)
        room, payload = rest[:room_size].decode(), rest[room_size:]
        try:
            if operation not in (o["create"], o["join"]) or (o["state"] is not None and state != o["state"]):
                raise Refusal(4)
            user, password, declared = self.read_payload(payload)
            member = self.enter(operation == o["create"], room, user, password)
        except Refusal as refusal:
            self.refuse(connection, room, operation, refusal.args[0])
            return
        member["ip"] = peer[0]
        member["address"] = {"tcp": peer, "request": declared}.get(o["address"])
        if o["steps"] == 2 and not o["early_ack"]:
            self.say(connection, room, operation, o["states"][0], self.status(0))
        self.say(connection, room, operation, o["states"][1], self.token_payload(member["token"]))
        if o["waits_for_port"] or o["address"] == "handshake":
            port = int.from_bytes(self.take(connection, 2), "big")
            if o["address"] == "handshake":
                member["address"] = (peer[0], port)

    def read_payload(self, payload):
        o = self.o
        form = o["payload"]
        if form == "json-or-raw":
            form = "json" if payload[:1] == b"{" else "raw"
        try:
            if form == "raw":
                return payload.decode(), None, None
            if form == "length-prefixed":
                if len(payload) != payload[0] + 1 and not (o["loose"] and len(payload) > payload[0]):
                    raise Refusal(4)
                return payload[1 : 1 + payload[0]].decode(), None, None
            value = json.loads(payload)
            if form == "json-string":
                if not isinstance(value, str):
                    raise Refusal(4)
                return value, None, None
            password = value[o["password_key"]] if o["needs_password"] else value.get(o["password_key"])
            if password is None and not o["null_password"] and o["password_key"] in value:
                raise Refusal(4)
            if o["extra_key"]:
                value[o["extra_key"]]
            declared = None
            if o["pair_key"]:
                declared = tuple(value[o["pair_key"]])
            elif o["port_key"]:
                declared = (value[o["ip_key"]], value[o["port_key"]])
            return str(value[o["user_key"]]), password or None, declared
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise Refusal(4) from None

    def enter(self, creating, room, user, password):
        with self.lock:
            if creating:
                if room in self.rooms:
                    raise Refusal(1)
                self.rooms[room] = {"password": password if self.o["passwords"] else None, "members": []}
            elif room not in self.rooms:
                raise Refusal(2)
            elif self.rooms[room]["password"] not in (None, password):
                raise Refusal(3)
            member = {"user": user, "room": room, "host": creating, "address": None, "token": self.mint()}
            self.rooms[room]["members"].append(member)
        if not creating:
            self.tell(room, member, self.o["joined"], others=True)
        return member

    def mint(self):
        match self.o["token"]:
            case "uuid":
                return str(uuid.uuid4()).encode()
            case "hex":
                return secrets.token_hex(32).encode()
            case "base64":
                return secrets.token_urlsafe(24).encode()
            case "bytes":
                return secrets.token_bytes(32)
            case "digits":
                return b"%010d" % secrets.randbelow(10**10)
            case "varying":
                return secrets.token_hex(8 + secrets.randbelow(8)).encode()
        raise AssertionError

    def status(self, outcome, words=""):
        o, value = self.o, self.o["values"][outcome]
        match o["status"]:
            case "byte":
                return bytes([value])
            case "json":
                return json.dumps(
                    {o["status_key"]: value} | ({o["words_key"]: words} if o["words_key"] else {})
                ).encode()
            case "text":
                return value.encode()
        return b""

    def token_payload(self, token):
        o = self.o
        if not o["token_key"]:
            return token
        fields = {}
        if o["status"] == "json" and not o["says_once"]:
            fields[o["status_key"]] = o["values"][0] if o["token_ok"] is None else o["token_ok"]
        if o["words_key"]:
            fields[o["words_key"]] = "fine"
        return json.dumps(fields | {o["token_key"]: token.decode()}).encode()

    def refuse(self, connection, room, operation, outcome):
        o = self.o
        words = ("fine", f"room {room} is there", "no such room", "that password is wrong", "what do you mean?")[
            outcome
        ]
        state = o["states"][2]
        match o["status"]:
            case "close":
                return
            case "words":
                payload = words.encode()
            case "error":
                payload = json.dumps({"error": words}).encode()
            case "state":
                payload, state = b"", o["values"][outcome]
            case _:
                payload = self.status(outcome, words)
        self.say(connection, room, operation, state, payload)

    def say(self, connection, room, operation, state, payload):
        o = self.o
        if o["framing"] == "none":
            connection.sendall(payload)
            return
        name = room.encode()
        shown = {"echoed": name, "absent": b"", "announced": b""}[o["room"]]
        announced = 0 if o["room"] == "absent" else len(room) if o["characters"] else len(name)
        number = len(payload) + (len(shown) if o["counts"] == "body" else 0)
        size = {
            "binary": number.to_bytes(29, "big"), "digits": b"%029d" % number, "digits-nul": b"%d" % number,
        }[o["size"]].ljust(29, b"\0")  # fmt: skip
        operation = operation if o["operation"] is None else o["operation"]
        connection.sendall(bytes([announced, operation, state]) + size + shown + payload)

    # UDP

    def serve_udp(self):
        while True:
            data, source = self.udp.recvfrom(65536)
            try:
                self.datagram(data, source)
            except (ValueError, KeyError, IndexError, TypeError, AttributeError):
                if self.o["dies_of"] == "datagram":
                    self.udp.close()
                    return

    def datagram(self, data, source):
        o = self.o
        fields = read(o["up"], data, len(self.mint()) if o["token"] != "varying" else 0)
        with self.lock:
            member = self.find(fields, source)
            if member is None or (o["source"] == "ip" and source[0] != member["ip"]):
                return
            if o["source"] == "address" and member["address"] and source != member["address"]:
                return
            message, type_ = fields["message"], fields.get("type")
            if o["dies_of"] == "utf8" and b"\xff" in message:
                os._exit(3)
            if o["utf8"]:
                message.decode()
            if type_ is not None and type_ not in (o["register_type"], o["chat_type"], o["leave_type"]):
                return
            registers = message == o["register"].encode() if o["register"] is not None else type_ == o["register_type"]
            if o["address"] == "latest" or (o["address"] == "message" and registers):
                member["address"] = source
            if o["address"] == "message" and (registers or member["address"] is None):
                return
            if not message and o["empty"] != "relayed" and (type_ is None or type_ != o["leave_type"]):
                if o["empty"] == "ignored" and o["address"] == "latest" and not member.get("spoke"):
                    member["address"] = None
                return
            member["spoke"] = True
            if self.leaves(member, message, type_):
                if o["leave_relayed"]:
                    self.relay(member, message, data)
                self.leave(member)
            else:
                self.relay(member, message, data)

    def find(self, fields, source):
        for room in self.rooms.values():
            for member in room["members"]:
                if "token" in fields and fields["token"] == member["token"]:
                    return member if fields.get("room", member["room"].encode()) == member["room"].encode() else None
                if "token" not in fields and member["address"] == source:
                    return member
        return None

    def leaves(self, member, message, type_):
        o = self.o
        if not (member["host"] or o["guests_leave"]):
            return False
        if type_ is not None and o["leave_type"] is not None:
            return type_ == o["leave_type"]
        if o["leave"] is None:
            return False
        text = message.decode(errors="replace")
        return text.strip().lower() == o["leave"].lower() if o["folded"] else text == o["leave"]

    def leave(self, member):
        room = self.rooms[member["room"]]
        notice = self.o["host_left"] if member["host"] else self.o["left"]
        self.tell(member["room"], member, notice, others=True)
        room["members"].remove(member)
        if member["host"]:
            del self.rooms[member["room"]]

    def tell(self, room, about, notice, *, others):
        if notice is None:
            return
        text = notice.replace("{user}", about["user"]).replace("{room}", room)
        down = self.o["down"]
        if down.startswith("json:"):
            keys = json.loads(down[5:])
            data = json.dumps({keys["type"]: "notice", keys["message"]: text}).encode()
        else:
            data = (self.o["mark"] + text).encode()
        for member in self.rooms[room]["members"]:
            if member["address"] and member is not about:
                self.udp.sendto(data, member["address"])

    def relay(self, speaker, message, datagram):
        o = self.o
        if o["down"] == "mirrored":
            data = datagram
        elif o["down"] == "message":
            data = message
        else:
            values = {"user": speaker["user"].encode(), "room": speaker["room"].encode(), "message": message}
            data = write(o["down"], values | {"type": o["down_type"]})
        for member in self.rooms[speaker["room"]]["members"]:
            if member["address"] and (o["echo"] or member is not speaker):
                self.udp.sendto(data, member["address"])


def read(form, data, token_size):
    if form.startswith("json:"):
        value, keys = json.loads(data), json.loads(form[5:])
        fields = {name: value[key] for name, key in keys.items()}
        return {name: one.encode() if name != "type" else one for name, one in fields.items()}
    if form.startswith("text:"):
        names = form[5:].replace("}", "{").split("{")[1::2]
        separator = form[5:].partition("}")[2].partition("{")[0].encode()
        return dict(zip(names, data.split(separator, len(names) - 1), strict=True))
    sizes, fields, elements = {}, {}, form.split()
    for element in elements:
        if element == "type" or element.endswith("-size"):
            number, data = data[0], data[1:]
            fields |= {"type": number} if element == "type" else {}
            sizes[element.removesuffix("-size")] = number
        else:
            size = sizes.get(element, token_size if element == "token" else len(data))
            if len(data) < size:
                raise ValueError(element)
            fields[element], data = data[:size], data[size:]
    return fields


def write(form, values):
    if form.startswith("json:"):
        texts = {name: one.decode() if isinstance(one, bytes) else one for name, one in values.items()}
        return json.dumps({key: texts[name] for name, key in json.loads(form[5:]).items()}).encode()
    if form.startswith("text:"):
        data = form[5:].encode()
        for name in ("user", "room", "message"):
            data = data.replace(b"{%s}" % name.encode(), values[name])
        return data
    parts = []
    for element in form.split():
        size = element.endswith("-size")
        value = values[element.removesuffix("-size")]
        parts.append(bytes([len(value) if size else value]) if size or element == "type" else value)
    return b"".join(parts)


if __name__ == "__main__":
    Server(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}).run()
