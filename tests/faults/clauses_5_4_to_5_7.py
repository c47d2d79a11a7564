"""Faults of 5.4 to 5.7: notices, deliveries that fail, and the end of the server."""

import time
from collections import defaultdict
from typing import ClassVar

from tests.faults.bases import LosingChat
from tests.faults.plain import (
    INFORMATION,
    NOTICE,
    Address,
    Member,
    Request,
    Room,
    Server,
)
from tests.faults.registry import fault

# 5.4a: a disconnect notice is 0x04, then UTF-8 text -----------------------------------------------


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


# 5.4b: a notice goes to the disconnected member alone, once ---------------------------------------


@fault(
    "idle-told-again-and-again",
    "TCRP-5.4b",
    also=("TCRP-5.3c",),
    note="an idle member is told at every sweep for a second",
)
class IdleToldAgainAndAgain(Server):
    told: tuple[Member, ...] = ()

    def time_out(self, member: Member, why: str) -> None:
        super().time_out(member, why)
        self.told += (member,)

    def sweep(self) -> None:
        for member in self.told:
            if time.monotonic() < member.last + self.idle_timeout + 1:
                self.notify(member, "You were idle for too long.")
        super().sweep()


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
    def decide(self, request: Request, peer: Address) -> Member:
        member = super().decide(request, peer)
        with self.lock:
            for other in self.recipients(member):
                self.notify(other, f"{member.name.decode()} has joined.")
        return member


@fault("exit-told-twice", "TCRP-5.4b", note="who leaves gets two notices of it")
class ExitToldTwice(Server):
    def leave(self, member: Member) -> None:
        super().leave(member)
        for _ in range(2):
            self.notify(member, "You have left.")


@fault("hosts-exit-told-twice", "TCRP-5.4b", note="a host that leaves gets two notices of it")
class HostsExitToldTwice(ExitToldTwice):
    def leave(self, member: Member) -> None:
        if member is member.room.host:
            super().leave(member)
        else:
            Server.leave(self, member)


@fault("old-port-gets-a-notice", "TCRP-5.4b", note="when a member moves, its old port gets a notice")
class OldPortGetsANotice(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        if member.address not in (None, source):
            self.notify(member, "You are elsewhere now.")
        super().hear(member, source, message)


@fault("idle-host-told-twice", "TCRP-5.4b", note="a host that idles is told of its idling, and that its room is closed")
class IdleHostToldTwice(Server):
    def time_out(self, member: Member, why: str) -> None:
        if member is member.room.host:
            self.notify(member, "Your room is closed.")
        super().time_out(member, why)


@fault(
    "closing-told-to-leavers", "TCRP-5.4b", also=("TCRP-5.1a",), note="who has left is told that the room closes, too"
)
class ClosingToldToLeavers(Server):
    gone: ClassVar[defaultdict[Room, list[Member]]] = defaultdict(list)

    def remove(self, member: Member) -> None:
        super().remove(member)
        self.gone[member.room].append(member)

    def close_room(self, room: Room, why: str) -> None:
        super().close_room(room, why)
        for member in self.gone[room]:
            if member is not room.host:
                self.notify(member, why)


@fault(
    "closing-told-to-the-former-room-too",
    "TCRP-5.4b",
    note="when a room closes, members of the former room of its name are told again",
)
class ClosingToldToTheFormerRoomToo(Server):
    former: ClassVar[defaultdict[bytes, set[Address]]] = defaultdict(set)

    def close_room(self, room: Room, why: str) -> None:
        here = {one.address for one in room.members.values() if one.address is not None}
        super().close_room(room, why)
        for address in self.former[room.key] - here:
            self.send(self.notice(why), address)
        self.former[room.key] |= here


# 5.6: after several failed deliveries a member is removed as if idle ------------------------------


@fault(
    "chat-ends-with-a-closed-port",
    "TCRP-5.6",
    also=("TCRP-6.1f", "TCRP-4.5a"),
    note="after a delivery that failed there is no more chat",
)
class ChatEndsWithAClosedPort(LosingChat):
    def delivery_failed(self, address: Address) -> None:
        raise ConnectionRefusedError(address)

    def read_icmp_errors(self) -> int:
        try:
            return super().read_icmp_errors()
        except ConnectionRefusedError:
            self.udp.close()
            raise


@fault(
    "one-failed-delivery-removes",
    "TCRP-5.6",
    also=("TCRP-5.3b",),
    note="the first delivery that fails removes a member",
)
class OneFailedDeliveryRemoves(LosingChat):
    max_failures = 1


@fault(
    "failed-deliveries-not-counted",
    "TCRP-5.6",
    note="a member to whom nothing can be delivered stays until it idles",
)
class FailedDeliveriesNotCounted(Server):
    def delivery_failed(self, address: Address) -> None:
        pass


# 5.7: a server that stops first closes every room, host told too ----------------------------------


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
