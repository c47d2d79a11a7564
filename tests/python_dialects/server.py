"""A server that speaks one of the example dialects: `python server.py short-header|rsa-chat|password-round TCP UDP`.

It knows nothing of the library: threads, blocking sockets, one lock.
"""

import secrets
import socket
import sys
import threading
import time
from dataclasses import dataclass, field

HOST = "127.0.0.1"
HOW, TCP, UDP = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
IDLE = 60.0
RSA_N = 0xBDC4597FD8D4FF156155462FC693CB8ABB88A1817380F9D39FA0FFDBA49E0917
RSA_D = 0x651D023344EDF91D0347D4A610411FEA578CE4057B9031E140BA281FBA9B35C1
RSA_E = 65537
Address = tuple[str, int]


@dataclass
class Member:
    """Somebody in a room."""

    user: str
    token: bytes
    ip: str
    host: bool
    seen: float = field(default_factory=time.monotonic)
    address: Address | None = None


@dataclass
class Room:
    """A room: the password and the members by token."""

    password: str
    members: dict[bytes, Member] = field(default_factory=dict)


ROOMS: dict[str, Room] = {}
LOCK = threading.RLock()
CHAT = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


class Gone(Exception):
    """The client has closed, or talks nonsense."""


def exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < size:
        more = connection.recv(min(4096, size - len(data)))
        if not more:
            raise Gone
        data += more
    return data


def text_line(connection: socket.socket) -> str:
    """A line without its end."""
    data = b""
    while not data.endswith(b"\n"):
        data += exactly(connection, 1)
        if len(data) > 4096:
            raise Gone
    return data[:-1].decode()


def enter(operation: int, room: str, user: str, password: str, ip: str) -> tuple[int, bytes]:
    """Status and token."""
    with LOCK:
        drop_idle()
        if operation == 1 and room in ROOMS:
            return 1, b""
        if operation == 2 and room not in ROOMS:
            return 2, b""
        if operation == 1:
            ROOMS[room] = Room(password)
        elif ROOMS[room].password != password:
            return 3, b""
        token = secrets.token_hex(16).encode()
        ROOMS[room].members[token] = Member(user, token, ip, operation == 1)
        return 0, token


def is_name(text: str) -> bool:
    """Whether a user name is one: 1 to 255 bytes without control characters."""
    return 0 < len(text.encode()) <= 255 and not any(ord(one) < 32 or ord(one) == 127 for one in text)


def short_header(connection: socket.socket, ip: str) -> None:
    """31 bytes: RoomNameSize 1, Operation 1, size of the user name 29."""
    header = exactly(connection, 31)
    size = int.from_bytes(header[2:], "big")
    if size > 100_000:
        connection.sendall(b"\x04")
        return
    room, user = exactly(connection, header[0]).decode(), exactly(connection, size).decode()
    if header[1] not in (1, 2) or not room or not is_name(user):
        connection.sendall(b"\x04")
        return
    status, token = enter(header[1], room, user, "", ip)
    connection.sendall(bytes([status]) + (b"" if status else token.ljust(255, b"\0")))


def canonical(connection: socket.socket, ip: str) -> None:
    """The 32 bytes, and the user name as it is or in JSON."""
    import json

    header = exactly(connection, 32)
    size = int.from_bytes(header[3:], "big")
    if size > 100_000:
        raise Gone
    room, payload = exactly(connection, header[0]), exactly(connection, size).decode()
    fields = json.loads(payload, parse_constant=int) if payload.startswith("{") else {"username": payload}
    json.dumps(fields, ensure_ascii=False).encode()  # no lone surrogates
    user, password = fields["username"], fields.get("password")
    password = "" if password is None else password
    valid = header[1] in (1, 2) and not header[2] and room and isinstance(user, str) and is_name(user)
    valid = valid and isinstance(password, str) and len(password.encode()) <= 1024
    status, token = enter(header[1], room.decode(), user, password, ip) if valid else (4, b"")
    for state, reply in ((1, bytes([status])), (2, token)):
        if state == 1 or not status:
            head = bytes([len(room), header[1], state]) + len(reply).to_bytes(29, "big")
            connection.sendall(head + room + reply)


def password_round(connection: socket.socket, ip: str) -> None:
    """CREATE or JOIN, room and user in a line, and the password when it is asked for."""
    words = text_line(connection).split(" ")
    connection.sendall(b"PASSWORD?\n")
    password = text_line(connection)
    if len(words) != 3 or words[0] not in ("CREATE", "JOIN") or not is_name(words[2]):
        connection.sendall(b"NO 4 what?\n")
        return
    status, token = enter(1 if words[0] == "CREATE" else 2, words[1], words[2], password, ip)
    connection.sendall(b"OK " + token + b"\n" if not status else b"NO %d because\n" % status)


def rsa(data: bytes, key: int, *, opens: bool) -> bytes:
    """Wrap or unwrap in blocks of 32 bytes, in which 30 are text."""
    found = b""
    for at in range(0, len(data), 32 if opens else 30):
        block = data[at : at + (32 if opens else 30)]
        number = pow(int.from_bytes(block if opens else b"\x01" + block, "big"), key, RSA_N)
        part = number.to_bytes(32, "big")
        if opens:
            part = part.lstrip(b"\0")
            if len(block) < 32 or part[:1] != b"\x01":
                raise Gone
            part = part[1:]
        found += part
    return found


def send(data: bytes, address: Address | None) -> None:
    """Send a datagram to a member whose address is known."""
    if address is not None:
        CHAT.sendto(rsa(data, RSA_D, opens=False) if HOW == "rsa-chat" else data, address)


def leave(room: str, member: Member, why: bytes) -> None:
    """A member goes, and the room with its host."""
    del ROOMS[room].members[member.token]
    if member.host:
        for other in ROOMS.pop(room).members.values():
            send(b"\x04" + why, other.address)


def drop_idle() -> None:
    """Whoever has been silent for too long is told so and goes."""
    for name, room in list(ROOMS.items()):
        for member in list(room.members.values()):
            if time.monotonic() - member.seen > IDLE and name in ROOMS:
                send(b"\x04you were idle", member.address)
                leave(name, member, b"the host was idle")


def take(data: bytes, source: Address) -> None:
    """One datagram: sizes of room and token, room, token, message."""
    if not 2 <= len(data) <= 4096 or len(data) < 2 + data[0] + data[1]:
        return
    room = data[2 : 2 + data[0]].decode()
    token, message = data[2 + data[0] : 2 + data[0] + data[1]], data[2 + data[0] + data[1] :]
    member = ROOMS[room].members.get(token) if room in ROOMS else None
    if member is None or member.ip != source[0]:
        return
    if HOW == "rsa-chat":
        message = rsa(message, RSA_D, opens=True)
    member.address, member.seen = source, time.monotonic()
    if message == b"exit":
        leave(room, member, b"the host left")
    elif message:
        relayed = member.user.encode() + b": " + message
        for other in ROOMS[room].members.values() if len(relayed) <= 4094 else ():
            if other is not member:
                send(relayed, other.address)


def chat() -> None:
    """Take datagrams for ever."""
    CHAT.settimeout(0.5)
    while True:
        try:
            data, source = CHAT.recvfrom(65536)
        except TimeoutError:
            data, source = b"", ("", 0)
        except OSError:
            continue
        with LOCK:
            drop_idle()
            try:
                take(data, source)
            except (UnicodeDecodeError, Gone, OSError):
                continue


def serve(connection: socket.socket, ip: str) -> None:
    """One request."""
    talk = {"short-header": short_header, "rsa-chat": canonical, "password-round": password_round}[HOW]
    with connection:
        connection.settimeout(10.0)
        try:
            talk(connection, ip)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        except (Gone, OSError, ValueError, KeyError):
            return


def main() -> None:
    """Serve."""
    CHAT.bind((HOST, UDP))
    listener = socket.create_server((HOST, TCP), backlog=128)
    threading.Thread(target=chat, daemon=True).start()
    print(f"ready tcp={HOST}:{listener.getsockname()[1]} udp={HOST}:{CHAT.getsockname()[1]}", flush=True)
    while True:
        connection, address = listener.accept()
        threading.Thread(target=serve, args=(connection, address[0]), daemon=True).start()


if __name__ == "__main__":
    main()
