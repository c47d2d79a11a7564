"""The UDP half of our server with many members, which are put into the relay without sockets of their own.

    python -m benchmarks.crowd ROOMS MEMBERS IDLE_SECONDS

It prints one line: its port, the bytes of memory that a member takes, the time of the monotonic clock at which the
members become idle, and the two tokens of the room `pair`, which stays as long as its members speak. When all other
rooms are closed it prints `empty`, and it ends when its input ends.
"""

import asyncio
import resource
import secrets
import sys
from pathlib import Path

from reference_server.chat import ChatSocket
from reference_server.sockets import open_sockets
from relay import Admission, Admitted, Relay, RoomLimits
from tcrp import dialects
from tcrp.messages import Create, Join


def admit_member(relay: Relay, want: Create | Join, ip: str, now: float) -> bytes:
    """Put a member into its room, and return its token."""
    begun = relay.begin(want, (ip, 1))
    assert isinstance(begun, Admission)
    admitted = relay.admit(begun, password_hash=None, now=now)
    assert isinstance(admitted, Admitted)
    return admitted.token


def fill_rooms(relay: Relay, rooms: int, members: int, port: int, now: float) -> None:
    """Make rooms of `members` each. Every member is registered at a loopback address of its own, with this port."""
    for room in range(rooms):
        name = f"room-{room}"
        for number in range(members):
            high, low = divmod(room * members + number, 250)
            ip = f"127.{1 + high // 250}.{high % 250}.{1 + low}"
            want = Join(name, f"guest-{number}") if number else Create(name, "host")
            token = admit_member(relay, want, ip, now)
            relay.receive_datagram(bytes((len(name), len(token))) + name.encode() + token, (ip, port), now)


def make_relay(rooms: int, idle_seconds: float | None = None) -> Relay:
    """A relay for so many rooms and one more."""
    return Relay(
        dialects.get(),
        mint=lambda: secrets.token_hex(16).encode(),
        limits=RoomLimits(rooms=rooms + 1),
        idle_seconds=idle_seconds,
    )


def process_bytes() -> int:
    """The memory of this process, in bytes. Where the system does not say it: the most that it ever was."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


async def serve(rooms: int, members: int, seconds: float) -> None:
    """Serve until all rooms but `pair` are closed and the input ends. `seconds`: the idle time."""
    loop = asyncio.get_running_loop()
    _, udp = open_sockets("127.0.0.1", None, 0)
    _, sink = open_sockets("0.0.0.0", None, 0)  # receives what is sent to the members; nobody reads it
    relay = make_relay(rooms, seconds)
    before = process_bytes()
    fill_rooms(relay, rooms, members, sink.getsockname()[1], loop.time())
    pair = [
        admit_member(relay, want, "127.0.0.1", loop.time()) for want in (Create("pair", "alice"), Join("pair", "bob"))
    ]
    bytes_a_member = (process_bytes() - before) / (rooms * members)
    tokens = [token.decode() for token in pair]
    print(udp.getsockname()[1], f"{bytes_a_member:.0f}", relay.next_deadline(), *tokens, flush=True)
    chat = ChatSocket(udp, relay)
    chat.perform(())
    while len(relay.rooms()) > 1:
        await asyncio.sleep(0.1)
    print("empty", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    chat.close()
    sink.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
