"""The dialect that a TOML file describes (docs/dialects.md). Its requests have the 32-byte header in some form."""

from pathlib import Path

from tcrp.conversation import Limits
from tcrp.dialects.base import Capabilities, Layouts, Passwords, Ports, RequestParts
from tcrp.dialects.contradictions import check
from tcrp.dialects.file import load
from tcrp.dialects.framed_client import FramedClient
from tcrp.dialects.framed_control import ControlCodec
from tcrp.dialects.framed_datagrams import DownCodec, UpCodec, up_fields
from tcrp.dialects.framed_server import FramedServer
from tcrp.dialects.settings import Settings
from tcrp.dialects.wants import check_extras, check_no_list
from tcrp.messages import Address, Create, Down, Join, Membership, NoticeReason, Up, UpKind, Want
from tcrp.policy import Audience, Bind, Idle, MemberKey, Policy, Register, RoomKey, TokenAlphabet, TokenForm

_REGISTER = {
    "latest": Register.LATEST,
    "message": Register.MESSAGE,
    "request": Register.REQUEST,
    "handshake": Register.HANDSHAKE,
    "tcp": Register.REQUEST,  # the event Requested holds the address of the TCP connection
}
_BIND = {"ip": Bind.IP, "address": Bind.ADDRESS, "anything": Bind.NONE}


class Framed:
    """A dialect with these settings. `Dialect` documents the methods.

    Raises WrongSetting, a ValueError, for settings that contradict each other. `checked`: a dialect file has been
    checked already, when it was read.
    """

    def __init__(self, settings: Settings, *, checked: bool = False) -> None:
        if not checked:
            check(settings)
        self.settings = settings
        self.name = settings.name
        self.ports = Ports(None if settings.ports.tcp is False else settings.ports.tcp, settings.ports.udp)
        self.passwords: Passwords | None = None
        self._codec = ControlCodec(settings)
        self._ups = UpCodec(settings)
        self._downs = DownCodec(settings, self._ups)
        self.policy = _policy(settings)
        self.layouts = Layouts(self._ups.declared, self._downs.declared)
        self.can = self._capabilities()

    @classmethod
    def load(cls, path: str | Path) -> "Framed":
        """The dialect of a file. Raises DialectFileError."""
        return cls(load(path), checked=True)

    def __repr__(self) -> str:
        return f"<Framed dialect {self.name}>"

    def _capabilities(self) -> Capabilities:
        settings = self.settings
        tcp = settings.ports.tcp is not False
        return Capabilities(
            tcp=tcp,
            rooms=tcp,
            passwords=tcp and self._codec.requests.passwords,
            keepalive=self._ups.has_register and "register" in settings.idle.counts,
            notices=self._downs.notices_recognisable,
            frames=tcp
            and settings.header.size == "binary"
            and settings.header.counts == "payload"
            and settings.reply.framing == "header"
            and settings.reply.room in ("echoed", "absent")
            and settings.reply.room_size == "bytes",
            one_port=settings.address.learnt == "tcp",
        )

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> FramedClient:
        entering = check_no_list(self.name, want)
        check_extras(self.name, self.can, entering)
        return FramedClient(self._codec, entering, udp, strict, now)

    def request(self, want: Want, udp: Address | None) -> RequestParts | None:
        self.client(want, udp, 0.0)  # checks it
        assert isinstance(want, Create | Join)
        settings, codec = self.settings.request, self._codec.requests
        operation = settings.create if isinstance(want, Create) else settings.join
        return RequestParts(
            want.room.encode(), operation, settings.state, codec.write(want, udp), codec.fields(want, udp),
            settings.user_key, settings.password_key or None,
        )  # fmt: skip

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


def _policy(settings: Settings) -> Policy:
    fields = up_fields(settings)
    tcp = settings.ports.tcp is not False
    seconds = settings.idle.seconds
    return Policy(
        room_key=RoomKey.NAME if tcp else RoomKey.ONE,
        member_key=MemberKey.TOKEN if tcp and "token" in fields else MemberKey.ADDRESS,
        bind=_BIND[settings.address.source],
        register=_REGISTER[settings.address.learnt],
        echo=settings.chat.echo,
        guests_may_leave=settings.chat.guests_may_leave,
        relay_leave=settings.chat.leave_relayed,
        tell={why: Audience[getattr(settings.notices, why.name.lower()).to.upper()] for why in NoticeReason},
        idle=Idle(None if seconds is False else seconds, frozenset(UpKind(kind) for kind in settings.idle.counts)),
        token=TokenForm(TokenAlphabet[settings.token.alphabet.upper()], settings.token.size),
    )
