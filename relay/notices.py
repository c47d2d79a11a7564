"""Which notices are sent, to whom, and in the dialect's bytes."""

from collections.abc import Sequence

from relay.decisions import Notice
from relay.rooms import Member, Room
from relay.store import Store
from tcrp.dialects.base import Dialect
from tcrp.errors import LocalProtocolError
from tcrp.messages import Address, Down, DownKind, NoticeReason
from tcrp.policy import Audience

_ENDS_MEMBERSHIP = frozenset({NoticeReason.LEFT, NoticeReason.IDLE, NoticeReason.UNREACHABLE})


class Notices:
    """Notices as `Policy.tell` asks for them.

    A receiver whose membership ends gets a notice of kind CLOSED. All others get one of kind INFO.
    """

    def __init__(self, dialect: Dialect, store: Store) -> None:
        self._dialect = dialect
        self._store = store
        self._audience_of = dialect.policy.tell
        self._once_per_user = dialect.policy.once_per_user

    def about_member(self, why: NoticeReason, member: Member) -> list[Notice]:
        """The notices about one member. Called while the member is still in its room."""
        audience = self._audience_of.get(why, Audience.NOBODY)
        room = member.room
        notices = []
        if audience in (Audience.OTHERS, Audience.ALL) and not (self._once_per_user and self._is_in_twice(member)):
            notices += self._notice(DownKind.INFO, why, room, member, Audience.OTHERS)
        if audience in (Audience.MEMBER, Audience.ALL):
            kind = DownKind.CLOSED if why in _ENDS_MEMBERSHIP else DownKind.INFO
            notices += self._notice(kind, why, room, member, Audience.MEMBER)
        return notices

    def about_room(self, why: NoticeReason, room: Room, host_why: NoticeReason | None) -> list[Notice]:
        """The notices about a room that closes. Called while its members are still in it.

        `host_why`: why the host was removed, if it was. No member gets two notices: the host gets the one about itself
        only if it does not get the one about the room.
        """
        audience = self._audience_of.get(why, Audience.NOBODY)
        host = self._store.host(room)
        notices = self._notice(DownKind.CLOSED, why, room, host, audience)
        host_hears = audience in (Audience.MEMBER, Audience.ALL)
        if host and host_why and not host_hears and self._audience_of.get(host_why) in (Audience.MEMBER, Audience.ALL):
            notices += self._notice(DownKind.CLOSED, host_why, room, host, Audience.MEMBER)
        return notices

    def _notice(
        self, kind: DownKind, why: NoticeReason, room: Room, about: Member | None, audience: Audience
    ) -> list[Notice]:
        addresses = self._addresses(room, audience, about)
        if not addresses:
            return []
        try:
            payload = self._dialect.write_down(Down(kind, about.user if about else None, b"", why, room.name))
        except LocalProtocolError:  # the user name is so long that the text does not fit beside it
            return []
        return [] if payload is None else [Notice(payload, addresses)]

    def _addresses(self, room: Room, audience: Audience, about: Member | None) -> Sequence[Address]:
        """Where a notice goes: the addresses of the audience."""
        match audience:
            case Audience.NOBODY:
                return ()
            case Audience.MEMBER:
                return (about.address,) if about and about.address else ()
            case Audience.OTHERS:
                hearers, own = self._store.audience(room, about)
                return hearers if own is None else (*hearers[:own], *hearers[own + 1 :])
            case Audience.ALL:
                return self._store.audience(room)[0]

    def _is_in_twice(self, member: Member) -> bool:
        """Whether another member of the room has the same user name and IP address."""
        members = self._store.members(member.room)
        return sum((other.user, other.ip) == (member.user, member.ip) for other in members) > 1
