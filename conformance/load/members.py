"""Members of a load: a UDP socket each, and staying a member while nothing else is said."""

import socket
import time
from dataclasses import dataclass, field

from tcrp import Dialect, Membership, UpKind

KEEP_SECONDS = 20.0
"""Seconds after which a silent member says something, unless the server's idle time asks for less."""
KEEP_ALIVE = b"tcrp-load-still-here"
"""What a member says that has nothing else to say, where only chat keeps it a member."""
LEAVE_BURST, LEAVE_PAUSE = 16, 0.002
"""After so many members that leave there is a pause, in seconds: some servers have little room for datagrams."""


@dataclass
class LoadMember:
    """One member. `socket`: connected to the server; `room`: the number of its room; `place`: its number there, the
    host's is 0; `who`: its number in the whole run; `spoke_at`: seconds of time.monotonic(); `heard`: it has heard
    another member.
    """

    socket: socket.socket
    membership: Membership
    room: int
    place: int
    who: int
    spoke_at: float = field(default_factory=time.monotonic)
    heard: bool = False

    def send(self, data: bytes) -> bool:
        """Send a datagram. Returns whether it was sent: the system may say instead that an earlier one found nobody."""
        self.spoke_at = time.monotonic()
        try:
            self.socket.send(data)
        except OSError:
            return False
        return True


class LoadMembers:
    """The members of one process.

    `everybody`: all that are in; `keep_every`: seconds after which a silent member must say something, or None.
    """

    def __init__(self, dialect: Dialect, idle: float | None) -> None:
        """`idle`: the server's idle time in seconds, or None for the dialect's usual one."""
        self.dialect = dialect
        self.everybody: list[LoadMember] = []
        seconds = dialect.policy.idle.seconds if idle is None else idle
        self.keep_every = None if seconds is None else min(KEEP_SECONDS, seconds / 3)

    def register(self, member: LoadMember) -> None:
        """Tell the server where a member is, if the dialect has a datagram for it that nobody hears."""
        data = self.dialect.write_up(member.membership, UpKind.REGISTER)
        if data is not None:
            member.send(data)

    def keep_alive(self) -> None:
        """Let every member that has been silent for long say something. Nobody counts messages at such a moment."""
        if self.keep_every is None:
            return
        silent_since = time.monotonic() - self.keep_every
        unheard = self.dialect.can.keepalive and UpKind.REGISTER in self.dialect.policy.idle.counts
        for member in self.everybody:
            if member.spoke_at >= silent_since:
                continue
            if unheard:
                self.register(member)
            elif (data := self.dialect.write_up(member.membership, UpKind.CHAT, KEEP_ALIVE)) is not None:
                member.send(data)

    def leave(self) -> None:
        """Let every member leave, guests first, as far as the dialect lets them, and close its socket."""
        for number, member in enumerate(sorted(self.everybody, key=lambda member: -member.place), 1):
            data = self.dialect.write_up(member.membership, UpKind.LEAVE)
            if data is not None and (member.membership.host or self.dialect.policy.guests_may_leave):
                member.send(data)
            if number % LEAVE_BURST == 0:
                time.sleep(LEAVE_PAUSE)
        for member in self.everybody:
            member.socket.close()
        self.everybody.clear()
