"""The TCP conversation of a dialect that a file describes: the part that `framed_server` and `framed_client` share.

    server   HEADER [ack] -> BODY -Requested-> ACK -send(Ack OK)-> TOKEN -send(Complete)-> [PORT -Bound->] [END ->] DONE
    client   [ACK -Accepted->] TOKEN -Joined-> DONE

Phases in brackets exist only with some settings. Anything else leads to DONE, through END if the client closes.
"""

from enum import Enum, auto

from tcrp.conversation import BaseConversation
from tcrp.dialects.framed_frames import FrameCodec
from tcrp.dialects.framed_replies import ReplyCodec
from tcrp.dialects.framed_requests import RequestCodec
from tcrp.dialects.settings import Settings

PORT_SIZE = 2
"""Bytes of the UDP port that a client sends on TCP."""


class Phase(Enum):
    """The phase of a conversation: what the server or the client waits for."""

    HEADER = auto()  # server: the header of the request
    BODY = auto()  # server: the rest of the request
    ACK = auto()  # server: an Ack to send; client: the acknowledgement
    TOKEN = auto()  # server: a Complete to send; client: the reply with the token
    PORT = auto()  # server: the client's UDP port
    END = auto()  # server: that the client closes
    DONE = auto()


class ControlCodec:
    """The codecs of a conversation, and the settings that both sides look at."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.frames = FrameCodec(settings.header)
        self.requests = RequestCodec(settings)
        self.replies = ReplyCodec(settings)
        self.framed = settings.reply.framing == "header"
        self.has_acknowledgement = settings.reply.steps == 2
        self.port_on_tcp = settings.address.learnt == "handshake"

    def reply_room(self, room: str) -> tuple[bytes, int]:
        """The bytes of the room name in a reply, and the RoomNameSize in its header."""
        reply = self.settings.reply
        if reply.room == "absent":
            return b"", 0
        encoded = room.encode()
        size = len(encoded) if reply.room_size == "bytes" else len(room)
        return (encoded if reply.room == "echoed" else b""), size

    def reply_operation(self, operation: int) -> int:
        """The operation of the reply to a request with this operation."""
        return operation if self.settings.reply.operation == "echoed" else self.settings.reply.operation


class FramedConversation(BaseConversation):
    """The part that both sides share: the codec, the settings and the phase."""

    def __init__(self, codec: ControlCodec, phase: Phase) -> None:
        super().__init__()
        self._codec = codec
        self._settings = codec.settings
        self._phase = phase

    @property
    def closing(self) -> bool:
        return self._phase is Phase.DONE

    def _finish(self) -> None:
        self._phase = Phase.DONE
        self._deadline = None
