"""Faults of section 5: leaving, closing, idling, notices, stopping."""

from __future__ import annotations

from plain import Server
from plain_chat import Datagram, Dropped, Member, Room
from plain_control import ROOM_EXISTS, Refused
from registry import fault

# 5.1: exit --------------------------------------------------------------------------------------


@fault(
    "exit-is-chat",
    "TCRP-5.1a",
    also=("TCRP-5.1b", "TCRP-5.1c", "TCRP-5.2a", "TCRP-5.2b", "TCRP-5.2c"),
    note="nothing leaves a room",
)
class ExitIsChat(Server):
    def leaves(self, message: bytes) -> bool:
        return False


@fault(
    "exit-is-slash-exit",
    "TCRP-5.1a",
    also=("TCRP-5.1b", "TCRP-5.1c", "TCRP-5.2a", "TCRP-5.2b", "TCRP-5.2c"),
    note="/exit leaves, exit is chat",
)
class ExitIsSlashExit(Server):
    def leaves(self, message: bytes) -> bool:
        return message == b"/exit"


@fault(
    "exit-is-swallowed",
    "TCRP-5.1a",
    also=("TCRP-5.1b", "TCRP-5.2a", "TCRP-5.2b", "TCRP-5.2c"),
    note="exit is neither chat nor does it leave",
)
class ExitIsSwallowed(Server):
    def leave(self, member: Member) -> None:
        pass


class RemembersWhoLeft(Server):
    left: tuple[Member, ...] = ()

    def act(self, member: Member, message: bytes) -> None:
        super().act(member, message)
        if self.leaves(message):
            self.left += (member,)


@fault("exit-keeps-hearing", "TCRP-5.1a", note="who has left is still sent the room's chat")
class ExitKeepsHearing(RemembersWhoLeft):
    def recipients(self, member: Member) -> list[Member]:
        return super().recipients(member) + [other for other in self.left if other.room is member.room]


@fault("token-alive-after-exit", "TCRP-5.1b", note="who has left hears nothing, but its token still speaks")
class TokenAliveAfterExit(RemembersWhoLeft):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        gone = (member for member in self.left if member.room is room and member.token == token)
        return super().member_with(room, token) or next(gone, None)

    def leave(self, member: Member) -> None:
        if member not in self.left:
            super().leave(member)


@fault(
    "exit-undone-by-speaking",
    "TCRP-5.1b",
    also=("TCRP-5.1a",),
    note="with its old token, who has left is a member again",
)
class ExitUndoneBySpeaking(RemembersWhoLeft):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        for member in self.left:
            if member.room is room and member.token == token:
                room.members[token] = member
        return super().member_with(room, token)


@fault("exit-relayed", "TCRP-5.1c", note="exit leaves, but is relayed, too")
class ExitRelayed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if self.leaves(message):
            self.relay(member, message)
        super().act(member, message)


@fault("exit-told-as-chat", "TCRP-5.1c", also=("TCRP-4.6c",), note="the others are told `alice: left the room`")
class ExitToldAsChat(Server):
    def act(self, member: Member, message: bytes) -> None:
        if self.leaves(message):
            self.relay(member, b"left the room")
        super().act(member, message)


@fault("exit-in-any-case", "TCRP-5.1d", note="EXIT leaves, too")
class ExitInAnyCase(Server):
    def leaves(self, message: bytes) -> bool:
        return message.lower() == b"exit"


@fault("exit-with-newline", "TCRP-5.1d", note="exit with a newline leaves, too")
class ExitWithNewline(Server):
    def leaves(self, message: bytes) -> bool:
        return message.rstrip(b"\r\n") == b"exit"


@fault("exit-with-spaces", "TCRP-5.1d", note="exit with white space on either side leaves, too")
class ExitWithSpaces(Server):
    def leaves(self, message: bytes) -> bool:
        return message.strip() == b"exit"


@fault("exit-by-its-beginning", "TCRP-5.1d", note="whatever begins with exit leaves")
class ExitByItsBeginning(Server):
    def leaves(self, message: bytes) -> bool:
        return message.startswith(b"exit")


@fault("exit-up-to-nul", "TCRP-5.1d", note="exit, a NUL and more leaves, too")
class ExitUpToNul(Server):
    def leaves(self, message: bytes) -> bool:
        return message.partition(b"\0")[0] == b"exit"


# 5.2: the host leaves ---------------------------------------------------------------------------


@fault(
    "host-leaving-leaves-the-room",
    "TCRP-5.2a",
    also=("TCRP-5.2b", "TCRP-5.2c", "TCRP-3.8f", "TCRP-5.3d"),
    note="the room goes on without its host",
)
class HostLeavingLeavesTheRoom(Server):
    def leave(self, member: Member) -> None:
        self.remove(member)
        if not member.room.members:
            self.close_room(member.room, "The room is closed.")


@fault(
    "host-handed-on",
    "TCRP-5.2a",
    also=("TCRP-5.2b", "TCRP-5.2c", "TCRP-3.8f", "TCRP-5.3d"),
    note="the next member becomes the host",
)
class HostHandedOn(Server):
    def leave(self, member: Member) -> None:
        if member is member.room.host and len(member.room.members) > 1:
            self.remove(member)
            member.room.host = next(iter(member.room.members.values()))
        else:
            super().leave(member)


@fault("closing-told-to-nobody", "TCRP-5.2a", note="a room closes in silence")
class ClosingToldToNobody(Server):
    def close_room(self, room: Room, why: str) -> None:
        room.members.clear()
        super().close_room(room, why)


@fault("closing-told-to-one", "TCRP-5.2a", note="only the first of its members is told that a room closes")
class ClosingToldToOne(Server):
    def close_room(self, room: Room, why: str) -> None:
        for token in list(room.members)[1:]:
            del room.members[token]
        super().close_room(room, why)


@fault(
    "closing-told-as-chat",
    "TCRP-5.2a",
    also=("TCRP-5.4a", "TCRP-4.6c"),
    note="members are told `host: has left` and get no notice",
)
class ClosingToldAsChat(Server):
    def close_room(self, room: Room, why: str) -> None:
        self.relay(room.host, b"has left")
        room.members.clear()
        super().close_room(room, why)


@fault(
    "tokens-alive-after-closing",
    "TCRP-5.2b",
    note="the members of a closed room can still speak with each other",
)
class TokensAliveAfterClosing(Server):
    closed: tuple[Room, ...] = ()

    def close_room(self, room: Room, why: str) -> None:
        members = dict(room.members)
        super().close_room(room, why)
        room.members.update(members)
        self.closed += (room,)

    def find_member(self, datagram: Datagram, source: tuple) -> Member:
        try:
            return super().find_member(datagram, source)
        except Dropped:
            for room in self.closed:
                if room.key == datagram.room and datagram.token in room.members:
                    return room.members[datagram.token]
            raise

    def leave(self, member: Member) -> None:
        if member.room in self.closed:
            self.remove(member)
        else:
            super().leave(member)


@fault(
    "tokens-alive-in-a-namesake",
    "TCRP-5.2b",
    note="who was in a closed room is in the next room of that name",
)
class TokensAliveInANamesake(Server):
    former: dict[bytes, dict[bytes, Member]]

    def close_room(self, room: Room, why: str) -> None:
        self.former = getattr(self, "former", {}) | {room.key: dict(room.members)}
        super().close_room(room, why)

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        host = super().create(name, user, password, peer)
        for token, member in getattr(self, "former", {}).pop(host.room.key, {}).items():
            member.room = host.room
            host.room.members[token] = member
        return host


@fault("name-kept-after-closing", "TCRP-5.2c", note="the name of a closed room is never free again")
class NameKeptAfterClosing(Server):
    used: frozenset[bytes] = frozenset()

    def close_room(self, room: Room, why: str) -> None:
        super().close_room(room, why)
        self.used |= {room.key}

    def create(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        if self.room_key(name) in self.used:
            raise Refused(ROOM_EXISTS)
        return super().create(name, user, password, peer)
