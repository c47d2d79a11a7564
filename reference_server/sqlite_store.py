"""`SqliteStore`: rooms and members in memory and in a file, so that a server that is started again goes on with them.

What is asked for is answered from memory, as `MemoryStore` does. `commit` writes what has changed since the last one in
one transaction. The file holds no token, only the SHA-256 of each: who can read the file cannot speak for a member.
After a start a member's token is therefore unknown until the member shows it.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Iterable
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from reference_server.asked import asked_at, has_asked
from reference_server.state_file import open_state_file
from relay import Key, Member, MemoryStore, Room
from tcrp.messages import Address

logger = logging.getLogger("reference_server")

_SAVE_SECONDS = 1.0
_INSERT_ROOM = "INSERT INTO rooms (id, key, token, name, capacity, password, ip, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_MEMBER = (
    "INSERT INTO members (id, room, user, token, ip, host, udp_ip, udp_port, udp_flow, udp_scope, udp_local, since) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE_MEMBER = (
    "UPDATE members SET user = ?, udp_ip = ?, udp_port = ?, udp_flow = ?, udp_scope = ?, udp_local = ? WHERE id = ?"
)
_SELECT_ROOMS = "SELECT id, key, token, name, capacity, password, ip FROM rooms ORDER BY id"
_SELECT_MEMBERS = (
    "SELECT id, room, user, token, ip, host, udp_ip, udp_port, udp_flow, udp_scope, udp_local FROM members ORDER BY id"
)
_DELETE_ROOM = "DELETE FROM rooms WHERE id = ?"
_DELETE_MEMBER = "DELETE FROM members WHERE id = ?"


class Digest(NamedTuple):
    """The key of a room of an earlier run that is found by its host's token: the SHA-256 of the token."""

    sha256: bytes


class SqliteStore(MemoryStore):
    """A `Store` whose rooms and members outlive the process.

    `path`: the file. `dialect`: the name of the server's dialect, with which alone the file can be used. The
    constructor raises StateError. `failures`: commits that did not succeed.
    """

    lasting = True

    def __init__(self, path: Path, dialect: str) -> None:
        super().__init__()
        self.failures = 0
        self._failing = False
        self._unknown_tokens: dict[bytes, int] = {}  # the first holder of each token that is known by its SHA-256 alone
        self._digests: dict[int, bytes] = {}  # the same the other way round
        self._new_rooms: dict[int, Room] = {}
        self._closed_rooms: set[int] = set()
        self._new_members: dict[int, None] = {}
        self._changed_members: set[int] = set()
        self._gone_members: set[int] = set()
        self._file: sqlite3.Connection | None = open_state_file(path, dialect, self._load)

    def close(self) -> None:
        """Save what is not saved, and close the file. Later commits fail."""
        if self._file is not None:
            self.commit()
            self._file.close()
            self._file = None

    async def save_regularly(self) -> None:
        """Save the addresses and names that members have taken since the last commit, every second, for ever."""
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            self.commit()

    # -------------------------------------------------------------------------------------------- what changes

    def open_room(self, key: Key, name: str, capacity: int, password: bytes | None, ip: str) -> Room:
        room = super().open_room(key, name, capacity, password, ip)
        self._new_rooms[room.id] = room
        return room

    def close_room(self, room: Room) -> None:
        super().close_room(room)
        if self._new_rooms.pop(room.id, None) is None:
            self._closed_rooms.add(room.id)

    def enter(self, room: Room, user: str, token: bytes | None, ip: str, host: bool) -> Member:
        member = super().enter(room, user, token, ip, host)
        self._new_members[member.id] = None
        return member

    def register(self, member: Member, address: Address) -> Member:
        self._note_change(member)
        return super().register(member, address)

    def rename(self, member: Member, user: str) -> Member:
        self._note_change(member)
        return super().rename(member, user)

    def remove(self, member: Member) -> None:
        super().remove(member)
        self._changed_members.discard(member.id)
        digest = self._digests.pop(member.id, None)
        if digest is not None:
            del self._unknown_tokens[digest]
        if member.id in self._new_members:
            del self._new_members[member.id]
        else:
            self._gone_members.add(member.id)

    def _note_change(self, member: Member) -> None:
        if member.id not in self._new_members:
            self._changed_members.add(member.id)

    # ------------------------------------------------------------------------------------ rooms and tokens by digest

    def room(self, key: Key) -> Room | None:
        room = super().room(key)
        if room is None and isinstance(key, bytes):
            room = super().room(Digest(sha256(key).digest()))
        return room

    def by_token(self, token: bytes) -> Member | None:
        member = self._by_token.get(token)
        if member is None and self._unknown_tokens:
            one = self._unknown_tokens.pop(sha256(token).digest(), None)
            if one is not None:
                del self._digests[one]
                member = self._members[one] = self._by_token[token] = self._members[one]._replace(token=token)
        return member

    # -------------------------------------------------------------------------------------------------- the file

    def commit(self) -> bool:
        if self._file is None:
            return False
        if not (
            self._new_members or self._gone_members or self._changed_members or self._new_rooms or self._closed_rooms
        ):
            return True
        try:
            self._file.execute("BEGIN IMMEDIATE")
            self._write(self._file)
            self._file.execute("COMMIT")
        except sqlite3.Error as error:
            self._note_failure(error)
            return False
        for changes in (
            self._new_members, self._gone_members, self._changed_members, self._new_rooms, self._closed_rooms
        ):  # fmt: skip
            changes.clear()
        if self._failing:
            self._failing = False
            logger.warning("the state file can be written again")
        return True

    def _write(self, file: sqlite3.Connection) -> None:
        now = time.time()
        if self._new_rooms:
            file.executemany(_INSERT_ROOM, [_room_row(room, now) for room in self._new_rooms.values()])
        if self._new_members:
            file.executemany(_INSERT_MEMBER, [_member_row(self._members[one], now) for one in self._new_members])
        if self._changed_members:
            changed = [self._members[one] for one in self._changed_members]
            file.executemany(_UPDATE_MEMBER, [(one.user, *_address_row(one.address), one.id) for one in changed])
        if self._gone_members:
            file.executemany(_DELETE_MEMBER, [(one,) for one in self._gone_members])
        if self._closed_rooms:
            file.executemany(_DELETE_ROOM, [(one,) for one in self._closed_rooms])

    def _note_failure(self, error: sqlite3.Error) -> None:
        self.failures += 1
        if self._file is not None and self._file.in_transaction:
            self._file.rollback()
        if not self._failing:
            self._failing = True
            logger.error("the state file cannot be written, so nobody is let in until it can: %s", error)

    def _load(self, file: sqlite3.Connection) -> None:
        """Take in the rooms and members of the file, all or, if one of them is impossible, none."""
        rooms = {
            one: Room(one, key if token is None else Digest(token), *others)
            for one, key, token, *others in file.execute(_SELECT_ROOMS)
        }
        members = [
            (Member(one, rooms[room], user, None, ip, bool(host), _address_of(address)), token)
            for one, room, user, token, ip, host, *address in file.execute(_SELECT_MEMBERS)
        ]
        for room in rooms.values():
            self._add_room(room)
        for member, token in members:
            self._add_member(member)
            if token is not None and token not in self._unknown_tokens:
                self._unknown_tokens[token] = member.id
                self._digests[member.id] = token
        self._ids = count(max([0, *rooms, *self._members]) + 1)
        if rooms:
            logger.info("going on with %d rooms and %d members", len(rooms), len(members))


def _room_row(room: Room, now: float) -> tuple[object, ...]:
    key, token = (None, sha256(room.key).digest()) if isinstance(room.key, bytes) else (room.key, None)
    return room.id, key, token, room.name, room.capacity, room.password, room.ip, now


def _member_row(member: Member, now: float) -> tuple[object, ...]:
    token = None if member.token is None else sha256(member.token).digest()
    address = _address_row(member.address)
    return member.id, member.room.id, member.user, token, member.ip, member.host, *address, now


def _address_row(address: Address | None) -> tuple[object, ...]:
    """IP, port, flow, scope and the local address that was asked; None for what the address does not have."""
    found: tuple[object, ...] = () if address is None else address
    local = found[-1] if address is not None and has_asked(address) else None
    plain = found if local is None else found[:-1]
    return *plain, *[None] * (4 - len(plain)), local


def _address_of(row: Iterable[Any]) -> Address | None:
    ip, port, flow, scope, local = row
    if ip is None:
        return None
    plain: Address = (ip, port) if flow is None else (ip, port, flow, scope)
    return plain if local is None else asked_at(plain, local)
