"""Faults of section 6.1: what ends a server, and what blocks it.

Some of these really end the process, with a traceback and exit code 1; others lose a thread and live
on with half of their service.
"""

from __future__ import annotations

import contextlib
import os
import socket
import traceback
from concurrent.futures import ThreadPoolExecutor

from plain import Server
from plain_chat import Datagram, Member, Room
from plain_control import Header, Request
from registry import fault
from stream import Stream, Vanished


class Crashing(Server):
    """Any error ends the process."""

    def failed(self, error: Exception) -> None:
        traceback.print_exception(error)
        os._exit(1)


class LosingChat(Server):
    """An error while a datagram is served ends the thread that serves them."""

    def failed(self, error: Exception) -> None:
        raise error


class LosingControl(Server):
    """An error on a connection ends the loop that accepts them."""

    def failed(self, error: Exception) -> None:
        traceback.print_exception(error)
        with contextlib.suppress(OSError):
            self.tcp.shutdown(socket.SHUT_RDWR)
        self.tcp.close()


# 6.1: what ends it ------------------------------------------------------------------------------


class ParsesShortHeaders(Server):
    def read_header(self, stream: Stream) -> bytes:
        return stream.recv_until_closed(32)


@fault(
    "dies-of-a-short-header",
    "TCRP-6.1a",
    note="a connection that closes before its 32nd byte ends the process",
)
class DiesOfAShortHeader(ParsesShortHeaders, Crashing):
    pass


@fault(
    "control-ends-with-a-short-header",
    "TCRP-6.1a",
    note="after a connection that closes before its 32nd byte no other is accepted",
)
class ControlEndsWithAShortHeader(ParsesShortHeaders, LosingControl):
    pass


@fault("dies-of-a-short-body", "TCRP-6.1a", note="a connection that closes within its body ends the process")
class DiesOfAShortBody(Crashing):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        try:
            return super().read_body(stream, header)
        except Vanished:
            raise ValueError("incomplete body") from None


@fault("dies-of-a-reset", "TCRP-6.1c", note="a connection that is reset ends the process")
class DiesOfAReset(Crashing):
    def lost(self, stream: Stream, error: Exception) -> None:
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            self.failed(error)


@fault("control-ends-with-a-reset", "TCRP-6.1c", note="after a connection that is reset no other is accepted")
class ControlEndsWithAReset(LosingControl):
    def lost(self, stream: Stream, error: Exception) -> None:
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            self.failed(error)


@fault(
    "dies-of-a-huge-size",
    "TCRP-6.1d",
    also=("TCRP-2.4a",),
    note="a claimed size is given to recv, which cannot hold it",
)
class DiesOfAHugeSize(Crashing):
    def check_sizes(self, header: Header) -> None:
        pass

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        if header.payload_size <= self.max_payload:
            return room, stream.recv_exactly(header.payload_size)
        return room, stream.recv(header.payload_size)


@fault("dies-of-bad-utf8", "TCRP-6.1e", also=("TCRP-3.7c",), note="a request that is not UTF-8 ends the process")
class DiesOfBadUtf8(Crashing):
    def decode(self, data: bytes) -> str:
        return data.decode("utf-8")


@fault(
    "control-ends-with-bad-utf8",
    "TCRP-6.1e",
    also=("TCRP-3.7c",),
    note="after a request that is not UTF-8 no other is accepted",
)
class ControlEndsWithBadUtf8(LosingControl):
    def decode(self, data: bytes) -> str:
        return data.decode("utf-8")


@fault(
    "dies-of-an-unknown-operation",
    "TCRP-6.1e",
    also=("TCRP-3.7a",),
    note="an operation that is not in its table ends the process",
)
class DiesOfAnUnknownOperation(Crashing):
    def decide(self, request: Request, peer: tuple) -> Member:
        name = {1: "CREATE", 2: "JOIN"}[request.operation]
        return super().decide(request._replace(operation={"CREATE": 1, "JOIN": 2}[name]), peer)


@fault(
    "dies-of-a-missing-username",
    "TCRP-6.1e",
    also=("TCRP-3.2c",),
    note="JSON without a username ends the process",
)
class DiesOfAMissingUsername(Crashing):
    def user_in(self, fields: dict[str, object]) -> bytes:
        fields["username"]
        return super().user_in(fields)


@fault(
    "dies-of-deep-json",
    "TCRP-6.1e",
    also=("TCRP-3.2g", "TCRP-3.2h"),
    note="JSON nested more than 300 times ends the process",
)
class DiesOfDeepJson(Crashing):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        if payload.count(b"[") + payload.count(b"{") > 300:
            raise RecursionError("a small stack, and a reader that calls itself")
        return super().parse_json(payload)


@fault("dies-of-bad-json", "TCRP-6.1e", also=("TCRP-3.2g",), note="JSON that does not parse ends the process")
class DiesOfBadJson(Crashing):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        return self.load_json(payload.decode("utf-8"))


class ReadsSizesFirst(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        _room_size, _token_size = data[0], data[1]
        return super().parse_datagram(data)


@fault(
    "dies-of-the-first-registration",
    "TCRP-4.5a",
    also=("TCRP-4.4a", "TCRP-6.1g"),
    note="an empty message ends the process",
)
class DiesOfTheFirstRegistration(Crashing):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        if not message:
            raise IndexError("message")
        super().hear(member, source, message)


@fault(
    "dies-of-the-first-message",
    "TCRP-4.5a",
    also=("TCRP-6.1g",),
    note="a message that is not empty ends the process",
)
class DiesOfTheFirstMessage(Crashing):
    def hear(self, member: Member, source: tuple, message: bytes) -> None:
        if message:
            raise TypeError(message)
        super().hear(member, source, message)


@fault(
    "dies-of-the-first-join",
    "TCRP-3.4a",
    also=("TCRP-6.1e",),
    note="a JOIN of a room that stands ends the process",
)
class DiesOfTheFirstJoin(Crashing):
    def decide(self, request: Request, peer: tuple) -> Member:
        if request.operation == 2 and request.room in self.rooms:
            raise KeyError(request.payload)
        return super().decide(request, peer)


@fault(
    "dies-of-a-short-datagram",
    "TCRP-6.1f",
    also=("TCRP-4.2b",),
    note="a datagram of 0 or 1 bytes ends the process",
)
class DiesOfAShortDatagram(ReadsSizesFirst, Crashing):
    pass


@fault(
    "chat-ends-with-a-short-datagram",
    "TCRP-6.1f",
    also=("TCRP-4.2b",),
    note="after a datagram of 0 or 1 bytes there is no more chat",
)
class ChatEndsWithAShortDatagram(ReadsSizesFirst, LosingChat):
    pass


@fault(
    "chat-ends-with-an-empty-datagram",
    "TCRP-6.1f",
    also=("TCRP-4.2b",),
    note="a datagram of 0 bytes is taken for the end",
)
class ChatEndsWithAnEmptyDatagram(LosingChat):
    def on_datagram(self, data: bytes, source: tuple) -> None:
        if not data:
            raise EOFError
        super().on_datagram(data, source)


@fault(
    "chat-ends-with-bad-utf8",
    "TCRP-6.1f",
    also=("TCRP-4.6b",),
    note="after a datagram that is not UTF-8 there is no more chat",
)
class ChatEndsWithBadUtf8(LosingChat):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        datagram.room.decode()
        datagram.token.decode()
        datagram.message.decode()
        return datagram


@fault(
    "dies-of-any-bad-utf8-datagram",
    "TCRP-6.1f",
    also=("TCRP-4.6b",),
    note="a datagram that is not UTF-8 ends the process",
)
class DiesOfAnyBadUtf8Datagram(ChatEndsWithBadUtf8, Crashing):
    failed = Crashing.failed


@fault(
    "chat-ends-with-a-long-datagram",
    "TCRP-6.1f",
    also=("TCRP-4.2a",),
    note="after a datagram over 4096 bytes there is no more chat",
)
class ChatEndsWithALongDatagram(LosingChat):
    def on_datagram(self, data: bytes, source: tuple) -> None:
        if len(data) > 4096:
            raise OSError("Message too long")  # as Windows says it
        super().on_datagram(data, source)


@fault(
    "chat-ends-with-an-unknown-room",
    "TCRP-6.1g",
    also=("TCRP-4.2c",),
    note="after a datagram for a room that does not exist there is no more chat",
)
class ChatEndsWithAnUnknownRoom(LosingChat):
    def find_member(self, datagram: Datagram, source: tuple) -> Member:
        self.rooms[self.room_key(datagram.room)]
        return super().find_member(datagram, source)


@fault(
    "chat-ends-with-a-forged-token",
    "TCRP-6.1g",
    also=("TCRP-4.2d",),
    note="after a datagram with a forged token there is no more chat",
)
class ChatEndsWithAForgedToken(LosingChat):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        return room.members[token]


@fault(
    "dies-of-a-forged-token",
    "TCRP-6.1g",
    also=("TCRP-4.2d",),
    note="a datagram with a forged token ends the process",
)
class DiesOfAForgedToken(ChatEndsWithAForgedToken, Crashing):
    failed = Crashing.failed


@fault(
    "other-ip-ends-membership",
    "TCRP-6.1g",
    also=("TCRP-4.2e",),
    note="a datagram with its token from another IP address throws a member out",
)
class OtherIpEndsMembership(Server):
    def check_ip(self, member: Member, source: tuple) -> None:
        if self.ip_of(source) != member.ip:
            self.leave(member)
        super().check_ip(member, source)


# 6.1: what blocks it ----------------------------------------------------------------------------


@fault(
    "one-connection-at-a-time",
    "TCRP-6.1b",
    also=("TCRP-6.3a",),
    note="a connection is accepted once the one before it is over",
)
class OneConnectionAtATime(Server):
    def take(self, stream: Stream) -> None:
        self.run_connection(stream)


@fault(
    "eight-connections-at-a-time",
    "TCRP-6.1b",
    also=("TCRP-6.3a",),
    note="8 threads serve connections, so 8 that stall block all others",
)
class EightConnectionsAtATime(Server):
    pool = ThreadPoolExecutor(8)

    def take(self, stream: Stream) -> None:
        self.pool.submit(self.run_connection, stream)


@fault(
    "chat-waits-for-control",
    "TCRP-6.1b",
    also=("TCRP-6.3a",),
    note="while a request is being read, nothing else is served, chat included",
)
class ChatWaitsForControl(Server):
    def read_request(self, stream: Stream) -> Request:
        with self.lock:
            return super().read_request(stream)


@fault(
    "header-holds-everything-up",
    "TCRP-6.1b",
    note="a connection that has sent a header holds everything up until its body is there",
)
class HeaderHoldsEverythingUp(Server):
    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        with self.lock:
            return super().read_body(stream, header)
