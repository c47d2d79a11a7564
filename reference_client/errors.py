"""Why one is not in a room, and what the command's exit status says of it."""

from enum import IntEnum
from typing import Final

from reference_client.text import visible
from tcrp.constants import Status


class Exit(IntEnum):
    """The exit statuses of `tcrp-client`."""

    LEFT = 0
    REFUSED = 1
    INTERRUPTED = 2
    USAGE = 4
    UNREACHABLE = 6
    CLOSED = 8


SENTENCES: Final = {
    Status.OK: "the server agreed and refused at once",
    Status.ROOM_EXISTS: "a room of this name exists already: join it, or choose another name",
    Status.ROOM_NOT_FOUND: "there is no room of this name: create it first",
    Status.WRONG_PASSWORD: "the password is wrong",
    Status.MALFORMED: "the server could not make sense of the request",
    Status.SERVER_ERROR: "the server failed; it may work later",
    Status.LIMIT_REACHED: "the server is at a limit of its own; it may work later",
}
"""What each status of TCRP-3.4 means to a person."""


class Refused(Exception):
    """The server said no.

    `status`: a `Status` where the answer has that meaning, or another integer as it came; below 0: it has none.
    `text`: what the server said in words, as it came; "" if nothing.
    """

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text

    def __str__(self) -> str:
        known = SENTENCES.get(self.status) if isinstance(self.status, Status) else None
        unknown = f"the server refused with status {self.status}" if self.status >= 0 else "the server refused"
        sentence = known or unknown
        return f"{sentence} (it says: {visible(self.text)})" if self.text else sentence


class Unreachable(Exception):
    """No server answers there, or it stopped doing so; the message is one line."""


class RoomClosed(Exception):
    """One is no longer in the room, so nothing can be sent."""
