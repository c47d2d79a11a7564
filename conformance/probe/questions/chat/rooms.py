"""Rooms and their members: entering them, and leaving them behind."""

from conformance.probe.questions.chat.members import ProbedMember
from conformance.probe.questions.chat.talk import NoChat, Talk
from conformance.probe.questions.requests.asking import FREE, Requester
from conformance.probe.random_names import random_message, random_room
from conformance.probe.wire.udp import UdpSocket


class ProbedRooms:
    """Makes rooms and members. Without TCP there is one room, which has no name, and there are no tokens."""

    def __init__(self, requester: Requester, talk: Talk) -> None:
        self._requester = requester
        self._wire = requester.wire
        self._notes = requester.notes
        self._talk = talk

    def member(
        self, room: str | None, user: str, sockets: dict[str, UdpSocket] | None = None, *, tell_port: bool = False
    ) -> ProbedMember:
        """A new member: a guest of the room, or the host of a new one. `sockets` and `tell_port` as for Requester.ask.

        Raises NoChat if there is no token for it.
        """
        sockets = sockets or {FREE: self._wire.udp.open(user)}
        name = room or random_room()
        if not self._wire.server.has_tcp:
            return ProbedMember(name, user, b"", room is None, sockets)
        what = f"{'JOIN' if room else 'CREATE'} for {user}"
        answered = self._requester.ask(what, name, user, join=room is not None, sockets=sockets, tell_port=tell_port)
        if answered.token is None and room is None and self._requester.is_healthy():
            answered = self._requester.ask(what, name, user, sockets=sockets, tell_port=tell_port)
        if answered.token is None:
            raise NoChat(f"a {'JOIN' if room else 'CREATE'} got no token")
        return ProbedMember(name, user, answered.token, room is None, sockets)

    def pair(self, *, tell_port: bool = False) -> tuple[ProbedMember, ProbedMember]:
        """A host and a guest in a new room. Raises NoChat."""
        host = self.member(None, "alicia", tell_port=tell_port)
        return host, self.member(host.room, "bob", tell_port=tell_port)

    def settled(self) -> tuple[ProbedMember, ProbedMember]:
        """A host and a guest that have heard each other. Raises NoChat if chat no longer works."""
        server = self._wire.server
        for attempt in range(3):
            host, guest = self.pair()
            self.enter(host, guest)
            if self._talk.reach(host, guest) and self._talk.reach(guest, host):
                return host, guest
            self._wire.timing.patience = 3.0
            if attempt:
                if not server.owned:
                    break
                server.blame_last()
                server.renew()
        raise NoChat(f"chat no longer works; before that: {server.last}")

    def enter(self, *members: ProbedMember) -> None:
        """Make the members' addresses known to the server, as far as a datagram does that."""
        layout, address = self._talk.facts.layout, self._talk.facts.address
        for member in members:
            if layout.registers:
                self._talk.register(member)
            elif address.learnt in ("latest", "message"):
                self._talk.say(member, random_message() if address.by_chat else b"")

    def leave_behind(self, *members: ProbedMember) -> None:
        """Let members leave, the host last, as far as it is known how, and close their sockets."""
        for member in sorted(members, key=lambda one: one.host):
            self._leave(member, member.main)
        self._wire.udp.drop(socket for member in members for socket in member.sockets.values())

    def close_all(self) -> None:
        """Leave every room that was made, as far as it is known how, and can be done from another port."""
        socket = self._requester.socket
        for one in self._requester.created:
            self._leave(ProbedMember(one.room, one.user, one.token or b"", True, {FREE: socket}), socket)

    def _leave(self, member: ProbedMember, sender: UdpSocket) -> None:
        word, type_ = self._notes.value("chat.leave"), self._notes.value("up.leave-type")
        if type_ is not None:
            self._talk.say(member, b"", sender=sender, type_=type_)
        elif word:
            self._talk.say(member, str(word).encode(), sender=sender)
