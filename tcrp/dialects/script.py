"""A TCP conversation that is written as one generator for each side, for dialects in Python (docs/dialects.md).

The generator yields what it does next, and gets what came of it:

    yield Say(data)                 the bytes are sent
    data = yield Take(size)         exactly so many bytes of the peer
    line = yield Until(b"\\n")       the peer's bytes up to these, and these
    rest = yield Rest()             all bytes up to the end of the peer's stream
    reply = yield Requested(want)   server: an Ack, or Rooms for a List
    reply = yield Answer()          server: the Complete that follows an Ack with OK
    yield Accepted()                client: this and every other event is told to the caller

It raises RemoteProtocolError for bytes that break the protocol; a layout that does not fit, and bytes that are not
UTF-8, count as that. It ends when the conversation is complete.
"""

from collections.abc import Generator
from typing import Any, NamedTuple, TypeAlias

from construct import ConstructError

from tcrp.conversation import BaseConversation, Limits
from tcrp.errors import RemoteProtocolError
from tcrp.events import Ended, Event, Malformed, Requested, TimedOut
from tcrp.messages import Reply

MAX_SIZE = 64 * 1024
"""Bytes that are accepted of a line and of a rest, unless the script says otherwise, and of a reply."""
MAX_HEADER_SIZE = 1024
"""Bytes that a server accepts at a time, beside the payload that its limits allow."""


class Say(NamedTuple):
    """Send these bytes."""

    data: bytes


class Take(NamedTuple):
    """Wait for exactly so many bytes."""

    size: int


class Until(NamedTuple):
    """Wait for these bytes, and take everything up to and with them. `most`: bytes that may come before them."""

    end: bytes
    most: int = MAX_SIZE


class Rest(NamedTuple):
    """Wait for the end of the peer's stream, and take everything up to there. `most`: bytes that may come."""

    most: int = MAX_SIZE


class Answer(NamedTuple):
    """Server: wait for the next reply of the caller."""


Step: TypeAlias = Say | Take | Until | Rest | Answer | Event
Script: TypeAlias = Generator[Step, Any, None]


class ScriptedConversation(BaseConversation):
    """Drives a script. `Conversation` documents the methods. `limits`: a server's; None on a client's side."""

    def __init__(self, script: Script, limits: Limits | None, now: float) -> None:
        super().__init__(None if limits is None else now + limits.silence)
        self._script = script
        self._limits = limits
        self._timeout = 0.0 if limits is None else limits.silence
        self._most = MAX_SIZE if limits is None else limits.payload + MAX_HEADER_SIZE
        self._buffer = bytearray()
        self._heard = False
        self._waits_for: Take | Until | Rest | None = None
        self._owes_reply = False
        self._done = False
        self._early_events = self._advance(None)
        """What the script told before the first bytes came."""

    @property
    def closing(self) -> bool:
        return self._done

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        events = self._take_early()
        if self._done or not data:
            return events
        if not self._heard and self._limits is not None:
            self._deadline, self._timeout = now + self._limits.handshake, self._limits.handshake
        self._heard = True
        self._buffer += data
        return [*events, *self._go_on()]

    def receive_eof(self, now: float) -> list[Event]:
        events = self._take_early()
        if isinstance(self._waits_for, Rest):
            rest, self._waits_for = bytes(self._buffer), None
            self._buffer.clear()
            events += self._advance(rest)
        early = not self._done
        if early and not self._owes_reply:
            self._finish()
        return [*events, Ended(early)]

    def handle_timer(self, now: float) -> list[Event]:
        if self._deadline is None or now < self._deadline:
            return []
        self._finish()
        return [TimedOut(self._timeout)]

    def send(self, reply: Reply) -> None:
        if not self._owes_reply:
            raise RuntimeError("no reply is due now")
        self._owes_reply = False
        self._early_events += self._advance(reply)

    def _take_early(self) -> list[Event]:
        events, self._early_events = self._early_events, []
        return events

    def _go_on(self) -> list[Event]:
        """Give the script what it waits for, if that has come."""
        if self._waits_for is None:
            return []
        try:
            found = self._found(self._waits_for)
        except RemoteProtocolError as error:
            self._finish()
            return [Malformed(error)]
        if found is None:
            return []
        del self._buffer[: len(found)]
        self._waits_for = None
        return self._advance(found)

    def _found(self, wanted: Take | Until | Rest) -> bytes | None:
        """The bytes that are waited for, if they have come. Raises RemoteProtocolError if too many others have."""
        if isinstance(wanted, Take) and wanted.size <= self._most:
            return bytes(self._buffer[: wanted.size]) if len(self._buffer) >= wanted.size else None
        if isinstance(wanted, Until) and (at := self._buffer.find(wanted.end)) >= 0:
            return bytes(self._buffer[: at + len(wanted.end)])
        size, most = (wanted.size, self._most) if isinstance(wanted, Take) else (len(self._buffer), wanted.most)
        if size > most:
            raise RemoteProtocolError(
                f"the peer sends {size} bytes: at most {most} are accepted here",
                clause="TCRP-2.4d", field="stream", offset=0, value=size, limit=most,
            )  # fmt: skip
        return None

    def _advance(self, value: object) -> list[Event]:
        """Let the script go on with this value, up to what it has to wait for."""
        events: list[Event] = []
        while True:
            try:
                step = self._script.send(value)
            except StopIteration:
                self._finish()
                return events
            except (RemoteProtocolError, ConstructError, UnicodeDecodeError) as error:
                self._finish()
                return [*events, Malformed(_remote(error))]
            value = None
            match step:
                case Say(data):
                    self._out += data
                case Take() | Until() | Rest():
                    self._waits_for = step
                    return [*events, *self._go_on()]
                case Answer():
                    self._owes_reply = True
                    return events
                case Requested():
                    self._deadline, self._owes_reply = None, True
                    return [*events, step]
                case _:
                    events.append(step)

    def _finish(self) -> None:
        self._done, self._deadline, self._waits_for, self._owes_reply = True, None, None, False
        self._buffer.clear()
        self._script.close()


def _remote(error: RemoteProtocolError | ConstructError | UnicodeDecodeError) -> RemoteProtocolError:
    if isinstance(error, RemoteProtocolError):
        return error
    if isinstance(error, UnicodeDecodeError):
        return RemoteProtocolError(
            f"byte 0x{error.object[error.start]:02x} is not {error.encoding}",
            clause="TCRP-2.3b", field="text", offset=error.start, limit=error.encoding,
        )  # fmt: skip
    text = " ".join(str(error).split())
    return RemoteProtocolError(f"the bytes do not fit the layout: {text}", clause="TCRP-2.2", field="frame", offset=0)
