"""Whose fault it is: `LocalProtocolError` is the caller's, `RemoteProtocolError` the peer's."""

from tcrp.constants import Status


class ProtocolError(ValueError):
    """A value or some bytes that the protocol does not allow.

    `clause`: the clause of docs/spec.md that is broken, `TCRP-2.3b`.
    `field`: the field's name there, `RoomNameSize`.
    `offset`: where the field begins, in bytes from the start of what was decoded; None where nothing was.
    `value`, `limit`: what was found and what is allowed, where there is such a thing. Never a token or a password.
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
    """The caller asked for something that cannot be said on the wire. Nothing was sent."""


class MissingExtra(ImportError):
    """A dialect needs a package that is not installed; the message is one line that says how to install it."""


class RemoteProtocolError(ProtocolError):
    """The peer's bytes break the protocol.

    `status`: what a server answers to such a request (TCRP-3.7), for whoever writes the reply.
    """

    status: Status = Status.MALFORMED
