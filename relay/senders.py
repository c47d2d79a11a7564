"""Which room a datagram means, and whether it comes from where its sender may send from."""

from relay.addresses import address_key, ip_of
from relay.rooms import Member, Room
from relay.store import Store
from tcrp.messages import Address, Up, UpKind
from tcrp.policy import Bind, Policy, Register, RoomKey


class Senders:
    """The rules of a policy about the senders of datagrams. `trust_declared`: see `Relay`."""

    def __init__(self, policy: Policy, store: Store, trust_declared: bool) -> None:
        self._policy = policy
        self._store = store
        self._trust_declared = trust_declared

    def room_of(self, up: Up) -> Room | None:
        """The room that a datagram means whose sender is found by its address."""
        if self._policy.room_key is RoomKey.TOKEN:
            return self._store.room(up.token)
        room = self._store.room(None if self._policy.room_key is RoomKey.ONE else up.room)
        if room is not None and up.token is not None:  # where it is said it must be the host's
            host, holder = self._store.host(room), self._store.by_token(up.token)
            if host is not None and (holder is None or holder.id != host.id):
                return None
        return room

    def may_come_from(self, member: Member, kind: UpKind, source: Address) -> bool:
        """Whether the policy lets this member's datagram come from this address."""
        policy = self._policy
        if policy.register is Register.MESSAGE and kind is UpKind.REGISTER:
            return self._trust_declared or member.ip == ip_of(source)  # its source becomes the member's address
        if policy.bind is Bind.IP:
            return member.ip == ip_of(source)
        if policy.bind is Bind.ADDRESS:
            if member.address is None:
                return policy.register is Register.LATEST  # its source becomes the member's address
            return address_key(member.address) == address_key(source)
        return True
