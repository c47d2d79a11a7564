"""Two members, and datagrams until one hears the other; then how the server learns where a member is."""

import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from conformance.probe.asking import Control, fresh, nonce
from conformance.probe.conversations import Line, Socket
from conformance.probe.layouts import BINARY, Down, Member, Seen, Type, Up, read_down, single_keys, typed, untyped
from conformance.probe.learning import Notebook, Sure

REGISTER_WORDS = (
    "INITIAL", "__REGISTER__", "@join", "register", "REGISTER", "join", "JOIN", "/join", "__JOIN__", "init", "INIT",
    "hello", "connect", "/register",
)  # fmt: skip
SECOND_ADDRESS = "127.0.0.2"


class NoChat(Exception):
    """No datagram of a member reached anybody; the message says how far it went."""


@dataclass
class Way:
    """How a member's address is learnt. `register`: the message that does it, where there is one."""

    learnt: str = "latest"
    by_chat: bool = False
    """Only a message that is not empty makes it known."""


class Chat:
    """Members and what they say. After `find`, `up` is understood and `seen` holds what came of it."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.line: Line = control.line
        self.notes: Notebook = control.notes
        self.up = Up()
        self.seen: list[Seen] = []
        self.down: Down | None = None
        self.way = Way()
        self.separate = False
        self.number = 0
        self.sent: set[bytes] = set()
        self.said: set[bytes] = set()
        self._pending: dict[bytes, tuple[Member, Member, bytes, Up]] = {}

    # --------------------------------------------------------------------------------------------------------- members

    def member(
        self, room: str | None, user: str, sockets: dict[str, Socket] | None = None, *, tell: bool = False
    ) -> Member:  # fmt: skip
        """A new member: the host of a new room, or a guest. NoChat if there is no token for him."""
        ways = sockets or {"": self.line.socket(user)}
        name = room or fresh()
        answered = self.control.request(
            f"{'JOIN' if room else 'CREATE'} for {user}", name, user, join=room is not None, sockets=ways, tell=tell
        )
        if answered.token is None and room is None and self.control.healthy():
            answered = self.control.request(f"CREATE for {user}", name, user, sockets=ways, tell=tell)
        if answered.token is None and room is not None and self.number == 0:
            for operation in (3, 0):
                if operation == self.control.shape.create:
                    continue
                answered = self.control.request(
                    f"JOIN as operation {operation}", name, user, operation=operation, sockets=ways
                )
                if answered.token is not None:
                    self.control.shape = replace(self.control.shape, join=operation)
                    self.notes.learn("request.join", operation, "a JOIN with this operation got a token", answered.sent)
                    break
        if answered.token is None:
            raise NoChat(f"a {'JOIN' if room else 'CREATE'} got no token")
        self.number += 1
        self.joined = answered if room else getattr(self, "joined", None)
        return Member(name, user, answered.token, room is None, ways)

    def pair(self, *, tell: bool = False) -> tuple[Member, Member]:
        """A host and a guest in a new room."""
        host = self.member(None, "alicia", tell=tell)
        return host, self.member(host.room, "bob", tell=tell)

    def settled(self) -> tuple[Member, Member]:
        """The same, once each has heard the other."""
        for attempt in range(3):
            host, guest = self.pair()
            self.enter(host, guest)
            if self.reach(host, guest) and self.reach(guest, host):
                return host, guest
            self.line.patience = 3.0
            if attempt:
                if not self.line.target.owned:
                    break
                self.line.killers.append(self.line.last)
                self.line.renew()
        raise NoChat(f"chat no longer works; before that: {self.line.last}")

    def enter(self, *members: Member) -> None:
        """Make their addresses known, as far as they have to."""
        for member in members:
            if self.up.register_type is not None or self.up.register:
                self.say(member, self.up.register.encode(), type_=self.up.register_type)
            if self.way.learnt == "latest":
                self.say(member, nonce().encode() if self.way.by_chat else b"")

    def say(self, member: Member, message: bytes, *, sender: Socket | None = None, type_: Type = None) -> bytes:
        data = self.up.write(member, message, type_)
        if data is not None:
            self.sent.add(data)
            self.said.add(message)
            self.line.send(sender or member.main, data, f"a datagram, {self.up.words}")
        return data or b""

    def reach(self, speaker: Member, *listeners: Member, sender: Socket | None = None, tail: bytes = b"") -> bool:
        """Whether a message of one comes to all of the others, on whatever sockets."""
        for _ in range(2):
            message = nonce().encode() + tail
            begun = time.monotonic()
            sent = self.say(speaker, message, sender=sender)
            if self.line.hear(lambda: all(self.heard(one, message) for one in listeners), 2.5 * self.line.hearing):  # noqa: B023
                self.line.datagram_took(time.monotonic() - begun)
                for one in listeners:
                    for data in self.heard(one, message):
                        self.seen.append(Seen(speaker, message, sent, data))
                return True
        return False

    def heard(self, member: Member, mark: bytes) -> list[bytes]:
        """What came to a member and holds the mark."""
        return [data for one in member.sockets.values() for data in one.inbox if mark in data]

    def sockets_heard_any(self, member: Member) -> bool:
        return any(one.inbox for one in member.sockets.values())

    def sockets_that_heard(self, member: Member, mark: bytes) -> list[str]:
        return [name for name, one in member.sockets.items() if any(mark in data for data in one.inbox)]

    def leave_behind(self, *members: Member) -> None:
        """They leave, the host last, as far as it is known how; and their sockets are closed."""
        for member in sorted(members, key=lambda one: one.host):
            self._leave(member, member.main)
        self.line.drop(socket for member in members for socket in member.sockets.values())

    def close_rooms(self) -> None:
        """Leave every room that was made, as far as it is known how, and can be done from another port."""
        for one in self.control.created:
            self._leave(
                Member(one.room, one.user, one.token or b"", True, {"": self.control.socket}), self.control.socket
            )

    def _leave(self, member: Member, sender: Socket) -> None:
        word, type_ = self.notes.value("chat.leave"), self.notes.value("up.leave-type")
        if type_ is not None:
            self.say(member, b"", sender=sender, type_=type_)
        elif word:
            self.say(member, str(word).encode(), sender=sender)

    # ---------------------------------------------------------------------------------------------- what is understood

    def anybody_there(self) -> bool:
        """Whether UDP is open at all, as far as a machine tells."""
        host, guest = self.pair(tell=True)
        data = Up(layout=BINARY[0]).write(guest, nonce().encode())
        with socket.socket(self.line.family, socket.SOCK_DGRAM) as asking:
            asking.connect(self.line.udp)
            asking.settimeout(0.1)
            for _ in range(2):
                try:
                    asking.send(data or b"")
                    asking.recv(1)
                except TimeoutError:
                    continue
                except ConnectionRefusedError:
                    return False
                except OSError:
                    break
        self.leave_behind(host, guest)
        return True

    def find(self) -> None:
        """Try layouts until a message arrives; NoChat if none does."""
        host, guest = self.pair(tell=True)
        if self._try_untyped(host, guest) or self._try_registering() or self._try_typed():
            self._check_name()
            if self.up.form == "json":
                self._narrow_json()
            return
        raise NoChat("no datagram of any layout that is known reached anybody")

    def _try_untyped(self, host: Member, guest: Member) -> bool:
        fallback: Up | None = None
        layouts = list(untyped())
        for up in (layouts[0], *layouts):  # the first one twice: registering may take its time
            self.line.check_time()
            self.line.tell(f"datagrams: {up.words}")
            self.up = up
            if not self._passes(host, guest):
                if self.line.target.ended() is not None:
                    self.line.revive()
                    host, guest = self.pair(tell=True)
                continue
            if read_down(self.seen[-1]) is not None:
                return True
            fallback = fallback or self.up
        if fallback is not None:
            self.up = fallback
            return True
        return False

    def _passes(self, host: Member, guest: Member) -> bool:
        """Both speak, the guest first, so that both have been heard of before the host's message goes. What comes late
        is still known for what it is: then it was an earlier layout that passed.
        """
        begun = time.monotonic()
        for speaker, listener in ((guest, host), (host, guest), (guest, host)):
            message = nonce().encode()
            sent = self.say(speaker, message)
            if not sent:
                return False
            self._pending[message] = speaker, listener, sent, self.up
        self.line.hear(self._any_pending)
        if not self._any_pending():
            self.line.deaf += 1
            return False
        self.line.datagram_took(time.monotonic() - begun)
        self.line.hush(0.01)
        for message, (speaker, listener, sent, up) in list(self._pending.items()):
            for data in self.heard(listener, message):
                self.seen.append(Seen(speaker, message, sent, data))
                self.up = up
        if self.up != self._pending[message][3]:  # it was slow: the next ones may be waited for
            self.line.hush(2 * self.line.hearing)
        self._pending.clear()
        return True

    def _any_pending(self) -> bool:
        return any(self.heard(listener, message) for message, (_, listener, _, _) in self._pending.items())

    def _try_registering(self) -> bool:
        """A message that registers may be due before anything else."""
        for up in list(untyped())[:7]:
            self.line.check_time()
            host, guest = self.pair(tell=True)
            self.up = up
            for member in (host, guest):
                for word in REGISTER_WORDS:
                    self.say(member, word.encode())
            if self._passes(host, guest):
                return self._which_word(up)
            self.leave_behind(host, guest)
        return False

    def _which_word(self, up: Up) -> bool:
        for word in REGISTER_WORDS:
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
        for up, chats, registers in typed():
            for number, register in enumerate((None, *registers)):
                self.line.check_time()
                self.line.tell(f"datagrams: {up.words}, registering with {register!r}")
                host, guest = self.pair(tell=True)
                if register is not None:
                    for member in (host, guest):
                        self.up = replace(up, type=register)
                        self.say(member, b"")
                    self.line.hush(0.02)
                for chat in chats:
                    self.up = replace(up, type=chat, register_type=register)
                    if chat != register and self._passes(host, guest):
                        return True
                self.leave_behind(host, guest)
                if number and self.line.hearing > 0.3:
                    break
        return False

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

    # ---------------------------------------------------------------------------------------- how an address is learnt

    def learn_address(self) -> None:
        """A guest with a socket of its own for every way by which he may be known: which of them hears?"""
        if not self._try_address():
            self.line.patience = 3.0
            if not self._try_address():
                self.notes.learn("address.learnt", "latest", "which of several ways it is could not be seen",
                                 sure=Sure.ASSUMED)  # fmt: skip
                self.way = Way("latest", by_chat=True)

    def _try_address(self) -> bool:
        control = self.control
        host = self.member(None, "alicia", tell=True)
        names = ["", "tcp", "handshake"]
        if control.shape.payload == "json":
            names += [*control.shape.pair_keys, *control.shape.port_keys]
        guest = self.member(host.room, "bob", {name: self.line.socket(name or "free") for name in names}, tell=True)
        self._register(host)
        self.say(host, nonce().encode())
        told = self._who_hears(host, guest)
        if self.up.register or self.up.register_type is not None:
            self._learn_register(host, guest, told)
            return True
        known = guest.sockets[told[0]] if told else guest.main
        self.line.hush(0.02)
        before = len(host.main.inbox)
        self.say(guest, b"", sender=known)
        self.line.hush()
        relayed = host.main.inbox[before:]
        if told:
            self.say(guest, b"")
        by_empty = self._who_hears(host, guest)
        self._learn_empty(relayed, guest, by_empty)
        self.say(guest, nonce().encode())
        by_chat = self._who_hears(host, guest)
        self.leave_behind(host, guest)
        return self._conclude(told, by_empty, by_chat)

    def _register(self, member: Member) -> None:
        if self.up.register or self.up.register_type is not None:
            self.say(member, self.up.register.encode(), type_=self.up.register_type)

    def _who_hears(self, host: Member, guest: Member) -> list[str]:
        """The names of the guest's sockets to which a message of the host comes."""
        for _ in range(2):
            message = nonce().encode()
            self.say(host, message)
            if self.line.hear(lambda: bool(self.sockets_that_heard(guest, message)), 1.5 * self.line.hearing):  # noqa: B023
                self.line.hush(0.02)
                return self.sockets_that_heard(guest, message)
        return []

    def _learn_register(self, host: Member, guest: Member, told: list[str]) -> None:
        notes = self.notes
        self._register(guest)
        self.line.hush(0.03)
        heard = self._who_hears(host, guest)
        how = f"the register message {self.up.register!r}" if self.up.register else f"type {self.up.register_type!r}"
        sure = Sure.SURE if "" in heard and "" not in told else Sure.LIKELY
        notes.learn("address.learnt", "message", f"a member hears nothing before {how}, and then it does", sure=sure)
        if self.up.register:
            notes.learn("address.message", self.up.register, "after it messages come, before it none do")
        notes.not_learnt("chat.empty", "registering is a message of its own here")
        self.way = Way("message")
        self.leave_behind(host, guest)

    def _learn_empty(self, relayed: list[bytes], guest: Member, heard: list[str]) -> None:
        notes, empty = self.notes, self.up.write(guest, b"")
        copies = [data for data in relayed if guest.user.encode() in data or data in (b"", empty)]
        if copies:
            notes.learn("chat.empty", "relayed", "an empty message came to the other member", copies[0])
        elif "" in heard:
            notes.learn("chat.empty", "registers", "after it messages come, and nobody saw it", empty)
        else:
            notes.learn("chat.empty", "ignored", "nobody saw it, and it made no address known", empty, sure=Sure.LIKELY,
                        accepts=("registers",))  # fmt: skip

    def _conclude(self, told: list[str], by_empty: list[str], by_chat: list[str]) -> bool:
        notes, control = self.notes, self.control
        declared = [name for name in told if name not in ("", "tcp", "handshake")]
        if "handshake" in told:
            notes.learn("address.learnt", "handshake", "messages come to the port told on TCP after the token")
            self.way, control.handshakes = Way("handshake"), True
            control.shape = replace(control.shape, pair_keys=(), ip_keys=(), port_keys=())
        elif declared:
            self._learn_declared(declared[0])
        elif "" in by_empty or "" in by_chat:
            by_first = "" in by_empty
            what = "an empty message" if by_first else "a message"
            before = "" if told else ", and before it to nowhere"
            notes.learn("address.learnt", "latest", f"messages come to where {what} was sent from{before}")
            self.way = Way("latest", by_chat=not by_first)
            if not control.handshakes and control.declares == "may":
                control.shape = replace(control.shape, pair_keys=(), ip_keys=(), port_keys=())
        elif "tcp" in told:
            notes.learn("address.learnt", "tcp", "messages come to the port that TCP came from")
            self.way = Way("tcp")
            control.shape = replace(control.shape, pair_keys=(), ip_keys=(), port_keys=())
        else:
            return False
        control.shares_port = self.way.learnt == "tcp"
        return True

    def _learn_declared(self, key: str) -> None:
        notes, control, shape = self.notes, self.control, self.control.shape
        proof = f"messages come to the port declared under {key!r}"
        notes.learn("address.learnt", "request", proof)
        if key in shape.pair_keys:
            notes.learn("request.address", "pair", proof)
            notes.learn("request.address-key", key, proof)
            control.shape = replace(shape, pair_keys=(key,), ip_keys=(), port_keys=())
        else:
            notes.learn("request.address", "ip-and-port", proof)
            notes.learn("request.port-key", key, proof)
            control.shape = replace(shape, pair_keys=(), port_keys=(key,))
            self._narrow_ip(shape.ip_keys, key)
        self.way = Way("request")

    def _narrow_ip(self, keys: Iterable[str], port: str) -> None:
        for ip in keys:
            before = self.control.shape
            self.control.shape = replace(before, ip_keys=(ip,))
            try:
                host, guest = self.pair()
            except NoChat:
                self.control.shape = before
                continue
            if self.reach(host, guest):
                self.notes.learn("request.ip-key", ip, f"with {port!r} and this alone messages come")
                return
            self.control.shape = before

    def declared(self) -> Mapping[str, object]:
        """What of an address the requests must hold, where it is not used to send to."""
        shape = self.control.shape
        if self.way.learnt == "request" or control_may(self.control) or not (shape.pair_keys or shape.port_keys):
            return {}
        if shape.pair_keys:
            return {"request.address": "pair", "request.address-key": shape.pair_keys[0]}
        return {
            "request.address": "ip-and-port",
            "request.ip-key": shape.ip_keys[0],
            "request.port-key": shape.port_keys[0],
        }


def control_may(control: Control) -> bool:
    """Whether requests do without an address."""
    return control.shape.payload != "json" or control.declares != "must"
