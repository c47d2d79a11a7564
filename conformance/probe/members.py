"""Members of rooms, what they say, and who hears it."""

import time
from dataclasses import dataclass, replace

from conformance.probe.asking import Control, fresh, nonce
from conformance.probe.conversations import Line, Socket
from conformance.probe.layouts import Down, Member, Seen, Type, Up
from conformance.probe.learning import Notebook


class NoChat(Exception):
    """No datagram of a member reached anybody; the message says how far it went."""


@dataclass
class Way:
    """How a member's address is learnt. `register`: the message that does it, where there is one."""

    learnt: str = "latest"
    by_chat: bool = False
    """Only a message that is not empty makes it known."""


class Members:
    """Members and what they say, in the layout `up`. `seen` holds what came of it."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.line: Line = control.line
        self.notes: Notebook = control.notes
        self.up = Up()
        self.seen: list[Seen] = []
        self.down: Down | None = None
        self.way = Way()
        self.separate = False
        self.number = 0
        self.sent: set[bytes] = set()
        self.said: set[bytes] = set()
        self.rooms = self.line.target.endpoint.tcp is not None
        """Without TCP there is one, which has no name, and no tokens."""

    def member(
        self, room: str | None, user: str, sockets: dict[str, Socket] | None = None, *, tell: bool = False
    ) -> Member:  # fmt: skip
        """A new member: the host of a new room, or a guest. NoChat if there is no token for him."""
        ways = sockets or {"": self.line.socket(user)}
        name = room or fresh()
        if not self.rooms:
            return Member(name, user, b"", room is None, ways)
        answered = self.control.request(
            f"{'JOIN' if room else 'CREATE'} for {user}", name, user, join=room is not None, sockets=ways, tell=tell
        )
        if answered.token is None and room is None and self.control.healthy():
            answered = self.control.request(f"CREATE for {user}", name, user, sockets=ways, tell=tell)
        if answered.token is None and room is not None and self.number == 0:
            for operation in (3, 0):
                if operation == self.control.shape.create:
                    continue
                answered = self.control.request(
                    f"JOIN as operation {operation}", name, user, operation=operation, sockets=ways
                )
                if answered.token is not None:
                    self.control.shape = replace(self.control.shape, join=operation)
                    self.notes.learn("request.join", operation, "a JOIN with this operation got a token", answered.sent)
                    break
        if answered.token is None:
            raise NoChat(f"a {'JOIN' if room else 'CREATE'} got no token")
        self.number += 1
        self.joined = answered if room else getattr(self, "joined", None)
        return Member(name, user, answered.token, room is None, ways)

    def pair(self, *, tell: bool = False) -> tuple[Member, Member]:
        """A host and a guest in a new room."""
        host = self.member(None, "alicia", tell=tell)
        return host, self.member(host.room, "bob", tell=tell)

    def settled(self) -> tuple[Member, Member]:
        """The same, once each has heard the other."""
        for attempt in range(3):
            host, guest = self.pair()
            self.enter(host, guest)
            if self.reach(host, guest) and self.reach(guest, host):
                return host, guest
            self.line.patience = 3.0
            if attempt:
                if not self.line.target.owned:
                    break
                self.line.killers.append(self.line.last)
                self.line.renew()
        raise NoChat(f"chat no longer works; before that: {self.line.last}")

    def enter(self, *members: Member) -> None:
        """Make their addresses known, as far as they have to."""
        for member in members:
            if self.up.register_type is not None or self.up.register:
                self.say(member, self.up.register.encode(), type_=self.up.register_type)
            elif self.way.learnt in ("latest", "message"):
                self.say(member, nonce().encode() if self.way.by_chat else b"")

    def say(self, member: Member, message: bytes, *, sender: Socket | None = None, type_: Type = None) -> bytes:
        data = self.up.write(member, message, type_)
        if data is not None:
            self.sent.add(data)
            self.said.add(message)
            self.line.send(sender or member.main, data, f"a datagram, {self.up.words}")
        return data or b""

    def reach(self, speaker: Member, *listeners: Member, sender: Socket | None = None, tail: bytes = b"") -> bool:
        """Whether a message of one comes to all of the others, on whatever sockets."""
        for _ in range(2):
            self.line.check_time()
            message = nonce().encode() + tail
            begun = time.monotonic()
            sent = self.say(speaker, message, sender=sender)
            if self.line.hear(lambda: all(self.heard(one, message) for one in listeners), self._patient(2.5)):  # noqa: B023
                self.line.datagram_took(time.monotonic() - begun)
                for one in listeners:
                    for data in self.heard(one, message):
                        self.seen.append(Seen(speaker, message, sent, data))
                return True
        return False

    def _patient(self, factor: float) -> float:
        """Seconds to wait for a message that is known to come if anything does."""
        return min(self.line.left, factor * self.line.hearing)

    def heard(self, member: Member, mark: bytes) -> list[bytes]:
        """What came to a member and holds the mark."""
        return [data for one in member.sockets.values() for data in one.inbox if mark in data]

    def sockets_heard_any(self, member: Member) -> bool:
        return any(one.inbox for one in member.sockets.values())

    def sockets_that_heard(self, member: Member, mark: bytes) -> list[str]:
        return [name for name, one in member.sockets.items() if any(mark in data for data in one.inbox)]

    def leave_behind(self, *members: Member) -> None:
        """They leave, the host last, as far as it is known how; and their sockets are closed."""
        for member in sorted(members, key=lambda one: one.host):
            self._leave(member, member.main)
        self.line.drop(socket for member in members for socket in member.sockets.values())

    def close_rooms(self) -> None:
        """Leave every room that was made, as far as it is known how, and can be done from another port."""
        for one in self.control.created:
            self._leave(
                Member(one.room, one.user, one.token or b"", True, {"": self.control.socket}), self.control.socket
            )

    def _leave(self, member: Member, sender: Socket) -> None:
        word, type_ = self.notes.value("chat.leave"), self.notes.value("up.leave-type")
        if type_ is not None:
            self.say(member, b"", sender=sender, type_=type_)
        elif word:
            self.say(member, str(word).encode(), sender=sender)
