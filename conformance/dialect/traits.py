"""A dialect as the suite's tests need to know it: what a clause asks for there.

Nothing here knows a dialect by name. What can be found out by letting the dialect's two sides talk to each other in
memory is found out so. The rest is said by its Policy and its Capabilities.
"""

from functools import cached_property

from conformance.dialect.datagram_traits import DatagramTraits
from conformance.dialect.forge import Forge
from conformance.dialect.knowledge import Knowledge
from conformance.dialect.replies import Replies
from conformance.dialect.samples import HERE, MEMBER, longest
from tcrp import MAX_ROOM_SIZE, MAX_USER_SIZE, Create, Dialect, UpKind
from tcrp.policy import Bind, MemberKey, Register, RoomKey


class Traits:
    """The rules of a dialect, its requests, replies and datagrams."""

    def __init__(self, dialect: Dialect, host: str = HERE[0]) -> None:
        """`host`: this machine's address towards the server, for requests that declare one."""
        self.dialect = dialect
        self.host = host
        self.knowledge = Knowledge.of(dialect)

    @property
    def binds_first(self) -> bool:
        """A client has its UDP port before it asks, because it tells the server."""
        return self.dialect.policy.register in (Register.REQUEST, Register.HANDSHAKE)

    @property
    def told_last(self) -> bool:
        """The server reads of the client's UDP port after its last answer, and perhaps later than of a datagram."""
        return self.dialect.policy.register is Register.HANDSHAKE

    @cached_property
    def longest_room(self) -> int:
        """Bytes of the longest room name; of a dialect without rooms that of the canonical one."""
        if not self.dialect.can.rooms:
            return MAX_ROOM_SIZE

        def sayable(size: int) -> bytes:
            return self.dialect.client(Create("r" * size, "alicia"), HERE, 0.0).data_to_send()

        return longest(sayable)

    @cached_property
    def longest_user(self) -> int:
        """Bytes of the longest user name."""

        def sayable(size: int) -> bytes:
            return self.dialect.client(Create("r", "u" * size), HERE, 0.0).data_to_send()

        return min(MAX_USER_SIZE, longest(sayable))

    @cached_property
    def forge(self) -> Forge:
        """Makes requests that no codec would write."""
        return Forge(self.dialect, self.host)

    @cached_property
    def replies(self) -> Replies:
        """How servers answer."""
        return Replies(self.dialect, self.forge)

    @cached_property
    def datagrams(self) -> DatagramTraits:
        """What datagrams look like."""
        return DatagramTraits(self.dialect)

    @cached_property
    def guests_leave(self) -> bool:
        """A guest can leave."""
        can = self.dialect.policy.guests_may_leave
        return can and self.dialect.write_up(MEMBER, UpKind.LEAVE) is not None

    @cached_property
    def chat_moves(self) -> bool:
        """Every valid datagram says where its sender is."""
        return self.dialect.policy.register is Register.LATEST

    @property
    def by_name(self) -> bool:
        """A room is found by its name, which no other has."""
        return self.dialect.policy.room_key is RoomKey.NAME

    @property
    def binds(self) -> bool:
        """A token is of no use to those who are elsewhere than its member. Where a message registers from wherever it
        comes, that is so only if the IP address is the one of TCP.
        """
        policy = self.dialect.policy
        return policy.bind is Bind.IP or (policy.bind is Bind.ADDRESS and policy.register is not Register.MESSAGE)

    @property
    def as_the_model(self) -> bool:
        """Whoever registers, moves, leaves and is told does so as in conformance.suite.model.rooms."""
        policy, can = self.dialect.policy, self.dialect.can
        known = self.by_name and policy.member_key is MemberKey.TOKEN
        leaves = self.guests_leave and self.datagrams.words_leave and not policy.relay_leave and not policy.echo
        return known and leaves and self.chat_moves and can.keepalive and can.notices and can.passwords
