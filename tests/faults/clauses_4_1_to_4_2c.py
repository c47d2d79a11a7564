"""Faults of 4.1 to 4.2c: the layout of a chat datagram, its sizes and its room."""

from tests.faults.bases import AnswersDropped
from tests.faults.plain import MAX_UP, Address, Datagram, Dropped, Member, Room, Server
from tests.faults.registry import fault

# 4.1: a chat datagram is two sizes, room name, token, message -------------------------------------


@fault(
    "chat-in-rooms-with-nul-dropped", "TCRP-4.1", also=("TCRP-2.3b",), note="in a datagram a room name ends at a NUL"
)
class ChatInRoomsWithNulDropped(Server):
    def find_member(self, datagram: Datagram, source: Address) -> Member:
        return super().find_member(datagram._replace(room=datagram.room.partition(b"\0")[0]), source)


@fault("message-of-256-bytes-dropped", "TCRP-4.1", also=("TCRP-4.5a",), note="a size of 8 bits: 256 bytes are none")
class MessageOf256BytesDropped(Server):
    def act(self, member: Member, message: bytes) -> None:
        super().act(member, message if len(message) % 256 else b"")


@fault("datagram-token-first", "TCRP-4.1", also=("TCRP-4.4a",), note="the token stands before the room name")
class DatagramTokenFirst(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        both = datagram.room + datagram.token
        return datagram._replace(token=both[: data[1]], room=both[data[1] :])


@fault("datagram-sizes-of-2-bytes", "TCRP-4.1", also=("TCRP-4.4a",), note="both sizes are numbers of 2 bytes")
class DatagramSizesOf2Bytes(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        if len(data) < 4 or data[0] or data[2]:
            raise Dropped("4.2b")
        return super().parse_datagram(data[1:2] + data[3:])


@fault(
    "datagram-sizes-in-characters",
    "TCRP-4.1",
    also=("TCRP-2.3a", "TCRP-4.4a"),
    note="the room name's size counts characters",
)
class DatagramSizesInCharacters(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        whole = super().parse_datagram(data)
        body = data[2:].decode("utf-8", "surrogateescape")
        room = body[: data[0]].encode("utf-8", "surrogateescape")
        rest = data[2 + len(room) :]
        return whole._replace(room=room, token=rest[: data[1]], message=rest[data[1] :])


@fault(
    "datagram-header-of-3-bytes",
    "TCRP-4.1",
    also=("TCRP-4.4a",),
    note="a third size is expected, that of a user name",
)
class DatagramHeaderOf3Bytes(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        if len(data) < 3:
            raise Dropped("4.2b")
        datagram = super().parse_datagram(data[:2] + data[3:])
        return datagram._replace(message=datagram.message[data[2] :])


@fault("datagram-of-4096-dropped", "TCRP-4.1", also=("TCRP-4.6e",), note="a datagram of exactly 4096 bytes is dropped")
class DatagramOf4096Dropped(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        if len(data) == 4096:
            raise Dropped("4.2a")
        return super().parse_datagram(data)


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


# 4.2a: a datagram longer than 4096 bytes is dropped in silence ------------------------------------


@fault("long-datagram-cut", "TCRP-4.2a", note="a datagram over 4096 bytes is cut to 4096 and served")
class LongDatagramCut(Server):
    receive_size = MAX_UP


@fault("long-datagram-served", "TCRP-4.2a", note="a datagram of any length is served")
class LongDatagramServed(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data[:MAX_UP])
        return datagram._replace(message=data[2 + data[0] + data[1] :])


@fault(
    "long-datagram-moves-the-address",
    "TCRP-4.2a",
    also=("TCRP-4.3a",),
    note="a datagram over 4096 bytes is not relayed, but moves the address",
)
class LongDatagramMovesTheAddress(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        if len(data) > MAX_UP:
            return super().parse_datagram(data[:MAX_UP])._replace(message=b"")
        return super().parse_datagram(data)


@fault("long-datagram-answered", "TCRP-4.2a", note="a datagram over 4096 bytes is answered with an error")
class LongDatagramAnswered(AnswersDropped):
    clauses = ("4.2a",)


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


# 4.2b: a datagram whose sizes do not fit is dropped in silence ------------------------------------


@fault(
    "short-datagram-answered",
    "TCRP-4.2b",
    note="a datagram that its sizes do not fit is answered with an error",
)
class ShortDatagramAnswered(AnswersDropped):
    clauses = ("4.2b",)


@fault(
    "datagram-sizes-not-checked",
    "TCRP-4.2b",
    note="a size that reaches past the end of the datagram takes what there is",
)
class DatagramSizesNotChecked(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        missing = 2 + data[0] + data[1] - len(data) if len(data) >= 2 else 0
        if 0 < missing <= data[1]:
            data = bytes([data[0], data[1] - missing]) + data[2:]
        return super().parse_datagram(data)


# 4.2c: a datagram for a room that does not exist is dropped in silence ----------------------------


@fault("unknown-room-answered", "TCRP-4.2c", note="a datagram for no room is answered with an error")
class UnknownRoomAnswered(AnswersDropped):
    clauses = ("4.2c",)


@fault(
    "room-in-datagram-ignored",
    "TCRP-4.2c",
    also=("TCRP-4.2d",),
    note="the token alone decides, whatever room is named",
)
class RoomInDatagramIgnored(Server):
    def find_member(self, datagram: Datagram, source: Address) -> Member:
        for room in self.rooms.values():
            if datagram.token in room.members:
                datagram = datagram._replace(room=room.key)
        return super().find_member(datagram, source)


@fault(
    "room-and-token-run-together", "TCRP-4.2c", also=("TCRP-4.2d",), note="room name and token are one key, end to end"
)
class RoomAndTokenRunTogether(Server):
    def find_member(self, datagram: Datagram, source: Address) -> Member:
        key = datagram.room + datagram.token
        for room in self.rooms.values():
            for member in room.members.values():
                if room.key + member.token == key:
                    self.check_ip(member, source)
                    return member
        return super().find_member(datagram, source)


@fault("datagrams-make-rooms", "TCRP-4.2c", also=("TCRP-6.2a",), note="a room is there once a datagram has named it")
class DatagramsMakeRooms(Server):
    def find_member(self, datagram: Datagram, source: Address) -> Member:
        self.rooms.setdefault(datagram.room, Room(datagram.room, b""))
        return super().find_member(datagram, source)
