"""Faults of 3.4d and 3.4e: rooms that exist, and rooms that do not."""

import threading
from typing import ClassVar

from tests.faults.bases import ReadsRoomFirst, RefusesWithAnotherStatus
from tests.faults.plain import (
    MALFORMED,
    ROOM_EXISTS,
    ROOM_NOT_FOUND,
    WRONG_PASSWORD,
    Address,
    Header,
    Member,
    Refused,
    Request,
    Server,
    Stream,
)
from tests.faults.registry import fault

# 3.4d: CREATE of a room that exists gets status 1 -------------------------------------------------


@fault(
    "refusals-are-closes",
    "TCRP-3.4d",
    also=("TCRP-3.4e", "TCRP-3.10a"),
    note="whoever is refused sees the connection close, and no status",
)
class RefusalsAreCloses(Server):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        pass


@fault("create-joins-what-exists", "TCRP-3.4d", note="CREATE of a room that exists joins it")
class CreateJoinsWhatExists(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if self.room_key(name) in self.rooms:
            return self.join(name, user, password, peer)
        return super().create(name, user, password, peer)


@fault(
    "create-replaces-what-exists",
    "TCRP-3.4d",
    also=("TCRP-3.9",),
    note="CREATE of a room that exists starts it anew",
)
class CreateReplacesWhatExists(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        self.rooms.pop(self.room_key(name), None)
        return super().create(name, user, password, peer)


@fault("exists-is-status-4", "TCRP-3.4d", also=("TCRP-3.9",), note="CREATE of a room that exists gets 4")
class ExistsIsStatus4(Server):
    def status(self, status: int) -> bytes:
        return super().status(MALFORMED if status == ROOM_EXISTS else status)


@fault(
    "creator-may-create-again", "TCRP-3.4d", also=("TCRP-3.9",), note="a room's creator, by name and IP, starts it anew"
)
class CreatorMayCreateAgain(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(name)
        if room and room.host and (room.host.name, room.host.ip) == (user, self.ip_of(peer)):
            del self.rooms[name]
        return super().create(name, user, password, peer)


@fault("create-with-the-password-joins", "TCRP-3.4d", note="CREATE of a room that exists joins it with its password")
class CreateWithThePasswordJoins(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(name)
        if room and room.password and room.password == password:
            return self.join(name, user, password, peer)
        return super().create(name, user, password, peer)


@fault(
    "create-replaces-an-unused-room",
    "TCRP-3.4d",
    also=("TCRP-3.9", "TCRP-3.11"),
    note="a room with no datagram yet is replaced",
)
class CreateReplacesAnUnusedRoom(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.rooms.get(name)
        if room and all(member.address is None for member in room.members.values()):
            del self.rooms[name]
        return super().create(name, user, password, peer)


# 3.4e: JOIN of a room that does not exist gets status 2 -------------------------------------------


@fault("join-creates-what-is-missing", "TCRP-3.4e", note="JOIN of a room that does not exist creates it")
class JoinCreatesWhatIsMissing(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if self.room_key(name) not in self.rooms:
            return self.create(name, user, password, peer)
        return super().join(name, user, password, peer)


@fault("not-found-is-status-1", "TCRP-3.4e", note="JOIN of a room that does not exist gets 1")
class NotFoundIsStatus1(Server):
    def status(self, status: int) -> bytes:
        return super().status(ROOM_EXISTS if status == ROOM_NOT_FOUND else status)


@fault("join-of-no-room-with-a-password-gets-3", "TCRP-3.4e", note="3 for a password where there is no room")
class JoinOfNoRoomWithAPasswordGets3(RefusesWithAnotherStatus):
    def rewritten(self, request: Request, status: int) -> int:
        return WRONG_PASSWORD if status == ROOM_NOT_FOUND and b'"password"' in request.payload else status


@fault(
    "join-finds-its-room-early",
    "TCRP-3.4e",
    also=("TCRP-5.2c", "TCRP-5.2b"),
    note="a JOIN finds its room when the name has come, and joins it even if it closed before the payload came",
)
class JoinFindsItsRoomEarly(ReadsRoomFirst):
    found: ClassVar[threading.local] = threading.local()

    def named(self, header: Header, room: bytes) -> None:
        self.found.room = self.rooms.get(room)

    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        room = self.found.room
        if room is None:
            raise Refused(ROOM_NOT_FOUND)
        self.check_password(room, user, password)
        return self.admit(room, user, peer)
