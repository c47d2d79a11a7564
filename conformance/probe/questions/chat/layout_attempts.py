"""Two members that say something in layouts that the server may understand."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from conformance.probe.questions.chat.chat import ProbedChat
from conformance.probe.questions.chat.client_layouts import ClientLayout
from conformance.probe.questions.chat.members import ProbedMember
from conformance.probe.questions.chat.server_layouts import Delivery, explain
from conformance.probe.random_names import random_message


class _Pending(NamedTuple):
    """A message that was sent and may still come."""

    speaker: ProbedMember
    listener: ProbedMember
    sent: bytes
    layout: ClientLayout


class LayoutAttempts:
    """Tries layouts with a host and a guest. A message that comes late is still known, and so is its layout."""

    def __init__(self, chat: ProbedChat) -> None:
        self._chat = chat
        self._pending: dict[bytes, _Pending] = {}

    def passes(self, host: ProbedMember, guest: ProbedMember, layouts: Sequence[ClientLayout] = ()) -> bool:
        """Whether a message of one comes to the other. The guest speaks first and last, so that the server knows both
        addresses before the host's message goes.

        `layouts`: tried at once; without any, the known one is tried. The known layout is then the one that passed,
        of several the first whose datagram can be explained; if none passed, it is the last one tried.
        """
        facts, udp, timing = self._chat.facts, self._chat.wire.udp, self._chat.wire.timing
        begun = time.monotonic()
        layouts = layouts or (facts.layout,)
        for layout in layouts:
            facts.layout = layout
            self._speak(host, guest)
        udp.hear(self._any_came)
        if not self._any_came():
            timing.datagrams_were_lost()
            return False
        timing.datagram_took(time.monotonic() - begun)
        udp.listen(0.01)
        came = [
            (one.layout, Delivery(one.speaker, message, one.sent, data))
            for message, one in self._pending.items()
            for data in one.listener.heard(message)
        ]
        facts.layout = next((layout for layout, delivery in came if explain(delivery) is not None), came[0][0])
        facts.deliveries += [delivery for layout, delivery in came if layout == facts.layout]
        if facts.layout not in layouts:  # the server was slow: the messages of later layouts may still come
            udp.listen(2 * timing.datagram_wait)
        self._pending.clear()
        return True

    def _speak(self, host: ProbedMember, guest: ProbedMember) -> None:
        talk, layout = self._chat.talk, self._chat.facts.layout
        if not layout.typed and layout.write(host, b""):  # at some servers nothing else makes an address known
            talk.say(guest, b"")
            talk.say(host, b"")
        for speaker, listener in ((guest, host), (host, guest), (guest, host)):
            message = random_message()
            if sent := talk.say(speaker, message):
                self._pending[message] = _Pending(speaker, listener, sent, layout)

    def _any_came(self) -> bool:
        return any(one.listener.heard(message) for message, one in self._pending.items())
