"""A server of ours that is full: its datagram half with rooms and members that nobody had to enter one by one.

It prints its port, the bytes that a member takes, the time on the monotonic clock at which the crowd is idle, and the
tokens of a room `pair` that stays as long as its members speak. When the crowd is gone it prints `empty`.
`python -m benchmarks.crowd ROOMS MEMBERS IDLE_SECONDS`
"""

import asyncio
import resource
import secrets
import sys
from pathlib import Path

from reference_server.chat import Chat
from reference_server.sockets import open_sockets
from relay import Admission, Admitted, Relay, RoomLimits
from tcrp import dialects
from tcrp.messages import Create, Join


def entered(relay: Relay, want: Create | Join, ip: str, now: float) -> bytes:
    """The token of a new member."""
    begun = relay.begin(want, (ip, 1))
    assert isinstance(begun, Admission)
    admitted = relay.admit(begun, password_hash=None, now=now)
    assert isinstance(admitted, Admitted)
    return admitted.token


def fill(relay: Relay, rooms: int, members: int, port: int, now: float) -> None:
    """Rooms of so many members, each registered at an address of its own on this machine."""
    for room in range(rooms):
        name = f"room-{room}"
        for number in range(members):
            high, low = divmod(room * members + number, 250)
            ip = f"127.{1 + high // 250}.{high % 250}.{1 + low}"
            want = Join(name, f"guest-{number}") if number else Create(name, "host")
            token = entered(relay, want, ip, now)
            relay.receive_datagram(bytes((len(name), len(token))) + name.encode() + token, (ip, port), now)


def make(rooms: int, idle_seconds: float | None = None) -> Relay:
    return Relay(
        dialects.get(),
        mint=lambda: secrets.token_hex(16).encode(),
        limits=RoomLimits(rooms=rooms + 1),
        idle_seconds=idle_seconds,
    )


def memory() -> int:
    """Bytes of this process; where the system does not say, the most that they ever were."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


async def serve(rooms: int, members: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    _, udp = open_sockets("127.0.0.1", None, 0)
    _, sink = open_sockets("0.0.0.0", None, 0)  # takes what is for the crowd; nobody reads it
    relay = make(rooms, seconds)
    before = memory()
    fill(relay, rooms, members, sink.getsockname()[1], loop.time())
    pair = [entered(relay, want, "127.0.0.1", loop.time()) for want in (Create("pair", "alice"), Join("pair", "bob"))]
    bytes_a_member = (memory() - before) / (rooms * members)
    tokens = [token.decode() for token in pair]
    print(udp.getsockname()[1], f"{bytes_a_member:.0f}", relay.next_deadline(), *tokens, flush=True)
    chat = Chat(udp, relay)
    chat.perform(())
    while len(relay.rooms()) > 1:
        await asyncio.sleep(0.1)
    print("empty", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    chat.close()
    sink.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
