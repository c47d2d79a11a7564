"""What a server's replies look like in a dialect, found out by letting its two sides talk to each other in memory."""

from functools import cached_property
from typing import NamedTuple

from conformance.dialect.forge import Forge
from conformance.dialect.samples import HERE, LIMITS, TOKEN
from tcrp import (
    Ack,
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
from tcrp.events import Accepted, Event, Joined
from tcrp.policy import Register

_TURNS = 8
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


class Replies:
    """How servers of a dialect answer."""

    def __init__(self, dialect: Dialect, forge: Forge) -> None:
        self.dialect = dialect
        self.forge = forge
        self._refusals: dict[tuple[type, Status], Seen] = {}
        self._malformed: frozenset[int] | None = None

    @cached_property
    def acknowledges(self) -> bool:
        """A good answer comes in two parts."""
        return Accepted in map(type, self._events(Create("r", "alicia"), Status.OK)[0])

    @cached_property
    def acknowledges_first(self) -> bool:
        """The first part of an answer comes before the request is looked at, whatever it is worth."""
        return Accepted in map(type, self._events(Create("r", "alicia"), Status.MALFORMED)[0])

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
        another = self.dialect.client(want, HERE, 0.0).data_to_send()
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
                forge.frame(b"r", operation=UNKNOWN),
                forge.frame(b"r", state=UNKNOWN),
                forge.frame(b""),
                forge.frame(b"r", b""),
                forge.frame(b"r", b"{"),
            ):
                client = self.dialect.client(_plain(want), HERE, 0.0, strict=False)
                server = self.dialect.server(HERE, LIMITS, 0.0)
                events = server.receive_data(data, 0.0)
                if not any(isinstance(event, Requested) for event in events):
                    seen = client.receive_data(server.data_to_send(), 0.0)
                    found |= {event.status for event in seen if isinstance(event, Refused)}
            self._malformed = frozenset(found)
        return self._malformed

    def takes(self, data: bytes) -> bool:
        """Whether these bytes begin with a whole request, and a well-formed one."""
        server = self.dialect.server(HERE, LIMITS, 0.0)
        return any(isinstance(event, Requested) for event in server.receive_data(data, 0.0))

    def end_of_reply(self, want: Want, data: bytes) -> int | None:
        """How many bytes the reply has, at whose end the client knows that all is said; None if it is not whole."""
        room = want.room if isinstance(want, Create | Join) else ""
        client = self.dialect.client(_plain(want, room), HERE, 0.0, strict=False)
        client.data_to_send()
        for end in range(1, len(data) + 1):
            client.receive_data(data[end - 1 : end], 0.0)
            if client.closing:
                return end
        return None

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
        return form.make(bytes(range(form.random_size)))

    def _events(self, want: Want, status: Status) -> tuple[list[Event], bool]:
        """What a client is told when the server answers so, and whether the server closes then."""
        seen, server = self._held(want, status)
        return seen, server.closing

    def _held(self, want: Want, status: Status) -> tuple[list[Event], Conversation]:
        """What a client is told when the server answers so, and the server's side then."""
        client = self.dialect.client(want, HERE, 0.0, strict=False)
        server = self.dialect.server(HERE, LIMITS, 0.0)
        seen: list[Event] = []
        for _ in range(_TURNS):
            for event in server.receive_data(client.data_to_send(), 0.0):
                if isinstance(event, Requested):
                    server.send(Ack(status))
                    if status is Status.OK:
                        address = HERE if self.dialect.policy.register is Register.ASSIGNED else None
                        server.send(Complete(self._token, address))
            if data := server.data_to_send():
                seen += client.receive_data(data, 0.0)
            _pass_time(client, seen)
        if server.closing:
            seen += client.receive_eof(0.0)
        return seen, server


def _plain(want: Want, room: str = "r") -> Want:
    """The want without what costs time to say; its room matters where a reply is to echo it."""
    match want:
        case Create():
            return Create(room, "alicia")
        case Join():
            return Join(room, "alicia", invite=want.invite and TOKEN)
    return want


def _pass_time(client: Conversation, seen: list[Event]) -> None:
    """What only silence ends has ended."""
    if not client.closing and (due := client.timer()) is not None:
        seen += client.handle_timer(due)
