"""Whether a server tells the members of a room who joins and who leaves it (TCRP-5.5)."""

from dataclasses import is_dataclass, replace
from typing import Final

from tcrp.dialects import Dialect
from tcrp.messages import Down, DownKind, NoticeReason
from tcrp.policy import Audience

_TOLD: Final = {
    NoticeReason.JOINED: Audience.OTHERS,
    NoticeReason.LEFT: Audience.OTHERS,
    NoticeReason.IDLE: Audience.ALL,
    NoticeReason.UNREACHABLE: Audience.ALL,
}


def announcing(dialect: Dialect) -> Dialect:
    """The dialect with a policy that tells joins and leaves to the others in the room.

    Not told is who joins or leaves while the same user is there already: a client joins once more to find out whether
    the server still knows it, and that concerns nobody else.
    Returns the dialect itself if it has no datagram for that, or if its own policy says who hears of a join.
    """
    policy = dialect.policy
    if NoticeReason.JOINED in policy.tell or not dialect.can.notices or not is_dataclass(dialect):
        return dialect
    if dialect.write_down(Down(DownKind.INFO, "alice", why=NoticeReason.JOINED)) is None:
        return dialect
    return replace(dialect, policy=replace(policy, tell={**policy.tell, **_TOLD}, once_per_user=True))
