"""Faults of 2.3: sizes in bytes, and room names."""

import re
import unicodedata

from tests.faults.plain import (
    JOIN,
    MALFORMED,
    ROOM_EXISTS,
    Address,
    Datagram,
    Header,
    Member,
    Refused,
    Request,
    Server,
    Stream,
)
from tests.faults.registry import fault

# 2.3a: sizes count bytes, never characters --------------------------------------------------------


@fault("reply-size-in-characters", "TCRP-2.3a", also=("TCRP-3.4a",), note="a reply's room size counts characters")
class ReplySizeInCharacters(Server):
    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        characters = len(request.room.decode("utf-8", "replace"))
        header = Header(characters, request.operation, state, len(payload))
        return self.build_header(header) + request.room + payload


@fault(
    "request-size-in-characters",
    "TCRP-2.3a",
    also=("TCRP-2.3b",),
    note="the body is decoded first and cut by characters then",
)
class RequestSizeInCharacters(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        body = b"".join(super().read_body(stream, header))
        text = self.decode(body)
        return text[: header.room_size].encode(), text[header.room_size :].encode()


@fault(
    "join-counts-characters",
    "TCRP-2.3a",
    note="a JOIN finds its room by the first RoomNameSize characters of its body",
)
class JoinCountsCharacters(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room, payload = super().read_body(stream, header)
        if header.operation != JOIN:
            return room, payload
        body = (room + payload).decode("utf-8", "replace")
        return body[: header.room_size].encode(), payload


# 2.3b: a room name of 1 to 255 bytes of any valid UTF-8 is accepted -------------------------------


@fault("join-of-255-bytes-refused", "TCRP-2.3b", note="a JOIN of a room name of 255 bytes is refused")
class JoinOf255BytesRefused(Server):
    def join(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if len(name) == 255:
            raise Refused(MALFORMED)
        return super().join(name, user, password, peer)


@fault("room-of-c1-refused", "TCRP-2.3b", note="a room name with U+0080 to U+009F is refused")
class RoomOfC1Refused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if re.search("[\x80-\x9f]", name.decode("utf-8")):
            raise Refused(MALFORMED)


@fault("room-of-noncharacters-refused", "TCRP-2.3b", note="a room name with U+FFFF is refused")
class RoomOfNoncharactersRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if "\uffff" in name.decode("utf-8"):
            raise Refused(MALFORMED)


@fault("room-ascii-only", "TCRP-2.3b", note="a room name that is not ASCII is refused")
class RoomAsciiOnly(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if not name.isascii():
            raise Refused(MALFORMED)


@fault("room-32-bytes-at-most", "TCRP-2.3b", note="a room name over 32 bytes is refused")
class Room32BytesAtMost(Server):
    longest = 32

    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if len(name) > self.longest:
            raise Refused(MALFORMED)


@fault("room-254-bytes-at-most", "TCRP-2.3b", note="a room name of 255 bytes is refused")
class Room254BytesAtMost(Room32BytesAtMost):
    longest = 254


@fault("room-control-characters-refused", "TCRP-2.3b", note="a room name with a control character is refused")
class RoomControlCharactersRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if any(unicodedata.category(character) == "Cc" for character in name.decode()):
            raise Refused(MALFORMED)


@fault(
    "room-spaces-only-refused",
    "TCRP-2.3b",
    also=("TCRP-2.3c",),
    note="a room name of nothing but spaces counts as empty",
)
class RoomSpacesOnlyRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if not name.decode().strip():
            raise Refused(MALFORMED)


@fault("room-0-is-empty", "TCRP-2.3b", note="the room name 0 counts as empty")
class Room0IsEmpty(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(b"" if name == b"0" else name)


@fault("room-constructor-exists", "TCRP-2.3b", also=("TCRP-3.4c",), note="the room constructor exists from the start")
class RoomConstructorExists(Server):
    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name in (b"constructor", b"toString", b"valueOf", b"hasOwnProperty", b"__proto__"):
            raise Refused(ROOM_EXISTS)
        return super().create(name, user, password, peer)


@fault("room-not-printable-refused", "TCRP-2.3b", note="a room name must be printable as Python sees it")
class RoomNotPrintableRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if not name.decode("utf-8").isprintable():
            raise Refused(MALFORMED)


@fault("room-4-byte-characters-refused", "TCRP-2.3b", note="a room name beyond U+FFFF is refused")
class Room4ByteCharactersRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if max(name) >= 0xF0:
            raise Refused(MALFORMED)


@fault("room-punctuation-refused", "TCRP-2.3b", note="a room name with a quote, a slash or a backslash is refused")
class RoomPunctuationRefused(Server):
    def check_room(self, name: bytes) -> None:
        super().check_room(name)
        if set(name) & set(b"'\"\\/"):
            raise Refused(MALFORMED)


# 2.3c: room names are compared byte for byte ------------------------------------------------------


def rooms_compared(name: str, note: str, pattern: str, instead: str) -> None:
    """Registers a server that compares room names with `instead` wherever `pattern` matches."""

    @fault(name, "TCRP-2.3c", note=note)
    class RoomsCompared(Server):
        def room_key(self, name: bytes) -> bytes:
            return re.sub(pattern, instead, name.decode("utf-8", "replace")).encode("utf-8")


rooms_compared(
    "room-zero-width-left-out", "room names are compared without zero-width characters", "[\u200b-\u200d]", ""
)
rooms_compared("room-names-in-ascii", "room names are compared with ? for what is not ASCII", "[^\0-\x7f]", "?")
rooms_compared("room-spaces-collapsed", "room names are compared with one space for several", "  +", " ")
rooms_compared("room-names-url-decoded", "%41 in a room name is A", "%41", "A")


class RefusesSimilarRooms(Server):
    """Refuses a CREATE whose room name is `similar` to that of a room that stands."""

    def similar(self, name: bytes, other: bytes) -> bool:
        raise NotImplementedError

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if any(self.similar(name, other) for other in self.rooms):
            raise Refused(ROOM_EXISTS)
        return super().create(name, user, password, peer)


@fault("create-without-case-refused", "TCRP-2.3c", note="a room is not created where one of other case stands")
class CreateWithoutCaseRefused(RefusesSimilarRooms):
    def similar(self, name: bytes, other: bytes) -> bool:
        return name.lower() == other.lower()


@fault("create-of-a-beginning-refused", "TCRP-2.3c", note="a room is not created if another's name begins with its own")
class CreateOfABeginningRefused(RefusesSimilarRooms):
    def similar(self, name: bytes, other: bytes) -> bool:
        return other.startswith(name)


@fault("room-names-stripped", "TCRP-2.3c", note="room names are compared without the white space around them")
class RoomNamesStripped(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.strip()


@fault("room-names-casefolded", "TCRP-2.3c", note="room names are compared without case")
class RoomNamesCasefolded(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.decode("utf-8", "replace").casefold().encode()


@fault(
    "room-names-lowercased-ascii",
    "TCRP-2.3c",
    note="room names are compared without the case of ASCII letters",
)
class RoomNamesLowercasedAscii(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.lower()


@fault("room-names-nfc", "TCRP-2.3c", note="room names are compared in NFC")
class RoomNamesNfc(Server):
    def room_key(self, name: bytes) -> bytes:
        return unicodedata.normalize("NFC", name.decode("utf-8", "replace")).encode()


@fault("room-names-nfkc", "TCRP-2.3c", note="room names are compared in NFKC: full-width letters are ASCII")
class RoomNamesNfkc(Server):
    def room_key(self, name: bytes) -> bytes:
        return unicodedata.normalize("NFKC", name.decode("utf-8", "replace")).encode()


@fault("room-names-cut-at-32", "TCRP-2.3c", note="room names are compared in their first 32 bytes")
class RoomNamesCutAt32(Server):
    compared = 32

    def room_key(self, name: bytes) -> bytes:
        return name[: self.compared]


@fault("room-names-cut-at-128", "TCRP-2.3c", note="room names are compared in their first 128 bytes")
class RoomNamesCutAt128(RoomNamesCutAt32):
    compared = 128


@fault("room-names-end-at-nul", "TCRP-2.3c", note="room names are compared up to the first NUL")
class RoomNamesEndAtNul(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.partition(b"\0")[0]


@fault("room-trailing-nul-taken-off", "TCRP-2.3c", note="room names are compared without NULs at their end")
class RoomTrailingNulTakenOff(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.rstrip(b"\0")


@fault("room-names-cut-at-254", "TCRP-2.3c", note="a buffer of 255 with its NUL: names are compared in 254 bytes")
class RoomNamesCutAt254(Server):
    def room_key(self, name: bytes) -> bytes:
        return name[:254]


@fault("room-names-without-accents", "TCRP-2.3c", note="room names are compared without accents")
class RoomNamesWithoutAccents(Server):
    def room_key(self, name: bytes) -> bytes:
        text = unicodedata.normalize("NFD", name.decode("utf-8", "replace"))
        return "".join(char for char in text if not unicodedata.combining(char)).encode("utf-8", "replace")


@fault("room-trailing-spaces-ignored", "TCRP-2.3c", note="room names are compared without spaces at their end")
class RoomTrailingSpacesIgnored(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.rstrip(b" ")


@fault("room-bom-taken-off", "TCRP-2.3c", note="room names are compared without a byte order mark at their start")
class RoomBomTakenOff(Server):
    def room_key(self, name: bytes) -> bytes:
        return name.removeprefix(b"\xef\xbb\xbf")


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
