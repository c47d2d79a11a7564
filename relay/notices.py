"""Who is told of what, in the dialect's words."""

from relay.decisions import Notice
from relay.rooms import Member, Room
from tcrp.dialects.base import Dialect
from tcrp.errors import LocalProtocolError
from tcrp.messages import Down, DownKind, Why
from tcrp.policy import Audience

_ENDS_MEMBER = frozenset({Why.LEFT, Why.IDLE, Why.UNREACHABLE})


class Notices:
    """Notices as `Policy.tell` asks for them. Whose membership ends by it gets one of kind CLOSED, others INFO."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._tell = dialect.policy.tell

    def about_member(self, why: Why, member: Member) -> list[Notice]:
        """What is to be told now, while the member is still in its room."""
        audience = self._tell.get(why, Audience.NOBODY)
        room = member.room
        notices = []
        if audience in (Audience.OTHERS, Audience.ALL):
            notices += self._notice(DownKind.INFO, why, room, member, Audience.OTHERS)
        if audience in (Audience.MEMBER, Audience.ALL):
            kind = DownKind.CLOSED if why in _ENDS_MEMBER else DownKind.INFO
            notices += self._notice(kind, why, room, member, Audience.MEMBER)
        return notices

    def about_room(self, why: Why, room: Room, host_why: Why | None) -> list[Notice]:
        """What is to be told of a room that closes, while its members are still in it.

        Nobody is told twice: the host hears why it was removed (`host_why`) only if it does not hear of the room.
        """
        audience = self._tell.get(why, Audience.NOBODY)
        host = room.host
        notices = self._notice(DownKind.CLOSED, why, room, host, audience)
        host_hears = audience in (Audience.MEMBER, Audience.ALL)
        if host and host_why and not host_hears and self._tell.get(host_why) in (Audience.MEMBER, Audience.ALL):
            notices += self._notice(DownKind.CLOSED, host_why, room, host, Audience.MEMBER)
        return notices

    def _notice(self, kind: DownKind, why: Why, room: Room, about: Member | None, audience: Audience) -> list[Notice]:
        addresses = room.addresses(audience, about)
        if not addresses:
            return []
        try:
            payload = self._dialect.write_down(Down(kind, about.user if about else None, b"", why, room.name))
        except LocalProtocolError:  # a name so long that the words do not fit beside it
            return []
        return [] if payload is None else [Notice(payload, addresses)]
