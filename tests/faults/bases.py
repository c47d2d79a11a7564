"""Servers and functions that the faults of several modules build on. None of them is registered by itself."""

import contextlib
import os
import re
import socket
import threading
import traceback
from collections import defaultdict
from typing import ClassVar

from tests.faults.plain import (
    CREATE,
    JOIN,
    LIMIT_REACHED,
    MALFORMED,
    ROOM_EXISTS,
    Address,
    Header,
    Member,
    Refused,
    Request,
    Room,
    Server,
    Stream,
    Vanished,
)
from tests.faults.registry import fault

# control: requests and answers --------------------------------------------------------------------


class ReadsLastSizeBytes(Server):
    """Reads only the last `read` bytes of the 29 that hold the payload size."""

    read: int

    def parse_header(self, data: bytes) -> Header:
        header = super().parse_header(data)
        return header._replace(payload_size=header.payload_size % 256**self.read)


def joining(request: Request) -> bool:
    return request.operation == JOIN


class ReadsJoinsItsOwnWay(Server):
    """Reads the payload of a JOIN with `payload_of_join`, which gives user name and password."""

    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        raise NotImplementedError

    def decide(self, request: Request, peer: Address) -> Member:
        if not joining(request) or request.state:
            return super().decide(request, peer)
        self.check_room(request.room)
        user, password = self.payload_of_join(request.payload)
        with self.lock:
            return self.join(request.room, user, password, peer)


class EchoesAnotherRoom(Server):
    """Replies of state `state` carry the room name that `echo` gives."""

    state: int

    def echo(self, room: bytes) -> bytes:
        raise NotImplementedError

    def frame(self, request: Request, state: int, payload: bytes) -> bytes:
        if state == self.state:
            request = request._replace(room=self.echo(request.room))
        return super().frame(request, state, payload)


class RefusesWithAnotherStatus(Server):
    """Refuses with the status that `rewritten` gives."""

    def rewritten(self, request: Request, status: int) -> int:
        raise NotImplementedError

    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        super().refuse(stream, request, self.rewritten(request, status))


class RemembersLeaversNames(Server):
    """Keeps the names of those who have left each room."""

    gone: ClassVar[defaultdict[Room, set[bytes]]] = defaultdict(set)

    def remove(self, member: Member) -> None:
        super().remove(member)
        self.gone[member.room].add(member.name)


# chat ---------------------------------------------------------------------------------------------


class AnswersDropped(Server):
    """Answers datagrams that break these clauses, though they must be dropped in silence."""

    clauses: tuple[str, ...] = ()

    def drop(self, clause: str, data: bytes, source: Address) -> None:
        if clause in self.clauses:
            self.send(b"error: invalid datagram", source)


class AnswersLeavers(Server):
    """Sends a notice to whoever uses a void token in a datagram that breaks the clause `dropped`."""

    void: frozenset[bytes] = frozenset()
    dropped = ""

    def remove(self, member: Member) -> None:
        self.void |= {member.token}
        super().remove(member)

    def close_room(self, room: Room, why: str) -> None:
        self.void |= {*room.members}
        super().close_room(room, why)

    def drop(self, clause: str, data: bytes, source: Address) -> None:
        if clause == self.dropped and any(token in data for token in self.void):
            self.send(self.notice("You are not in this room."), source)


class KnowsFirstDatagrams(Server):
    """Notes in `first` whether the datagram at hand is its sender's first."""

    first = False

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        self.first = member.address is None
        super().hear(member, source, message)


class DeliversToManyAddresses(Server):
    """Keeps every address that a member has sent from, and delivers a copy to each of them."""

    piled: ClassVar[defaultdict[Member, list[Address]]] = defaultdict(list)

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        self.piled[member].append(source)

    def relay(self, member: Member, message: bytes) -> None:
        for other in self.recipients(member):
            for address in self.piled[other]:
                self.send(self.compose(member, message), address)


def message_rewritten(name: str, clause: str, note: str, pattern: bytes, instead: bytes) -> None:
    """Registers a server that relays messages with `instead` wherever `pattern` matches."""

    @fault(name, clause, note=note)
    class MessageRewritten(Server):
        def compose(self, member: Member, message: bytes) -> bytes:
            return super().compose(member, re.sub(pattern, instead, message))


# what an error ends -------------------------------------------------------------------------------


class Crashing(Server):
    """Any error ends the process, with a traceback and exit code 1."""

    def failed(self, error: Exception) -> None:
        traceback.print_exception(error)
        os._exit(1)


class LosingChat(Server):
    """An error while a datagram is served ends the thread that serves them. Control goes on."""

    def failed(self, error: Exception) -> None:
        raise error


class LosingControl(Server):
    """An error on a connection ends the loop that accepts them. Chat goes on."""

    def failed(self, error: Exception) -> None:
        traceback.print_exception(error)
        with contextlib.suppress(OSError):
            self.tcp.shutdown(socket.SHUT_RDWR)
        self.tcp.close()


# state over time and at once -----------------------------------------------------------------------


class KnownByAddress(Server):
    """`owners` notes for each address whose it last was."""

    owners: ClassVar[dict[Address, Member]] = {}


class ReadsRoomFirst(Server):
    """Calls `named` once header and room name have come, before the payload is read."""

    def named(self, header: Header, room: bytes) -> None:
        raise NotImplementedError

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room = stream.recv_exactly(header.room_size)
        self.named(header, room)
        return room, stream.recv_exactly(header.payload_size)


class DecodesChunks(Server):
    """The body is decoded chunk by chunk as it comes, with the handler `errors`."""

    errors = "replace"

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        return self.chunks(stream, header.room_size), self.chunks(stream, header.payload_size)

    def chunks(self, stream: Stream, size: int) -> bytes:
        text, left = "", size
        while left:
            data = stream.recv(left)
            if not data:
                raise Vanished
            left -= len(data)
            try:
                text += data.decode("utf-8", self.errors)
            except UnicodeDecodeError:
                raise Refused(MALFORMED) from None
        return text.encode("utf-8")


class Counting(Server):
    """Refuses with 6, once `most` of what `count` notes have come."""

    most = 20
    counted_so_far = 0

    def count(self) -> None:
        with self.lock:
            self.counted_so_far += 1

    def decide(self, request: Request, peer: Address) -> Member:
        if self.counted_so_far >= self.most:
            raise Refused(LIMIT_REACHED)
        return super().decide(request, peer)


class Reserves(Server):
    """A CREATE reserves its name once header and room name have come. `kept` is asked when it is then lost."""

    reserved: ClassVar[set[bytes]] = set()

    def kept(self, payload: bytes, error: Exception) -> bool:
        raise NotImplementedError

    def read_body(self, stream: Stream, header: Header) -> tuple[bytes, bytes]:
        room, payload = stream.recv_exactly(header.room_size), b""
        if header.operation == CREATE and room not in self.reserved:
            try:
                self.reserved.add(room)
                while len(payload) < header.payload_size:
                    data = stream.recv(header.payload_size - len(payload))
                    if not data:
                        raise Vanished
                    payload += data
            except (Vanished, OSError) as error:
                if not self.kept(payload, error):
                    self.reserved.discard(room)
                raise
            self.reserved.discard(room)
            return room, payload
        return room, stream.recv_exactly(header.payload_size)

    def create(self, name: bytes, user: bytes, password: bytes, peer: Address) -> Member:
        if name in self.reserved:
            raise Refused(ROOM_EXISTS)
        return super().create(name, user, password, peer)


class ReadsAddressInJson(Server):
    """`declared` is what the JSON says of the client's address, if anything."""

    declared: ClassVar[threading.local] = threading.local()

    def port_in(self, fields: dict[str, object]) -> object:
        return fields.get("port")

    def password_in(self, fields: dict[str, object]) -> bytes:
        self.declared.port = self.port_in(fields)
        return super().password_in(fields)

    def decide(self, request: Request, peer: Address) -> Member:
        self.declared.port = None
        return super().decide(request, peer)
