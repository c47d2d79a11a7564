"""Two rooms that many tests share, so that not every test makes its own. Only for tests that leave them as they are."""

import itertools
from collections.abc import Callable

from conformance.client.context import Context
from conformance.client.fences import Fences
from conformance.client.rooms import Rooms
from conformance.client.roster import Roster, SharedMembers
from conformance.client.udp import Udp
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch
from conformance.trace.names import names


class SharedRooms:
    """One room of three members and one of two. `tidy`: ends what a conversation began."""

    def __init__(
        self, context: Context, roster: Roster, rooms: Rooms, udp: Udp, fences: Fences, tidy: Callable[[], None]
    ) -> None:
        self._context = context
        self._roster = roster
        self._rooms = rooms
        self._udp = udp
        self._fences = fences
        self._tidy = tidy

    def settled(self) -> SharedMembers:
        """The members of the two rooms, settled anew."""
        roster, recorder = self._roster, self._context.recorder
        if roster.shared is not None:
            recorder.use_shared()
            try:
                for peer in itertools.chain(*roster.shared):
                    peer.forget()  # nobody asks for what came before
                self._fences.settle_rooms(roster.shared)
            except Mismatch:
                self.drop()  # whatever has become of them
        if roster.shared is None:
            with roster.set_aside():
                try:
                    with names.for_shared_rooms(), recorder.prologue():
                        roster.shared = (
                            self._rooms.settled("alicia", "bob", "charles"), self._rooms.settled("dagmar", "eve")
                        )  # fmt: skip
                finally:
                    if roster.shared is None:
                        self._tidy()
        return roster.shared

    def as_they_are(self) -> SharedMembers:
        """The members without settling them, which would undo what a datagram has done to them."""
        self._context.recorder.use_shared()
        assert self._roster.shared is not None
        return self._roster.shared

    def guest(self, user: str = "dora", source: str | None = None) -> Peer:
        """One more member of the first shared room, who leaves it when the test is over."""
        here, _ = self._roster.shared or self.settled()
        try:
            joined = self._rooms.join(here[0].member.room, user, source=source)
        except Mismatch:  # it may be full of guests, where leaving does not work
            self.drop()
            joined = self._rooms.join(self.settled()[0][0].member.room, user, source=source)
        self._roster.guests.append(joined)
        return joined

    def drop(self) -> None:
        """Close the shared rooms. The next test that needs them makes them anew."""
        for members in self._roster.shared or ():
            self._udp.leave_if_possible(members[0])
            for member in members:
                self._roster.retire(member)
        self._roster.shared = None
        self._context.recorder.drop_prologue()
