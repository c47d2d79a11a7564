"""What a clause asks for in the dialect that is spoken: how a refusal looks there, where a reply ends, who closes.

Nothing here knows a dialect by name. What can be found out by letting the dialect's two sides talk to each other, in
memory, is found out so; the rest its Policy and its Can say.
"""

import contextlib
import itertools
from collections.abc import Callable, Collection
from functools import cached_property
from typing import NamedTuple

from conformance.forge import Forge, payload
from tcrp import (
    MAX_PAYLOAD_SIZE,
    MAX_ROOM_SIZE,
    MAX_USER_SIZE,
    Ack,
    Address,
    Complete,
    Conversation,
    Create,
    Dialect,
    Join,
    Refused,
    Requested,
    Status,
    Want,
)
from tcrp.conversation import Limits
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.events import Accepted, Event, Joined
from tcrp.messages import Down, DownKind, Membership, UpKind, Why
from tcrp.policy import Audience, Bind, MemberKey, Register, RoomKey

_HERE: Address = ("127.0.0.1", 50000)
_LIMITS = Limits(payload=MAX_PAYLOAD_SIZE)
_TOKEN = b"0b1c2d3e-4f50-4172-8394-a5b6c7d8e9f0"
_TURNS = 8
MAX_DATAGRAM = 65507
_MEMBER = Membership("r", "alicia", _TOKEN, False)
UNKNOWN = 9
"""No dialect's operation or State."""


class Seen(NamedTuple):
    """What a client sees of an answer. `status` None: it is told none. `closed`: the server closes after it."""

    status: int | None
    token: bool
    closed: bool


def canonical(status: Status) -> Seen:
    """How the canonical dialect answers."""
    return Seen(status, status is Status.OK, True)


class Terms:
    """A dialect as the suite's tests need to know it."""

    def __init__(self, dialect: Dialect, host: str = _HERE[0]) -> None:
        """`host`: this machine's address towards the server, for requests that declare one."""
        self.dialect = dialect
        self.host = host
        self._refusals: dict[tuple[type, Status], Seen] = {}
        self._malformed: frozenset[int] | None = None
        self._notices: dict[tuple[int, str], set[bytes]] = {}

    @property
    def binds_first(self) -> bool:
        """A client has its UDP port before it asks, because it tells the server."""
        return self.dialect.policy.register in (Register.REQUEST, Register.HANDSHAKE)

    @property
    def told_last(self) -> bool:
        """The server reads of the client's UDP port after its last answer, and perhaps later than of a datagram."""
        return self.dialect.policy.register is Register.HANDSHAKE

    @cached_property
    def longest_room(self) -> int:
        """Bytes of the longest room name; of a dialect without rooms that of the canonical one."""
        if not self.dialect.can.rooms:
            return MAX_ROOM_SIZE

        def sayable(size: int) -> bytes:
            return self.dialect.client(Create("r" * size, "alicia"), _HERE, 0.0).data_to_send()

        return _longest(sayable)

    @cached_property
    def longest_user(self) -> int:
        """Bytes of the longest user name."""

        def sayable(size: int) -> bytes:
            return self.dialect.client(Create("r", "u" * size), _HERE, 0.0).data_to_send()

        return min(MAX_USER_SIZE, _longest(sayable))

    @cached_property
    def forge(self) -> Forge:
        """Makes requests that no codec would write."""
        return Forge(self.dialect, self.host)

    @cached_property
    def acknowledges(self) -> bool:
        """A good answer comes in two parts."""
        return Accepted in map(type, self._events(Create("r", "alicia"), Status.OK)[0])

    @cached_property
    def acknowledges_first(self) -> bool:
        """The first part of an answer comes before the request is looked at, whatever it is worth."""
        return Accepted in map(type, self._events(Create("r", "alicia"), Status.MALFORMED)[0])

    @cached_property
    def registers(self) -> bool:
        """A member can say where it is."""
        return self.dialect.write_up(_MEMBER, UpKind.REGISTER) is not None

    @cached_property
    def guests_leave(self) -> bool:
        """A guest can leave."""
        can = self.dialect.policy.guests_may_leave
        return can and self.dialect.write_up(_MEMBER, UpKind.LEAVE) is not None

    @cached_property
    def words_leave(self) -> bool:
        """What leaves is a message: the same datagram with other words is chat."""
        leave = self.dialect.write_up(_MEMBER._replace(host=True), UpKind.LEAVE)
        if leave is None:
            return False
        body = self.dialect.read_up(leave, _HERE).body
        return bool(body) and len(self._chat(b"x" * len(body))) == len(leave)

    @cached_property
    def names_in_datagrams(self) -> bool:
        """A datagram says whose it is."""
        return self.dialect.read_up(self._chat(b"x"), _HERE).user is not None

    @cached_property
    def rooms_in_datagrams(self) -> bool:
        """A datagram says to which room it goes."""
        return self.dialect.read_up(self._chat(b"x"), _HERE).room is not None

    @cached_property
    def sized(self) -> bool:
        """A datagram begins with the sizes of room name and token."""
        return self._chat(b"x").startswith(bytes([len(_MEMBER.room), len(_MEMBER.token)]))

    @cached_property
    def chat_moves(self) -> bool:
        """Every valid datagram says where its sender is."""
        return self.dialect.policy.register is Register.LATEST

    @property
    def by_name(self) -> bool:
        """A room is found by its name, which no other has."""
        return self.dialect.policy.room_key is RoomKey.NAME

    @property
    def binds(self) -> bool:
        """A token is of no use to those who are elsewhere than its member."""
        policy = self.dialect.policy
        return policy.bind is not Bind.NONE and policy.register is not Register.MESSAGE

    @property
    def as_the_model(self) -> bool:
        """Whoever registers, moves, leaves and is told does so as in conformance.model."""
        policy, can = self.dialect.policy, self.dialect.can
        known = self.by_name and policy.member_key is MemberKey.TOKEN
        leaves = self.guests_leave and self.words_leave and not policy.relay_leave and not policy.echo
        return known and leaves and self.chat_moves and can.keepalive and can.notices and can.passwords

    def hears(self, data: bytes) -> bool:
        """Whether the bytes are a client's datagram."""
        try:
            self.dialect.read_up(data, _HERE)
        except RemoteProtocolError:
            return False
        return True

    @cached_property
    def longest_up(self) -> int:
        """Bytes of the longest datagram of a client."""
        return len(self._chat(b"x" * self.sendable(_MEMBER)))

    def sendable(self, member: Membership) -> int:
        """Bytes of the longest message that the member can send."""
        return _longest(lambda size: self.dialect.write_up(member, UpKind.CHAT, b"x" * size))

    def deliverable(self, member: Membership) -> int:
        """Bytes of the longest message of the member that fits a server's datagram."""
        return _longest(lambda size: self.delivery(member, b"x" * size))

    def delivery(self, member: Membership, message: bytes) -> bytes | None:
        """The datagram by which others hear a message."""
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
        written = (self.dialect.write_down(Down(kind, "u", b"", why, "r")) for why in Why)
        notices = sorted(notice for notice in written if notice)
        if not notices:
            return b""
        chat = self.delivery(_MEMBER._replace(user="u"), b"x") or b""
        common = next((at for at, (a, b) in enumerate(zip(notices[0], notices[-1], strict=False)) if a != b), None)
        mark = notices[0][:common]
        differs = next((at for at, byte in enumerate(mark) if chat[at : at + 1] != bytes([byte])), None)
        return b"" if differs is None else mark[: differs + 1]

    def notices(self, users: Collection[str], room: str) -> set[bytes]:
        """Everything that the members of a room may be told about one of these users."""
        if (len(users), room) in self._notices:
            return self._notices[len(users), room]
        told = [why for why in Why if self.tells(why)]
        kinds = (DownKind.CLOSED, DownKind.INFO)
        texts = set()
        for user, why, kind in itertools.product(users, told, kinds):
            with contextlib.suppress(LocalProtocolError):  # nobody of a name that cannot be said is there
                texts.add(self.dialect.write_down(Down(kind, user, b"", why, room)))
        self._notices = {(len(users), room): {text for text in texts if text is not None}}
        return self._notices[len(users), room]

    def is_told(self, why: Why, who: Audience) -> bool:
        """Whether this one, OTHERS or the MEMBER that it is about, is told of it."""
        return self.tells(why) and self.dialect.policy.tell[why] in (who, Audience.ALL)

    def tells(self, why: Why) -> bool:
        """Whether anybody is told of this."""
        if self.dialect.policy.tell.get(why, Audience.NOBODY) is Audience.NOBODY:
            return False
        kinds = (DownKind.CLOSED, DownKind.INFO)
        return any(self.dialect.write_down(Down(kind, "alicia", b"", why, "r")) is not None for kind in kinds)

    def _chat(self, message: bytes) -> bytes:
        data = self.dialect.write_up(_MEMBER, UpKind.CHAT, message)
        assert data is not None
        return data

    def answer(self, want: Want, status: Status) -> Seen:
        """How a server of this dialect answers with this status."""
        key = (type(want), status)
        if key not in self._refusals:
            self._refusals[key] = self._talk(_plain(want), status)
        return self._refusals[key]

    @property
    def server_closes(self) -> bool:
        """It is the server that closes after its last word."""
        return self.answer(Create("r", "alicia"), Status.OK).closed

    @cached_property
    def asks_again(self) -> bool:
        """On its connection a client may send another request once the first is answered."""
        want = Create("r", "alicia")
        _, server = self._held(want, Status.OK)
        another = self.dialect.client(want, _HERE, 0.0).data_to_send()
        return any(isinstance(event, Requested) for event in server.receive_data(another, 0.0))

    def tells_limits(self, want: Want) -> bool:
        """Whether LIMIT_REACHED looks like no other refusal."""
        limited = self.answer(want, Status.LIMIT_REACHED)
        others = (Status.ROOM_EXISTS, Status.ROOM_NOT_FOUND, Status.WRONG_PASSWORD, Status.MALFORMED)
        return limited.status is not None and all(self.answer(want, one).status != limited.status for one in others)

    def malformed(self, want: Want) -> frozenset[int]:
        """The statuses by which servers refuse what is malformed: some dialects have one for each part of a request."""
        if self._malformed is None:
            forge, found = self.forge, set[int]()
            for data in (
                forge.frame(b"r", payload(username="alicia"), operation=UNKNOWN),
                forge.frame(b"r", payload(username="alicia"), state=UNKNOWN),
                forge.frame(b"", payload(username="alicia")),
                forge.frame(b"r", b""),
                forge.frame(b"r", b"{"),
            ):
                client = self.dialect.client(_plain(want), _HERE, 0.0, strict=False)
                server = self.dialect.server(_HERE, _LIMITS, 0.0)
                events = server.receive_data(data, 0.0)
                if not any(isinstance(event, Requested) for event in events):
                    seen = client.receive_data(server.data_to_send(), 0.0)
                    found |= {event.status for event in seen if isinstance(event, Refused)}
            self._malformed = frozenset(found)
        return self._malformed

    def takes(self, data: bytes) -> bool:
        """Whether these bytes begin with a whole request, and a well-formed one."""
        server = self.dialect.server(_HERE, _LIMITS, 0.0)
        return any(isinstance(event, Requested) for event in server.receive_data(data, 0.0))

    def _talk(self, want: Want, status: Status) -> Seen:
        seen, closing = self._events(want, status)
        refused = next((event.status for event in seen if isinstance(event, Refused)), None)
        accepted = any(isinstance(event, Accepted | Joined) for event in seen)
        joined = any(isinstance(event, Joined) for event in seen)
        return Seen(Status.OK if accepted and status is Status.OK else refused, joined, closing)

    @cached_property
    def _token(self) -> bytes:
        """A token as this dialect's servers give out: where it is not delimited, its size matters."""
        form = self.dialect.policy.token
        return form() if callable(form) else _TOKEN

    def _events(self, want: Want, status: Status) -> tuple[list[Event], bool]:
        """What a client is told when the server answers so, and whether the server closes then."""
        seen, server = self._held(want, status)
        return seen, server.closing

    def _held(self, want: Want, status: Status) -> tuple[list[Event], Conversation]:
        """What a client is told when the server answers so, and the server's side then."""
        client = self.dialect.client(want, _HERE, 0.0, strict=False)
        server = self.dialect.server(_HERE, _LIMITS, 0.0)
        seen: list[Event] = []
        for _ in range(_TURNS):
            for event in server.receive_data(client.data_to_send(), 0.0):
                if isinstance(event, Requested):
                    server.send(Ack(status))
                    if status is Status.OK:
                        address = _HERE if self.dialect.policy.register is Register.ASSIGNED else None
                        server.send(Complete(self._token, address))
            if data := server.data_to_send():
                seen += client.receive_data(data, 0.0)
            _pass_time(client, seen)
        if server.closing:
            seen += client.receive_eof(0.0)
        return seen, server

    def end_of_reply(self, want: Want, data: bytes) -> int | None:
        """How many bytes the reply has, at whose end the client knows that all is said; None if it is not whole."""
        room = want.room if isinstance(want, Create | Join) else ""
        client = self.dialect.client(_plain(want, room), _HERE, 0.0, strict=False)
        client.data_to_send()
        for end in range(1, len(data) + 1):
            client.receive_data(data[end - 1 : end], 0.0)
            if client.closing:
                return end
        return None


def _longest(write: Callable[[int], bytes | None]) -> int:
    """The greatest size that can be written."""
    least, most = 0, MAX_DATAGRAM
    while least < most:
        size = (least + most + 1) // 2
        try:
            fits = write(size) is not None
        except LocalProtocolError:
            fits = False
        least, most = (size, most) if fits else (least, size - 1)
    return least


def _plain(want: Want, room: str = "r") -> Want:
    """The want without what costs time to say; its room matters where a reply is to echo it."""
    match want:
        case Create():
            return Create(room, "alicia")
        case Join():
            return Join(room, "alicia", invite=want.invite and _TOKEN)
    return want


def _pass_time(client: Conversation, seen: list[Event]) -> None:
    """What only silence ends has ended."""
    if not client.closing and (due := client.timer()) is not None:
        seen += client.handle_timer(due)
