"""Everything that is live, by what it is found by."""

from collections.abc import Callable

from relay.addresses import key_of
from relay.rooms import Member, Room
from tcrp.messages import Address

_MINT_ATTEMPTS = 100


class Registry:
    """Rooms by key, members by token and by address. A member is in all of them or in none."""

    def __init__(self, mint: Callable[[], bytes]) -> None:
        self.rooms: dict[str | bytes | None, Room] = {}
        self._mint = mint
        self._by_token: dict[bytes, Member | None] = {}  # None: reserved, its member is not yet in
        self._by_address: dict[tuple[str, int], Member | dict[Member, None]] = {}  # hardly ever several

    def stands(self, room: Room) -> bool:
        """Whether the room has not been closed."""
        return self.rooms.get(room.key) is room

    def by_token(self, token: bytes) -> Member | None:
        return self._by_token.get(token)

    def at(self, address: Address) -> tuple[Member, ...]:
        """The members whose datagrams go there."""
        there = self._by_address.get(key_of(address), ())
        return (there,) if isinstance(there, Member) else tuple(there)

    def reserve_token(self) -> bytes:
        """A token that nobody holds (TCRP-3.8a)."""
        for _ in range(_MINT_ATTEMPTS):
            token = self._mint()
            if token not in self._by_token:
                self._by_token[token] = None
                return token
        raise RuntimeError(f"mint() returned tokens that are in use, {_MINT_ATTEMPTS} times in a row")

    def release_token(self, token: bytes) -> None:
        """Free a reserved token; one that a member holds stays."""
        if self._by_token.get(token) is None:
            self._by_token.pop(token, None)

    def add(self, member: Member) -> None:
        """Put a member into its room. A token that several use finds the one who came first, the host."""
        member.room.members[member] = None
        if member.token is not None and self._by_token.get(member.token) is None:
            self._by_token[member.token] = member

    def place(self, member: Member, address: Address) -> None:
        """The member's datagrams go to this address."""
        if member.address == address:
            return
        self._displace(member)
        member.room.listen(member, address)
        key = key_of(address)
        match self._by_address.get(key):
            case None:
                self._by_address[key] = member
            case Member() as other:
                self._by_address[key] = {other: None, member: None}
            case several:
                several[member] = None

    def remove(self, member: Member) -> None:
        """The member is gone, its token void (TCRP-5.1b)."""
        self._displace(member)
        member.room.remove(member)
        if member.token is not None and self._by_token.get(member.token) is member:
            del self._by_token[member.token]

    def _displace(self, member: Member) -> None:
        if member.address is None:
            return
        key = key_of(member.address)
        there = self._by_address[key]
        if there is member:
            del self._by_address[key]
        elif isinstance(there, dict):
            del there[member]
            if not there:
                del self._by_address[key]
