"""Errors. The type says whose fault it is: `LocalProtocolError` the caller's, `RemoteProtocolError` the peer's."""

from tcrp.constants import Status


class ProtocolError(ValueError):
    """A value or bytes that the protocol does not allow.

    `clause`: the clause of docs/spec.md that is broken, for example `TCRP-2.3b`.
    `field`: the name of the field in that clause, for example `RoomNameSize`.
    `offset`: where the field begins, in bytes from the start of the decoded bytes; None if no bytes were decoded.
    `value`, `limit`: the value that was found and what is allowed, or None. They never hold a token or a password.
    """

    def __init__(
        self,
        message: str,
        *,
        clause: str,
        field: str,
        offset: int | None = None,
        value: object = None,
        limit: object = None,
    ) -> None:
        super().__init__(message)
        self.clause = clause
        self.field = field
        self.offset = offset
        self.value = value
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.args[0]} ({self.clause})"


class LocalProtocolError(ProtocolError):
    """The caller asked for something that the protocol cannot express. Nothing was sent."""


class MissingExtra(ImportError):
    """A dialect needs a package that is not installed. The message is one line that says how to install it."""


class RemoteProtocolError(ProtocolError):
    """The peer's bytes break the protocol.

    `status`: the status with which a server refuses a request that has this error (TCRP-3.7).
    """

    status: Status = Status.MALFORMED
