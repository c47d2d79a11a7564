"""A relay without sockets: hand-made datagrams go in, (payload, address) pairs come out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from relay import Admission, Admitted, Decision, Notice, Refusal, Relay, Relayed
from tcrp import dialects
from tcrp.constants import Status
from tcrp.dialects import Dialect
from tcrp.dialects.file import loads
from tcrp.dialects.framed import Framed
from tcrp.dialects.tcrp import Tcrp
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import Address, Create, Down, DownKind, Join, Up, UpKind
from tcrp.policy import Policy

PEER: Address = ("10.0.0.1", 1000)
LOOPBACK: list[Address] = [("127.0.1.1", 8080), ("127.0.1.2", 8080)]
"""Addresses to assign."""

Sent = list[tuple[bytes, Address]]


@dataclass(frozen=True)
class ReadableDialect(Tcrp):
    """A dialect whose datagrams can be read: `kind|room|token|user|body` up, `kind user body-or-reason` down.

    A `-` is an absent field. `longest`: of a datagram down, in bytes. `mute`: there are no datagrams down.
    """

    name: str = "readable"
    longest: int = 100
    mute: bool = False

    def read_up(self, data: bytes, source: Address) -> Up:
        parts = data.split(b"|", 4)
        if len(parts) != 5:
            raise RemoteProtocolError("five fields are due", clause="TCRP-4.2b", field="datagram")
        kind, room, token, user, body = (None if part == b"-" else part for part in parts)
        return Up(
            UpKind((kind or b"").decode()),
            None if room is None else room.decode(),
            token,
            None if user is None else user.decode(),
            body or b"",
        )

    def write_down(self, down: Down) -> bytes | None:
        if self.mute:
            return None
        if down.kind is DownKind.CHAT:
            body = down.body
        else:
            assert down.why is not None
            body = down.why.name.lower().encode()
        payload = f"{down.kind.value} {down.user} ".encode() + body
        if len(payload) > self.longest:
            raise LocalProtocolError("too long", clause="TCRP-4.7a", field="body")
        return payload


class RelayRig:
    """A relay and the last step's results: `sent` is what it sends, `facts` are its other decisions.

    Its tokens are t1, t2, t3, unless `mint` is among the options of the relay.
    """

    def __init__(self, dialect: Dialect, **options: Any) -> None:
        numbers = count(1)
        options.setdefault("mint", lambda: b"t%d" % next(numbers))
        self.relay = Relay(dialect, **options)
        self.sent: Sent = []
        self.facts: list[Decision] = []

    def do(self, decisions: Sequence[Decision]) -> Sent:
        """Sort decisions into `sent` and `facts`; what is sent."""
        self.sent, self.facts = [], []
        for decision in decisions:
            match decision:
                case Relayed(payload, audience, skip):
                    self.sent += [(payload, address) for i, address in enumerate(audience) if i != skip]
                case Notice(payload, addresses):
                    self.sent += [(payload, address) for address in addresses]
                case fact:
                    self.facts.append(fact)
        return self.sent

    def begin(self, want: Create | Join, peer: Address = PEER, udp: Address | None = None) -> Admission:
        """Begin a request that is accepted."""
        begun = self.relay.begin(want, peer, udp)
        assert isinstance(begun, Admission), begun
        return begun

    def admit(self, admission: Admission, *, hashed: bytes | None = None, now: float = 0.0) -> Admitted:
        """Admit a request, which succeeds."""
        admitted = self.relay.admit(admission, password_hash=hashed, now=now)
        assert isinstance(admitted, Admitted), admitted
        self.do(admitted.decisions)
        return admitted

    def create(self, room: str = "r", user: str = "host", *, peer: Address = PEER, udp: Address | None = None,
               hashed: bytes | None = None, capacity: int | None = None, now: float = 0.0) -> bytes:  # fmt: skip
        """Create a room; the host's token."""
        want = Create(room, user, None if hashed is None else "secret", capacity)
        return self.admit(self.begin(want, peer, udp), hashed=hashed, now=now).token

    def join(self, room: str = "r", user: str = "guest", *, peer: Address = PEER, udp: Address | None = None,
             password: str | None = None, invite: bytes | None = None, now: float = 0.0) -> bytes:  # fmt: skip
        """Join a room; the guest's token."""
        return self.admit(self.begin(Join(room, user, password, invite), peer, udp), now=now).token

    def refusal(self, want: Create | Join, peer: Address = PEER, udp: Address | None = None) -> Status:
        """Begin a request that is refused; the status."""
        refusal = self.relay.begin(want, peer, udp)
        assert isinstance(refusal, Refusal), refusal
        return refusal.status

    def late_refusal(self, admission: Admission) -> Status:
        """Admit a request, which is refused now; the status."""
        refusal = self.relay.admit(admission, password_hash=None, now=0.0)
        assert isinstance(refusal, Refusal), refusal
        return refusal.status

    def receive(self, data: bytes, source: Address = PEER, now: float = 0.0) -> Sent:
        """Give the relay a datagram; what it sends."""
        return self.do(self.relay.receive_datagram(data, source, now))


def named_rig(name: str, **options: Any) -> RelayRig:
    """A relay in the dialect of this name, with these options."""
    return RelayRig(dialects.get(name), **options)


def canonical_rig(**options: Any) -> RelayRig:
    """A relay in the canonical dialect, with these options."""
    return RelayRig(dialects.get(), **options)


def readable_rig(
    *, relay: dict[str, Any] | None = None, dialect: dict[str, Any] | None = None, **policy: Any
) -> RelayRig:
    """A relay in the readable dialect, with this policy. `relay`, `dialect`: options of the two."""
    return RelayRig(ReadableDialect(policy=Policy(**policy), **(dialect or {})), **(relay or {}))


def rig_from_text(text: str) -> RelayRig:
    """A relay in the dialect of a dialect file's text."""
    return RelayRig(Framed(loads(text, "rig.toml")))
