"""`tcrp-conformance probe`: find out how a running server talks, and name the dialect."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from conformance.endpoint import Target, Unreachable, refuses
from conformance.probe import families, replying, rules, telling
from conformance.probe.asking import Answered, Control, fresh
from conformance.probe.chatting import Chat
from conformance.probe.conversations import Died, Line, OutOfTime
from conformance.probe.learning import Notebook, Sure
from conformance.probe.members import NoChat
from conformance.probe.verifying import Verified, verify
from conformance.verdicts import Exit
from tcrp import Dialect
from tcrp.dialects.answers import Answers
from tcrp.dialects.framed import Framed

SECONDS = 22.0
"""After these no more questions are asked: what was learnt is still to be verified, and all of it takes under 30 s."""
LIKELY = 8
"""Requests that are tried before the built-in dialects that are code."""
Tell = Callable[[str], None]


@dataclass
class Probed:
    """What a probe found. `dialect` is None if nothing was understood.

    `name`: a built-in dialect's; else `toml` is the text of a dialect file. `part`: what does not work, in words;
    `died`: the server did, and after what. `lines`: all of it, for a person.
    """

    dialect: Dialect | None = None
    name: str | None = None
    toml: str | None = None
    part: str = ""
    died: str | None = None
    lines: list[str] = field(default_factory=list)
    notes: Notebook = field(default_factory=Notebook)
    seconds: float = 0.0

    @property
    def code(self) -> Exit:
        if self.died is not None:
            return Exit.DIED
        return Exit.FAILED if self.dialect is None else Exit.CONFORMS


def probe(target: Target, *, name: str = "probed", seconds: float = SECONDS, tell: Tell = lambda text: None) -> Probed:
    """Ask a server how it talks. The target is started already. `name`: of the dialect, if it is none of the built-in.

    Raises Unreachable where there was nobody from the beginning.
    """
    begun = time.monotonic()
    line = Line(target, seconds, tell)
    try:
        probed = _Probe(line, name).run()
    finally:
        line.close()
    probed.seconds = time.monotonic() - begun
    return probed


class _Probe:
    def __init__(self, line: Line, name: str) -> None:
        self.line = line
        self.name = name
        self.notes = Notebook()
        self.probed = Probed(notes=self.notes)
        self.control = Control(line, self.notes)
        self.chat = Chat(self.control)
        self.no_chat = ""
        self.joined: Answered | None = None
        self.wide: Answered | None = None
        self.refused = False
        self.early = Verified((), "the server had died")

    def run(self) -> Probed:
        if self.line.target.endpoint.tcp is None:
            return self._udp_only()
        try:
            if not (found := self.control.find(most=LIKELY)):
                if (built_in := self._speaks_built_in()) is not None:
                    return built_in
                found = self.control.find()
        except Died as died:
            if self.line.exchanges:
                return self._gone(str(died))
            knock = bytes([len("alicia")]) + b"alicia"  # stage 1's registration
            there = not refuses(self.line.asking(), knock, 0.2)
            if there and (without := self._speaks_built_in(tcp=False)) is not None:
                return without
            raise Unreachable(str(died)) from None
        except OutOfTime:
            found = False
        if not found:
            return self._not_understood()
        self._learn()
        try:
            return self._name()
        finally:
            self.chat.close_rooms()

    # --------------------------------------------------------------------------------------------------- the questions

    def _learn(self) -> None:
        control, chat = self.control, self.chat
        refusals = replying.Refusals({})
        self._stage("requests", control.narrow)
        self._stage("refusals", lambda: self._ask_refusals(refusals))
        self._stage("chat", lambda: self._learn_chat(chat))
        if not chat.seen and not self.no_chat:
            self.no_chat = "no datagram reached anybody before the time for questions was over"
        self._stage("passwords", lambda: replying.ask_password(control, refusals))
        self._conclude(refusals)
        if not self.line.target.owned:  # what follows ends some servers
            self._stage("verification", self._verify_early)
        self._stage("malformed requests", lambda: replying.ask_malformed(control, refusals))
        if not self.no_chat:
            self._stage("messages that are not UTF-8", lambda: self._ask(lambda: rules.learn_bytes(chat)))
        self._conclude(refusals)

    def _conclude(self, refusals: replying.Refusals) -> None:
        """From what was answered so far to answers about replies."""
        control = self.control
        self.refused = any(not one.got or one.reply.last.kind != "bytes" for _, one in refusals.items())
        replying.learn_framing(control, self.joined, self.wide)
        replying.learn_token(control)
        replying.learn_status(control, refusals)
        data = control.good.got if control.good else b""
        if b"\\u" in data or any(b"\\u" in one.got for _, one in refusals.items()):
            self.notes.learn("json.escapes", True, "so is the JSON that came", data)
        for key, value in self.chat.declared().items():
            self.notes.learn(key, value, "without it a CREATE got no token")

    def _ask_refusals(self, refusals: replying.Refusals) -> None:
        control = self.control
        room = control.create("CREATE of a room to try").room
        self.joined = control.request("JOIN of it", room, "bobby", join=True)
        refusals.found |= replying.ask_refusals(control, room).found
        if control.good is not None and control.good.reply.framed:
            self.wide = control.request("CREATE of a room named in Japanese", f"部屋{fresh()[:5]}", "alicia")

    def _learn_chat(self, chat: Chat) -> None:
        try:
            if not chat.anybody_there():
                self.no_chat = f"nothing listens on UDP port {self.line.udp[1]}"
                return
            chat.find()
        except NoChat as none:
            self.no_chat = str(none)
            return
        for what in (
            chat.learn_address, lambda: rules.learn_layouts(chat), lambda: rules.learn_delivery(chat),
            lambda: rules.learn_joined(chat), lambda: rules.learn_leaving(chat),
        ):  # fmt: skip
            self._ask(what)

    def _ask(self, what: Callable[[], None]) -> None:
        try:
            what()
        except NoChat as none:
            self.notes.remark(str(none))

    def _verify_early(self) -> None:
        self.early = self._verify(Framed(self._answers()), not self.no_chat)

    def _answers(self) -> Answers:
        endpoint = self.line.target.endpoint
        return telling.checked(self.notes, self.notes.answers(self.name, endpoint.tcp, endpoint.udp))[0]

    def _stage(self, what: str, ask: Callable[[], None]) -> None:
        """What ends one stage does not end the others, but for the server's death."""
        if self.probed.died is not None:
            self.notes.not_learnt(what, "the server had died")
            return
        try:
            ask()
        except Died as died:
            self.probed.died = str(died)
        except OutOfTime:
            self.notes.not_learnt(what, "the time for questions was over")

    # ------------------------------------------------------------------------------------------------ what it comes to

    def _name(self) -> Probed:
        chats = not self.no_chat
        answers = self._answers()
        dialect: Dialect = Framed(answers)
        verified = self._verify(dialect, chats)
        if verified.failed and not self.early.failed and self.line.killers:  # what was asked after it has ended chat
            verified = self.early
        if self.probed.died is None and (verified.failed or not chats):
            if "join" not in verified.worked:
                if (built_in := self._speaks_built_in()) is not None:
                    return built_in
                return self._half_understood(verified)
            if not chats and not self.refused:
                return self._not_understood("it answers everything, right or wrong, with bytes that differ each time")
        near = families.nearest(self.notes)
        if near is not None and not near[1] and chats:
            by_name = self._verify(near[0], chats)
            if not by_name.failed:
                return self._built_in(near[0], by_name)
        return self._described(answers, verified, near)

    def _described(self, answers: Answers, verified: Verified, near: tuple[Dialect, list[str]] | None) -> Probed:
        head = [
            f"How the server at {self.line.target.endpoint} talks, as far as it could be asked.", str(verified),
        ]  # fmt: skip
        if self.no_chat:
            head.append(f"Chat is not described: {self.no_chat}.")
        probed = self.probed
        probed.dialect = Framed(answers)
        probed.toml = telling.toml(self.notes, answers, head)
        probed.part = self.no_chat or verified.failed
        probed.lines = [
            f"dialect: a file of its own; {verified}",
            *self._nearest_lines(near), *telling.table(self.notes), *self._rest(),
        ]  # fmt: skip
        return probed

    def _verify(self, dialect: Dialect, chats: bool) -> Verified:
        if self.probed.died is not None:
            return self.early
        for attempt in (1, 2):
            try:
                verified = verify(self.line, dialect, chat=chats)
            except Died as died:
                verified = Verified((), str(died))
                if not self.line.target.owned:
                    self.probed.died = str(died)
                    return self.early if self.early.worked else verified
            target = self.line.target
            again = target.owned and (target.renewable or target.ended() is not None)
            if not verified.failed or not again or attempt == 2:
                return verified
            try:
                self.line.renew()
            except (Died, Unreachable):
                return verified
        raise AssertionError

    def _nearest_lines(self, near: tuple[Dialect, list[str]] | None) -> list[str]:
        if near is None:
            return []
        dialect, found = near
        if not found:
            return [f"  all that was learnt is as in {dialect.name}"]
        rest = f" and {len(found) - 4} more" if len(found) > 4 else ""
        return [f"  nearest: {dialect.name}, but {'; '.join(found[:4])}{rest}"]

    def _rest(self) -> list[str]:
        lines = [*telling.open_questions(self.notes)]
        lines += [f"  also seen   {remark}" for remark in self.notes.remarks]
        lines += [f"  in part     {self.no_chat}"] if self.no_chat else []
        lines += [f"  ended by    {killer}" for killer in dict.fromkeys(self.line.killers)]
        if self.probed.died is not None:
            lines.append(f"  the server died: {self.probed.died}")
        return lines

    def _built_in(self, dialect: Dialect, verified: Verified) -> Probed:
        probed = self.probed
        probed.dialect, probed.name = dialect, dialect.name
        probed.lines = [f"dialect: {dialect.name}; {verified}", *telling.table(self.notes), *self._rest()]
        return probed

    def _speaks_built_in(self, *, tcp: bool = True) -> Probed | None:
        try:
            for dialect, verified in families.spoken(self.line, tcp=tcp):
                if not verified.failed:
                    self.notes.learnt.clear()
                    self.notes.remarks.clear()
                    return self._built_in(dialect, verified)
        except Died as died:
            self.probed.died = str(died)
        return None

    def _udp_only(self) -> Probed:
        try:
            self.chat.find()
            self._learn_without_tcp()
        except (NoChat, OutOfTime):
            pass
        except Died as died:
            return self._gone(str(died))
        if self.chat.down is None or self.chat.down.answers["form"] == "mirrored":
            built_in = self._speaks_built_in(tcp=False)
            if built_in is not None or self.probed.died is not None:
                return built_in or self._gone(str(self.probed.died))
        if self.chat.down is not None:
            answers = self._answers()
            verified = self._verify(Framed(answers), chats=True)
            if not verified.failed:
                return self._described(answers, verified, None)
        came = list(telling.overheard(self.line))
        what = "what came back is of no dialect without TCP" if came else "no datagram came back"
        probed = self._nothing(what)
        probed.lines += came
        return probed

    def _learn_without_tcp(self) -> None:
        chat, notes = self.chat, self.notes
        rules.learn_layouts(chat)
        notes.learn("address.source", "address", "without TCP nothing else tells members apart", sure=Sure.LIKELY)
        rules.learn_empty(chat)
        rules.learn_echo(chat)
        rules.learn_leaving(chat)

    def _half_understood(self, verified: Verified) -> Probed:
        probed = self._nothing(f"a CREATE got what looks like a token, and yet: {verified.failed}")
        probed.lines += [*telling.table(self.notes), *self._rest()]
        assert self.control.good is not None
        good = self.control.good
        probed.lines += telling.unreadable(good.sent, good.got, good.reply)
        return probed

    def _not_understood(self, why: str = "") -> Probed:
        unread = self.control.unread
        if why:
            return self._nothing(why)
        if unread is None:
            tried = len(self.line.exchanges)
            closed = sum(one.closed for one in self.line.exchanges)
            how = "closed without an answer" if closed * 2 > tried else "not answered"
            return self._nothing(f"{tried} requests of different kinds were {how}")
        probed = self._nothing("no request got a token; the first answer")
        probed.lines += telling.unreadable(unread.sent, unread.got, unread.reply)
        return probed

    def _nothing(self, why: str) -> Probed:
        self.probed.lines = [
            f"no dialect: {why}",
            *(f"  ended by    {killer}" for killer in dict.fromkeys(self.line.killers)),
        ]
        return self.probed

    def _gone(self, why: str) -> Probed:
        self.probed.died = why
        return self._nothing(f"the server died: {why}")


# --------------------------------------------------------------------------------------------------------- the command
