"""A dialect made of answers: the framed family, of which a TOML file describes a member (docs/dialects.md)."""

import hashlib
import uuid
from base64 import urlsafe_b64encode
from dataclasses import replace
from pathlib import Path

from tcrp.conversation import Limits
from tcrp.dialects.answers import Answers
from tcrp.dialects.base import Can, Layouts, Passwords, Ports
from tcrp.dialects.contradictions import check
from tcrp.dialects.file import load
from tcrp.dialects.framed_client import FramedClient
from tcrp.dialects.framed_control import Codec
from tcrp.dialects.framed_datagrams import Downs, Ups, up_fields
from tcrp.dialects.framed_server import FramedServer
from tcrp.errors import LocalProtocolError
from tcrp.messages import Address, Create, Down, Join, Membership, Up, UpKind, Want, Why
from tcrp.policy import Audience, Bind, Idle, MemberKey, Policy, Register, RoomKey

UUID_SIZE = 36
"""Bytes of a UUID as text."""
_REGISTER = {
    "latest": Register.LATEST,
    "message": Register.MESSAGE,
    "request": Register.REQUEST,
    "handshake": Register.HANDSHAKE,
    "tcp": Register.REQUEST,  # the conversation declares it
}
_BIND = {"ip": Bind.IP, "address": Bind.ADDRESS, "anything": Bind.NONE}


class Framed:
    """A dialect made of answers; see `Dialect` for what the methods promise. Raises WrongAnswer (a ValueError) for
    answers that do not go together.
    """

    def __init__(self, answers: Answers) -> None:
        check(answers)
        self.answers = answers
        self.name = answers.name
        self.ports = Ports(None if answers.ports.tcp is False else answers.ports.tcp, answers.ports.udp)
        self.passwords: Passwords | None = None
        self._codec = Codec(answers)
        self._ups = Ups(answers)
        self._downs = Downs(answers, self._ups)
        self.policy = _policy(answers)
        if (answers.token.alphabet, answers.token.size) != ("uuid", UUID_SIZE):
            self.policy = replace(self.policy, token=self.mint)
        self.layouts = Layouts(self._ups.declared, self._downs.declared)
        self.can = self._abilities()

    @classmethod
    def load(cls, path: str | Path) -> "Framed":
        """From a file. Raises DialectFileError."""
        return cls(load(path))

    def __repr__(self) -> str:
        return f"<Framed dialect {self.name}>"

    def _abilities(self) -> Can:
        answers = self.answers
        tcp = answers.ports.tcp is not False
        return Can(
            tcp=tcp,
            rooms=tcp,
            passwords=tcp and self._codec.requests.passwords,
            keepalive=self._ups.registers and "register" in answers.idle.counts,
            notices=self._downs.told_apart,
            frames=tcp
            and answers.header.size == "binary"
            and answers.header.counts == "payload"
            and answers.reply.framing == "header"
            and answers.reply.room in ("echoed", "absent")
            and answers.reply.room_size == "bytes",
            one_port=answers.address.learnt == "tcp",
        )

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> FramedClient:
        if not isinstance(want, Create | Join):
            raise LocalProtocolError(f"dialect {self.name} cannot list rooms", clause="TCRP-3.1a", field="Operation")
        return FramedClient(self._codec, want, udp, strict, now)

    def server(self, peer: Address, limits: Limits, now: float) -> FramedServer:
        return FramedServer(self._codec, peer, limits, now)

    def read_up(self, data: bytes, source: Address) -> Up:
        return self._ups.read(data)

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        return self._ups.write(member, kind, body)

    def read_down(self, data: bytes, member: Membership) -> Down:
        return self._downs.read(data, member)

    def write_down(self, down: Down) -> bytes | None:
        return self._downs.write(down)

    def mint(self) -> bytes:
        """A new token of the alphabet and size that the answers say; the shorter, the easier to guess (TCRP-3.8b)."""
        alphabet, size = self.answers.token.alphabet, self.answers.token.size
        if alphabet == "uuid":
            return str(uuid.uuid4()).encode()
        seed = uuid.uuid4().bytes + uuid.uuid4().bytes
        noise = hashlib.shake_256(seed).digest(size)
        match alphabet:
            case "hex":
                return noise.hex().encode()[:size]
            case "base64url":
                return urlsafe_b64encode(noise)[:size]
            case "decimal":
                return (b"%0*d" % (size, int.from_bytes(noise, "big")))[-size:]
        return noise


def _policy(answers: Answers) -> Policy:
    fields = up_fields(answers)
    tcp = answers.ports.tcp is not False
    seconds = answers.idle.seconds
    return Policy(
        room_key=RoomKey.NAME if tcp else RoomKey.ONE,
        member_key=MemberKey.TOKEN if tcp and "token" in fields else MemberKey.ADDRESS,
        bind=_BIND[answers.address.source],
        register=_REGISTER[answers.address.learnt],
        echo=answers.chat.echo,
        guests_may_leave=answers.chat.guests_may_leave,
        relay_leave=answers.chat.leave_relayed,
        tell={why: Audience[getattr(answers.notices, why.name.lower()).to.upper()] for why in Why},
        idle=Idle(None if seconds is False else seconds, frozenset(UpKind(kind) for kind in answers.idle.counts)),
    )
