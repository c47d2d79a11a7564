"""What datagrams look like in a dialect, either way: what they name, how long they may be, how notices are marked."""

import contextlib
import itertools
from collections.abc import Collection
from functools import cached_property

from conformance.dialect.samples import HERE, MEMBER, longest
from tcrp import (
    Audience,
    Dialect,
    Down,
    DownKind,
    LocalProtocolError,
    Membership,
    NoticeReason,
    RemoteProtocolError,
    UpKind,
)
from tcrp.dialects.scripted import Scripted


class DatagramTraits:
    """The datagrams of a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._open = dialect.open_down if isinstance(dialect, Scripted) else None
        self._notices: dict[tuple[int, str], set[bytes]] = {}

    @cached_property
    def registers(self) -> bool:
        """A member can say where it is."""
        return self.dialect.write_up(MEMBER, UpKind.REGISTER) is not None

    @cached_property
    def sized(self) -> bool:
        """A datagram begins with the sizes of room name and token."""
        return self._chat(b"x").startswith(bytes([len(MEMBER.room), len(MEMBER.token)]))

    @cached_property
    def names_in_datagrams(self) -> bool:
        """A datagram says whose it is."""
        return self.dialect.read_up(self._chat(b"x"), HERE).user is not None

    @cached_property
    def rooms_in_datagrams(self) -> bool:
        """A datagram says to which room it goes."""
        return self.dialect.read_up(self._chat(b"x"), HERE).room is not None

    @cached_property
    def words_leave(self) -> bool:
        """What leaves is a message: the same datagram with other words is chat."""
        leave = self.dialect.write_up(MEMBER._replace(host=True), UpKind.LEAVE)
        if leave is None:
            return False
        body = self.dialect.read_up(leave, HERE).body
        return bool(body) and len(self._chat(b"x" * len(body))) == len(leave)

    def opened(self, data: bytes) -> bytes:
        """A server's datagram without its encryption, in dialects that have one; else, and if it cannot be opened, as
        it is.
        """
        try:
            return data if self._open is None else self._open(data)
        except RemoteProtocolError:
            return data

    def _written(self, down: Down) -> bytes | None:
        """The datagram that says this, as `opened` gives it."""
        data = self.dialect.write_down(down)
        return None if data is None else self.opened(data)

    def hears(self, data: bytes) -> bool:
        """Whether the bytes are a client's datagram."""
        try:
            self.dialect.read_up(data, HERE)
        except RemoteProtocolError:
            return False
        return True

    @cached_property
    def longest_up(self) -> int:
        """Bytes of the longest datagram of a client."""
        return len(self._chat(b"x" * self.sendable(MEMBER)))

    def sendable(self, member: Membership) -> int:
        """Bytes of the longest message that the member can send."""
        return longest(lambda size: self.dialect.write_up(member, UpKind.CHAT, b"x" * size))

    def deliverable(self, member: Membership) -> int:
        """Bytes of the longest message of the member that fits a server's datagram."""
        return longest(lambda size: self._delivery(member, b"x" * size))

    def delivery(self, member: Membership, message: bytes) -> bytes | None:
        """The datagram by which others hear a message, without encryption."""
        data = self._delivery(member, message)
        return None if data is None else self.opened(data)

    def _delivery(self, member: Membership, message: bytes) -> bytes | None:
        datagram = self.dialect.write_up(member, UpKind.CHAT, message) or b""
        return self.dialect.write_down(Down(DownKind.CHAT, member.user, message, None, member.room, datagram))

    @cached_property
    def closed_mark(self) -> bytes:
        """What tells a notice to one who is no longer a member from chat; b"" if nothing at its beginning does."""
        return self._mark(DownKind.CLOSED)

    @cached_property
    def info_mark(self) -> bytes:
        """The same of other notices."""
        return self._mark(DownKind.INFO)

    def _mark(self, kind: DownKind) -> bytes:
        if not self.dialect.can.notices:
            return b""
        written = (self._written(Down(kind, "u", b"", why, "r")) for why in NoticeReason)
        notices = sorted(notice for notice in written if notice)
        if not notices:
            return b""
        chat = self.delivery(MEMBER._replace(user="u"), b"x") or b""
        common = next((at for at, (a, b) in enumerate(zip(notices[0], notices[-1], strict=False)) if a != b), None)
        mark = notices[0][:common]
        differs = next((at for at, byte in enumerate(mark) if chat[at : at + 1] != bytes([byte])), None)
        return b"" if differs is None else mark[: differs + 1]

    def notices(self, users: Collection[str], room: str) -> set[bytes]:
        """Everything that the members of a room may be told about one of these users."""
        if (len(users), room) in self._notices:
            return self._notices[len(users), room]
        told = [why for why in NoticeReason if self.tells(why)]
        kinds = (DownKind.CLOSED, DownKind.INFO)
        texts = set()
        for user, why, kind in itertools.product(users, told, kinds):
            with contextlib.suppress(LocalProtocolError):  # nobody of a name that cannot be said is there
                texts.add(self._written(Down(kind, user, b"", why, room)))
        self._notices = {(len(users), room): {text for text in texts if text is not None}}
        return self._notices[len(users), room]

    def is_told(self, why: NoticeReason, who: Audience) -> bool:
        """Whether this one, OTHERS or the MEMBER that it is about, is told of it."""
        return self.tells(why) and self.dialect.policy.tell[why] in (who, Audience.ALL)

    def tells(self, why: NoticeReason) -> bool:
        """Whether anybody is told of this."""
        if self.dialect.policy.tell.get(why, Audience.NOBODY) is Audience.NOBODY:
            return False
        kinds = (DownKind.CLOSED, DownKind.INFO)
        return any(self.dialect.write_down(Down(kind, "alicia", b"", why, "r")) is not None for kind in kinds)

    def _chat(self, message: bytes) -> bytes:
        data = self.dialect.write_up(MEMBER, UpKind.CHAT, message)
        assert data is not None
        return data
