"""The questions of a probe in their order, once a request is understood."""

from collections.abc import Callable

from conformance.probe.dialect_file import settings_of
from conformance.probe.notebook import Sure
from conformance.probe.questions.chat.addresses import declared_address, learn_address
from conformance.probe.questions.chat.chat import ProbedChat
from conformance.probe.questions.chat.delivering import (
    learn_bytes,
    learn_delivery,
    learn_echo,
    learn_empty,
    learn_layouts,
)
from conformance.probe.questions.chat.layout_search import LayoutSearch
from conformance.probe.questions.chat.leaving import learn_leaving
from conformance.probe.questions.chat.notices import learn_joined
from conformance.probe.questions.chat.talk import ChatFacts, NoChat
from conformance.probe.questions.requests.asking import AnsweredRequest
from conformance.probe.questions.requests.framing import learn_framing, learn_token
from conformance.probe.questions.requests.narrowing import check_user_key, narrow
from conformance.probe.questions.requests.refusals import Refusals, ask_malformed, ask_password, ask_refusals
from conformance.probe.questions.requests.statuses import learn_status
from conformance.probe.random_names import random_room
from conformance.probe.verifying import Verifier
from conformance.probe.wire.server import Died
from conformance.probe.wire.timing import OutOfTime
from tcrp.dialects.framed import Framed

AGAIN_PATIENCE = 2.0
"""Factor of the waits where chat is asked again."""
_OF_CHAT = ("up.", "down.", "chat.", "notices.", "address.", "request.address", "request.ip-key", "request.port-key")
"""What the keys of answers about chat begin with."""
NO_UDP = "the endpoint has no UDP"


class Interview:
    """Asks everything, and fills the notebook. `name`: of the dialect."""

    def __init__(self, chat: ProbedChat, verifier: Verifier, name: str) -> None:
        self._chat = chat
        self._wire = chat.wire
        self._requester = chat.requester
        self._verifier = verifier
        self._notes = chat.notes
        self._name = name
        self._refusals = Refusals()
        self._join: AnsweredRequest | None = None
        self._shape = self._requester.facts.shape
        """The shape of requests before chat was learnt."""
        self._wide: AnsweredRequest | None = None
        """The reply to a CREATE of a room whose name has fewer characters than bytes."""

    @property
    def dialect(self) -> Framed:
        """The dialect of what was learnt so far. Settings that do not go together are taken out of the notebook."""
        return Framed(settings_of(self._notes, self._name, self._wire.server.target.endpoint))

    @property
    def tells_refusals(self) -> bool:
        """Whether a request was refused by something else than bytes that may be anything, or by silence."""
        return any(not one.got or one.reply.last.kind != "bytes" for _, one in self._refusals.items())

    def ask_all(self) -> None:
        """Ask everything of a server whose requests are understood. The server's death ends it, and is taken down."""
        requester = self._requester
        self._stage("requests", lambda: narrow(requester))
        self._stage("refusals", self._ask_refusals)
        self._stage("passwords", self._ask_password)
        self._stage("chat", self._learn_chat)
        if not self._chat.facts.deliveries and not self._chat.facts.missing:
            self._chat.facts.missing = "no datagram reached anybody before the time for questions was over"
        self._conclude()
        if not self._wire.server.owned:  # what follows ends some servers
            self._stage("verification", self._verify_early)
        self._stage("the key of the user name", lambda: check_user_key(requester))
        self._stage("malformed requests", lambda: ask_malformed(requester, self._refusals))
        if not self._chat.facts.missing:
            self._stage("messages that are not UTF-8", lambda: self._unless_silent(learn_bytes))
        self._conclude()

    def ask_without_tcp(self) -> None:
        """Ask everything of a server without TCP. Raises NoChat, OutOfTime and Died."""
        LayoutSearch(self._chat).find()
        learn_layouts(self._chat)
        why = "without TCP nothing else tells members apart"
        self._notes.learn("address.source", "address", why, sure=Sure.LIKELY)
        learn_empty(self._chat)
        learn_echo(self._chat)
        learn_leaving(self._chat)

    def _stage(self, what: str, ask: Callable[[], None]) -> None:
        """Ask one group of questions. Whatever ends it does not end the others, but for the server's death."""
        if self._wire.server.died is not None:
            self._notes.leave_open(what, "the server had died")
            return
        try:
            ask()
        except Died as died:
            self._wire.server.died = str(died)
        except OutOfTime:
            self._notes.leave_open(what, "the time for questions was over")

    def _ask_refusals(self) -> None:
        requester = self._requester
        room = requester.create("CREATE of a room to try").room
        self._join = requester.ask("JOIN of it", room, "bobby", join=True)
        self._refusals.found |= ask_refusals(requester, room)
        example = requester.facts.example
        if example is not None and example.first.reply.framed:
            name = f"部屋{random_room()[:5]}"
            self._wide = requester.ask("CREATE of a room named in Japanese", name, "alicia")

    def _ask_password(self) -> None:
        """Passwords are hashed, which is slow on purpose; what comes after is not waited for so long."""
        timing = self._wire.timing
        patience = timing.patience
        try:
            ask_password(self._requester, self._refusals)
        finally:
            timing.patience = patience

    def ask_chat_again(self) -> None:
        """Drop what was learnt of chat, which did not come true, and ask once more, more patiently."""
        facts, notes = self._requester.facts, self._notes
        for key in [key for key in notes.learnt if key.startswith(_OF_CHAT)]:
            del notes.learnt[key]
        vars(self._chat.facts).update(vars(ChatFacts()))
        facts.shape, facts.shares_port = self._shape, True
        self._wire.timing.patience = max(AGAIN_PATIENCE, self._wire.timing.patience)
        self._stage("chat", self._learn_chat)
        if not self._chat.facts.deliveries and not self._chat.facts.missing:
            self._chat.facts.missing = "no datagram reached anybody before the time for questions was over"
        self._conclude()

    def _learn_chat(self) -> None:
        self._shape = self._requester.facts.shape
        search = LayoutSearch(self._chat)
        if not self._wire.server.has_udp:
            self._chat.facts.missing = NO_UDP
            return
        try:
            if not search.port.is_open():
                self._chat.facts.missing = f"nothing listens on UDP port {self._wire.server.udp[1]}"
                return
            search.find()
        except NoChat as none:
            self._chat.facts.missing = str(none)
            return
        for question in (learn_address, learn_layouts, learn_delivery, learn_joined, learn_leaving):
            self._unless_silent(question)

    def _unless_silent(self, question: Callable[[ProbedChat], None]) -> None:
        """Ask one question. That chat no longer works is a remark."""
        try:
            question(self._chat)
        except NoChat as none:
            self._notes.remark(str(none))

    def _verify_early(self) -> None:
        self._verifier.early = self._verifier.verify(self.dialect, chat=not self._chat.facts.missing)

    def _conclude(self) -> None:
        """Learn what can be told from the replies so far."""
        requester, notes = self._requester, self._notes
        learn_framing(requester, self._join, self._wide)
        learn_token(requester)
        learn_status(requester, self._refusals)
        example = requester.facts.example
        good = example.first.got if example is not None else b""
        if b"\\u" in good or any(b"\\u" in one.got for _, one in self._refusals.items()):
            notes.learn("json.escapes", True, "so is the JSON that came", good)
        for key, value in declared_address(self._chat).items():
            notes.learn(key, value, "without it a CREATE got no token")
