"""A header of 31 bytes (no State), a status of one byte, a token that is padded with NULs to 255 bytes."""

from construct import BytesInteger, Int8ub, Struct

from tcrp import Ack, Address, Create, Join, Status
from tcrp.dialects import Capabilities
from tcrp.dialects.script import Answer, Say, Script, Take
from tcrp.dialects.scripted import Scripted
from tcrp.events import Accepted, Joined, Refused, Requested

HEADER = Struct("room_size" / Int8ub, "operation" / Int8ub, "user_size" / BytesInteger(29))
OPERATIONS = {1: Create, 2: Join}
TOKEN_SIZE = 255


class ShortHeader(Scripted):
    """The rest is as in the canonical dialect: datagrams, notices, the rules of rooms."""

    can = Capabilities(passwords=False, frames=False)

    def ask(self, want: Create | Join, udp: Address | None) -> Script:
        room, user = want.room.encode(), want.user.encode()
        operation = 1 if isinstance(want, Create) else 2
        yield Say(HEADER.build({"room_size": len(room), "operation": operation, "user_size": len(user)}) + room + user)
        status = (yield Take(1))[0]
        if status != Status.OK:
            yield Refused(status)
            return
        yield Accepted()
        yield Joined((yield Take(TOKEN_SIZE)).rstrip(b"\0"))

    def answer(self, peer: Address) -> Script:
        header = HEADER.parse((yield Take(HEADER.sizeof())))
        room = (yield Take(header.room_size)).decode()
        user = (yield Take(header.user_size)).decode()
        if header.operation not in OPERATIONS or not room or not user:
            yield Say(bytes([Status.MALFORMED]))
            return
        reply = yield Requested(OPERATIONS[header.operation](room, user))
        yield Say(bytes([reply.status]))
        if reply == Ack(Status.OK):
            yield Say((yield Answer()).token.ljust(TOKEN_SIZE, b"\0"))


DIALECT = ShortHeader()
