"""Faults of 4.6a and 4.6b: the sender's name and the bytes of a relayed message."""

import contextlib
import html
import json
import re
import unicodedata
from typing import ClassVar

from tests.faults.bases import message_rewritten
from tests.faults.plain import (
    Member,
    Server,
)
from tests.faults.registry import fault

# 4.6a: a chat datagram to a client is user name, colon, space, message ----------------------------


@fault("no-space-after-colon", "TCRP-4.6a", note="a message goes out as `alice:hello`")
class NoSpaceAfterColon(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return member.name + b":" + message


@fault("name-left-out", "TCRP-4.6a", also=("TCRP-3.8d",), note="a message goes out without its sender's name")
class NameLeftOut(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return message


@fault(
    "name-with-its-size",
    "TCRP-4.6a",
    also=("TCRP-3.8d",),
    note="a message goes out as a size byte, the name and the message",
)
class NameWithItsSize(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return bytes([len(member.name)]) + member.name + message


@fault("name-with-room", "TCRP-4.6a", also=("TCRP-3.8d",), note="a message goes out as `[room] alice: hello`")
class NameWithRoom(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return b"[" + member.room.key + b"] " + super().compose(member, message)


@fault("chat-in-json", "TCRP-4.6a", also=("TCRP-3.8d",), note="a message goes out as JSON")
class ChatInJson(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return json.dumps({"user": member.name.decode(), "message": message.decode("utf-8", "replace")}).encode()


@fault(
    "datagram-passed-on",
    "TCRP-4.6a",
    also=("TCRP-3.8d", "TCRP-4.6c"),
    note="the sender's datagram goes out as it came, token and all",
)
class DatagramPassedOn(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return bytes([len(member.room.key), len(member.token)]) + member.room.key + member.token + message


# 4.6b: the message's bytes are relayed unchanged --------------------------------------------------


message_rewritten("message-tabs-expanded", "TCRP-4.6b", "a tab in a message becomes four spaces", b"\t", b"    ")


message_rewritten("message-escapes-taken-out", "TCRP-4.6b", "an ESC is taken out of a message", b"\x1b", b"")


message_rewritten("message-deletes-taken-out", "TCRP-4.6b", "a DEL is taken out of a message", b"\x7f", b"")


message_rewritten("message-spaces-collapsed", "TCRP-4.6b", "two spaces in a message become one", b"  +", b" ")


@fault("message-is-a-format", "TCRP-4.6b", note="%% in a message becomes %")
class MessageIsAFormat(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.replace(b"%%", b"%"))


@fault("message-backslashes-resolved", "TCRP-4.6b", note=r"\n in a message, as two characters, becomes a newline")
class MessageBackslashesResolved(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.replace(rb"\n", b"\n"))


@fault("message-line-ends-normalised", "TCRP-4.6b", note="CR LF in a message becomes LF")
class MessageLineEndsNormalised(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.replace(b"\r\n", b"\n"))


@fault("message-trailing-nul-taken-off", "TCRP-4.6b", note="NULs at the end of a message are taken off")
class MessageTrailingNulTakenOff(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.rstrip(b"\0"))


@fault("message-4-byte-characters-replaced", "TCRP-4.6b", note="what is beyond U+FFFF in a message becomes ?")
class Message4ByteCharactersReplaced(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, re.sub(rb"[\xf0-\xf4][\x80-\xbf]{3}", b"?", message))


@fault("message-bom-taken-off", "TCRP-4.6b", note="a message loses a byte order mark at its start")
class MessageBomTakenOff(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.removeprefix(b"\xef\xbb\xbf"))


class MessageChanged(Server):
    """Relays messages as `changed` gives them."""

    def changed(self, message: bytes) -> bytes:
        return message

    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, self.changed(message))


@fault("message-stripped", "TCRP-4.6b", note="a message loses the white space around it")
class MessageStripped(MessageChanged):
    def changed(self, message: bytes) -> bytes:
        return message.strip()


@fault("message-end-newline-taken-off", "TCRP-4.6b", note="a message loses a newline at its end")
class MessageEndNewlineTakenOff(MessageChanged):
    def changed(self, message: bytes) -> bytes:
        return message.rstrip(b"\r\n")


@fault("message-with-newline", "TCRP-4.6b", also=("TCRP-4.6a",), note="a newline is put after a message")
class MessageWithNewline(MessageChanged):
    def changed(self, message: bytes) -> bytes:
        return message + b"\n"


@fault("message-replaced", "TCRP-4.6b", note="what is not UTF-8 in a message becomes replacement characters")
class MessageReplaced(MessageChanged):
    def changed(self, message: bytes) -> bytes:
        return message.decode("utf-8", "replace").encode()


@fault("message-not-utf8-left-out", "TCRP-4.6b", note="what is not UTF-8 in a message is left out of it")
class MessageNotUtf8LeftOut(MessageChanged):
    def changed(self, message: bytes) -> bytes:
        return message.decode("utf-8", "ignore").encode()


@fault(
    "message-ascii-only",
    "TCRP-4.6b",
    note="every byte of a message that is not ASCII becomes a question mark",
)
class MessageAsciiOnly(MessageChanged):
    def changed(self, message: bytes) -> bytes:
        return bytes(byte if byte < 128 else 63 for byte in message)


@fault("message-nfc", "TCRP-4.6b", note="a message is normalised")
class MessageNfc(MessageChanged):
    def changed(self, message: bytes) -> bytes:
        try:
            return unicodedata.normalize("NFC", message.decode()).encode()
        except UnicodeDecodeError:
            return message


@fault("message-up-to-nul", "TCRP-4.6b", note="a message ends at its first NUL")
class MessageUpToNul(MessageChanged):
    def changed(self, message: bytes) -> bytes:
        return message.partition(b"\0")[0]


@fault("message-escaped", "TCRP-4.6b", note="a message is escaped as HTML")
class MessageEscaped(MessageChanged):
    def changed(self, message: bytes) -> bytes:
        return html.escape(message.decode("latin-1")).encode("latin-1")


@fault("message-control-characters-taken-out", "TCRP-4.6b", note="control characters are taken out of a message")
class MessageControlCharactersTakenOut(MessageChanged):
    def changed(self, message: bytes) -> bytes:
        return bytes(byte for byte in message if byte >= 32)


@fault(
    "own-name-taken-off-a-message",
    "TCRP-4.6b",
    also=("TCRP-4.6a",),
    note="alice's message `alice: hello` goes out as `alice: hello`",
)
class OwnNameTakenOffAMessage(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.removeprefix(member.name + b": "))


@fault(
    "message-cut-at-the-own-name",
    "TCRP-4.6b",
    note="a message is split at the speaker's name, and goes on after the last of them",
)
class MessageCutAtTheOwnName(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.split(member.name)[-1])


@fault("room-name-taken-off-a-message", "TCRP-4.6b", note="the room's name is taken off the start of a message")
class RoomNameTakenOffAMessage(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.removeprefix(member.room.key))


@fault(
    "buffer-keeps-the-tail",
    "TCRP-4.6b",
    also=("TCRP-5.1a", "TCRP-4.4b", "TCRP-4.6a"),
    note="a message that is shorter than the one before keeps its tail",
)
class BufferKeepsTheTail(Server):
    before: ClassVar[dict[Member, bytes]] = {}

    def compose(self, member: Member, message: bytes) -> bytes:
        message += self.before.get(member, b"")[len(message) :]
        self.before[member] = message
        return super().compose(member, message)


@fault("password-masked-in-messages", "TCRP-4.6b", note="the room's password in a message becomes ***")
class PasswordMaskedInMessages(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        if member.room.password:
            message = message.replace(member.room.password, b"***")
        return super().compose(member, message)


@fault("message-braces-filled-in", "TCRP-4.6b", note="{name} in a message becomes the speaker's name")
class MessageBracesFilledIn(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return super().compose(member, message.replace(b"{name}", member.name))


@fault(
    "line-cut-at-its-second-colon",
    "TCRP-4.6b",
    note="`name: message` is split at `: `, and the first two parts are relayed",
)
class LineCutAtItsSecondColon(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        return b": ".join(super().compose(member, message).split(b": ")[:2])


@fault(
    "message-without-its-last-half-character", "TCRP-4.6b", note="half a character at the end of a message is left out"
)
class MessageWithoutItsLastHalfCharacter(Server):
    def compose(self, member: Member, message: bytes) -> bytes:
        for cut in (1, 2, 3):
            with contextlib.suppress(UnicodeDecodeError):
                message.decode("utf-8")
                break
            with contextlib.suppress(UnicodeDecodeError):
                message[:-cut].decode("utf-8")
                return super().compose(member, message[:-cut])
        return super().compose(member, message)
