"""Changes that make a server wrong, in the order of the first clause that they break."""

import contextlib
import os
import socket
import uuid
from typing import ClassVar

from tests.faults.plain import ROOM_NOT_FOUND, WRONG_PASSWORD, Refused, Vanished
from tests.spoken.base import Address, Member, Room, Spoken, Stream
from tests.spoken.variants import wrong

NAMED = "model-answer json-status json-envelope"
FIXED = "fixed-fields fixed-width"
TCP = f"{NAMED} {FIXED}"


class OneRecv(Stream):
    """A stream whose reads are a single recv each."""

    def recv_exactly(self, size: int) -> bytes:
        data = self.recv(size)
        if len(data) < size:
            raise Vanished
        return data


@wrong("names-casefolded", "upper and lower case of a room name are one", {NAMED: "2.3c"})
class NamesCasefolded(Spoken):
    def room_key(self, name: bytes) -> bytes:
        return name.lower()


@wrong("one-recv", "a request that does not come in one segment is not answered", {TCP: "2.5a"})
class ReadsOnce(Spoken):
    stream_type = OneRecv


@wrong("takes-over", "a CREATE of a room that stands makes it anew", {NAMED: "3.4d"})
class TakesOver(Spoken):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        self.rooms.pop(name, None)
        return super().create(name, user, password, peer)


@wrong("joins-make-rooms", "who joins a room that there is not creates it", {NAMED: "3.4e"})
class JoinsMakeRooms(Spoken):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name not in self.rooms:
            return self.create(name, user, password, peer)
        return super().join(name, user, password, peer)


@wrong("unknown-is-a-password", "who joins a room that there is not is told of a wrong password", {FIXED: "3.4e"})
class UnknownIsAPassword(Spoken):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        try:
            return super().join(name, user, password, peer)
        except Refused as refused:
            raise Refused(WRONG_PASSWORD if refused.status == ROOM_NOT_FOUND else refused.status) from None


@wrong("tokens-counted", "a token is the one before and 1", {TCP: "3.8b"})
class TokensCounted(Spoken):
    count: ClassVar[list[int]] = [0]

    def counted(self) -> bytes:
        self.count[0] += 1
        return str(uuid.UUID(int=self.count[0])).encode()

    def new_token(self, room: Room, user: bytes, peer: Address) -> bytes:
        usual = super().new_token(room, user, peer)
        return (b"0" * 200 + self.counted())[-36:] if len(usual) == 36 else self.long(usual)

    def long(self, usual: bytes) -> bytes:
        self.count[0] += 1
        number = b"%0*d" % (len(usual) - usual.endswith(b"="), self.count[0])
        return number + b"=" * usual.endswith(b"=")

    def new_key(self, key: bytes) -> bytes:
        return self.counted()


@wrong("any-password", "a room's password is not looked at", {f"model-answer json-envelope {FIXED}": "3.10a"})
class AnyPassword(Spoken):
    def check_password(self, room: Room, user: bytes, password: bytes) -> None:
        pass


@wrong(
    "first-hears-alone", "a message goes to the first of those who should hear it", {f"{TCP}": "4.5a", "stage1": "7.1"}
)
class FirstHearsAlone(Spoken):
    def recipients(self, member: Member) -> list[Member]:
        return super().recipients(member)[:1]


@wrong("drops-every-third", "of three messages one is not relayed", {TCP: "4.5a 4.6b", "stage1": "7.1"})
class DropsEveryThird(Spoken):
    said = 0

    def relay(self, member: Member, message: bytes) -> None:
        self.said += 1
        if self.said % 3:
            super().relay(member, message)


@wrong("every-room-hears", "a message goes to the members of all rooms", {TCP: "4.5b"})
class EveryRoomHears(Spoken):
    def recipients(self, member: Member) -> list[Member]:
        own = super().recipients(member)
        rooms = [room for room in self.rooms.values() if room is not member.room]
        return [*own, *(one for room in rooms for one in room.members.values())]


@wrong("relays-twice", "a message is relayed twice", {TCP: "4.5c", "stage1": "7.1"})
class RelaysTwice(Spoken):
    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        super().relay(member, message)


@wrong(
    "echo-otherwise", "the sender hears itself where it must not, or not where it must", {TCP: "4.5d", "stage1": "7.1"}
)
class EchoOtherwise(Spoken):
    def recipients(self, member: Member) -> list[Member]:
        usual = super().recipients(member)
        return [one for one in usual if one is not member] if member in usual else [*usual, member]


@wrong("name-not-shown", "every message comes under one name", {TCP: "4.6a", "stage1": "7.1"})
class NameNotShown(Spoken):
    def name_of(self, member: Member) -> bytes:
        return b"member"


@wrong("long-dropped", "messages of more than 300 bytes are not relayed", {TCP: "4.6e 4.6b"})
class LongDropped(Spoken):
    def relay(self, member: Member, message: bytes) -> None:
        if len(message) <= 300:
            super().relay(member, message)


@wrong("only-text", "bytes of a message that are not UTF-8 are replaced", {"stage1": "7.1"})
class OnlyText(Spoken):
    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message.decode("utf-8", "replace").encode("utf-8"))


@wrong("forgets-the-first", "of more than two members the first is forgotten", {"stage1": "7.1"})
class ForgetsTheFirst(Spoken):
    def recipients(self, member: Member) -> list[Member]:
        return super().recipients(member)[-2:]


@wrong("cuts-messages", "messages are cut after 64 bytes", {TCP: "4.6e 4.6b", "stage1": "7.1"})
class CutsMessages(Spoken):
    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message[:64].decode("utf-8", "ignore").encode("utf-8"))


@wrong("strips-messages", "spaces around a message are taken off", {TCP: "4.6b", "stage1": "7.1"})
class StripsMessages(Spoken):
    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message.strip())


@wrong(
    "speaks-from-another-port",
    "datagrams come from another port than they are sent to",
    {TCP: "4.6d"},
)
class SpeaksFromAnotherPort(Spoken):
    def send(self, data: bytes, address: Address) -> None:
        with socket.socket(self.udp.family, socket.SOCK_DGRAM) as other:
            other.bind((self.host, 0))
            with contextlib.suppress(OSError):
                other.sendto(data, address)


@wrong("guests-stay", "a guest that leaves is not removed", {f"json-status json-envelope {FIXED}": "5.1a"})
class GuestsStay(Spoken):
    def leave(self, member: Member) -> None:
        if member is member.room.host:
            super().leave(member)


@wrong("nobody-is-told", "a room closes without a word", {NAMED: "5.2a"})
class NobodyIsTold(Spoken):
    def notify(self, member: Member, text: str) -> None:
        pass


@wrong("host-stays", "a host that leaves is not removed", {NAMED: "5.2c 5.2a", FIXED: "5.2b"})
class HostStays(Spoken):
    def leave(self, member: Member) -> None:
        if member is not member.room.host:
            super().leave(member)


@wrong(
    "dies-of-an-early-close",
    "a request that ends early ends the process",
    {f"model-answer json-status {FIXED}": "6.1a"},
)
class DiesOfAnEarlyClose(Spoken):
    def lost(self, stream: Stream, error: Exception) -> None:
        if stream.begun:
            os._exit(1)


@wrong("one-at-a-time", "one connection is served, and the others wait until it ends", {TCP: "6.1b"})
class OneAtATime(Spoken):
    def take(self, stream: Stream) -> None:
        self.run_connection(stream)


@wrong("dies-of-a-short-datagram", "a datagram of less than two bytes ends the process", {TCP: "6.1f", "stage1": "7.1"})
class DiesOfAShortDatagram(Spoken):
    def on_datagram(self, data: bytes, source: Address) -> None:
        if len(data) < 2:
            os._exit(1)
        super().on_datagram(data, source)


@wrong(
    "chat-dies-of-bad-utf8", "after a datagram that is not UTF-8 nobody is heard", {TCP: "6.1f", "stage1": "7.1 6.1f"}
)
class ChatDiesOfBadUtf8(Spoken):
    dead = False

    def on_datagram(self, data: bytes, source: Address) -> None:
        self.dead |= b"\xff" in data
        if not self.dead:
            super().on_datagram(data, source)
