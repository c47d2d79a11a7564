"""A chat server as one writes it the first time: one recv, one accept loop, one chat thread, no checks.

python server.py TCP-PORT UDP-PORT
"""

import socket
import sys
import threading
import uuid
from typing import Any

TCP, UDP = map(int, sys.argv[1:])
rooms: dict[str, dict[str, dict[str, Any]]] = {}


def chat() -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", UDP))
    while True:
        data, address = sock.recvfrom(4096)
        room_size = data[0]
        token_size = data[1]
        room = data[2 : 2 + room_size].decode()
        token = data[2 + room_size : 2 + room_size + token_size].decode()
        message = data[2 + room_size + token_size :].decode()
        member = rooms[room][token]
        member["address"] = address
        if message == "exit":
            del rooms[room][token]
            continue
        if message:
            for other in rooms[room].values():
                if other["address"]:
                    sock.sendto(f"{member['name']}: {message}".encode(), other["address"])


def frame(room: str, operation: int, state: int, payload: bytes) -> bytes:
    name = room.encode()
    return bytes([len(name), operation, state]) + len(payload).to_bytes(29, "big") + name + payload


def main() -> None:
    threading.Thread(target=chat, daemon=True).start()
    listener = socket.socket()
    listener.bind(("127.0.0.1", TCP))
    listener.listen()
    print("listening on", TCP)
    while True:
        connection, _ = listener.accept()
        try:
            data = connection.recv(4096)
            room_size, operation = data[0], data[1]
            size = int.from_bytes(data[3:32], "big")
            room = data[32 : 32 + room_size].decode()
            name = data[32 + room_size : 32 + room_size + size].decode()

            if operation == 1:
                if room in rooms:
                    connection.sendall(frame(room, operation, 1, bytes([1])))
                    continue
                rooms[room] = {}
            elif room not in rooms:
                connection.sendall(frame(room, operation, 1, bytes([2])))
                continue
            connection.sendall(frame(room, operation, 1, bytes([0])))
            token = str(uuid.uuid4())
            rooms[room][token] = {"name": name, "address": None}
            connection.sendall(frame(room, operation, 2, token.encode()))
        except Exception as error:
            print("error:", error)
        finally:
            connection.close()


if __name__ == "__main__":
    main()
