"""Datagrams of one layout after the other, until two members hear each other."""

import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from conformance.endpoint import refuses
from conformance.probe.asking import Control, nonce
from conformance.probe.layouts import (
    BINARY,
    Member,
    Seen,
    Type,
    Up,
    read_down,
    single_keys,
    typed,
    untyped,
    without_rooms,
)
from conformance.probe.members import Members, NoChat

REGISTER_WORDS = (
    "INITIAL", "__REGISTER__", "@join", "register", "REGISTER", "join", "JOIN", "/join", "__JOIN__", "init", "INIT",
    "hello", "connect", "/register",
)  # fmt: skip
LIKELY, AT_ONCE = 7, 3
"""Layouts that are tried one by one, since a wrong one ends some servers; and how many of the others at once."""
MOST_RENEWALS = 10
"""How often a server is started anew because a datagram ended it."""


class Finder(Members):
    """After `find`, `up` is understood."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        self._pending: dict[bytes, tuple[Member, Member, bytes, Up]] = {}
        self._witness: tuple[Member, socket.socket] | None = None
        """A member whose datagrams show whether anybody listens still."""
        self._fallback: Up | None = None

    def anybody_there(self) -> bool:
        """Whether UDP is open at all, as far as a machine tells."""
        line, up = self.line, Up(layout=BINARY[0]) if self.rooms else next(without_rooms())
        host, guest = self.pair(tell=True)
        data = up.write(guest, nonce().encode()) or b""
        asking = line.asking()
        self._witness = guest, asking
        self.leave_behind(host, guest)
        for attempt in range(2):
            if refuses(asking, data, 0.1):
                if attempt:
                    self._has_gone()
                return attempt > 0
            line.last = f"a datagram, {up.words} ({len(data)} bytes on UDP)"
        return True

    def _has_gone(self) -> None:
        """A datagram has ended chat: a server of our own is started anew. NoChat if it is none."""
        line, port = self.line, self.line.udp[1]
        line.killers.append(line.last)
        if not line.target.owned or line.restarts >= MOST_RENEWALS:
            raise NoChat(f"nothing listens on UDP port {port} any more after {line.last}")
        line.renew()
        _, guest = self.pair(tell=True)
        self._witness = guest, line.asking()

    def _gone(self) -> bool:
        """Whether the last layout ended chat, as far as a machine tells: a member that nobody listens to says something
        in it too, and what the port answered to that, or to what it said before, is looked at without waiting.
        """
        if self._witness is None:
            return False
        guest, asking = self._witness
        data = self.up.write(guest, nonce().encode())
        if data is None or not refuses(asking, data, 0.0):
            return False
        self._has_gone()
        return True

    def find(self) -> None:
        """Try layouts until a message arrives; NoChat if none does."""
        if not self.rooms:
            self.anybody_there()
            if not self._try_untyped([[up] for up in without_rooms()] * 2):
                raise NoChat("no datagram of any layout that is known reached anybody")
            if self.up.form == "json":
                self._narrow_json()
            return
        layouts = list(untyped())
        first, likely, rest = layouts[:1], layouts[1:LIKELY], layouts[LIKELY:]
        if not (
            self._try_untyped([first])
            or self._try_registering(first)
            or self._try_untyped([up] for up in likely)
            or self._try_registering(likely)
            or self._try_untyped(self._several(rest))
            or self._try_typed()
        ):
            if self._fallback is None:
                raise NoChat("no datagram of any layout that is known reached anybody")
            self.up = self._fallback
        self._check_name()
        if self.up.form == "json":
            self._narrow_json()

    def _try_untyped(self, several: Iterable[Sequence[Up]]) -> bool:
        """Layouts, those at once that are listed together."""
        host, guest = self.pair(tell=True)
        for ups in several:
            self.line.check_time()
            self.line.tell(f"datagrams: {', or '.join(up.words for up in ups)}")
            if self._passes(host, guest, ups):
                if self._explained():
                    return True
            elif self._gone():
                host, guest = self.pair(tell=True)
            elif self.line.target.ended() is not None:
                self.line.revive()
                host, guest = self.pair(tell=True)
        self.leave_behind(host, guest)
        return False

    def _several(self, layouts: Sequence[Up]) -> Iterator[Sequence[Up]]:
        """Some at once, unless the server has died of one."""
        while layouts:
            count = 1 if self.line.killers else AT_ONCE
            yield layouts[:count]
            layouts = layouts[count:]

    def _explained(self) -> bool:
        """Whether what came is all known; if not, the layout will do if no other does."""
        if read_down(self.seen[-1]) is not None:
            return True
        self._fallback = self._fallback or self.up
        return False

    def _passes(self, host: Member, guest: Member, ups: Sequence[Up] = ()) -> bool:
        """Both speak, the guest first, so that both have been heard of before the host's message goes. What comes late
        is still known for what it is: then it was an earlier layout that passed. `ups`: layouts to try at once; of
        those that pass the first that explains what came.
        """
        begun = time.monotonic()
        ups = ups or (self.up,)
        for up in ups:
            self.up = up
            if not up.typed and up.write(host, b""):  # at some servers nothing else makes one known
                self.say(guest, b"")
                self.say(host, b"")
            for speaker, listener in ((guest, host), (host, guest), (guest, host)):
                message = nonce().encode()
                if sent := self.say(speaker, message):
                    self._pending[message] = speaker, listener, sent, up
        self.line.hear(self._any_pending)
        if not self._any_pending():
            self.line.deaf += 1
            return False
        self.line.datagram_took(time.monotonic() - begun)
        self.line.hush(0.01)
        came = [
            (up, Seen(speaker, message, sent, data))
            for message, (speaker, listener, sent, up) in self._pending.items()
            for data in self.heard(listener, message)
        ]
        self.up = next((up for up, seen in came if read_down(seen) is not None), came[0][0])
        self.seen += [seen for up, seen in came if up == self.up]
        if self.up not in ups:  # it was slow: the next ones may be waited for
            self.line.hush(2 * self.line.hearing)
        self._pending.clear()
        return True

    def _any_pending(self) -> bool:
        return any(self.heard(listener, message) for message, (_, listener, _, _) in self._pending.items())

    def _try_registering(self, layouts: Iterable[Up]) -> bool:
        """A message that registers may be due before anything else."""
        for up in layouts:
            self.line.check_time()
            self.line.tell(f"datagrams: {up.words}, after words that register elsewhere")
            host, guest = self.pair(tell=True)
            self.up = up
            for member in (host, guest):
                for word in REGISTER_WORDS:
                    self.say(member, word.encode())
            if self._passes(host, guest) and self._explained():
                return self._which_word(self.up)
            self._gone()
            self.leave_behind(host, guest)
        return False

    def _which_word(self, up: Up) -> bool:
        """The first word that it takes; it may have been none of them that was missing, but time."""
        for word in ("", *REGISTER_WORDS):
            self.up = replace(up, register=word)
            host, guest = self.pair(tell=True)
            for member in (host, guest):
                self.say(member, word.encode())
            self.line.hush(0.02)
            if self._passes(host, guest):
                return True
            self.leave_behind(host, guest)
        return False

    def _try_typed(self) -> bool:
        """Types that chat; and where none does so by itself, types that register before it."""
        layouts = list(typed())
        if any(self._try_types(up, chats, ()) for up, chats, _ in layouts):
            return True
        for up, chats, registers in layouts:
            if up.form == "json" and not self._try_types(up, chats, registers):  # which of them does not matter yet
                continue
            if any(self._try_types(up, chats, (one,)) for one in registers):
                return True
        return False

    def _try_types(self, up: Up, chats: Iterable[Type], registers: tuple[Type, ...]) -> bool:
        self.line.check_time()
        how = f", registering with {' or '.join(map(repr, registers))}" if registers else ""
        self.line.tell(f"datagrams: {up.words}{how}")
        host, guest = self.pair(tell=True)
        for register in registers:
            for member in (host, guest):
                self.up = replace(up, type=register)
                self.say(member, b"")
        if registers:
            self.line.hush(0.02)
        register = registers[-1] if registers else None
        ups = [replace(up, type=chat, register_type=register) for chat in chats if chat not in registers]
        passed = self._passes(host, guest, ups)
        if not passed:
            self._gone()
        self.leave_behind(host, guest)
        return passed

    def _check_name(self) -> None:
        """Whether the name that comes is the one that was told; if not, it was told in the wrong place."""
        last = self.seen[-1]
        control, notes = self.control, self.notes
        if last.member.user.encode() in last.data or last.data in (last.message, last.sent):
            if control.shape.payload == "json" and last.member.user.encode() in last.data:
                why = "with this key alone a CREATE got a token, and the name came with chat"
                notes.learn("request.user-key", control.shape.user_keys[0], why, last.data)
            return
        shape = control.shape
        others = [replace(shape, user_keys=(key,)) for key in getattr(control, "other_users", [])]
        if shape.payload in ("raw", "length-prefixed"):
            others.append(replace(shape, counts="body" if shape.counts == "payload" else "payload"))
        for other in others:
            control.shape = other
            try:
                host, guest = self.pair(tell=True)
            except NoChat:
                continue
            if self._passes(host, guest) and self.seen[-1].member.user.encode() in self.seen[-1].data:
                data = self.seen[-1].data
                notes.learn("header.counts", other.counts, "only so does the user name come whole", data)
                if other.payload == "json":
                    notes.learn("request.user-key", other.user_keys[0], "only so does the user name come", data)
                return
        control.shape = shape

    def _narrow_json(self) -> None:
        """One key of the object at a time."""
        for name in ("room", "user", "token", "message"):
            for one in single_keys(self.up, name):
                if name == "message" and name not in one.keys:
                    continue
                before, self.up = self.up, one
                host, guest = self.pair(tell=True)
                if one.register_type is not None:
                    for member in (host, guest):
                        self.say(member, b"", type_=one.register_type)
                passed = self._passes(host, guest)
                self.leave_behind(host, guest)
                if passed and (name != "user" or self.seen[-1].member.user.encode() in self.seen[-1].data):
                    break
                self.up = before
        if self.up.typed and len(self.up.keys.get("type", ())) > 1:
            for one in list(single_keys(self.up, "type"))[1:]:
                before, self.up = self.up, one
                host, guest = self.pair(tell=True)
                if one.register_type is not None:
                    for member in (host, guest):
                        self.say(member, b"", type_=one.register_type)
                if self._passes(host, guest):
                    return
                self.up = before
