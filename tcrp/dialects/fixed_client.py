"""The client's side of the TCP conversation of `fixed-fields` and `fixed-width`; see `fixed_control`."""

from collections.abc import Iterator

from tcrp.constants import Operation, State
from tcrp.conversation import BaseConversation
from tcrp.dialects.fixed_control import (
    ACCEPTED,
    FIXED_HEADER_SIZE,
    MAX_ADDRESS_SIZE,
    REFUSALS,
    TOKEN_SIZE,
    FixedHeader,
    Phase,
    created_layout,
    decode_address,
    encode_fixed_header,
    joined_layout,
    token_layout,
)
from tcrp.dialects.fixed_text import check_password, check_room_name, check_user_name
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.events import Accepted, Ended, Event, Joined, Malformed, Refused
from tcrp.layouts import build_layout, parse_layout
from tcrp.messages import Create, Join, Reply, Want

MAX_CAPACITY = 255
ADDRESS_SILENCE = 0.5
"""Seconds of silence that end an address, if the server does not close."""
_STATUSES = {answer: status for status, answer in REFUSALS.items()}


class FixedClient(BaseConversation):
    """ANSWER -Accepted-> (COMPLETE -> TOKEN ->) ADDRESS -Joined-> DONE. Refused leads to DONE too."""

    def __init__(self, want: Want, strict: bool) -> None:
        if not isinstance(want, Create | Join):
            raise LocalProtocolError("this dialect cannot list rooms", clause="TCRP-3.1a", field="operation")
        super().__init__()
        self._strict = strict
        self._creating = isinstance(want, Create)
        self._phase = Phase.ANSWER
        self._in = bytearray()
        self._token = b""
        self._out += encode_fixed_header(_request_header(want))
        if isinstance(want, Join):
            self._token = _checked_invite(want)  # in one segment with the header
            self._out += build_layout(token_layout, {"token": self._token}, "TCRP-3.2a")

    @property
    def closing(self) -> bool:
        return self._phase is Phase.DONE

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        if self._phase is Phase.DONE:
            return []
        self._in += data
        events: list[Event] = []
        try:
            events.extend(self._read_created() if self._creating else self._read_joined())
            if self._phase is Phase.ADDRESS:
                self._deadline = now + ADDRESS_SILENCE if self._in else None
                if len(self._in) >= MAX_ADDRESS_SIZE:
                    events.append(self._joined())
        except RemoteProtocolError as error:
            self._finish()
            events.append(Malformed(error))
        return events

    def receive_eof(self, now: float) -> list[Event]:
        events: list[Event] = []
        if self._phase is Phase.ADDRESS and self._in:
            try:
                events.append(self._joined())
            except RemoteProtocolError as error:
                events.append(Malformed(error))
        early = self._phase is not Phase.DONE
        self._finish()
        return [*events, Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        self._deadline = None
        try:
            return [self._joined()]
        except RemoteProtocolError:
            return []  # the address is not complete

    def send(self, reply: Reply) -> None:
        raise RuntimeError("a client of this dialect says nothing after its request")

    def _read_created(self) -> Iterator[Event]:
        for phase, state, next_phase in (
            (Phase.ANSWER, State.ACK, Phase.COMPLETE),
            (Phase.COMPLETE, State.COMPLETE, Phase.TOKEN),
        ):
            if self._phase is phase and len(self._in) >= FIXED_HEADER_SIZE:
                yield from self._check_state(self._in[2], state)
                del self._in[:FIXED_HEADER_SIZE]
                self._phase = next_phase
                if state is State.ACK:
                    yield Accepted()
        if self._phase is Phase.TOKEN and len(self._in) >= TOKEN_SIZE:
            self._token = bytes(parse_layout(created_layout, bytes(self._in), "TCRP-3.5a").token)
            del self._in[:TOKEN_SIZE]
            self._phase = Phase.ADDRESS

    def _check_state(self, found: int, state: State) -> Iterator[Event]:
        """Check the state of a repeated header. The other fields are not checked: known servers repeat them wrongly."""
        if found != state:
            error = RemoteProtocolError(
                f"the header has state {found}: {state} is due",
                clause="TCRP-3.4a" if state is State.ACK else "TCRP-3.5a", field="state",
                offset=2, value=found, limit=int(state),
            )  # fmt: skip
            if self._strict:
                raise error
            yield Malformed(error)

    def _read_joined(self) -> Iterator[Event]:
        if self._phase is not Phase.ANSWER or not self._in:
            return
        answer = bytes(parse_layout(joined_layout, bytes(self._in), "TCRP-3.4a").answer)
        del self._in[:1]
        if answer == ACCEPTED:
            self._phase = Phase.ADDRESS
            yield Accepted()
        elif answer in _STATUSES:
            self._finish()
            yield Refused(_STATUSES[answer])
        else:
            raise RemoteProtocolError(
                f"the answer is {answer!r}: 0 to 3", clause="TCRP-3.4a", field="answer", offset=0, value=answer
            )

    def _joined(self) -> Joined:
        address = decode_address(bytes(self._in))
        self._finish()
        return Joined(self._token, address)

    def _finish(self) -> None:
        self._phase, self._deadline = Phase.DONE, None
        self._in.clear()


def _request_header(want: Create | Join) -> FixedHeader:
    creating = isinstance(want, Create)
    capacity = (MAX_CAPACITY if want.capacity is None else want.capacity) if isinstance(want, Create) else 0
    if not isinstance(capacity, int) or not 0 <= capacity <= MAX_CAPACITY:
        raise LocalProtocolError(
            f"the capacity is {capacity}: 0 to {MAX_CAPACITY} members, the host counted",
            clause="TCRP-3.2a", field="capacity", value=capacity, limit=MAX_CAPACITY,
        )  # fmt: skip
    check_room_name(want.room)
    check_user_name(want.user)
    password = want.password or ""
    if password:
        check_password(password)
    operation = Operation.CREATE if creating else Operation.JOIN
    return FixedHeader(capacity, operation, State.REQUEST, want.room, want.user, password)


def _checked_invite(want: Join) -> bytes:
    if not want.invite:
        raise LocalProtocolError(
            f"a room is joined by its host's token, {TOKEN_SIZE} bytes: its name does not find it",
            clause="TCRP-3.2a", field="invite", limit=TOKEN_SIZE,
        )  # fmt: skip
    if len(want.invite) != TOKEN_SIZE:
        raise LocalProtocolError(
            f"the invite has {len(want.invite)} bytes: a host's token has {TOKEN_SIZE}",
            clause="TCRP-3.2a", field="invite", value=len(want.invite), limit=TOKEN_SIZE,
        )  # fmt: skip
    return want.invite
