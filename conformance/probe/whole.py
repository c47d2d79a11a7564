"""Whether a learnt dialect is right as a whole: refusals, leaving, notices, tokens, for other users and rooms.

What fails is no error of the server: it says that an answer was learnt wrong, so that nothing may rest on it.
"""

import contextlib
from collections.abc import Iterator

from conformance.dialect.traits import Traits
from conformance.probe.notebook import Notebook
from conformance.probe.random_names import random_message, random_room
from conformance.probe.verifying import NotVerified, Verification, VerifiedMember
from conformance.probe.wire.wire import Wire
from tcrp import Audience, Create, DownKind, Join, LocalProtocolError, NoticeReason, Status, UpKind
from tcrp.dialects.framed import Framed
from tcrp.events import NO_STATUS

LONG_ROOM = "-a-room-with-a-longer-name"
REFUSED = "refusals"
LEFT = "leaving"
TOLD = "notices"


class WholeVerification:
    """Verifies all of a dialect whose plain conversation works. What fails is doubted in the notebook.

    `chat`: members are known to hear each other.
    """

    def __init__(self, wire: Wire, dialect: Framed, notes: Notebook, *, chat: bool) -> None:
        self._wire = wire
        self._dialect = dialect
        self._notes = notes
        self._chat = chat
        self._held = Verification(wire, dialect)
        self._replies = Traits(dialect).replies
        self._hosts: list[VerifiedMember] = []
        """Whoever has made a room, which is to be left at the end."""

    def run(self) -> list[str]:
        """What worked. Raises Died."""
        try:
            return list(self._steps())
        finally:
            for host in self._hosts if self._chat else ():
                with contextlib.suppress(LocalProtocolError):  # its token is too long to be said
                    if (data := self._dialect.write_up(host.membership, UpKind.LEAVE)) is not None:
                        self._wire.udp.send(host.socket, data, "leaving")
            self._wire.udp.drop(self._held.sockets)

    def _steps(self) -> Iterator[str]:
        try:
            host = self._enter(Create(random_room() + LONG_ROOM, "dorothea"))
            guests = [self._enter(Join(host.membership.room, user)) for user in ("eve", "frederick")]
        except (NotVerified, LocalProtocolError) as failed:
            self._notes.remark(f"with longer names it does not work: {failed}")
            return
        if self._refusals_are_read(host.membership.room):
            yield REFUSED
        if not self._chat:
            return
        try:
            self._held.talk(host, guests[0])
            self._held.talk(host, guests[1])
        except (NotVerified, LocalProtocolError) as failed:
            for table in ("up", "down"):
                self._notes.doubt(table, f"with longer names it does not work: {failed}")
            return
        if self._leaves(host, *guests):
            yield LEFT
        if self._is_told(host, guests[1]):
            yield TOLD
        self._hold_in_japanese()

    def _enter(self, want: Create | Join) -> VerifiedMember:
        member = self._held.enter(want, f"{type(want).__name__.upper()} by {want.user}")
        if isinstance(want, Create):
            self._hosts.append(member)
        size, token = self._dialect.settings.token.size, member.membership.token
        if len(token) != size and "token" not in self._notes.doubts:
            self._notes.doubt("token.size", f"it varies: {size} and {len(token)} bytes")
        return member

    def _refusals_are_read(self, room: str) -> bool:
        """Whether the refusals of other names are read as those that were learnt."""
        asked: list[tuple[Status, str, Create | Join]] = [
            (Status.ROOM_EXISTS, "room-exists", Create(room, "gertrude")),
            (Status.ROOM_NOT_FOUND, "room-not-found", Join(f"{random_room()}{LONG_ROOM}", "gertrude")),
        ]
        if self._dialect.can.passwords:
            closed = Create(random_room(), "dorothea", "Secret-1")
            with contextlib.suppress(NotVerified):
                self._enter(closed)
                asked.append((Status.WRONG_PASSWORD, "wrong-password", Join(closed.room, "eve", "Other-2")))
        read = [self._is_refused_with(*one) for one in asked]  # each is asked, whatever became of those before
        if not all(read):
            self._notes.doubt("status.malformed", "the refusals that were tried again were other ones")
        return all(read)

    def _is_refused_with(self, status: Status, name: str, want: Create | Join) -> bool:
        """A request that gets a token is a finding, and says nothing of how it would be refused."""
        try:
            self._held.enter(want, f"what is to be refused as {name}")
        except NotVerified as failed:
            due = self._replies.answer(want, status).status  # several refusals may look alike
            came = None if failed.refused is None else failed.refused.status
            read = came == (NO_STATUS if due is None else due)
            if not read:
                self._notes.doubt(f"status.{name}", "for other names the refusal was another one")
            return read
        except LocalProtocolError:
            return False
        return True

    def _leaves(self, host: VerifiedMember, guest: VerifiedMember, other: VerifiedMember) -> bool:
        """Whether a guest that leaves hears nothing afterwards, while another one does."""
        if not self._dialect.policy.guests_may_leave:
            return False
        data = self._dialect.write_up(guest.membership, UpKind.LEAVE)
        if data is None:
            return False
        self._wire.udp.send(guest.socket, data, "leaving")
        self._wire.udp.listen(self._wire.timing.datagram_wait / 2)
        message = random_message()
        said = self._dialect.write_up(host.membership, UpKind.CHAT, message)
        assert said is not None
        self._wire.udp.send(host.socket, said, "chat after a guest has left")
        self._wire.udp.hear(lambda: any(message in data for data in other.socket.inbox))
        self._wire.udp.listen(0.02)
        if any(message in data for data in guest.socket.inbox):
            self._notes.doubt("chat.leave", "a guest that had left by it heard what was said afterwards")
            return False
        return True

    def _is_told(self, host: VerifiedMember, guest: VerifiedMember) -> bool:
        """Whether the notice that the host has left is read as it was learnt."""
        data = self._dialect.write_up(host.membership, UpKind.LEAVE)
        told = self._dialect.policy.tell.get(NoticeReason.HOST_LEFT, Audience.NOBODY)
        if data is None:
            return False
        since = len(guest.socket.inbox)
        self._wire.udp.send(host.socket, data, "leaving as the host")
        if told not in (Audience.OTHERS, Audience.ALL):
            return False

        def read() -> bool:
            came = guest.socket.inbox[since:]
            return any(self._dialect.read_down(one, guest.membership).kind is DownKind.CLOSED for one in came)

        if not self._wire.udp.hear(read, 3 * self._wire.timing.datagram_wait):
            self._notes.doubt("notices.host-left", "in another room the notice was another one, or none came")
            return False
        return True

    def _hold_in_japanese(self) -> None:
        """Hold the plain conversation in a room and between users whose names are not ASCII.

        A server that breaks such names is a finding, and nothing that was learnt is doubted because of it.
        """
        room = f"部屋{random_room()[:5]}"
        try:
            self._held.talk(self._enter(Create(room, "太郎")), self._enter(Join(room, "花子さん")))
        except (NotVerified, LocalProtocolError) as failed:
            self._notes.remark(f"with names in Japanese it does not work: {failed}")
