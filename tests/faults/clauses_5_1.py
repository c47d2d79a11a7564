"""Faults of 5.1: a member that leaves."""

import time
from typing import ClassVar

from tests.faults.bases import AnswersLeavers, KnowsFirstDatagrams
from tests.faults.plain import (
    Address,
    Member,
    Room,
    Server,
)
from tests.faults.registry import fault

# 5.1a: exit removes the member --------------------------------------------------------------------


@fault("first-exit-only-registers", "TCRP-5.1a", note="exit as a member's first datagram only registers")
class FirstExitOnlyRegisters(KnowsFirstDatagrams):
    def act(self, member: Member, message: bytes) -> None:
        if not (self.first and self.leaves(message)):
            super().act(member, message)


@fault(
    "exit-is-chat",
    "TCRP-5.1a",
    also=("TCRP-5.1b", "TCRP-5.1c", "TCRP-5.2a", "TCRP-5.2b", "TCRP-5.2c"),
    note="nothing leaves a room",
)
class ExitIsChat(Server):
    def leaves(self, message: bytes) -> bool:
        return False


@fault(
    "exit-is-slash-exit",
    "TCRP-5.1a",
    also=("TCRP-5.1b", "TCRP-5.1c", "TCRP-5.2a", "TCRP-5.2b", "TCRP-5.2c"),
    note="/exit leaves, exit is chat",
)
class ExitIsSlashExit(Server):
    def leaves(self, message: bytes) -> bool:
        return message == b"/exit"


@fault(
    "exit-is-swallowed",
    "TCRP-5.1a",
    also=("TCRP-5.1b", "TCRP-5.2a", "TCRP-5.2b", "TCRP-5.2c"),
    note="exit is neither chat nor does it leave",
)
class ExitIsSwallowed(Server):
    def leave(self, member: Member) -> None:
        pass


class RemembersWhoLeft(Server):
    """Keeps the members that have left, in `left`."""

    left: tuple[Member, ...] = ()

    def act(self, member: Member, message: bytes) -> None:
        super().act(member, message)
        if self.leaves(message):
            self.left += (member,)


@fault("exit-keeps-hearing", "TCRP-5.1a", note="who has left is still sent the room's chat")
class ExitKeepsHearing(RemembersWhoLeft):
    def recipients(self, member: Member) -> list[Member]:
        return super().recipients(member) + [other for other in self.left if other.room is member.room]


@fault("exit-removes-the-last-to-join", "TCRP-5.1a", note="exit removes whoever joined last")
class ExitRemovesTheLastToJoin(Server):
    def remove(self, member: Member) -> None:
        super().remove(member if member is member.room.host else list(member.room.members.values())[-1])


@fault("exit-from-a-new-port-ignored", "TCRP-5.1a", also=("TCRP-4.3a",), note="a datagram from a new port only moves")
class ExitFromANewPortIgnored(Server):
    def hear(self, member: Member, source: Address, message: bytes) -> None:
        self.moved = member.address not in (None, source)
        super().hear(member, source, message)

    def leave(self, member: Member) -> None:
        if not self.moved:
            super().leave(member)


@fault(
    "leavers-hear-their-namesakes-chat",
    "TCRP-5.1a",
    also=("TCRP-4.5b", "TCRP-4.5c"),
    note="once a name has joined again, its former port hears the room, too",
)
class LeaversHearTheirNamesakesChat(Server):
    former: ClassVar[dict[tuple[bytes, bytes], Address]] = {}

    def remove(self, member: Member) -> None:
        super().remove(member)
        if member.address is not None:
            self.former[member.room.key, member.name] = member.address

    def relay(self, member: Member, message: bytes) -> None:
        super().relay(member, message)
        for one in self.recipients(member):
            address = self.former.get((one.room.key, one.name))
            if address is not None and address != one.address:
                self.send(self.compose(member, message), address)


@fault(
    "movers-exit-at-the-old-port-only",
    "TCRP-5.1a",
    also=("TCRP-4.3a",),
    note="once a member has moved, its exit is only chat that is not relayed",
)
class MoversExitAtTheOldPortOnly(Server):
    moved: ClassVar[set[Member]] = set()

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        if member.address not in (None, source):
            self.moved.add(member)
        super().hear(member, source, message)

    def leave(self, member: Member) -> None:
        if member not in self.moved or self.expired(member, time.monotonic()):
            super().leave(member)


# 5.1b: a leaver's token is void at once -----------------------------------------------------------


@fault("token-alive-after-exit", "TCRP-5.1b", note="who has left hears nothing, but its token still speaks")
class TokenAliveAfterExit(RemembersWhoLeft):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        gone = (member for member in self.left if member.room is room and member.token == token)
        return super().member_with(room, token) or next(gone, None)

    def leave(self, member: Member) -> None:
        if member not in self.left:
            super().leave(member)


@fault(
    "exit-undone-by-speaking",
    "TCRP-5.1b",
    also=("TCRP-5.1a",),
    note="with its old token, who has left is a member again",
)
class ExitUndoneBySpeaking(RemembersWhoLeft):
    def member_with(self, room: Room, token: bytes) -> Member | None:
        for member in self.left:
            if member.room is room and member.token == token:
                room.members[token] = member
        return super().member_with(room, token)


@fault("who-left-is-replied-to", "TCRP-5.1b", also=("TCRP-4.2d",), note="datagrams of who has left get a notice each")
class WhoLeftIsRepliedTo(AnswersLeavers):
    dropped = "4.2d"


@fault(
    "former-tokens-of-a-name-live-again",
    "TCRP-5.1b",
    note="once a name has joined again its former token is good again",
)
class FormerTokensOfANameLiveAgain(Server):
    former: ClassVar[dict[bytes, tuple[bytes, bytes]]] = {}

    def remove(self, member: Member) -> None:
        super().remove(member)
        self.former[member.token] = (member.room.key, member.name)

    def member_with(self, room: Room, token: bytes) -> Member | None:
        found = super().member_with(room, token)
        if found is None and token in self.former:
            key, name = self.former[token]
            return next((one for one in room.members.values() if (room.key, one.name) == (key, name)), None)
        return found


# 5.1c: exit is not relayed as chat ----------------------------------------------------------------


@fault("exit-relayed", "TCRP-5.1c", note="exit leaves, but is relayed, too")
class ExitRelayed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if self.leaves(message):
            self.relay(member, message)
        super().act(member, message)


@fault("exit-told-as-chat", "TCRP-5.1c", also=("TCRP-4.6c",), note="the others are told `alice: left the room`")
class ExitToldAsChat(Server):
    def act(self, member: Member, message: bytes) -> None:
        if self.leaves(message):
            self.relay(member, b"left the room")
        super().act(member, message)


@fault("hosts-exit-is-relayed", "TCRP-5.1c", also=("TCRP-4.6c",), note="the host's exit is relayed and closes the room")
class HostsExitIsRelayed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if self.leaves(message) and member is member.room.host:
            self.relay(member, message)
        super().act(member, message)


# 5.1d: only the exact four bytes leave ------------------------------------------------------------


@fault("slash-exit-leaves-too", "TCRP-5.1d", note="/exit leaves, too")
class SlashExitLeavesToo(Server):
    def leaves(self, message: bytes) -> bool:
        return message in (b"exit", b"/exit")


@fault("quit-leaves-too", "TCRP-5.1d", note="quit, bye and leave leave, too")
class QuitLeavesToo(Server):
    def leaves(self, message: bytes) -> bool:
        return message in (b"exit", b"quit", b"bye", b"leave")


@fault("hosts-exit-is-trimmed", "TCRP-5.1d", note="the host's exit may have white space around it, in any case")
class HostsExitIsTrimmed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if member is member.room.host and message.strip().lower() == b"exit":
            message = b"exit"
        super().act(member, message)


@fault("guests-exit-is-trimmed", "TCRP-5.1d", note="a guest's exit may have white space around it, in any case")
class GuestsExitIsTrimmed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if member is not member.room.host and message.strip().lower() == b"exit":
            message = b"exit"
        super().act(member, message)


@fault("quoted-exit-leaves-too", "TCRP-5.1d", note="exit in quotes leaves, too")
class QuotedExitLeavesToo(Server):
    def leaves(self, message: bytes) -> bool:
        return message.strip(b"'\"") == b"exit"


@fault("exit-at-the-end-leaves", "TCRP-5.1d", note="whatever ends with exit leaves")
class ExitAtTheEndLeaves(Server):
    def leaves(self, message: bytes) -> bool:
        return message.endswith(b"exit")


@fault("exit-in-any-case", "TCRP-5.1d", note="EXIT leaves, too")
class ExitInAnyCase(Server):
    def leaves(self, message: bytes) -> bool:
        return message.lower() == b"exit"


@fault("exit-with-newline", "TCRP-5.1d", note="exit with a newline leaves, too")
class ExitWithNewline(Server):
    def leaves(self, message: bytes) -> bool:
        return message.rstrip(b"\r\n") == b"exit"


@fault("exit-with-spaces", "TCRP-5.1d", note="exit with white space on either side leaves, too")
class ExitWithSpaces(Server):
    def leaves(self, message: bytes) -> bool:
        return message.strip() == b"exit"


@fault("exit-by-its-beginning", "TCRP-5.1d", note="whatever begins with exit leaves")
class ExitByItsBeginning(Server):
    def leaves(self, message: bytes) -> bool:
        return message.startswith(b"exit")


@fault("exit-up-to-nul", "TCRP-5.1d", note="exit, a NUL and more leaves, too")
class ExitUpToNul(Server):
    def leaves(self, message: bytes) -> bool:
        return message.partition(b"\0")[0] == b"exit"


@fault("exit-behind-a-bom", "TCRP-5.1d", note="exit behind a byte order mark leaves")
class ExitBehindABom(Server):
    def leaves(self, message: bytes) -> bool:
        return super().leaves(message.removeprefix(b"\xef\xbb\xbf"))


@fault(
    "exit-by-the-whole-line",
    "TCRP-5.1d",
    note="whoever's line `name: message` begins with exit leaves: one called exit, whatever it says",
)
class ExitByTheWholeLine(Server):
    def act(self, member: Member, message: bytes) -> None:
        if message and self.compose(member, message).startswith(b"exit"):
            self.leave(member)
        else:
            super().act(member, message)


@fault(
    "next-message-after-exit-in-capitals-leaves",
    "TCRP-5.1d",
    also=("TCRP-4.5a",),
    note="EXIT asks `are you sure?`: the next message leaves, whatever it says",
)
class NextMessageAfterExitInCapitalsLeaves(Server):
    asked: ClassVar[set[Member]] = set()

    def act(self, member: Member, message: bytes) -> None:
        if member in self.asked and message:
            self.leave(member)
            return
        if message.strip().lower() == b"exit" and message != b"exit":
            self.asked.add(member)
        super().act(member, message)
