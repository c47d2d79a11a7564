"""The canonical dialect with messages wrapped in RSA: clients know the public key of their server.

Up, a message is raised to E, and only the server can read it. Down, the datagram is raised to D, and only the server
can have written it. The key is far too short, and nothing is padded: this shows where such code goes, not more.
"""

from tcrp import Address, Down, DownKind, Membership, RemoteProtocolError, Up, UpKind
from tcrp.dialects.scripted import Scripted
from tcrp.dialects.tcrp import Tcrp

N = 0xBDC4597FD8D4FF156155462FC693CB8ABB88A1817380F9D39FA0FFDBA49E0917
E = 65537
D = 0x651D023344EDF91D0347D4A610411FEA578CE4057B9031E140BA281FBA9B35C1
BLOCK, PLAIN = 32, 30  # bytes of a block, and of the text in it, after one byte that keeps leading zeros
TCRP = Tcrp()
KINDS = {b"": UpKind.REGISTER, b"exit": UpKind.LEAVE}


def wrap(data: bytes, key: int) -> bytes:
    blocks = [data[at : at + PLAIN] for at in range(0, len(data), PLAIN)]
    return b"".join(pow(int.from_bytes(b"\1" + one, "big"), key, N).to_bytes(BLOCK, "big") for one in blocks)


def unwrap(data: bytes, key: int) -> bytes:
    numbers = [pow(int.from_bytes(data[at : at + BLOCK], "big"), key, N) for at in range(0, len(data), BLOCK)]
    plain = [one.to_bytes(BLOCK, "big").lstrip(b"\0") for one in numbers]
    if len(data) % BLOCK or not all(one[:1] == b"\1" for one in plain):
        raise RemoteProtocolError("the message is not wrapped with this key", clause="TCRP-4.2b", field="message")
    return b"".join(one[1:] for one in plain)


class RsaChat(Scripted):
    can, request, client, server = TCRP.can, TCRP.request, TCRP.client, TCRP.server  # all of TCP is canonical

    def write_up(self, member: Membership, kind: UpKind, body: bytes = b"") -> bytes | None:
        TCRP.write_up(member, kind, body)  # raises for no such message
        message = wrap(b"exit" if kind is UpKind.LEAVE else body, E)
        return TCRP.write_up(member, UpKind.CHAT if message else UpKind.REGISTER, message)

    def read_up(self, data: bytes, source: Address) -> Up:
        up = TCRP.read_up(data, source)
        body = unwrap(up.body, D)
        return up._replace(kind=KINDS.get(body, UpKind.CHAT), body=body)

    def write_down(self, down: Down) -> bytes | None:
        data = TCRP.write_down(down)
        return data and wrap(data, D)

    def open_down(self, data: bytes) -> bytes:
        return unwrap(data, E)

    def read_down(self, data: bytes, member: Membership) -> Down:
        try:
            return TCRP.read_down(unwrap(data, E), member)
        except RemoteProtocolError:
            return Down(DownKind.UNKNOWN, None, data)


DIALECT = RsaChat()
