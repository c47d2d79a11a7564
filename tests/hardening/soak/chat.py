"""Rooms that stay for the whole soak: everybody speaks in turn, and moves to another port now and then.

    python -m tests.hardening.soak.chat HOST TCP UDP MESSAGES_A_SECOND

One process and one epoll. Every message has a number in its room, and who has heard it is a mask of bits. A message
that all have heard is forgotten, so the memory does not grow with the messages. One that somebody has not heard is
lost once all have heard a later one: datagrams of one socket to another one do not overtake each other on loopback.
"""

import itertools
import select
import socket
import sys
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from tcrp import Create, DownKind, Join, UpKind
from tcrp.endpoint import Endpoint
from tests.hardening.kernel import drops
from tests.hardening.member import Member
from tests.hardening.soak.worker import Step, run

HOME: Final = "127.0.0.1"
ROOMS, MEMBERS = 20, 10
EVERYBODY: Final = (1 << MEMBERS) - 1
MARK: Final = b"soak of "
TEXT: Final = b"a message of the length that people write: "
BURST: Final = 8
"""Messages that are sent before sockets are read, however late they are."""
LATE_SECONDS: Final = 0.25
"""What is later than that is not sent any more."""
CATCH_UP_SECONDS: Final = 0.1
"""Silence after which a step ends though something has not been heard yet. What comes later still counts."""
ATTEMPTS: Final = 60
"""Fences until somebody counts as deaf, each with a second of silence after it."""


class ChatFigures(NamedTuple):
    """`sent`: messages. `heard`: deliveries. `dropped`: by the system at members' sockets.

    `unheard`: messages that nobody heard. `missing`: deliveries that a member did not get though others did, beyond
    those that were dropped at its socket; `spare`: what was dropped there beyond those that it did not get.
    `doubled`: deliveries that came again, `foreign`: that were not for the member. `closed`: members that were told
    that they are none any more. `deaf`: members that hear nothing in the end.
    """

    sent: int
    heard: int
    dropped: int
    unheard: int
    missing: int
    spare: int
    doubled: int
    foreign: int
    closed: int
    deaf: int


class _Resident:
    """A member of a room that stays. `bit`: its own in masks. `latest`: the highest number that it has heard."""

    def __init__(self, member: Member, room: "_Room", place: int) -> None:
        self.member = member
        self.room = room
        self.bit = 1 << place
        self.latest = -1
        self.left: socket.socket | None = None
        self.dropped_before = 0

    def dropped(self) -> int:
        """Datagrams that were dropped at all its sockets."""
        left = 0 if self.left is None else drops(self.left)
        return self.dropped_before + left + drops(self.member.sock)


class _Room:
    """A room. `awaited`: by number, a mask of those who have yet to hear the message. `next`: the next number.

    `first`: the number from which on all members are known to be registered. What was lost before is not counted.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"soak {number}"
        self.next = self.first = 0
        self.awaited: dict[int, int] = {}
        self.residents: list[_Resident] = []

    @property
    def settled(self) -> int:
        """All have heard a message with this number or a higher one, so those below come to nobody any more."""
        return min(resident.latest for resident in self.residents)

    def say(self, speaker: _Resident) -> None:
        """Let a member say the next message."""
        self.awaited[self.next] = EVERYBODY & ~speaker.bit
        speaker.member.say(b"%s%s%d %d" % (TEXT, MARK, self.number, self.next))
        self.next += 1


class Chat:
    """The part of the load that stays."""

    def __init__(self, server: Endpoint, rate: float) -> None:
        """`rate`: messages a second."""
        self._rate = rate
        self._poll = select.epoll()
        self._by_file: dict[int, tuple[_Resident, socket.socket]] = {}
        self._sent = self._heard = self._doubled = self._foreign = self._closed = 0
        self._rooms = [self._open_room(server, number) for number in range(ROOMS)]
        self._everybody = [room.residents[place] for place in range(MEMBERS) for room in self._rooms]
        self._turns = itertools.cycle(self._everybody)
        self._movers = itertools.cycle(self._everybody)
        if deaf := self._fence():
            raise RuntimeError(f"{len(deaf)} members hear nothing")
        for room in self._rooms:
            room.first = room.next

    def _open_room(self, server: Endpoint, number: int) -> _Room:
        room = _Room(number)
        for place in range(MEMBERS):
            want = Join(room.name, f"guest {place}") if place else Create(room.name, "host")
            room.residents.append(_Resident(Member.enter(server, want, HOME), room, place))
            self._listen(room.residents[-1])
        return room

    def _listen(self, resident: _Resident) -> None:
        sock = resident.member.sock
        sock.setblocking(False)
        self._by_file[sock.fileno()] = resident, sock
        self._poll.register(sock, select.EPOLLIN)

    def work(self, step: Step) -> dict[str, int]:
        """Chat for a while, after one member has moved, and hear it. Returns the figures so far."""
        self._move(next(self._movers))
        until = time.monotonic() + step.seconds
        due, said = time.monotonic(), 0
        while said < step.most and (now := time.monotonic()) < until:
            for _ in range(BURST):
                if due > now or said >= step.most:
                    break
                self._say(next(self._turns))
                said += 1
                due = max(due + 1 / self._rate, now - LATE_SECONDS)
            self._hear(min(0.005, max(0.0, due - time.monotonic())))
        while self._hear(CATCH_UP_SECONDS if self._expects_more() else 0.0):
            continue
        return self._figures(deaf=0)

    def finish(self) -> dict[str, int]:
        """Wait until everything has been heard that ever will be, and leave."""
        figures = self._figures(deaf=len(self._fence()))
        for resident in reversed(self._everybody):
            resident.member.leave()
        return figures

    def _say(self, speaker: _Resident) -> None:
        speaker.room.say(speaker)
        self._sent += 1

    def _move(self, resident: _Resident) -> None:
        """Go on from another port. The old socket stays open until something has come to the new one."""
        if resident.left is not None:
            return
        resident.left = resident.member.move()
        self._listen(resident)

    def _settle_in(self, resident: _Resident) -> None:
        """Something has come to the new socket, so all that will ever come to the old one is there."""
        assert resident.left is not None
        left, resident.left = resident.left, None
        while self._receive(resident, left):
            continue
        resident.dropped_before += drops(left)
        self._poll.unregister(left)
        del self._by_file[left.fileno()]
        left.close()

    def _hear(self, wait: float) -> int:
        """Read what has come, after waiting at most so many seconds for the first. Returns how many sockets had any."""
        found = self._poll.poll(wait)
        for file, _ in found:
            if file not in self._by_file:  # closed meanwhile
                continue
            resident, sock = self._by_file[file]
            if resident.left is not None and sock is resident.member.sock:
                self._settle_in(resident)
            for _ in range(BURST):
                if not self._receive(resident, sock):
                    break
        return len(found)

    def _receive(self, resident: _Resident, sock: socket.socket) -> bool:
        """Read one datagram. Returns whether there was one."""
        try:
            data = sock.recv(65536)
        except BlockingIOError:
            return False
        except OSError:  # an earlier datagram found nobody
            return True
        at = data.rfind(MARK)
        if at < 0:
            self._closed += resident.member.read(data).kind is DownKind.CLOSED
            return True
        number, _, message = data[at + len(MARK) :].partition(b" ")
        self._note(resident, int(number), int(message))
        return True

    def _note(self, resident: _Resident, number: int, message: int) -> None:
        room = resident.room
        if number != room.number:
            self._foreign += 1
            return
        awaited = room.awaited.get(message, 0)
        if not awaited & resident.bit:
            self._doubled += 1  # or it is the speaker's own
            return
        self._heard += 1
        resident.latest = max(resident.latest, message)
        if awaited == resident.bit:
            del room.awaited[message]
        else:
            room.awaited[message] = awaited & ~resident.bit

    def _fence(self) -> list[_Resident]:
        """Speak until everybody has heard something that was said after this. Returns those who do not."""
        ends = {room: room.next for room in self._rooms}
        waiting = self._everybody
        for _ in range(ATTEMPTS):
            for room in {resident.room: None for resident in waiting}:
                for resident in room.residents:
                    if resident in waiting:
                        resident.member.send(UpKind.REGISTER)
                for speaker in room.residents[:2]:  # who speaks does not hear itself
                    self._say(speaker)
                self._hear(0.01)  # the server's buffer may be small
            while waiting and self._hear(1.0):
                waiting = [resident for resident in waiting if resident.latest < ends[resident.room]]
            if not waiting:
                break
        return waiting

    def _expects_more(self) -> bool:
        """Whether something may come that is not known to be lost."""
        return any(room.awaited and max(room.awaited) >= room.settled for room in self._rooms)

    def _lost(self) -> Iterator[tuple[bool, int, _Room]]:
        """Of each message that was lost for somebody: whether for all, a mask of whom, and the room."""
        for room in self._rooms:
            settled = room.settled
            for message, awaited in room.awaited.items():
                if room.first <= message < settled:
                    yield awaited.bit_count() == MEMBERS - 1, awaited, room

    def _figures(self, deaf: int) -> dict[str, int]:
        unheard, missed = 0, dict.fromkeys(self._everybody, 0)
        for for_all, awaited, room in self._lost():
            unheard += for_all
            for resident in room.residents:
                missed[resident] += not for_all and bool(awaited & resident.bit)
        beyond = [resident.dropped() - missed[resident] for resident in self._everybody]
        return ChatFigures(
            sent=self._sent,
            heard=self._heard,
            dropped=sum(resident.dropped() for resident in self._everybody),
            unheard=unheard,
            missing=-sum(value for value in beyond if value < 0),
            spare=sum(value for value in beyond if value > 0),
            doubled=self._doubled,
            foreign=self._foreign,
            closed=self._closed,
            deaf=deaf,
        )._asdict()


if __name__ == "__main__":
    run(Chat(Endpoint(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])), float(sys.argv[4])))
