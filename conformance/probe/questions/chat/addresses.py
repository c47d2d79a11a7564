"""How the server learns at which address a member hears."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from conformance.probe.notebook import Sure
from conformance.probe.questions.chat.chat import ProbedChat
from conformance.probe.questions.chat.layout_search import REGISTER_WORDS
from conformance.probe.questions.chat.members import ProbedMember
from conformance.probe.questions.chat.talk import AddressRule, NoChat
from conformance.probe.questions.requests.asking import FREE, HANDSHAKE, TCP
from conformance.probe.questions.requests.shapes import RequestShape
from conformance.probe.random_names import random_message


def learn_address(chat: ProbedChat) -> None:
    """Learn by which of several ways the server knows a member's address. Raises NoChat and OutOfTime."""
    search = _AddressSearch(chat)
    if not search.find():
        chat.wire.timing.patience = 3.0
        if not search.find():
            why = "which of several ways it is could not be seen"
            chat.notes.learn("address.learnt", "latest", why, sure=Sure.ASSUMED)
            chat.facts.address = AddressRule("latest", by_chat=True)


def declared_address(chat: ProbedChat) -> Mapping[str, object]:
    """What requests must hold of an address that is not sent to: settings by their dotted keys."""
    facts, shape = chat.requester.facts, chat.requester.facts.shape
    unused = chat.facts.address.learnt != "request" and (shape.pair_keys or shape.port_keys)
    if not unused or not facts.needs_address:
        return {}
    if shape.pair_keys:
        return {"request.address": "pair", "request.address-key": shape.pair_keys[0]}
    return {
        "request.address": "ip-and-port", "request.ip-key": shape.ip_keys[0], "request.port-key": shape.port_keys[0],
    }  # fmt: skip


class _AddressSearch:
    """Gives a guest a socket of its own for every way in which its address may be learnt, and sees which one hears."""

    def __init__(self, chat: ProbedChat) -> None:
        self._chat = chat
        self._talk = chat.talk
        self._rooms = chat.rooms
        self._udp = chat.wire.udp
        self._notes = chat.notes

    def find(self) -> bool:
        """Whether the way was seen. It is learnt, and stands in the facts of chat."""
        facts = self._chat.facts
        host = self._rooms.member(None, "alicia", tell_port=True)
        sockets = {name: self._udp.open(name or "free") for name in self._ways()}
        guest = self._rooms.member(host.room, "bob", sockets, tell_port=True)
        self._talk.register(host)
        self._talk.say(host, random_message())
        before = self._sockets_that_hear(host, guest)
        if facts.layout.registers:
            self._learn_register(host, guest, before)
            return True
        after_empty = self._say_empty(host, guest, before)
        self._talk.say(guest, random_message())
        after_chat = self._sockets_that_hear(host, guest)
        only_empty = FREE in after_empty and not before and not self._is_known_by_chat(host)
        self._rooms.leave_behind(host, guest)
        if only_empty:
            why = "after an empty message messages come, after any other none do"
            self._notes.learn("address.learnt", "message", why)
            self._take("message", self._shape.without_address())
            return True
        return self._conclude(before, after_empty, after_chat)

    def _ways(self) -> list[str]:
        names = [FREE, TCP, HANDSHAKE]
        if self._shape.payload == "json":
            names += [*self._shape.pair_keys, *self._shape.port_keys]
        return names

    @property
    def _shape(self) -> RequestShape:
        return self._chat.requester.facts.shape

    def _take(self, learnt: str, shape: RequestShape, *, by_chat: bool = False) -> None:
        self._chat.facts.address = AddressRule(learnt, by_chat)
        self._chat.requester.facts.shape = shape

    def _sockets_that_hear(self, host: ProbedMember, guest: ProbedMember) -> list[str]:
        """The names of the guest's sockets to which a message of the host comes."""
        for _ in range(2):
            self._chat.wire.timing.check()
            message = random_message()
            self._talk.say(host, message)
            if self._udp.hear(lambda: bool(guest.sockets_that_heard(message)), self._talk.known_wait(1.5)):  # noqa: B023
                self._udp.listen(0.02)
                return guest.sockets_that_heard(message)
        return []

    def _is_known_by_chat(self, host: ProbedMember) -> bool:
        """Whether another guest, whose first message is not empty, hears what is said then."""
        late = self._rooms.member(host.room, "carl", tell_port=True)
        self._talk.say(late, random_message())
        heard = self._sockets_that_hear(host, late)
        self._rooms.leave_behind(late)
        return bool(heard)

    def _learn_register(self, host: ProbedMember, guest: ProbedMember, before: list[str]) -> None:
        """A message, or a type, of its own registers. `before`: the sockets that heard without it."""
        notes, layout = self._notes, self._chat.facts.layout
        self._talk.register(guest)
        self._udp.listen(0.03)
        heard = self._sockets_that_hear(host, guest)
        how = f"the register message {layout.register!r}" if layout.register else f"type {layout.register_type!r}"
        sure = Sure.SURE if FREE in heard and FREE not in before else Sure.LIKELY
        notes.learn("address.learnt", "message", f"a member hears nothing before {how}, and then it does", sure=sure)
        if layout.register:
            notes.learn("address.message", layout.register, "after it messages come, before it none do")
        notes.leave_open("chat.empty", "registering is a message of its own here")
        self._take("message", self._shape)
        self._rooms.leave_behind(host, guest)

    def _say_empty(self, host: ProbedMember, guest: ProbedMember, before: list[str]) -> list[str]:
        """Let the guest say an empty message, and learn what becomes of it. Returns the sockets that hear then."""
        known = guest.sockets[before[0]] if before else guest.main
        self._udp.listen(0.02)
        seen = len(host.main.inbox)
        self._talk.say(guest, b"", sender=known)
        self._udp.listen()
        relayed = host.main.inbox[seen:]
        if before:
            self._talk.say(guest, b"")
        heard = self._sockets_that_hear(host, guest)
        self._learn_empty(relayed, guest, heard)
        return heard

    def _learn_empty(self, relayed: list[bytes], guest: ProbedMember, heard: list[str]) -> None:
        notes, empty = self._notes, self._chat.facts.layout.write(guest, b"")
        copies = [data for data in relayed if guest.user.encode() in data or data in (b"", empty)]
        if copies:
            notes.learn("chat.empty", "relayed", "an empty message came to the other member", copies[0])
        elif FREE in heard:
            notes.learn("chat.empty", "registers", "after it messages come, and nobody saw it", empty)
        else:
            notes.learn("chat.empty", "ignored", "nobody saw it, and it made no address known", empty, sure=Sure.LIKELY,
                        accepts=("registers",))  # fmt: skip

    def _conclude(self, before: list[str], after_empty: list[str], after_chat: list[str]) -> bool:
        """Learn the way from the sockets that heard before the guest said anything, and after its messages."""
        notes, facts, shape = self._notes, self._chat.requester.facts, self._shape
        declared = [name for name in before if name not in (FREE, TCP, HANDSHAKE)]
        if HANDSHAKE in before:
            notes.learn("address.learnt", "handshake", "messages come to the port told on TCP after the token")
            facts.handshakes = True
            self._take("handshake", shape.without_address())
        elif declared and facts.declares == "may" and self._is_found_without_declaring():
            return True
        elif declared:
            self._learn_declared(declared[0])
        elif FREE in after_empty or FREE in after_chat:
            by_empty = FREE in after_empty
            what = "an empty message" if by_empty else "a message"
            tail = "" if before else ", and before it to nowhere"
            notes.learn("address.learnt", "latest", f"messages come to where {what} was sent from{tail}")
            needless = not facts.handshakes and facts.declares == "may"
            self._take("latest", shape.without_address() if needless else shape, by_chat=not by_empty)
        elif TCP in before and (word := self._register_word()):
            why = "after it messages come to where it was sent from, before it to the port that TCP came from"
            notes.learn("address.learnt", "message", why)
            notes.learn("address.message", word, why)
            self._chat.facts.layout = replace(self._chat.facts.layout, register=word)
            self._take("message", shape.without_address())
        elif TCP in before:
            notes.learn("address.learnt", "tcp", "messages come to the port that TCP came from")
            self._take("tcp", shape.without_address())
        else:
            return False
        facts.shares_port = self._chat.facts.address.learnt == "tcp"
        return True

    def _is_found_without_declaring(self) -> bool:
        """Whether the server finds a member that declares nothing, by what it sends: then a key is not needed."""
        facts, shape = self._chat.requester.facts, self._shape
        facts.shape = shape.without_address()
        if self.find() and self._chat.facts.address.learnt in ("latest", "message"):
            return True
        facts.shape = shape
        return False

    def _register_word(self) -> str | None:
        """The word after which messages come to where it was sent from. None: no known one does that."""
        host = self._rooms.member(None, "alicia", tell_port=True)
        self._talk.say(host, random_message())
        found = self._hears_after(host, "bob", REGISTER_WORDS)
        words = enumerate(REGISTER_WORDS if found else ())
        word = next((one for number, one in words if self._hears_after(host, f"guest{number}", (one,))), None)
        self._rooms.leave_behind(host)
        return word

    def _hears_after(self, host: ProbedMember, user: str, words: Iterable[str]) -> bool:
        """Whether a new guest hears at another port than that of its TCP connection after these words."""
        sockets = {name: self._udp.open(name or "free") for name in (FREE, TCP)}
        guest = self._rooms.member(host.room, user, sockets, tell_port=True)
        for word in words:
            self._talk.say(guest, word.encode())
        heard = FREE in self._sockets_that_hear(host, guest)
        self._rooms.leave_behind(guest)
        return heard

    def _learn_declared(self, key: str) -> None:
        """Messages come to the port that a request declares under this key."""
        notes, shape = self._notes, self._shape
        proof = f"messages come to the port declared under {key!r}"
        notes.learn("address.learnt", "request", proof)
        if key in shape.pair_keys:
            notes.learn("request.address", "pair", proof)
            notes.learn("request.address-key", key, proof)
            self._take("request", replace(shape.without_address(), pair_keys=(key,)))
        else:
            notes.learn("request.address", "ip-and-port", proof)
            notes.learn("request.port-key", key, proof)
            self._chat.requester.facts.shape = replace(shape, pair_keys=(), port_keys=(key,))
            self._narrow_ip(shape.ip_keys, key)
            self._take("request", self._shape)

    def _narrow_ip(self, keys: Iterable[str], port: str) -> None:
        """Find the key of the IP address that is needed beside the port's."""
        facts = self._chat.requester.facts
        for ip in keys:
            before = facts.shape
            facts.shape = replace(before, ip_keys=(ip,))
            try:
                host, guest = self._rooms.pair()
            except NoChat:
                facts.shape = before
                continue
            if self._talk.reach(host, guest):
                self._notes.learn("request.ip-key", ip, f"with {port!r} and this alone messages come")
                return
            facts.shape = before
