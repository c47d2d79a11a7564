"""What a datagram of the server is: a message of this run, a notice, information.

Reading is lenient: a datagram that holds a message's nonce counts as that message, so that a wrong layout is a finding
of the clause about layout and not of every clause.
"""

from conformance.client.context import Context
from conformance.net.peer import Datagram
from conformance.trace.names import names
from tcrp import DownKind


class DatagramKinds:
    """Tells the server's datagrams apart, in the dialect under test."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def is_message(self, datagram: Datagram) -> bool:
        """Whether it holds anything that was said in this run, other than the name of its room."""
        said = datagram.data.replace(datagram.room.encode(), b"") if datagram.room else datagram.data
        return names.marker.encode() in said and not self._is_marked_information(datagram)

    def is_notice(self, datagram: Datagram) -> bool:
        """Whether it is a disconnect notice, or begins like one."""
        if mark := self._context.traits.datagrams.closed_mark:
            return datagram.data.startswith(mark)
        return datagram.down is not None and datagram.down.kind is DownKind.CLOSED

    def is_information(self, datagram: Datagram) -> bool:
        """Whether it is an information datagram, or begins like one."""
        context = self._context
        if mark := context.traits.datagrams.info_mark:
            return datagram.data.startswith(mark)
        if datagram.down is not None and datagram.down.kind is DownKind.INFO:
            return True
        if context.dialect.can.notices:
            return False
        return datagram.data in context.traits.datagrams.notices(context.identities.users, datagram.room)

    def says(self, datagram: Datagram, message: bytes) -> bool:
        """Whether it is chat with these words. White space and NUL at their ends do not matter."""
        down = datagram.down
        said = down.body if down is not None and down.kind is DownKind.CHAT else datagram.data
        return message.strip(b" \r\n\0") in said

    def names(self, datagram: Datagram, user: str) -> bool:
        """Whether it is chat of this user."""
        if datagram.data.startswith(user.encode() + b":"):
            return True
        return datagram.down is not None and datagram.down.kind is DownKind.CHAT and datagram.down.user == user

    def ends_with(self, datagram: Datagram, message: bytes) -> bool:
        """Whether its chat ends with these bytes, whatever stands before them."""
        if datagram.data.endswith(message):
            return True
        return datagram.down is not None and datagram.down.body.endswith(message)

    def holds(self, datagram: Datagram, mark: bytes) -> bool:
        """Whether it is a message with this nonce. Information may quote whatever it likes (TCRP-5.5): it is none."""
        return mark in datagram.data and not self._is_marked_information(datagram)

    def _is_marked_information(self, datagram: Datagram) -> bool:
        mark = self._context.traits.datagrams.info_mark
        return bool(mark) and datagram.data.startswith(mark)
