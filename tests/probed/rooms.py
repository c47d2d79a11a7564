"""The rooms of the probed server, their members and tokens."""

import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.probed.options import Options

Address = tuple[Any, ...]
"""What a socket takes as an address: (ip, port), unless a request declares something else."""


@dataclass(eq=False)
class Member:
    user: str
    room: str
    host: bool
    token: bytes
    ip: str = ""  # of its TCP connection
    address: Address | None = None
    spoke: bool = False


@dataclass(eq=False)
class Room:
    password: str | None
    members: list[Member] = field(default_factory=list)


class Refusal(Exception):
    """A request that is refused. `outcome` is the index of its status in `Options.values`."""

    def __init__(self, outcome: int) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Rooms:
    """Who is in which room. Whoever reads or changes it holds `lock`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.lock = threading.RLock()
        self.by_name: dict[str, Room] = {}
        self.latest = ""

    def enter(self, name: str, user: str, password: str | None, *, creating: bool) -> Member:
        """The new member. Raises Refusal."""
        with self.lock:
            self.latest = name
            if creating:
                if name in self.by_name:
                    raise Refusal(1)
                self.by_name[name] = Room(password if self.options.passwords else None)
            elif name not in self.by_name:
                raise Refusal(2)
            elif self.by_name[name].password not in (None, password):
                raise Refusal(3)
            member = Member(user, name, creating, self.new_token(user))
            self.by_name[name].members.append(member)
        return member

    def find(self, fields: dict[str, Any], source: Address) -> Member | None:
        """The member that sent these fields: by its token, or by its address where there is none."""
        for room in self.by_name.values():
            for member in room.members:
                if "token" in fields and fields["token"] == member.token:
                    return member if fields.get("room", member.room.encode()) == member.room.encode() else None
                if "token" not in fields and member.address == source:
                    return member
        return None

    def remove(self, member: Member) -> None:
        """A room closes with its host."""
        self.by_name[member.room].members.remove(member)
        if member.host:
            del self.by_name[member.room]

    def token_size(self) -> int:
        """The size of all tokens in bytes, or 0 where they differ."""
        return len(self.new_token("")) if self.options.token not in ("varying", "named") else 0

    def new_token(self, user: str) -> bytes:
        match self.options.token:
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
            case "named":
                return f"{user}.{secrets.token_hex(16)}".encode()
            case "ip":
                return b"127.0.0.1"
            case "blob":
                address, key = b"127.0.0.1", b"k" * 443
                return bytes([3, len(address), 200]) + secrets.token_bytes(3) + address + b"\x23\x2a" + key
        raise ValueError(f"no such kind of token: {self.options.token}")
