"""The client's side of the TCP conversation of `json-envelope`; see `envelope_control`."""

from collections.abc import Iterator

from tcrp import wire
from tcrp.constants import Operation, State, Status
from tcrp.conversation import FrameReader
from tcrp.dialects.envelope_control import (
    NO_ROOMS_TEXT,
    REFUSALS,
    Envelope,
    EnvelopeConversation,
    Phase,
    decode_object,
)
from tcrp.dialects.envelope_passwords import encode_password, hash_password
from tcrp.dialects.tcrp import shift_error_offset
from tcrp.errors import RemoteProtocolError
from tcrp.events import Accepted, Ended, Event, Joined, Listed, Malformed, Refused
from tcrp.messages import Create, Frame, Join, List, Reply, Want
from tcrp.names import check_room

MAX_REPLY_SIZE = 128 * 1024
"""The greatest payload of a reply in bytes. A token has 172, the known texts of refusals have some dozens."""
MAX_LIST_SIZE = 4 * 1024 * 1024
"""The greatest payload of a list of rooms in bytes: 30,000 names of 20 Japanese characters, escaped as JSON does."""

_STATUSES = {text: status for status, (_, text) in REFUSALS.items()}


class EnvelopeClient(EnvelopeConversation):
    """ACK -Accepted-> COMPLETE -Joined or Listed-> DONE. Refused leads to DONE too."""

    def __init__(self, want: Want, strict: bool) -> None:
        super().__init__(Phase.ACK)
        self._strict = strict
        self._want = want
        self._reader = FrameReader(MAX_LIST_SIZE if isinstance(want, List) else MAX_REPLY_SIZE)
        match want:
            case List():
                self._write("", Operation.JOIN, State.REQUEST, Envelope(type="GET"))
            case Create(room, _, password):
                check_room(room)
                hashed = hash_password(encode_password(password))
                self._write(room, Operation.CREATE, State.REQUEST, Envelope(password=hashed))
            case Join(room, _, password):
                check_room(room)
                plain = encode_password(password).decode()
                self._write(room, Operation.JOIN, State.REQUEST, Envelope(type="JOIN", password=plain))

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        events: list[Event] = []
        if self.closing:
            return events
        self._reader.feed(data)
        try:
            while self._phase is not Phase.DONE and (frame := self._reader.next_frame()) is not None:
                events.extend(self._read_reply(frame))
        except RemoteProtocolError as error:
            self._phase = Phase.DONE
            events.append(Malformed(error))
        return events

    def receive_eof(self, now: float) -> list[Event]:
        early = self._phase is not Phase.DONE
        unanswered = self._phase is Phase.ACK and not self._reader.started
        self._phase = Phase.DONE
        if unanswered and isinstance(self._want, Join):  # known servers close if the room does not exist
            return [Refused(Status.ROOM_NOT_FOUND), Ended(False)]
        return [Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        return []

    def send(self, reply: Reply) -> None:
        raise RuntimeError("a client of this dialect says nothing after its request")

    def _read_reply(self, frame: Frame) -> Iterator[Event]:
        state = State.ACK if self._phase is Phase.ACK else State.COMPLETE
        if frame.state != state:
            error = RemoteProtocolError(
                f"the reply has State {frame.state}: {state} is due",
                clause="TCRP-3.4a" if state is State.ACK else "TCRP-3.5a", field="State",
                offset=2, value=frame.state, limit=int(state),
            )  # fmt: skip
            if self._strict:
                raise error
            yield Malformed(error)
        with shift_error_offset(frame):
            fields = decode_object(frame.payload, error_message=(str, type(None)))
            text = fields["error_message"]
            if isinstance(self._want, List) and state is State.COMPLETE and text in (None, "", NO_ROOMS_TEXT):
                names = decode_object(frame.payload, room_list=list)["room_list"]
                if not all(isinstance(name, str) for name in names):
                    raise RemoteProtocolError("a room's name is no string", clause="TCRP-3.2c", field="room_list")
                self._phase = Phase.DONE
                yield Listed(tuple(names))
            elif text:
                self._phase = Phase.DONE
                yield Refused(_STATUSES.get(text, frame.state), text)
            elif state is State.ACK:
                self._phase = Phase.COMPLETE
                if not isinstance(self._want, List):
                    yield Accepted()
            else:
                token = wire.check_token(decode_object(frame.payload, token=str)["token"].encode())
                self._phase = Phase.DONE
                yield Joined(token)
