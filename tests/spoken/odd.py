"""Changes after which a server is as right as before, but unusual."""

import threading
import time

from tests.spoken.base import Address, Member, Spoken, Stream
from tests.spoken.variants import odd

FRAMED = "model-answer json-status json-envelope"
TCP = f"{FRAMED} fixed-fields fixed-width"


class Trickling(Stream):
    """A stream whose bytes are sent one by one."""

    def send(self, data: bytes) -> None:
        for number in range(len(data)):
            super().send(data[number : number + 1])


@odd("trickles", "replies come byte by byte", TCP)
class Trickles(Spoken):
    stream_type = Trickling


@odd("last-first", "who came last hears a message first", f"{TCP} stage1")
class LastFirst(Spoken):
    def recipients(self, member: Member) -> list[Member]:
        return super().recipients(member)[::-1]


@odd("late", "datagrams are looked at 10 ms after they came", f"{TCP} stage1")
class Late(Spoken):
    def on_datagram(self, data: bytes, source: Address) -> None:
        time.sleep(0.01)
        super().on_datagram(data, source)


@odd("thread-per-datagram", "each datagram has a thread, and the order is lost", f"{TCP} stage1")
class ThreadPerDatagram(Spoken):
    def on_datagram(self, data: bytes, source: Address) -> None:
        threading.Thread(target=super().on_datagram, args=(data, source), daemon=True).start()


@odd("the-floor", "16 rooms and 16 members of a room are served, and no more", TCP)
class TheFloor(Spoken):
    max_rooms = 16
    max_members = 16
