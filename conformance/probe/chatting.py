"""Two members who hear each other: how does the server learn where a member is?"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from conformance.probe.asking import Control, nonce
from conformance.probe.finding import Finder
from conformance.probe.layouts import Member
from conformance.probe.learning import Sure
from conformance.probe.members import NoChat, Way

SECOND_ADDRESS = "127.0.0.2"


class Chat(Finder):
    """Members of whom the server knows where they are, once `learn_address` has found out how."""

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
        by_empty_alone = "" in by_empty and not told and not self._knows_by_chat(host)
        self.leave_behind(host, guest)
        if by_empty_alone:
            why = "after an empty message messages come, after any other none do"
            self.notes.learn("address.learnt", "message", why)
            self.way = Way("message")
            self.control.shape = replace(self.control.shape, pair_keys=(), ip_keys=(), port_keys=())
            return True
        return self._conclude(told, by_empty, by_chat)

    def _knows_by_chat(self, host: Member) -> bool:
        """Whether one more guest, who begins with a message that is not empty, hears what is said then."""
        late = self.member(host.room, "carl", tell=True)
        self.say(late, nonce().encode())
        heard = self._who_hears(host, late)
        self.leave_behind(late)
        return bool(heard)

    def _register(self, member: Member) -> None:
        self.say(member, self.up.register.encode(), type_=self.up.register_type)

    def _who_hears(self, host: Member, guest: Member) -> list[str]:
        """The names of the guest's sockets to which a message of the host comes."""
        for _ in range(2):
            self.line.check_time()
            message = nonce().encode()
            self.say(host, message)
            if self.line.hear(lambda: bool(self.sockets_that_heard(guest, message)), self._patient(1.5)):  # noqa: B023
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
