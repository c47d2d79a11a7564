"""Lines of text, and a password that the server asks for.

client  CREATE lobby alice      server  PASSWORD?
client  secret                  server  OK 6bd1...   or   NO 2 there is no such room
"""

from tcrp import Ack, Address, Create, Join, LocalProtocolError, Status
from tcrp.dialects import Capabilities
from tcrp.dialects.script import Answer, Say, Script, Until
from tcrp.dialects.scripted import Scripted
from tcrp.events import Accepted, Joined, Refused, Requested

WORDS = {"CREATE": Create, "JOIN": Join}
REASONS = {
    Status.ROOM_EXISTS: "the room exists", Status.ROOM_NOT_FOUND: "there is no such room",
    Status.WRONG_PASSWORD: "the password is wrong", Status.MALFORMED: "no such request",
}  # fmt: skip


def line(text: str) -> Say:
    return Say(f"{text}\n".encode())


class PasswordRound(Scripted):
    can = Capabilities(frames=False, whole_requests=False)

    def ask(self, want: Create | Join, udp: Address | None) -> Script:
        if any(one.isspace() for one in want.room + want.user) or "\n" in (want.password or ""):
            raise LocalProtocolError("a name with spaces does not fit a line", clause="TCRP-2.3b", field="name")
        yield line(f"{type(want).__name__.upper()} {want.room} {want.user}")
        yield Until(b"PASSWORD?\n")
        yield line(want.password or "")
        word, _, rest = (yield Until(b"\n")).decode().rstrip("\n").partition(" ")
        if word != "OK":
            number, _, reason = rest.partition(" ")
            yield Refused(int(number) if number.isdigit() else -1, reason)
            return
        yield Accepted()
        yield Joined(rest.encode())

    def answer(self, peer: Address) -> Script:
        words = (yield Until(b"\n")).decode().split()
        yield line("PASSWORD?")
        password = (yield Until(b"\n")).decode().rstrip("\n") or None
        if len(words) != 3 or words[0] not in WORDS:
            reply = Ack(Status.MALFORMED)
        else:
            reply = yield Requested(WORDS[words[0]](words[1], words[2], password))
        if reply != Ack(Status.OK):
            yield line(f"NO {reply.status:d} {REASONS.get(reply.status, 'not now')}")
            return
        yield line(f"OK {(yield Answer()).token.decode()}")


DIALECT = PasswordRound()
