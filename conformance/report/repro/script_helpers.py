"""The functions of which scripts are made: `script` copies those that a conversation needs, and gives the constants
their values. They know the standard library's `socket`, `sys` and `time`, and nothing else, run on any Python from
3.8 on, and say no types, for readers who are learning.
"""

# mypy: ignore-errors
# ruff: noqa: UP041

import socket
import sys
import time

HOST, TCP, UDP = "127.0.0.1", "9001", 9002
PATIENCE = 2.0
PAUSE = 0.05
BEGAN = time.monotonic()


class Client:
    """A TCP connection or a UDP socket of ours. `heard`: the segments or datagrams that have come in on it."""

    def __init__(self, name, sock):
        self.name, self.sock, self.local = name, sock, sock.getsockname()[:2]
        self.heard, self.awaited = [], []
        self.closed = False  # by the server


def show(client, what, data=b""):
    """What happened, and the bytes as hex and as text."""
    print(f"{(time.monotonic() - BEGAN) * 1000:8.1f} ms  {client.name} {what}", flush=True)
    for at in range(0, min(len(data), 256), 16):
        row = data[at : at + 16]
        print(f"    {row.hex(' '):<47}  {''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in row)}")
    if len(data) > 256:
        print("    ...")


def stop(why):
    """End without having found out anything."""
    print(f"CANNOT BE TOLD: {why}", flush=True)
    sys.exit(2)


def connect(name, source=""):
    """A new TCP connection."""
    time.sleep(0.025)  # a server need not serve more than 50 requests a second
    try:
        sock = socket.create_connection((HOST, TCP), PATIENCE, (source, 0) if source else None)
    except OSError as error:
        stop(f"no connection to {HOST} port {TCP}: {error}")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = Client(name, sock)
    show(client, "connects")
    return client


def open_udp(name, source="", port=0):
    """A new UDP socket."""
    try:
        sock = socket.socket(socket.getaddrinfo(HOST, UDP)[0][0], socket.SOCK_DGRAM)
        sock.bind((source, port))
    except OSError as error:
        stop(f"no UDP socket at {source or 'any address'} port {port} for {HOST}: {error}")
    return Client(name, sock)


def send(client, data, cuts=()):
    """Send bytes over TCP, in segments that begin at 0 and at the cuts, with a pause so that they are seen apart."""
    show(client, f"-> server, {len(data)} bytes" + f" in {len(cuts) + 1} segments" * bool(cuts), data)
    start = 0
    for end in (*cuts, len(data)):
        time.sleep(PAUSE if start else 0)
        try:
            client.sock.sendall(data[start:end])
        except OSError as error:
            show(client, f"cannot send: {error}")
            return
        start = end


def say(client, data):
    """Send one datagram."""
    show(client, f"-> server, {len(data)} bytes", data)
    try:
        client.sock.sendto(data, (HOST, UDP))
    except (OSError, OverflowError) as error:
        show(client, f"cannot send: {error}")


def size(part):
    """One byte: how long the part is."""
    return bytes([len(part)])


def receive(client, seconds, enough):
    """Take in what comes until it is enough, the server closes, or the time is over."""
    stream = client.sock.type == socket.SOCK_STREAM
    end = time.monotonic() + seconds
    while not enough(client) and not client.closed and client.sock.fileno() >= 0 and time.monotonic() < end:
        client.sock.settimeout(max(0.001, end - time.monotonic()))
        try:
            data = client.sock.recv(65536)
        except socket.timeout:
            return
        except ConnectionError:  # a reset is a close, too
            data = b""
        if stream and not data:
            client.closed = True
            show(client, "<- server: closed")
        else:
            client.heard.append(data)
            show(client, f"<- server, {len(data)} bytes", data)


def frames(data):
    """The whole frames at the beginning of the bytes: operation, state, room name and payload of each."""
    found = []
    while len(data) >= 32:
        room_end = 32 + data[0]
        end = room_end + int.from_bytes(data[3:32], "big")
        if len(data) < end:
            break
        found.append((data[1], data[2], data[32:room_end], data[room_end:end]))
        data = data[end:]
    return found


def reply(client):
    """The status in the ACK, which comes first, and the token in the COMPLETE. None for one that has not come."""
    payloads = [payload for _, _, _, payload in frames(b"".join(client.heard))]
    status = payloads[0][0] if payloads and len(payloads[0]) == 1 else None
    return status, payloads[1] if status == 0 and len(payloads) > 1 else None


def answered(client):
    """Whether the server has said all that it is going to say: a refusal, or a token."""
    status, found = reply(client)
    return found is not None or status not in (None, 0)


def answer(client, seconds=PATIENCE):
    """Wait for the answer."""
    receive(client, seconds, answered)


def token(client):
    """Wait for the answer and cut the token out of it."""
    receive(client, PATIENCE, answered)
    status, found = reply(client)
    if status == 1:
        stop("the room still stands, perhaps from an earlier run: restart the server, and run this again")
    if found is None:
        stop(f"no token came, but status {status}: the conversation cannot go on")
    return found


def take(client, seconds):
    """Take in what comes, for so long."""
    receive(client, seconds, lambda client: False)


def until_closed(client):
    """Wait until the server closes, as it did when this was recorded."""
    receive(client, PATIENCE, lambda client: client.closed)
    if not client.closed:
        show(client, f"<- server: still open after {PATIENCE} s")


def hear(client, data, seconds=0.5):
    """Wait for a datagram that came when this was recorded. If it does not come, go on."""
    client.awaited.append(data)
    receive(client, seconds, lambda client: client.heard.count(data) >= client.awaited.count(data))
    if client.heard.count(data) < client.awaited.count(data):
        show(client, f"<- server: NOT HEARD, unlike when this was recorded: {data[:60]!r}")


def half_close(client):
    """Say that no more bytes follow."""
    show(client, "half-closes")
    try:
        client.sock.shutdown(socket.SHUT_WR)
    except OSError as error:
        show(client, f"cannot half-close: {error}")


def reset(client):
    """Close with RST."""
    show(client, "resets the connection")
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, (1).to_bytes(4, sys.byteorder) + bytes(4))
    client.sock.close()


def close(client):
    """Close."""
    show(client, "closes")
    client.sock.close()


def holds(client, mark, notes=()):
    """Whether a datagram with the mark has come. What begins with one of the notes is information: not counted."""
    return any(mark in data and not data.startswith(notes) for data in client.heard)


def finish(right):
    """Say how it ended."""
    print("FIXED" if right else "FAILED", flush=True)
    sys.exit(0 if right else 1)
