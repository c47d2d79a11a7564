"""Finding out how a running server talks: a built-in dialect by its name, or a dialect file."""

import time

from conformance.net.ports import refuses
from conformance.net.target import Target, Unreachable
from conformance.probe.interview import Interview
from conformance.probe.questions.built_in import nearest, spoken
from conformance.probe.questions.chat.chat import ProbedChat
from conformance.probe.questions.chat.listening import overheard
from conformance.probe.questions.chat.talk import NoChat
from conformance.probe.questions.requests.asking import Requester
from conformance.probe.questions.requests.search import RequestSearch
from conformance.probe.result import Probed, ResultWriter
from conformance.probe.verifying import Verified, Verifier
from conformance.probe.whole import WholeVerification
from conformance.probe.wire.server import Died
from conformance.probe.wire.tcp import Tell
from conformance.probe.wire.timing import OutOfTime
from conformance.probe.wire.wire import Wire
from tcrp.dialects.framed import Framed

__all__ = ["Probed", "Tell", "probe"]

SECONDS = 22.0
"""How long questions are asked. What was learnt is verified after that, and all of it takes less than 30 s."""
NOT_HEARD = ("down", "address", "chat", "notices")
"""Tables of which nothing is known where members do not hear each other."""
LIKELY = 8
"""How many shapes of requests are tried before the built-in dialects that are code, if the server is ours to start
anew. A request of these dialects is a huge size to other servers: somebody else's gets all plausible shapes before.
"""


def probe(target: Target, *, name: str = "probed", seconds: float = SECONDS, tell: Tell = lambda text: None) -> Probed:
    """Ask a server how it talks. The target is started already.

    `name`: of the dialect, if it is none of the built-in; `seconds`: how long questions may be asked; `tell`: is called
    with what is asked next, in words. Raises Unreachable if there was nobody from the beginning.
    """
    begun = time.monotonic()
    wire = Wire(target, seconds, tell)
    try:
        result = _Probe(wire, name).run()
    finally:
        wire.close()
    result.died = wire.server.died
    result.killers, result.exchanges = wire.server.killers, wire.tcp.exchanges
    result.seconds = time.monotonic() - begun
    return result


class _Probe:
    """One probe from the first request to the result."""

    def __init__(self, wire: Wire, name: str) -> None:
        self._wire = wire
        self._result = Probed()
        self._requester = Requester(wire, self._result.notes)
        self._search = RequestSearch(self._requester)
        self._chat = ProbedChat(self._requester)
        self._verifier = Verifier(wire)
        self._interview = Interview(self._chat, self._verifier, name)
        self._writer = ResultWriter(wire, self._result, self._chat.facts)

    def run(self) -> Probed:
        if not self._wire.server.has_tcp:
            return self._probe_udp()
        try:
            found = self._search.find(most=LIKELY if self._wire.server.owned else self._search.plausible)
            if not found:
                if (built_in := self._speaks_built_in()) is not None:
                    return built_in
                if self._wire.server.died is not None:
                    raise Died(self._wire.server.died)
                found = self._search.find()
        except Died as died:
            found = self._search.take_second_best()
            if not found:
                return self._died_at_first(died)
            self._wire.server.died = str(died)
        except OutOfTime:
            found = self._search.take_second_best()
        if not found:
            return self._writer.not_understood(self._search.first_unread)
        self._interview.ask_all()
        try:
            return self._name()
        finally:
            self._chat.rooms.close_all()

    def _died_at_first(self, died: Died) -> Probed:
        """No request was understood before the server was gone. It may have UDP alone."""
        if self._wire.tcp.exchanges:
            return self._writer.gone(str(died), self._search.first_unread)
        registration = bytes([len("alicia")]) + b"alicia"  # of stage 1
        is_open = not refuses(self._wire.udp.connected(), registration, 0.2)
        if is_open and (built_in := self._speaks_built_in(tcp=False)) is not None:
            return built_in
        raise Unreachable(str(died)) from None

    def _name(self) -> Probed:
        """The result for what was learnt, as far as it works."""
        chats, verifier = not self._chat.facts.missing, self._verifier
        dialect = self._interview.dialect
        verified = verifier.verify(dialect, chat=chats)
        lacks_chat = "join" in verified.worked and chats and verifier.early.failed
        if verified.failed and lacks_chat and self._wire.server.died is None:
            self._interview.ask_chat_again()
            dialect, chats = self._interview.dialect, not self._chat.facts.missing
            verified = verifier.verify(dialect, chat=chats)
        if not verified.failed and self._wire.server.died is None:
            verified = self._verify_whole(dialect, verified)
        if verified.failed and not verifier.early.failed and self._wire.server.killers:
            verified = verifier.early  # a question that was asked later has ended chat
        if self._wire.server.died is None and (verified.failed or not chats):
            if "join" not in verified.worked:
                if (built_in := self._speaks_built_in()) is not None:
                    return built_in
                example = self._requester.facts.example
                assert example is not None
                return self._writer.half_understood(example.first, verified)
            if not chats and not self._interview.tells_refusals:
                return self._writer.nothing("it answers everything, right or wrong, with bytes that differ each time")
        near = nearest(self._result.notes)
        if near is not None and not near.differences and chats:
            by_name = verifier.verify(near.dialect, chat=True)
            if not by_name.failed:
                return self._writer.built_in(near.dialect, by_name)
        self._doubt(verified)
        return self._writer.described(self._interview.dialect.settings, verified, near)

    def _verify_whole(self, dialect: Framed, verified: Verified) -> Verified:
        """What worked of the rest too. What did not is doubted in the notebook."""
        try:
            more = WholeVerification(self._wire, dialect, self._result.notes, chat=verified.chats).run()
        except Died as died:
            if self._wire.server.owned:
                self._wire.server.renew()
            else:
                self._wire.server.died = str(died)
            return verified
        return verified._replace(worked=(*verified.worked, *more))

    def _doubt(self, verified: Verified) -> None:
        """Nothing may rest on what did not work."""
        notes = self._result.notes
        if not verified.chats:
            why = self._chat.facts.missing or verified.failed or "no message came both ways"
            for table in NOT_HEARD if self._chat.facts.deliveries else ("up", *NOT_HEARD):
                notes.doubt(table, why)
            if notes.value("token.form") == "raw" and notes.value("reply.framing") == "none":
                notes.doubt(
                    "token", "no datagram with what came in its place reached anybody, so it may be something else"
                )
        if "join" not in verified.worked:
            notes.doubt("request.join", verified.failed)

    def _speaks_built_in(self, *, tcp: bool = True) -> Probed | None:
        """The result for the first built-in dialect that is code and works. None: none does."""
        notes = self._result.notes
        try:
            for dialect, verified in spoken(self._wire, tcp=tcp):
                if not verified.failed:
                    notes.learnt.clear()
                    notes.remarks.clear()
                    return self._writer.built_in(dialect, verified)
        except Died as died:
            self._wire.server.died = str(died)
        return None

    def _probe_udp(self) -> Probed:
        """A server without TCP."""
        try:
            self._interview.ask_without_tcp()
        except (NoChat, OutOfTime):
            pass
        except Died as died:
            return self._writer.gone(str(died))
        form = self._chat.facts.server_form
        if form in (None, "mirrored"):
            if (built_in := self._speaks_built_in(tcp=False)) is not None:
                return built_in
            if self._wire.server.died is not None:
                return self._writer.gone(self._wire.server.died)
        if form is not None:
            dialect = self._interview.dialect
            verified = self._verifier.verify(dialect, chat=True)
            if not verified.failed:
                return self._writer.described(dialect.settings, verified, None)
        came = list(overheard(self._wire))
        what = "what came back is of no dialect without TCP" if came else "no datagram came back"
        result = self._writer.nothing(what)
        result.lines += came
        return result
