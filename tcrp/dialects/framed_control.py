"""What both sides of a TCP conversation of a dialect made of answers share; the sides are `framed_server` and
`framed_client`.

    server   HEADER [ack] -> BODY -Requested-> ACK -send(Ack OK)-> TOKEN -send(Complete)-> [PORT -Bound->] [END ->] DONE
    client   [HEADER -> BODY ->] ACK -Accepted-> TOKEN -Joined-> DONE

Anything else ends in DONE, after END where it is the client that closes.
"""

from enum import Enum, auto

from tcrp.conversation import Outgoing
from tcrp.dialects.answers import Answers
from tcrp.dialects.framed_frames import Framing
from tcrp.dialects.framed_replies import Replies
from tcrp.dialects.framed_requests import Requests

PORT_SIZE = 2


class Step(Enum):
    """Where a conversation is."""

    HEADER = auto()
    BODY = auto()
    ACK = auto()
    TOKEN = auto()
    PORT = auto()
    END = auto()
    DONE = auto()


class Codec:
    """What both sides need of the answers."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.framing = Framing(answers.header)
        self.requests = Requests(answers)
        self.replies = Replies(answers)
        self.framed = answers.reply.framing == "header"
        self.acknowledges = answers.reply.steps == 2
        self.handshakes = answers.address.learnt == "handshake"

    def room_of_reply(self, room: str) -> tuple[bytes, int]:
        """The bytes of the room that a reply holds, and what its header says of their number."""
        reply = self.answers.reply
        if reply.room == "absent":
            return b"", 0
        encoded = room.encode()
        size = len(encoded) if reply.room_size == "bytes" else len(room)
        return (encoded if reply.room == "echoed" else b""), size

    def operation_of_reply(self, operation: int) -> int:
        """The operation of the reply to a request with this one."""
        return operation if self.answers.reply.operation == "echoed" else self.answers.reply.operation


class FramedConversation(Outgoing):
    """What both sides share: the answers and the step."""

    def __init__(self, codec: Codec, step: Step) -> None:
        super().__init__()
        self._codec = codec
        self._answers = codec.answers
        self._step = step

    @property
    def closing(self) -> bool:
        return self._step is Step.DONE

    def _finish(self) -> None:
        self._step = Step.DONE
        self._deadline = None
