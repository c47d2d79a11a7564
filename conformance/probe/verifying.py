"""Whether a dialect works: a room, a guest, and a message each way, through its own conversation and codec."""

import contextlib
import socket
import time
from typing import NamedTuple

from conformance.probe.asking import fresh, nonce
from conformance.probe.conversations import Died, Line, Socket
from tcrp import (
    Create,
    Dialect,
    DownKind,
    Ended,
    Event,
    Join,
    Joined,
    LocalProtocolError,
    Malformed,
    Membership,
    Refused,
    UpKind,
    Want,
)


class Verified(NamedTuple):
    """What worked. `failed`: what did not, in words; empty where everything did."""

    worked: tuple[str, ...]
    failed: str = ""

    def __str__(self) -> str:
        said = f"verified: {', '.join(self.worked)}" if self.worked else "verified: nothing"
        return f"{said}; not: {self.failed}" if self.failed else said


def verify(line: Line, dialect: Dialect, *, chat: bool = True) -> Verified:
    """Hold the plain conversation as a client of this dialect does. `chat`: over UDP too."""
    worked: list[str] = []
    sockets: list[Socket] = []
    try:
        host = _enter(
            line,
            dialect,
            Create(fresh(), "alicia", _password(dialect), 4 if dialect.can.capacity else None),
            sockets,
            worked,
            "create",
        )
        want = Join(host.room, "bob", _password(dialect), invite=host.token if dialect.can.invites else None)
        guest = _enter(line, dialect, want, sockets, worked, "join")
        if chat:
            _talk(line, dialect, (host, guest), sockets)
            worked.append("two-way chat")
            for member, one in ((guest, sockets[1]), (host, sockets[0])):  # the room is of no use any more
                if (data := dialect.write_up(member, UpKind.LEAVE)) is not None:
                    line.send(one, data, f"leaving as in {dialect.name}")
    except _Failed as failed:
        return Verified(tuple(worked), str(failed))
    except LocalProtocolError as error:
        return Verified(tuple(worked), f"this dialect cannot say it: {error}")
    finally:
        line.drop(sockets)
    return Verified(tuple(worked))


class _Failed(Exception):
    pass


def _password(dialect: Dialect) -> str | None:
    """Where the server may not choose how passwords are kept, a room has one."""
    return "Secret1" if dialect.can.capacity or dialect.can.listing else None


def _enter(
    line: Line, dialect: Dialect, want: Create | Join, sockets: list[Socket], worked: list[str], what: str
) -> Membership:
    udp = line.socket(want.user)
    sockets.append(udp)
    host = isinstance(want, Create)
    if not dialect.can.tcp:
        return Membership(want.room, want.user, b"", host)
    joined = _ask(line, dialect, want, udp, what)
    if joined.udp is not None:  # the server has given the address out
        try:
            sockets[-1] = line.socket(want.user, joined.udp[0], joined.udp[1])
        except OSError as error:
            raise _Failed(f"{what}: no socket at {joined.udp[0]} port {joined.udp[1]}: {error.strerror}") from None
    worked.append(what)
    return Membership(want.room, want.user, joined.token, host)


def _ask(line: Line, dialect: Dialect, want: Want, udp: Socket, what: str) -> Joined:
    conversation = dialect.client(want, (line.host, udp.port), time.monotonic())
    line.revive()
    with contextlib.closing(socket.socket(line.family, socket.SOCK_STREAM)) as connection:
        connection.settimeout(3.0)
        try:
            if dialect.can.one_port:
                connection.bind((line.host, udp.port))
            connection.connect(line.tcp)
        except OSError as error:
            raise Died(f"no TCP connection: {error.strerror or error}; before that: {line.last}") from None
        line.last = f"{what} as a client of {dialect.name}"
        deadline = time.monotonic() + max(2.0 if line.answered else 1.0, 3 * line.wait)
        while True:
            if data := conversation.data_to_send():
                with contextlib.suppress(OSError):
                    connection.sendall(data)
            due = conversation.timer()
            until = deadline if due is None else min(deadline, due)
            connection.settimeout(max(0.001, until - time.monotonic()))
            try:
                data = connection.recv(65536)
            except TimeoutError:
                events = conversation.handle_timer(time.monotonic())
                if not events and time.monotonic() >= deadline:
                    raise _Failed(f"{what}: no answer that this dialect reads") from None
            except OSError:
                events = conversation.receive_eof(time.monotonic())
            else:
                now = time.monotonic()
                events = conversation.receive_data(data, now) if data else conversation.receive_eof(now)
            for event in events:
                if isinstance(event, Joined):
                    if data := conversation.data_to_send():
                        with contextlib.suppress(OSError):
                            connection.sendall(data)
                            connection.settimeout(max(0.05, line.hearing))
                            connection.recv(1)
                    return event
                if (problem := _problem(event)) is not None:
                    raise _Failed(f"{what}: {problem}")


def _problem(event: Event) -> str | None:
    match event:
        case Refused(status, text):
            return f"refused with {status}" + (f", {text!r}" if text else "")
        case Malformed(error):
            return str(error)
        case Ended(_):
            return "the server closed before the token came"
    return None


def _talk(line: Line, dialect: Dialect, members: tuple[Membership, Membership], sockets: list[Socket]) -> None:
    for number in range(3):
        for member, one in zip(members, sockets, strict=True):
            data = dialect.write_up(member, UpKind.REGISTER)
            if data is None and number:
                data = dialect.write_up(member, UpKind.CHAT, nonce().encode())
            if data is not None:
                line.send(one, data, f"a register message of {dialect.name}")
        deaf = [member.user for member in members if not _hears(line, dialect, member, members, sockets)]
        if not deaf:
            return
    raise _Failed(f"chat: {' and '.join(deaf)} cannot be heard, or not be read")


def _hears(
    line: Line, dialect: Dialect, speaker: Membership, members: tuple[Membership, ...], sockets: list[Socket]
) -> bool:
    """Whether the other one reads what this one says."""
    index = members.index(speaker)
    listener, inbox = members[1 - index], sockets[1 - index].inbox
    message = nonce().encode()
    data = dialect.write_up(speaker, UpKind.CHAT, message)
    assert data is not None
    line.send(sockets[index], data, f"chat of {dialect.name}")

    def read() -> bool:
        for got in inbox:
            down = dialect.read_down(got, listener)
            if down.kind is DownKind.CHAT and down.body == message and down.user in (None, speaker.user):
                return True
        return False

    return line.hear(read, 3 * line.hearing)
