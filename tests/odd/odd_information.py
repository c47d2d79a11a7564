"""Odd information datagrams and notices: what they say, when, how often: sections 4.7 and 5."""

from __future__ import annotations

import threading
import time

from odd_timing import Patient
from plain import Server
from plain_chat import Member
from registry import odd


@odd("informs-late", "TCRP-4.7b", "TCRP-5.5", note="information comes 300 ms after what it is about")
class InformsLate(Patient):
    def inform(self, member: Member, text: str) -> None:
        self.after(0.3, lambda: self.inform_now(member, text))

    def inform_now(self, member: Member, text: str) -> None:
        with self.lock:
            if member.token in member.room.members:
                super().inform(member, text)


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


@odd("text-only-and-told", "TCRP-4.6b", note="a message that is not UTF-8 is dropped, and its sender is told")
class TextOnlyAndTold(Server):
    def relay(self, member: Member, message: bytes) -> None:
        try:
            message.decode("utf-8")
        except UnicodeDecodeError:
            self.inform(member, "Text only, please.")
            return
        super().relay(member, message)


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
