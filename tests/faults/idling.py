"""Faults of sections 5.3 to 5.7: idling, notices, stopping."""

from __future__ import annotations

from plain import Server
from plain_chat import INFORMATION, NOTICE, Member, Room
from plain_control import Request
from registry import fault

# 5.3: idling ------------------------------------------------------------------------------------


@fault("idle-never", "TCRP-5.3a", also=("TCRP-5.3c", "TCRP-5.3d", "TCRP-5.3e"), note="no member is ever idle")
class IdleNever(Server):
    def expired(self, member: Member, now: float) -> bool:
        return False


@fault(
    "idle-late",
    "TCRP-5.3a",
    also=("TCRP-5.3c", "TCRP-5.3d", "TCRP-5.3e"),
    note="an idle member is removed after 4 T + 4 s",
)
class IdleLate(Server):
    def expired(self, member: Member, now: float) -> bool:
        return now - member.last > 4 * self.idle_timeout + 4


@fault(
    "unregistered-members-never-idle",
    "TCRP-5.3a",
    also=("TCRP-5.3d",),
    note="a member that never sent a datagram is never idle",
)
class UnregisteredMembersNeverIdle(Server):
    def expired(self, member: Member, now: float) -> bool:
        return member.address is not None and super().expired(member, now)


@fault("idle-early", "TCRP-5.3b", note="a member is idle after half the time")
class IdleEarly(Server):
    def expired(self, member: Member, now: float) -> bool:
        return now - member.last > self.idle_timeout / 2


@fault(
    "idle-since-joining",
    "TCRP-5.3b",
    also=("TCRP-4.4c",),
    note="the time counts from COMPLETE, whatever a member sends",
)
class IdleSinceJoining(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        last = member.last
        super().hear(member, source, message)
        member.last = last


@fault(
    "idle-since-registering",
    "TCRP-5.3b",
    also=("TCRP-4.4c",),
    note="the time counts from the first datagram only",
)
class IdleSinceRegistering(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        last = member.last if member.address else None
        super().hear(member, source, message)
        member.last = last or member.last


@fault(
    "unregistered-members-idle-early",
    "TCRP-5.3b",
    note="a member that has sent no datagram is idle after a quarter of the time",
)
class UnregisteredMembersIdleEarly(Server):
    def expired(self, member: Member, now: float) -> bool:
        early = member.address is None and now - member.last > self.idle_timeout / 4
        return early or super().expired(member, now)


@fault(
    "idle-by-the-room",
    "TCRP-5.3a",
    also=("TCRP-5.3c", "TCRP-5.3d"),
    note="no member of a room is idle as long as one of them speaks",
)
class IdleByTheRoom(Server):
    def expired(self, member: Member, now: float) -> bool:
        return all(super(IdleByTheRoom, self).expired(other, now) for other in member.room.members.values())


@fault("idle-untold", "TCRP-5.3c", note="who is removed for idling gets no notice")
class IdleUntold(Server):
    def time_out(self, member: Member, why: str) -> None:
        self.leave(member)


@fault(
    "idle-told-to-the-others",
    "TCRP-5.3c",
    also=("TCRP-5.4b",),
    note="the others get the notice, not who was idle",
)
class IdleToldToTheOthers(Server):
    def time_out(self, member: Member, why: str) -> None:
        self.leave(member)
        for other in member.room.members.values():
            self.notify(other, f"{member.name.decode()} was idle.")


@fault("idle-hosts-stay", "TCRP-5.3d", also=("TCRP-5.3a",), note="a host is never idle")
class IdleHostsStay(Server):
    def expired(self, member: Member, now: float) -> bool:
        return member is not member.room.host and super().expired(member, now)


@fault("idle-host-leaves-the-room", "TCRP-5.3d", note="the room of an idle host goes on")
class IdleHostLeavesTheRoom(Server):
    def time_out(self, member: Member, why: str) -> None:
        self.remove(member)
        if not member.room.members:
            self.close_room(member.room, why)
        self.notify(member, why)


@fault(
    "idle-token-revived",
    "TCRP-5.3e",
    also=("TCRP-5.3a",),
    note="with its old token, who was idle is a member again",
)
class IdleTokenRevived(Server):
    idled: tuple[Member, ...] = ()

    def time_out(self, member: Member, why: str) -> None:
        super().time_out(member, why)
        self.idled += (member,)

    def member_with(self, room: Room, token: bytes) -> Member | None:
        for member in self.idled:
            if member.room is room and member.token == token:
                room.members[token] = member
        return super().member_with(room, token)


@fault(
    "idle-names-need-no-password",
    "TCRP-5.3e",
    also=("TCRP-3.10a",),
    note="who was idle comes back under its name without the password",
)
class IdleNamesNeedNoPassword(Server):
    idled: frozenset[tuple[Room, bytes]] = frozenset()

    def time_out(self, member: Member, why: str) -> None:
        super().time_out(member, why)
        self.idled |= {(member.room, member.name)}

    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        if (room, user) not in self.idled:
            super().check_password(room, user, password)


# 5.4: notices -----------------------------------------------------------------------------------


@fault(
    "notice-is-text",
    "TCRP-5.4a",
    also=("TCRP-5.2a", "TCRP-5.3c", "TCRP-4.6c"),
    note="a notice lacks its 0x04",
)
class NoticeIsText(Server):
    def notice(self, text: str) -> bytes:
        return text.encode()


@fault("notice-is-information", "TCRP-5.4a", also=("TCRP-5.2a", "TCRP-5.3c"), note="a notice begins with 0x05")
class NoticeIsInformation(Server):
    def notice(self, text: str) -> bytes:
        return INFORMATION + text.encode()


@fault(
    "notice-after-a-name",
    "TCRP-5.4a",
    also=("TCRP-5.2a", "TCRP-5.3c", "TCRP-4.6c"),
    note="a notice is `system: ` and then 0x04",
)
class NoticeAfterAName(Server):
    def notice(self, text: str) -> bytes:
        return b"system: " + NOTICE + text.encode()


@fault("notice-in-shift-jis", "TCRP-5.4a", note="a notice's text is Japanese, but not UTF-8")
class NoticeInShiftJis(Server):
    def notice(self, text: str) -> bytes:
        return NOTICE + "チャットルームが閉じられました".encode("shift-jis")


@fault("notice-of-a-guests-exit", "TCRP-5.4b", note="when a guest leaves, the others get a disconnect notice")
class NoticeOfAGuestsExit(Server):
    def leave(self, member: Member) -> None:
        super().leave(member)
        for other in member.room.members.values():
            self.notify(other, f"{member.name.decode()} has left.")


@fault("notice-of-an-idle-member", "TCRP-5.4b", note="the others get a disconnect notice for an idle member, too")
class NoticeOfAnIdleMember(Server):
    def time_out(self, member: Member, why: str) -> None:
        super().time_out(member, why)
        for other in member.room.members.values():
            self.notify(other, why)


@fault(
    "notice-to-every-room",
    "TCRP-5.4b",
    note="when a room closes, the members of the others get a notice, too",
)
class NoticeToEveryRoom(Server):
    def close_room(self, room: Room, why: str) -> None:
        super().close_room(room, why)
        for other in self.rooms.values():
            for member in other.members.values():
                self.notify(member, why)


@fault("notice-twice", "TCRP-5.4b", note="a notice is sent twice")
class NoticeTwice(Server):
    def notify(self, member: Member, text: str) -> None:
        super().notify(member, text)
        super().notify(member, text)


@fault("notice-of-joining", "TCRP-5.4b", also=("TCRP-4.6c",), note="the others get a 0x04 when somebody joins")
class NoticeOfJoining(Server):
    def decide(self, request: Request, peer: tuple) -> Member:
        member = super().decide(request, peer)
        with self.lock:
            for other in self.recipients(member):
                self.notify(other, f"{member.name.decode()} has joined.")
        return member


# 5.6 and 5.7: what a good server also does ------------------------------------------------------


@fault(
    "failed-deliveries-not-counted",
    "TCRP-5.6",
    note="a member to whom nothing can be delivered stays until it idles",
)
class FailedDeliveriesNotCounted(Server):
    def delivery_failed(self, address: tuple) -> None:
        pass


@fault("stops-in-silence", "TCRP-5.7", note="a server that stops tells nobody")
class StopsInSilence(Server):
    def stop(self) -> None:
        pass


@fault("stops-without-telling-the-hosts", "TCRP-5.7", note="a server that stops tells the guests only")
class StopsWithoutTellingTheHosts(Server):
    def close_room(self, room: Room, why: str) -> None:
        if room.host is not None:
            room.members.pop(room.host.token, None)
        super().close_room(room, why)
