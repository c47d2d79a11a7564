"""Faults of 4.4: empty messages."""

from tests.faults.plain import (
    Address,
    Datagram,
    Dropped,
    Member,
    Server,
)
from tests.faults.registry import fault

# 4.4a: an empty message registers the sender's address --------------------------------------------


@fault("empties-do-not-register", "TCRP-4.4a", note="an empty message is dropped as if it were malformed")
class EmptiesDoNotRegister(Server):
    def parse_datagram(self, data: bytes) -> Datagram:
        datagram = super().parse_datagram(data)
        if not datagram.message:
            raise Dropped("4.2b")
        return datagram


# 4.4b: an empty message is not relayed ------------------------------------------------------------


@fault("empties-relayed", "TCRP-4.4b", note="an empty message is relayed as `name: `")
class EmptiesRelayed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if message:
            super().act(member, message)
        else:
            self.relay(member, message)


@fault("second-empty-relayed", "TCRP-4.4b", note="an empty message of a registered member is relayed")
class SecondEmptyRelayed(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        self.again = member.address is not None
        super().hear(member, source, message)

    def act(self, member: Member, message: bytes) -> None:
        if not message and self.again:
            self.relay(member, message)
        super().act(member, message)


@fault("hosts-empty-relayed", "TCRP-4.4b", note="an empty message of the host is relayed")
class HostsEmptyRelayed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if not message and member is member.room.host:
            self.relay(member, message)
        super().act(member, message)


# 4.4c: an empty message counts as activity --------------------------------------------------------


@fault(
    "empties-are-no-activity",
    "TCRP-4.4c",
    also=("TCRP-5.3b",),
    note="an empty message does not put off idling",
)
class EmptiesAreNoActivity(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        last = member.last
        super().hear(member, source, message)
        if not message:
            member.last = last
