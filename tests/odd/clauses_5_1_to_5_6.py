"""Right but unusual in 5.1 to 5.6: leaving, idling, notices and information datagrams."""

import threading
import time
from functools import partial

from tests.faults.plain import Address, Member, Request, Room, Server
from tests.faults.registry import odd
from tests.odd.bases import Patient

# 5.1e: the leaver may get a disconnect notice -----------------------------------------------------


@odd("leaver-is-told", "TCRP-5.1e", note="who leaves gets a disconnect notice, the host too")
class LeaverIsTold(Server):
    def act(self, member: Member, message: bytes) -> None:
        super().act(member, message)
        if self.leaves(message):
            self.notify(member, "You have left the room.")


# 5.2a: when the host leaves, every other registered member is told --------------------------------


@odd("notices-come-late", "TCRP-5.2a", note="a disconnect notice comes 500 ms after the room was closed")
class NoticesComeLate(Patient):
    def notify(self, member: Member, text: str) -> None:
        self.after(0.5, lambda: super(NoticesComeLate, self).notify(member, text))

    def stop(self) -> None:
        super().stop()
        time.sleep(0.6)


# 5.2c: when the host leaves, the room's name is free ----------------------------------------------


@odd("closes-late", "TCRP-5.2c", note="800 ms after its host has left a room is closed: notices, tokens and name")
class ClosesLate(Patient):
    def leave(self, member: Member) -> None:
        self.remove(member)
        if member is member.room.host:
            self.after(0.8, lambda: self.close_now(member.room))

    def close_now(self, room: Room) -> None:
        with self.lock:
            self.close_room(room, "The host has left and the room is closed.")


# 5.3a: an idle member is removed by 2 T + 1 s -----------------------------------------------------


@odd("slow-sweep", "TCRP-5.3a", note="an idle member is removed just before 2 T + 1 s")
class SlowSweep(Server):
    def expired(self, member: Member, now: float) -> bool:
        return now - member.last > 2 * self.idle_timeout + 0.6 - self.sweep_interval()


@odd("last-moment", "TCRP-5.3a", note="an idle member is removed a tenth of a second before 2 T + 1 s")
class LastMoment(Server):
    def sweep_interval(self) -> float:
        return 0.02

    def expired(self, member: Member, now: float) -> bool:
        return now - member.last > 2 * self.idle_timeout + 0.9


# 5.3b: no member is removed before T --------------------------------------------------------------


@odd("prompt-sweep", "TCRP-5.3b", note="an idle member is removed at T, to the hundredth of a second")
class PromptSweep(Server):
    def sweep_interval(self) -> float:
        return 0.005


@odd("whole-seconds", "TCRP-5.3b", note="the clock of idling counts whole seconds")
class WholeSeconds(Server):
    def expired(self, member: Member, now: float) -> bool:
        return int(now) - int(member.last) > self.idle_timeout


# 5.3d: an idle host is a host that left -----------------------------------------------------------


@odd("host-told-first-guests-later", "TCRP-5.3d", note="an idle host is told at once, its guests 300 ms later")
class HostToldFirst(Patient):
    def close_room(self, room: Room, why: str) -> None:
        guests = list(room.members.values())
        room.members.clear()
        del self.rooms[room.key]
        for guest in guests:
            self.after(0.3, partial(self.notify, guest, why))

    def stop(self) -> None:
        super().stop()
        time.sleep(0.4)


# 5.4a: a disconnect notice is 0x04, then UTF-8 text -----------------------------------------------


@odd("notices-are-empty", "TCRP-5.4a", note="the text of a notice is empty")
class NoticesAreEmpty(Server):
    def notice(self, text: str) -> bytes:
        return super().notice("")


@odd("notices-are-long", "TCRP-5.4a", note="the text of a notice is 4 KB of Japanese")
class NoticesAreLong(Server):
    def notice(self, text: str) -> bytes:
        return super().notice("ホストが退出したため、チャットルームを終了します。" * 54)


@odd("notices-look-like-chat", "TCRP-5.4a", note="the text of a notice is `alice: hello`")
class NoticesLookLikeChat(Server):
    def notice(self, text: str) -> bytes:
        return super().notice("alice: hello")


@odd(
    "notices-quote", "TCRP-5.4a", note="a notice quotes the last message of the room, and leavers and hosts get it too"
)
class NoticesQuote(Server):
    last = b""

    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        self.last = self.compose(member, message)

    def notice(self, text: str) -> bytes:
        return super().notice(f"{text} The last words were: {self.last.decode('utf-8', 'replace')[:1000]}")

    def leave(self, member: Member) -> None:
        super().leave(member)
        self.notify(member, "Good-bye.")

    def time_out(self, member: Member, why: str) -> None:
        super().leave(member)
        self.notify(member, why)


# 5.5: information datagrams are 0x05, then UTF-8 text ---------------------------------------------


@odd(
    "informs-of-everything",
    "TCRP-5.5",
    note="joining, registering, leaving and every message come with information datagrams",
)
class InformsOfEverything(Server):
    def tell(self, members: list[Member], text: str) -> None:
        for member in members:
            self.inform(member, text)

    def decide(self, request: Request, peer: Address) -> Member:
        member = super().decide(request, peer)
        with self.lock:
            self.tell(self.recipients(member), f"{member.name.decode()} has joined")
        return member

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        self.tell([*self.recipients(member), member], f"{len(message)} bytes from {member.name.decode()}")

    def remove(self, member: Member) -> None:
        super().remove(member)
        self.tell(self.recipients(member), f"{member.name.decode()} has left")


@odd(
    "informs-with-chat-in-it",
    "TCRP-5.5",
    note="information datagrams quote the message, before it is relayed",
)
class InformsWithChatInIt(Server):
    def relay(self, member: Member, message: bytes) -> None:
        quoted = message[:1000].decode("utf-8", "replace")
        for other in [*self.recipients(member), member]:
            self.inform(other, f"{member.name.decode()}: {quoted}")
        super().relay(member, message)


@odd("informs-of-keep-alives", "TCRP-5.5", note="an empty message is answered with information, to all of the room")
class InformsOfKeepAlives(Server):
    def act(self, member: Member, message: bytes) -> None:
        super().act(member, message)
        if not message:
            for one in member.room.members.values():
                self.inform(one, "")


@odd("informs-at-length", "TCRP-5.5", note="every message comes with 8 KB of information, before and after it")
class InformsAtLength(Server):
    def relay(self, member: Member, message: bytes) -> None:
        for part in (self.tell_all, super().relay, self.tell_all):
            part(member, message)

    def tell_all(self, member: Member, message: bytes) -> None:
        for one in member.room.members.values():
            self.inform(one, "\x04 \x05 alice: hello, exit. " * 350)


@odd("informs-without-end", "TCRP-5.5", note="every member that has registered is sent information every 50 ms")
class InformsWithoutEnd(Server):
    def sweep_loop(self) -> None:
        threading.Thread(target=self.go_on, daemon=True).start()
        super().sweep_loop()

    def go_on(self) -> None:
        while True:
            time.sleep(0.05)
            with self.lock:
                for room in self.rooms.values():
                    for member in room.members.values():
                        self.inform(member, f"{len(room.members)} are here.")


# 5.6: after several failed deliveries a member is removed as if idle ------------------------------


@odd("five-failures", "TCRP-5.6", note="a member goes at its fifth failed delivery, not at its third")
class FiveFailures(Server):
    max_failures = 5


@odd("ten-failures", "TCRP-5.6", note="a member goes at its tenth failed delivery in a row")
class TenFailures(Server):
    max_failures = 10


@odd("failures-are-swept", "TCRP-5.6", note="who could not be reached three times goes at a sweep, every 600 ms")
class FailuresAreSwept(Server):
    def delivery_failed(self, address: Address) -> None:
        with self.lock:
            for room in self.rooms.values():
                for member in room.members.values():
                    if member.address is not None and member.address[:2] == address[:2]:
                        member.failures += 1

    def sweep_interval(self) -> float:
        return 0.6

    def expired(self, member: Member, now: float) -> bool:
        return member.failures >= self.max_failures or super().expired(member, now)
