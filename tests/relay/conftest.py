"""A relay on a table: hand-made datagrams in, and what is sent out as (payload, address) pairs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from relay import Admission, Admitted, Decision, Notice, Relay, Relayed
from tcrp import dialects
from tcrp.constants import Status
from tcrp.dialects import Can, Dialect, Ports
from tcrp.dialects.file import loads
from tcrp.dialects.framed import Framed
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.messages import Address, Create, Down, DownKind, Join, Up, UpKind
from tcrp.policy import Policy

HOME: Address = ("10.0.0.1", 1000)


@dataclass(frozen=True)
class Plain:
    """A dialect whose bytes can be read: `kind|room|token|user|body` up, `kind user body-or-why` down; `-`: absent."""

    policy: Policy = field(default_factory=Policy)
    name: str = "plain"
    ports: Ports = field(default_factory=lambda: Ports(1, 2))
    can: Can = field(default_factory=Can)
    passwords: None = None
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
        said = down.body if down.kind is DownKind.CHAT else down.why.name.lower().encode()  # type: ignore[union-attr]
        payload = f"{down.kind.value} {down.user} ".encode() + said
        if len(payload) > self.longest:
            raise LocalProtocolError("too long", clause="TCRP-4.7a", field="body")
        return payload


class Rig:
    """`sent` and `facts` are of the last step."""

    def __init__(self, dialect: Dialect, **options: Any) -> None:
        numbers = count(1)
        options.setdefault("mint", lambda: b"t%d" % next(numbers))
        self.relay = Relay(dialect, **options)
        self.sent: list[tuple[bytes, Address]] = []
        self.facts: list[Decision] = []

    def do(self, decisions: Sequence[Decision]) -> list[tuple[bytes, Address]]:
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

    def begin(self, want: Create | Join, peer: Address = HOME, udp: Address | None = None) -> Admission:
        begun = self.relay.begin(want, peer, udp)
        assert isinstance(begun, Admission), begun
        return begun

    def admit(self, admission: Admission, *, hashed: bytes | None = None, now: float = 0.0) -> Admitted:
        admitted = self.relay.admit(admission, password_hash=hashed, now=now)
        assert isinstance(admitted, Admitted), admitted
        self.do(admitted.decisions)
        return admitted

    def create(self, room: str = "r", user: str = "host", *, peer: Address = HOME, udp: Address | None = None,
               hashed: bytes | None = None, capacity: int | None = None, now: float = 0.0) -> bytes:  # fmt: skip
        want = Create(room, user, None if hashed is None else "secret", capacity)
        return self.admit(self.begin(want, peer, udp), hashed=hashed, now=now).token

    def join(self, room: str = "r", user: str = "guest", *, peer: Address = HOME, udp: Address | None = None,
             password: str | None = None, invite: bytes | None = None, now: float = 0.0) -> bytes:  # fmt: skip
        return self.admit(self.begin(Join(room, user, password, invite), peer, udp), now=now).token

    def refusal(self, want: Create | Join, peer: Address = HOME, udp: Address | None = None) -> Status:
        status = self.relay.begin(want, peer, udp)
        assert isinstance(status, Status)
        return status

    def receive(self, data: bytes, source: Address = HOME, now: float = 0.0) -> list[tuple[bytes, Address]]:
        return self.do(self.relay.receive_datagram(data, source, now))


@pytest.fixture
def rig() -> Rig:
    """The canonical dialect."""
    return Rig(dialects.get())


@pytest.fixture
def speaking() -> Callable[..., Rig]:
    """`speaking("stage1", ...)`: the dialect of this name, with these options of the relay."""
    return lambda name, **options: Rig(dialects.get(name), **options)


@pytest.fixture
def plain() -> Callable[..., Rig]:
    """`plain(bind=Bind.NONE, ...)`: the readable dialect with this policy; `relay=` and `dialect=` take options."""

    def make(*, relay: dict[str, Any] | None = None, dialect: dict[str, Any] | None = None, **policy: Any) -> Rig:
        return Rig(Plain(Policy(**policy), **(dialect or {})), **(relay or {}))

    return make


@pytest.fixture
def canonical() -> Callable[..., Rig]:
    """`canonical(limits=..., ...)`: the canonical dialect with these options of the relay or fields of the policy."""

    def make(*, policy: dict[str, Any] | None = None, **options: Any) -> Rig:
        dialect = dialects.get()
        return Rig(replace(dialect, policy=Policy(**(policy or {}))), **options)  # type: ignore[type-var]

    return make


@pytest.fixture
def said() -> Callable[[str], Rig]:
    """The dialect that the text of a dialect file says."""
    return lambda text: Rig(Framed(loads(text, "said.toml")))


@pytest.fixture
def loopback() -> Iterable[Address]:
    return [("127.0.1.1", 8080), ("127.0.1.2", 8080)]
