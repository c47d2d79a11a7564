"""The errors of a client, and the exit statuses of the command."""

from enum import IntEnum
from typing import Final

from reference_client.text import visible
from tcrp.constants import Status


class ExitStatus(IntEnum):
    """The exit statuses of `tcrp-client`."""

    LEFT = 0
    REFUSED = 1
    INTERRUPTED = 2
    USAGE = 4
    UNREACHABLE = 6
    CLOSED = 8


STATUS_SENTENCES: Final = {
    Status.OK: "the server agreed and refused at once",
    Status.ROOM_EXISTS: "a room of this name exists already: join it, or choose another name",
    Status.ROOM_NOT_FOUND: "there is no room of this name: create it first",
    Status.WRONG_PASSWORD: "the password is wrong",
    Status.MALFORMED: "the server could not make sense of the request",
    Status.SERVER_ERROR: "the server failed; it may work later",
    Status.LIMIT_REACHED: "the server is at a limit of its own; it may work later",
}
"""What each status means, as a sentence for a person (TCRP-3.4)."""


class Refused(Exception):
    """The server refused the request.

    `status`: a `Status` where the answer has that meaning; else the integer that came, or a negative one if none came.
    `text`: the server's words as they came, "" if it sent none.
    """

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text

    def __str__(self) -> str:
        known = STATUS_SENTENCES.get(self.status) if isinstance(self.status, Status) else None
        unknown = f"the server refused with status {self.status}" if self.status >= 0 else "the server refused"
        sentence = known or unknown
        return f"{sentence} (it says: {visible(self.text)})" if self.text else sentence


class PasswordNeeded(Refused):
    """The server refused a request without a password, because the room has one."""

    def __str__(self) -> str:
        hint = "the room has one, and none was given: use --password-file, or --password-prompt at a terminal"
        return f"{super().__str__()}: {hint}"


class Unreachable(Exception):
    """No server answers at the address, or it answers no longer. The message is one line."""


class UsageError(Exception):
    """The arguments ask for something that cannot be done. The message is one line."""


class RoomClosed(Exception):
    """The client is no longer in the room, so it cannot send."""
