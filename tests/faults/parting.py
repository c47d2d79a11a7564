"""Faults of who is taken for whom, of what an answer calls a room, and of replies that nobody may get."""

from __future__ import annotations

import unicodedata

from plain import Server
from plain_chat import Datagram, Member, Room
from plain_control import ACK, COMPLETE, Request
from registry import fault

# 3.4 and 3.5: the room's name in the answer --------------------------------------------------------


class _Echoes(Server):
    state: int

    def echo(self, room: bytes) -> bytes:
        raise NotImplementedError

    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        if state == self.state:
            request = request._replace(room=self.echo(request.room))
        return super().frame(request, state, payload)


@fault("ack-room-cut-at-127", "TCRP-3.4a", note="an ACK has the first 127 bytes of the room name")
class AckRoomCutAt127(_Echoes):
    state = ACK

    def echo(self, room: bytes) -> bytes:
        return room[:127]


@fault("ack-room-stripped", "TCRP-3.4a", note="an ACK has the room name without the spaces around it")
class AckRoomStripped(_Echoes):
    state = ACK

    def echo(self, room: bytes) -> bytes:
        return room.strip(b" ") or room


@fault("complete-room-ends-at-nul", "TCRP-3.5a", note="a COMPLETE has the room name up to its first NUL")
class CompleteRoomEndsAtNul(_Echoes):
    state = COMPLETE

    def echo(self, room: bytes) -> bytes:
        return room.partition(b"\0")[0]


@fault("complete-room-in-nfc", "TCRP-3.5a", note="a COMPLETE has the room name normalised")
class CompleteRoomInNfc(_Echoes):
    state = COMPLETE

    def echo(self, room: bytes) -> bytes:
        try:
            return unicodedata.normalize("NFC", room.decode()).encode()
        except UnicodeDecodeError:
            return room


# 3.8f and 5: leaving ---------------------------------------------------------------------------------


@fault("closes-rooms-that-begin-alike", "TCRP-3.8f", note="with a room, all whose names begin with its own are closed")
class ClosesRoomsThatBeginAlike(Server):
    def close_room(self, room: Room, why: str) -> None:
        super().close_room(room, why)
        for other in [other for other in self.rooms.values() if other.key.startswith(room.key)]:
            super().close_room(other, why)


@fault("exit-removes-the-last-to-join", "TCRP-5.1a", note="exit removes whoever joined last")
class ExitRemovesTheLastToJoin(Server):
    def remove(self, member: Member) -> None:
        super().remove(member if member is member.room.host else list(member.room.members.values())[-1])


@fault("hosts-namesakes-not-notified", "TCRP-5.2a", note="when the host leaves, members of its name are not told")
class HostsNamesakesNotNotified(Server):
    def close_room(self, room: Room, why: str) -> None:
        for member in room.members.values():
            if room.host is not None and member.name == room.host.name:
                member.address = None
        super().close_room(room, why)


@fault("exit-told-twice", "TCRP-5.4b", note="who leaves gets two notices of it")
class ExitToldTwice(Server):
    def leave(self, member: Member) -> None:
        super().leave(member)
        for _ in range(2):
            self.notify(member, "You have left.")


@fault("hosts-exit-told-twice", "TCRP-5.4b", note="a host that leaves gets two notices of it")
class HostsExitToldTwice(ExitToldTwice):
    def leave(self, member: Member) -> None:
        (super() if member is member.room.host else super(ExitToldTwice, self)).leave(member)


# 5.3: hosts that send no datagram ----------------------------------------------------------------------


@fault("silent-hosts-room-closed-early", "TCRP-5.3b", note="a host must be heard of within half of the idle time")
class SilentHostsRoomClosedEarly(Server):
    def expired(self, member: Member, now: float) -> bool:
        unheard = member is member.room.host and member.address is None
        return super().expired(member, now) or (unheard and now - member.last > self.idle_timeout / 2)


@fault("silent-hosts-never-idle", "TCRP-5.3d", also=("TCRP-5.3a",), note="a host without an address is never idle")
class SilentHostsNeverIdle(Server):
    def expired(self, member: Member, now: float) -> bool:
        return (member is not member.room.host or member.address is not None) and super().expired(member, now)


# 4.2c and 5.1b: what is dropped has no effect ----------------------------------------------------------


@fault("datagrams-make-rooms", "TCRP-4.2c", also=("TCRP-6.2a",), note="a room is there once a datagram has named it")
class DatagramsMakeRooms(Server):
    def find_member(self, datagram: Datagram, source: tuple) -> Member:
        self.rooms.setdefault(datagram.room, Room(datagram.room, b""))
        return super().find_member(datagram, source)


class _Replies(Server):
    void: frozenset[bytes] = frozenset()
    dropped = ""

    def remove(self, member: Member) -> None:
        self.void |= {member.token}
        super().remove(member)

    def close_room(self, room: Room, why: str) -> None:
        self.void |= {*room.members}
        super().close_room(room, why)

    def drop(self, clause: str, data: bytes, source: tuple) -> None:
        if clause == self.dropped and any(token in data for token in self.void):
            self.send(self.notice("You are not in this room."), source)


@fault("who-left-is-replied-to", "TCRP-5.1b", also=("TCRP-4.2d",), note="datagrams of who has left get a notice each")
class WhoLeftIsRepliedTo(_Replies):
    dropped = "4.2d"


@fault("closed-rooms-reply", "TCRP-5.2b", also=("TCRP-4.2c",), note="datagrams to a closed room get a notice each")
class ClosedRoomsReply(_Replies):
    dropped = "4.2c"


@fault("token-ends-will-do", "TCRP-4.2d", note="a token is good if a member's token ends with it")
class TokenEndsWillDo(Server):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        ends = (member for good, member in room.members.items() if token and good.endswith(token))
        return super().member_with(room, token) or next(ends, None)


@fault("unheard-members-need-no-token", "TCRP-4.2d", note="a member that has sent nothing is known by its IP address")
class UnheardMembersNeedNoToken(Server):
    def find_member(self, datagram: Datagram, source: tuple) -> Member:
        room = self.rooms.get(datagram.room)
        if room is not None and datagram.token not in room.members:
            for member in room.members.values():
                if member.address is None and member.ip == self.ip_of(source):
                    return member
        return super().find_member(datagram, source)


# 5.1 and 5.4: from where, and of whom --------------------------------------------------------------------


@fault("exit-from-a-new-port-ignored", "TCRP-5.1a", also=("TCRP-4.3a",), note="a datagram from a new port only moves")
class ExitFromANewPortIgnored(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        self.moved = member.address not in (None, source)
        super().hear(member, source, message)

    def leave(self, member: Member) -> None:
        if not self.moved:
            super().leave(member)


@fault("hosts-exit-is-relayed", "TCRP-5.1c", also=("TCRP-4.6c",), note="the host's exit is relayed and closes the room")
class HostsExitIsRelayed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if self.leaves(message) and member is member.room.host:
            self.relay(member, message)
        super().act(member, message)


@fault("exit-behind-a-bom", "TCRP-5.1d", note="exit behind a byte order mark leaves")
class ExitBehindABom(Server):
    def leaves(self, message: bytes) -> bool:
        return super().leaves(message.removeprefix(b"\xef\xbb\xbf"))


@fault("old-port-gets-a-notice", "TCRP-5.4b", note="when a member moves, its old port gets a notice")
class OldPortGetsANotice(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        if member.address not in (None, source):
            self.notify(member, "You are elsewhere now.")
        super().hear(member, source, message)


@fault(
    "first-message-from-a-new-port-lost", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message that moves is not relayed"
)
class FirstMessageFromANewPortLost(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        self.moved = member.address not in (None, source)
        super().hear(member, source, message)

    def relay(self, member: Member, message: bytes) -> None:
        if not self.moved:
            super().relay(member, message)


# 4.5c and 4.5d: once, and not to oneself -----------------------------------------------------------------


@fault("hosts-hear-twice", "TCRP-4.5c", note="the host is in the list of members, and is told besides")
class HostsHearTwice(Server):
    def recipients(self, member: Member) -> list[Member]:
        host = member.room.host
        return super().recipients(member) + [host for _ in "1" if host is not None and host is not member]


@fault("namesakes-hear-twice", "TCRP-4.5c", note="for each name, all members of the name are told")
class NamesakesHearTwice(Server):
    def recipients(self, member: Member) -> list[Member]:
        others = super().recipients(member)
        return [other for one in others for other in others if one.name == other.name]


@fault("who-moved-hears-twice", "TCRP-4.5c", note="who has moved is told twice at the new port")
class WhoMovedHearsTwice(Server):
    moved: tuple[Member, ...] = ()

    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        if member.address not in (None, source):
            self.moved += (member,)
        super().hear(member, source, message)

    def recipients(self, member: Member) -> list[Member]:
        others = super().recipients(member)
        return others + [other for other in others if other in self.moved]


@fault("echo-from-a-new-port", "TCRP-4.5d", note="a sender is left out by the address that it had before")
class EchoFromANewPort(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        self.before = member.address
        super().hear(member, source, message)

    def recipients(self, member: Member) -> list[Member]:
        return [other for other in member.room.members.values() if other.address != self.before]


@fault("idle-host-told-twice", "TCRP-5.4b", note="a host that idles is told of its idling, and that its room is closed")
class IdleHostToldTwice(Server):
    def time_out(self, member: Member, why: str) -> None:
        if member is member.room.host:
            self.notify(member, "Your room is closed.")
        super().time_out(member, why)
