"""What members say in datagrams, and who hears it."""

import time
from dataclasses import dataclass, field

from conformance.probe.questions.chat.client_layouts import ClientLayout, DatagramType
from conformance.probe.questions.chat.members import ProbedMember
from conformance.probe.questions.chat.server_layouts import Delivery, ServerLayout
from conformance.probe.random_names import random_message
from conformance.probe.wire.udp import UdpSocket
from conformance.probe.wire.wire import Wire


class NoChat(Exception):
    """No datagram of a member reached anybody. The message says how far it went."""


@dataclass(frozen=True)
class AddressRule:
    """How the server learns where a member hears. `learnt`: as in a dialect file; `by_chat`: an empty message does not
    make the address known.
    """

    learnt: str = "latest"
    by_chat: bool = False


@dataclass
class ChatFacts:
    """What is known of chat so far.

    `layout`: of clients' datagrams; `server_layout`: of the server's, or None; `address`: how addresses are learnt;
    `deliveries`: messages that came to another member, oldest first; `missing`: why there is no chat, in words, or "".
    """

    layout: ClientLayout = field(default_factory=ClientLayout)
    server_layout: ServerLayout | None = None
    address: AddressRule = field(default_factory=AddressRule)
    deliveries: list[Delivery] = field(default_factory=list)
    missing: str = ""

    @property
    def server_form(self) -> str | None:
        """The form of the server's datagrams, or None if it is not known."""
        return None if self.server_layout is None else self.server_layout.form


class Talk:
    """Datagrams in the layout of `facts`. `sent`: every datagram; `said`: every message in one."""

    def __init__(self, wire: Wire, facts: ChatFacts) -> None:
        self.wire = wire
        self.facts = facts
        self.sent: set[bytes] = set()
        self.said: set[bytes] = set()

    def say(
        self, member: ProbedMember, message: bytes, *, sender: UdpSocket | None = None, type_: DatagramType = None
    ) -> bytes:
        """Send a member's message. `sender`: another socket than the member's; `type_`: another type than chat's.

        Returns the datagram; it is empty, and none was sent, if the layout cannot carry the message, or is not known
        to be understood and has ended the server.
        """
        layout = self.facts.layout
        what = f"a datagram, {layout.words}"
        data = layout.write(member, message, type_)
        if data is None or (not self.facts.deliveries and self.wire.server.is_deadly(what)):
            return b""
        self.sent.add(data)
        self.said.add(message)
        self.wire.udp.send(sender or member.main, data, what)
        return data

    def register(self, *members: ProbedMember) -> None:
        """Send for each member the message that makes its address known."""
        layout = self.facts.layout
        for member in members:
            self.say(member, layout.register.encode(), type_=layout.register_type)

    def reach(
        self, speaker: ProbedMember, *listeners: ProbedMember, sender: UdpSocket | None = None, tail: bytes = b""
    ) -> bool:
        """Whether a message of one member comes to all of the others. It is tried twice.

        `sender`: another socket than the speaker's; `tail`: bytes at the end of the message. Raises OutOfTime.
        """
        udp, timing = self.wire.udp, self.wire.timing
        for _ in range(2):
            timing.check()
            message = random_message() + tail
            begun = time.monotonic()
            sent = self.say(speaker, message, sender=sender)
            if udp.hear(lambda: all(one.heard(message) for one in listeners), self.known_wait(2.5)):  # noqa: B023
                timing.datagram_took(time.monotonic() - begun)
                for one in listeners:
                    for data in one.heard(message):
                        self.facts.deliveries.append(Delivery(speaker, message, sent, data))
                return True
        return False

    def known_wait(self, factor: float) -> float:
        """Seconds to wait for a message of which one knows that it comes if any does, `factor` times the usual wait."""
        return min(self.wire.timing.left, factor * self.wire.timing.datagram_wait)
