"""The base of a dialect in Python (docs/dialects.md): what it does not override is as in the canonical dialect."""

from tcrp.conversation import Conversation, Limits
from tcrp.dialects.base import Capabilities, Layouts, Passwords, Ports, RequestParts
from tcrp.dialects.script import Script, ScriptedConversation
from tcrp.dialects.tcrp import Tcrp
from tcrp.dialects.wants import check_extras, check_no_list, no_field
from tcrp.messages import Address, Create, Down, Join, Membership, Up, UpKind, Want
from tcrp.policy import Policy

_CANONICAL = Tcrp()


class Scripted:
    """A dialect. `Dialect` documents the attributes and the methods.

    A subclass writes the two sides of the TCP conversation as scripts (tcrp.dialects.script), and overrides the four
    methods for datagrams where they differ. `name`: left out, it is that of the file.
    """

    name: str = ""
    ports: Ports = _CANONICAL.ports
    policy: Policy = _CANONICAL.policy
    can: Capabilities = Capabilities(frames=False)
    layouts: Layouts = Layouts()
    passwords: Passwords | None = None

    def ask(self, want: Create | Join, udp: Address | None) -> Script:
        """The client's side. `udp`: the client's UDP address, if it is bound already."""
        raise NotImplementedError(f"dialect {self.name} has no script of the client's side: write `ask`")

    def answer(self, peer: Address) -> Script:
        """The server's side, with a client that has connected from `peer`."""
        raise NotImplementedError(f"dialect {self.name} has no script of the server's side: write `answer`")

    def client(self, want: Want, udp: Address | None, now: float, *, strict: bool = True) -> Conversation:
        entering = check_no_list(self.name, want)
        if entering.password and not self.can.passwords:
            raise no_field(self.name, "password")
        check_extras(self.name, self.can, entering)
        return ScriptedConversation(self.ask(entering, udp), None, now)

    def request(self, want: Want, udp: Address | None) -> RequestParts | None:
        return None

    def server(self, peer: Address, limits: Limits, now: float) -> Conversation:
        return ScriptedConversation(self.answer(peer), limits, now)

    def read_up(self, data: bytes, source: Address) -> Up:
        return _CANONICAL.read_up(data, source)

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        return _CANONICAL.write_up(member, kind, body)

    def open_down(self, data: bytes) -> bytes:
        """A server's datagram without its encryption. Raises RemoteProtocolError for one that cannot be opened."""
        return data

    def read_down(self, data: bytes, member: Membership) -> Down:
        return _CANONICAL.read_down(data, member)

    def write_down(self, down: Down) -> bytes | None:
        return _CANONICAL.write_down(down)
