"""The search for a layout of datagrams that the server understands: two members hear each other in it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from conformance.probe.questions.chat.chat import ProbedChat
from conformance.probe.questions.chat.client_layouts import (
    ClientLayout,
    DatagramType,
    typed,
    untyped,
    without_rooms,
)
from conformance.probe.questions.chat.layout_attempts import LayoutAttempts
from conformance.probe.questions.chat.layout_narrowing import check_user_name, narrow_json
from conformance.probe.questions.chat.listening import UdpPort
from conformance.probe.questions.chat.server_layouts import explain
from conformance.probe.questions.chat.talk import NoChat

REGISTER_WORDS = (
    "INITIAL", "__REGISTER__", "@join", "register", "REGISTER", "join", "JOIN", "/join", "__JOIN__", "init", "INIT",
    "hello", "connect", "/register",
)  # fmt: skip
LIKELY = 7
"""Layouts that are tried one by one, since a wrong one ends some servers."""
AT_ONCE = 3
"""How many of the other layouts are tried at once."""
NOTHING_ARRIVED = "no datagram of any layout that is known reached anybody"


class LayoutSearch:
    """Tries layouts, the likeliest first. `port`: the server's UDP port, which a wrong layout may close."""

    def __init__(self, chat: ProbedChat) -> None:
        self.port = UdpPort(chat)
        self._chat = chat
        self._facts = chat.facts
        self._attempts = LayoutAttempts(chat)
        self._unexplained: ClientLayout | None = None
        """The first layout that passed, and whose datagrams at the other end hold something unknown."""

    def find(self) -> None:
        """Try layouts until one passes, and put it into the facts. Raises NoChat if none does, and OutOfTime."""
        if not self._chat.wire.server.has_tcp:
            self.port.is_open()
            if not self._try_untyped([[layout] for layout in without_rooms()] * 2):
                raise NoChat(NOTHING_ARRIVED)
        else:
            if not self._try_all():
                if self._unexplained is None:
                    raise NoChat(NOTHING_ARRIVED)
                self._facts.layout = self._unexplained
            check_user_name(self._chat, self._attempts)
        if self._facts.layout.form == "json":
            narrow_json(self._chat, self._attempts)

    def _try_all(self) -> bool:
        layouts = list(untyped())
        first, likely, rest = layouts[:1], layouts[1:LIKELY], layouts[LIKELY:]
        return (
            self._try_untyped([first])
            or self._try_registering(first)
            or self._try_untyped([layout] for layout in likely)
            or self._try_registering(likely)
            or self._try_untyped(self._several(rest))
            or self._try_typed()
        )

    def _try_untyped(self, several: Iterable[Sequence[ClientLayout]]) -> bool:
        """Try layouts without a type field, at once those that are listed together."""
        wire, rooms = self._chat.wire, self._chat.rooms
        host, guest = rooms.pair(tell_port=True)
        for layouts in several:
            wire.timing.check()
            wire.tell(f"datagrams: {', or '.join(layout.words for layout in layouts)}")
            if self._attempts.passes(host, guest, layouts):
                if self._is_explained():
                    return True
            elif self.port.was_closed():
                host, guest = rooms.pair(tell_port=True)
            elif wire.server.target.ended() is not None:
                wire.server.revive()
                host, guest = rooms.pair(tell_port=True)
        rooms.leave_behind(host, guest)
        return False

    def _several(self, layouts: Sequence[ClientLayout]) -> Iterator[Sequence[ClientLayout]]:
        """Some layouts at a time, and one at a time once a request or a datagram has ended the server."""
        while layouts:
            count = 1 if self._chat.wire.server.killers else AT_ONCE
            yield layouts[:count]
            layouts = layouts[count:]

    def _is_explained(self) -> bool:
        """Whether everything in the datagram that came is known. If not, the layout is taken if no other passes."""
        if explain(self._facts.deliveries[-1]) is not None:
            return True
        self._unexplained = self._unexplained or self._facts.layout
        return False

    def _try_registering(self, layouts: Iterable[ClientLayout]) -> bool:
        """Try layouts after messages that register a member at other servers."""
        wire, rooms = self._chat.wire, self._chat.rooms
        for layout in layouts:
            wire.timing.check()
            wire.tell(f"datagrams: {layout.words}, after words that register elsewhere")
            host, guest = rooms.pair(tell_port=True)
            self._facts.layout = layout
            for member in (host, guest):
                for word in REGISTER_WORDS:
                    self._chat.talk.say(member, word.encode())
            if self._attempts.passes(host, guest) and self._is_explained():
                return self._find_register_word(self._facts.layout)
            self.port.was_closed()
            rooms.leave_behind(host, guest)
        return False

    def _find_register_word(self, layout: ClientLayout) -> bool:
        """Find the word that registers. It may be none: then only time was missing."""
        for word in ("", *REGISTER_WORDS):
            self._facts.layout = replace(layout, register=word)
            host, guest = self._chat.rooms.pair(tell_port=True)
            for member in (host, guest):
                self._chat.talk.say(member, word.encode())
            self._chat.wire.udp.listen(0.02)
            if self._attempts.passes(host, guest):
                return True
            self._chat.rooms.leave_behind(host, guest)
        return False

    def _try_typed(self) -> bool:
        """Try layouts with a type field: first types that are chat by themselves, then after types that register."""
        layouts = list(typed())
        if any(self._try_types(layout, chats, ()) for layout, chats, _ in layouts):
            return True
        for layout, chats, registers in layouts:
            if layout.form == "json" and not self._try_types(layout, chats, registers):
                continue  # all types that register, at once, did not help
            if any(self._try_types(layout, chats, (one,)) for one in registers):
                return True
        return False

    def _try_types(
        self, layout: ClientLayout, chats: Iterable[DatagramType], registers: tuple[DatagramType, ...]
    ) -> bool:
        """Try the layout with types that may be chat, at once, after datagrams of the types that may register."""
        wire, rooms = self._chat.wire, self._chat.rooms
        wire.timing.check()
        how = f", registering with {' or '.join(map(repr, registers))}" if registers else ""
        wire.tell(f"datagrams: {layout.words}{how}")
        host, guest = rooms.pair(tell_port=True)
        for register in registers:
            for member in (host, guest):
                self._facts.layout = replace(layout, type=register)
                self._chat.talk.say(member, b"")
        if registers:
            wire.udp.listen(0.02)
        register = registers[-1] if registers else None
        layouts = [replace(layout, type=chat, register_type=register) for chat in chats if chat not in registers]
        passed = self._attempts.passes(host, guest, layouts)
        if not passed:
            self.port.was_closed()
        rooms.leave_behind(host, guest)
        return passed
