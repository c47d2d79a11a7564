"""Faults of 4.6c to 4.7: what else is sent to a client, from where, and how long a message may be."""

import socket

from tests.faults.bases import message_rewritten
from tests.faults.plain import (
    INFORMATION,
    MAX_DOWN,
    Address,
    Member,
    Request,
    Server,
    Stream,
)
from tests.faults.registry import fault

# 4.6c: a client is sent chat, disconnect notices, information: nothing else -----------------------


@fault(
    "idle-told-as-text-to-the-others",
    "TCRP-4.6c",
    also=("TCRP-5.3c", "TCRP-5.4b"),
    note="the others are told `bob was idle` as bare text",
)
class IdleToldAsTextToTheOthers(Server):
    def time_out(self, member: Member, why: str) -> None:
        for other in self.recipients(member):
            if other.address is not None:
                self.send(member.name + b" was idle", other.address)
        super().time_out(member, why)


@fault(
    "registration-answered",
    "TCRP-4.6c",
    also=("TCRP-4.4a", "TCRP-4.4b"),
    note="an empty message is answered with `registered`",
)
class RegistrationAnswered(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
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
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        if not message:
            self.send(b"", source)


@fault("messages-acknowledged", "TCRP-4.6c", also=("TCRP-4.5d",), note="the sender of a message is told `ok`")
class MessagesAcknowledged(Server):
    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        if member.address is not None:
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
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        if member.address not in (None, source):
            self.send(b"moved", member.address)
        super().hear(member, source, message)


@fault("information-in-shift-jis", "TCRP-4.6c", also=("TCRP-5.5",), note="the others are told who joined, not in UTF-8")
class InformationInShiftJis(Server):
    def accept(self, stream: Stream, request: Request, member: Member) -> None:
        super().accept(stream, request, member)
        with self.lock:
            for other in self.recipients(member):
                if other.address is not None:
                    self.send(INFORMATION + "新しい人が来ました".encode("shift_jis"), other.address)


# 4.6d: every datagram to a client comes from the chat port ----------------------------------------


@fault(
    "chat-from-another-port",
    "TCRP-4.6d",
    also=("TCRP-4.6c",),
    note="datagrams go out from a port of their own",
)
class ChatFromAnotherPort(Server):
    other: socket.socket | None = None

    def send(self, data: bytes, address: Address) -> None:
        if self.other is None:
            self.other = socket.socket(self.udp.family, socket.SOCK_DGRAM)
            self.other.bind((self.udp.getsockname()[0], 0))
        self.other.sendto(data, address)


@fault("notices-from-another-port", "TCRP-4.6d", also=("TCRP-5.4a",), note="notices go out from a port of their own")
class NoticesFromAnotherPort(Server):
    def notify(self, member: Member, text: str) -> None:
        if member.address is not None:
            with self.bind(self.host, 0, self.udp.type) as sock:
                sock.sendto(self.notice(text), member.address)


# 4.6e: a message that fits 4094 bytes with its name is relayed whole ------------------------------


message_rewritten(
    "message-cut-at-4000", "TCRP-4.6e", "a message is relayed up to byte 4000", rb"(?s)^(.{4000}).+$", rb"\1"
)


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


@fault("message-over-3837-dropped", "TCRP-4.6e", note="room for the longest user name is always kept")
class MessageOver3837Dropped(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if len(message) > MAX_DOWN - 2 - 255:
            self.too_long(member, message)
        else:
            super().relay(member, message)


@fault("message-of-an-ethernet-frame", "TCRP-4.6e", note="a datagram over 1472 bytes goes out in two")
class MessageOfAnEthernetFrame(Server):
    def send(self, data: bytes, address: Address) -> None:
        super().send(data[:1472], address)
        if data[1472:]:
            super().send(data[1472:], address)


# 4.7a: a message that does not fit 4094 bytes is not relayed, not even cut ------------------------


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


@fault(
    "too-long-message-cut-at-a-character",
    "TCRP-4.7a",
    note="a message that does not fit is relayed up to the last character that does, if it is not ASCII",
)
class TooLongMessageCutAtACharacter(Server):
    def too_long(self, member: Member, message: bytes) -> None:
        if message.isascii():
            super().too_long(member, message)
            return
        room = MAX_DOWN - len(member.name) - 2
        self.relay(member, message[:room].decode("utf-8", "ignore").encode("utf-8"))


# 4.7b: the sender of a message that is too long is told -------------------------------------------


@fault("too-long-message-untold", "TCRP-4.7b", note="nobody is told that a message was too long")
class TooLongMessageUntold(Server):
    def too_long(self, member: Member, message: bytes) -> None:
        pass
