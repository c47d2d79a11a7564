"""Faults of sections 4.6 and 4.7: what a server sends."""

from __future__ import annotations

import html
import json
import socket
import unicodedata

from plain import Server
from plain_chat import MAX_DOWN, Member
from plain_control import Request
from registry import fault
from stream import Stream

# 4.6 and 4.7: what ------------------------------------------------------------------------------


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


class MessageChanged(Server):
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
    "registration-answered",
    "TCRP-4.6c",
    also=("TCRP-4.4a", "TCRP-4.4b"),
    note="an empty message is answered with `registered`",
)
class RegistrationAnswered(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        super().hear(member, source, message)
        if not message:
            self.send(b"registered", source)


@fault(
    "registration-answered-with-an-empty",
    "TCRP-4.6c",
    also=("TCRP-4.4a", "TCRP-4.4b"),
    note="an empty message is answered with a datagram of 0 bytes",
)
class RegistrationAnsweredWithAnEmpty(Server):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        super().hear(member, source, message)
        if not message:
            self.send(b"", source)


@fault("messages-acknowledged", "TCRP-4.6c", also=("TCRP-4.5d",), note="the sender of a message is told `ok`")
class MessagesAcknowledged(Server):
    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        self.send(b"ok", member.address)


@fault(
    "joining-told-as-text",
    "TCRP-4.6c",
    note="the others are told `alice joined`, without the 0x05 of an information datagram",
)
class JoiningToldAsText(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        super().accept(stream, request, member)
        with self.lock:
            for other in self.recipients(member):
                if other.address:
                    self.send(member.name + b" joined", other.address)


@fault(
    "chat-from-another-port",
    "TCRP-4.6d",
    also=("TCRP-4.6c",),
    note="datagrams go out from a port of their own",
)
class ChatFromAnotherPort(Server):
    other: socket.socket | None = None

    def send(self, data: bytes, address: tuple) -> None:
        if self.other is None:
            self.other = socket.socket(self.udp.family, socket.SOCK_DGRAM)
            self.other.bind((self.udp.getsockname()[0], 0))
        self.other.sendto(data, address)


@fault("message-cut-at-1024", "TCRP-4.6e", also=("TCRP-4.6b",), note="datagrams are read into 1024 bytes")
class MessageCutAt1024(Server):
    receive_size = 1024


@fault(
    "message-cut-at-4094",
    "TCRP-4.6e",
    also=("TCRP-4.1", "TCRP-4.6b"),
    note="datagrams are read into 4094 bytes, though 4096 may come",
)
class MessageCutAt4094(Server):
    receive_size = 4094


@fault("message-over-1000-bytes-dropped", "TCRP-4.6e", note="a message over 1000 bytes is not relayed")
class MessageOver1000BytesDropped(Server):
    longest = 1000

    def relay(self, member: Member, message: bytes) -> None:
        if len(self.compose(member, message)) > self.longest:
            self.too_long(member, message)
        else:
            super().relay(member, message)


@fault(
    "message-of-4094-dropped",
    "TCRP-4.6e",
    note="a message whose datagram is exactly 4094 bytes is not relayed",
)
class MessageOf4094Dropped(MessageOver1000BytesDropped):
    longest = MAX_DOWN - 1


@fault("too-long-message-cut", "TCRP-4.7a", note="a message that does not fit 4094 bytes is relayed cut")
class TooLongMessageCut(Server):
    def too_long(self, member: Member, message: bytes) -> None:
        self.relay(member, message[: MAX_DOWN - len(self.compose(member, b""))])


@fault(
    "too-long-message-split",
    "TCRP-4.7a",
    note="a message that does not fit 4094 bytes is relayed in two parts",
)
class TooLongMessageSplit(Server):
    def too_long(self, member: Member, message: bytes) -> None:
        self.relay(member, message[:3000])
        self.relay(member, message[3000:])


@fault("too-long-message-relayed", "TCRP-4.7a", note="a message that does not fit 4094 bytes is relayed whole")
class TooLongMessageRelayed(Server):
    def too_long(self, member: Member, message: bytes) -> None:
        for other in self.recipients(member):
            if other.address:
                self.send(self.compose(member, message), other.address)


@fault("too-long-message-untold", "TCRP-4.7b", note="nobody is told that a message was too long")
class TooLongMessageUntold(Server):
    def too_long(self, member: Member, message: bytes) -> None:
        pass
