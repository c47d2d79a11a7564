"""What the servers of all dialects have in common. As tests/faults, it shares nothing with the five packages."""

import time

from tests.faults.plain import MAX_DOWN, Address, Datagram, Dropped, Header, Member, Request, Room, Server, Stream

__all__ = ["Address", "Datagram", "Dropped", "Header", "Member", "Request", "Room", "Spoken", "Stream"]


class Spoken(Server):
    """A server of some dialect. Faults replace these steps, which every dialect takes."""

    def deliver(self, member: Member, message: bytes) -> None:
        """Send what a member says to whoever hears it."""
        text = self.compose(member, message)
        if len(text) > MAX_DOWN:
            return
        for other in self.recipients(member):
            if other.address is not None:
                self.send(text, other.address)

    def relay(self, member: Member, message: bytes) -> None:
        self.deliver(member, message)

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        """Where a member is was settled before."""
        member.last = time.monotonic()

    def notice(self, text: str) -> bytes:
        return text.encode("utf-8")

    def tell(self, members: list[Member], text: str) -> None:
        for member in members:
            self.notify(member, text)

    def may_leave(self, member: Member) -> bool:
        return True
