"""Faults of how large datagrams may be, and of what else is sent to a client."""

from __future__ import annotations

from plain import Server
from plain_chat import INFORMATION, MAX_DOWN, Datagram, Dropped, Member
from plain_control import Request
from registry import fault
from stream import Stream

# 4.1, 4.6, 4.7: sizes -----------------------------------------------------------------------------


@fault("datagram-of-4096-dropped", "TCRP-4.1", also=("TCRP-4.6e",), note="a datagram of exactly 4096 bytes is dropped")
class DatagramOf4096Dropped(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        if len(data) == 4096:
            raise Dropped("4.2a")
        return super().parse_datagram(data)


@fault("datagram-of-4100-served", "TCRP-4.2a", note="a datagram of up to 4100 bytes is served")
class DatagramOf4100Served(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        if not 4096 < len(data) <= 4100:
            return super().parse_datagram(data)
        whole = super().parse_datagram(data[:4096])
        return whole._replace(message=data[4096 - len(whole.message) :])


@fault("datagram-over-8192-served", "TCRP-4.2a", note="a datagram over 8192 bytes is cut and served")
class DatagramOver8192Served(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        return super().parse_datagram(data[:4000] if len(data) > 8192 else data)


@fault(
    "datagram-room-size-is-signed",
    "TCRP-4.1",
    also=("TCRP-2.3b", "TCRP-4.5a"),
    note="room names over 127 bytes have no chat",
)
class DatagramRoomSizeIsSigned(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        if data and data[0] > 127:
            raise Dropped("4.2b")
        return super().parse_datagram(data)


@fault(
    "datagram-room-ascii-only",
    "TCRP-4.1",
    also=("TCRP-2.3a", "TCRP-4.5a"),
    note="room names that are not ASCII have no chat",
)
class DatagramRoomAsciiOnly(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        if not datagram.room.isascii():
            raise Dropped("4.2c")
        return datagram


@fault(
    "datagram-room-stripped",
    "TCRP-2.3c",
    also=("TCRP-4.2c",),
    note="the room name of a datagram is trimmed and without case",
)
class DatagramRoomStripped(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        if datagram.room not in self.rooms:
            folded = datagram.room.strip().lower()
            found = (key for key in self.rooms if key.strip().lower() == folded)
            return datagram._replace(room=next(found, datagram.room))
        return datagram


@fault("down-size-in-characters", "TCRP-4.7a", also=("TCRP-2.3a",), note="4094 counts characters, not bytes")
class DownSizeInCharacters(Server):
    def relay(self, member: Member, message: bytes) -> None:
        text = self.compose(member, message)
        if len(text) > MAX_DOWN >= len(text.decode("utf-8", "replace")):
            for other in self.recipients(member):
                if other.address is not None:
                    self.send(text, other.address)
            return
        super().relay(member, message)


@fault("down-size-without-the-colon", "TCRP-4.7a", note="4094 counts user name and message, not the two bytes between")
class DownSizeWithoutTheColon(Server):
    def relay(self, member: Member, message: bytes) -> None:
        text = self.compose(member, message)
        if MAX_DOWN < len(text) <= MAX_DOWN + 2:
            for other in self.recipients(member):
                if other.address is not None:
                    self.send(text, other.address)
            return
        super().relay(member, message)


@fault("message-over-3837-dropped", "TCRP-4.6e", note="room for the longest user name is always kept")
class MessageOver3837Dropped(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if len(message) > MAX_DOWN - 2 - 255:
            self.too_long(member, message)
        else:
            super().relay(member, message)


@fault("message-of-an-ethernet-frame", "TCRP-4.6e", note="a datagram over 1472 bytes goes out in two")
class MessageOfAnEthernetFrame(Server):
    def send(self, data: bytes, address: tuple) -> None:
        super().send(data[:1472], address)
        if data[1472:]:
            super().send(data[1472:], address)


# 4.6c, 4.6d, 5.5: what else is sent ---------------------------------------------------------------


@fault("leaver-told-as-text", "TCRP-4.6c", note="who leaves is told `bye`")
class LeaverToldAsText(Server):
    def leave(self, member: Member) -> None:
        super().leave(member)
        if member.address is not None:
            self.send(b"bye", member.address)


@fault("too-long-told-as-text", "TCRP-4.6c", also=("TCRP-4.7b",), note="`too long` is told without the 0x05")
class TooLongToldAsText(Server):
    def inform(self, member: Member, text: str) -> None:
        if member.address is not None:
            self.send(text.encode(), member.address)


@fault("closing-told-as-text-too", "TCRP-4.6c", note="the notice of a closing room is followed by bare text")
class ClosingToldAsTextToo(Server):
    def notify(self, member: Member, text: str) -> None:
        super().notify(member, text)
        if member.address is not None:
            self.send(text.encode(), member.address)


@fault(
    "moving-told-as-text", "TCRP-4.6c", also=("TCRP-4.3a",), note="the old address is told that the member has moved"
)
class MovingToldAsText(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        if member.address not in (None, source):
            self.send(b"moved", member.address)
        super().hear(member, source, message)


@fault("notices-from-another-port", "TCRP-4.6d", also=("TCRP-5.4a",), note="notices go out from a port of their own")
class NoticesFromAnotherPort(Server):
    def notify(self, member: Member, text: str) -> None:
        if member.address is not None:
            with self.bind(self.host, 0, self.udp.type) as sock:
                sock.sendto(self.notice(text), member.address)


@fault("information-in-shift-jis", "TCRP-4.6c", also=("TCRP-5.5",), note="the others are told who joined, not in UTF-8")
class InformationInShiftJis(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        super().accept(stream, request, member)
        with self.lock:
            for other in self.recipients(member):
                if other.address is not None:
                    self.send(INFORMATION + "新しい人が来ました".encode("shift_jis"), other.address)


@fault(
    "notice-to-the-tcp-address",
    "TCRP-4.3b",
    also=("TCRP-5.4b",),
    note="an unregistered member is told at its TCP address that the room closes",
)
class NoticeToTheTcpAddress(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: tuple) -> Member:
        member = super().join(name, user, password, peer)
        member.__dict__["tcp"] = peer
        return member

    def notify(self, member: Member, text: str) -> None:
        if member.address is None and "tcp" in member.__dict__:
            self.send(self.notice(text), member.__dict__["tcp"])
        super().notify(member, text)
