"""Conversations of several clients at once, against a naive model of the rooms; see conformance.suite.model.rooms.

hypothesis draws a conversation step by step, by what the model says is there, and it is played once it is whole. The
first in which the server disagrees is made shorter by leaving out a step and what hangs on it: that knows who is who,
and takes fewer connections than shrinking the numbers that were drawn.
"""

import contextlib
import time

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from conformance.client import baseline, persistence
from conformance.client.bench import Bench
from conformance.client.drawing import DEFAULT_EXAMPLES
from conformance.outcome.findings import Finding, Mismatch, TargetLost, TimeUp, unsupported
from conformance.suite.marks import clause, late, needs_chat
from conformance.suite.model.conversation import play
from conformance.suite.model.rooms import ENDS, ENTERING, FORGERIES, HOWS, PLACES, TEXTS, Model, Step
from conformance.suite.model.shrinking import smaller

pytestmark = needs_chat

CONVERSATIONS = 2.0
"""Times the usual examples."""
STEPS = 20
"""Of one conversation, at most. Datagrams cost next to nothing, so it is requests that are limited."""
CROWD = 4
"""Who enters before anything else happens."""
WAITS = 2
"""Steps of one conversation in which time passes."""
LONGEST_IDLE = 5.0
"""Seconds of the server's idle time, up to which time passes in conversations."""
LIMIT = 8
"""Requests of one conversation."""
CONNECTIONS = 30
"""At the usual number of examples."""
ASKING = (*ENTERING, "begin", "return")
"""Steps that open a connection."""
INDEX = st.integers(0, 5)

Conversation = tuple[Step, ...]


class StopDrawing(BaseException):
    """No further conversation is to be drawn; hypothesis stops where it is."""


class Search:
    """Plays conversations within a budget, and keeps the first that fails."""

    def __init__(self, bench: Bench, seconds: float) -> None:
        self.bench = bench
        self.failed: tuple[Conversation, Finding] | None = None
        self._passed: set[Conversation] = set()
        self._connections = 0
        self._most_connections = CONNECTIONS * bench.context.drawing.examples / DEFAULT_EXAMPLES
        self._ends = time.monotonic() + seconds

    def hold(self, steps: Conversation) -> None:
        """Play a conversation that has been drawn. StopDrawing if it fails, or if the budget is spent."""
        if steps in self._passed:
            return
        self._connections += sum(step[0] in ASKING for step in steps)
        if time.monotonic() > self._ends or self._connections > self._most_connections:
            raise StopDrawing
        found = self._play(steps, until=self._ends)
        if isinstance(found, Mismatch) and not self.bench.context.path.clean:
            found = self._held_again(steps)
        if found is not None:
            self.failed = (_played(steps, found), found)
            raise StopDrawing
        self._passed.add(steps)

    def _held_again(self, steps: Conversation) -> Finding | None:
        """What is left of a finding on a bad path: nothing, if the conversation passes once."""

        def conversation() -> None:
            if (again := self._play(steps)) is not None:
                raise again

        try:
            persistence.hold(self.bench, conversation)
        except Mismatch as again:
            return again
        return None

    def finding(self) -> Finding | None:
        """What was found, by the shortest conversation in which it is found again when played without haste."""
        if self.failed is None:
            return None
        steps, found = self.failed
        if not self.bench.context.path.clean or not _serves(self.bench):
            return found
        for shorter in self._shortened(steps, found)[-1:-4:-1]:
            again = self._play(shorter)
            if again is not None and _clause_of(again) == _clause_of(found):
                return again
        return found

    def _shortened(self, steps: Conversation, found: Finding) -> list[Conversation]:
        """Ever shorter conversations that fail alike, until nothing can be left out or the time is over."""
        ends = time.monotonic() + self.bench.context.drawing.shrink_seconds
        haste = max(0.1, 10 * self.bench.waits.round_trip)
        found_again, tried = list[Conversation](), {steps}
        number = in_vain = 0
        while time.monotonic() < ends and in_vain < len(ways := list(smaller(steps))):
            changed = tuple(ways[number % len(ways)])
            other = None if changed in tried else self._play(changed, haste)
            tried.add(changed)
            if other is not None and _clause_of(other) == _clause_of(found):
                steps, in_vain = _played(changed, other), 0
                found_again.append(steps)
            else:
                number, in_vain = number + 1, in_vain + 1
        return found_again

    def _play(self, steps: Conversation, patience: float | None = None, until: float | None = None) -> Finding | None:
        self.bench.record.examples += 1
        self.bench.begin()
        try:
            play(self.bench, steps, patience=patience, until=until)
        except Finding as found:
            found.example = found.example or {"steps": list(steps)}
            found.steps, found.names = self.bench.trace.steps(), self.bench.began_with
            return found
        finally:
            self.bench.tidy()
        return None


class Machine(RuleBasedStateMachine):
    """Draws one conversation. All rules but the first see to it that somebody is there, since hypothesis may switch
    any of them off.
    """

    search: Search

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.steps: list[Step] = []
        self.requests = 0

    def take(self, *step: object) -> None:
        """One more step, if there is anything to act on."""
        if (meant := self.model.understood(step)) is not None:
            self.model.follow(meant)
            self.steps.append(meant)
            self.requests += meant[0] in ASKING

    def teardown(self) -> None:
        self.search.hold(tuple(self.steps))

    def crowd(self, number: int) -> bool:
        """Whether enough are there to do something; if not, somebody enters."""
        if self.requests >= LIMIT or (self.requests >= CROWD and len(self.model.members) > 1):
            return True
        name = 0 if number < 4 else 1
        room = self.model.rooms.get(name)
        self.take("join" if room else "create", name, self.requests, room.password if room else None)
        return False

    @rule(
        how=st.sampled_from(["join", "join", "join", "join_silently", "create"]),
        name=st.sampled_from([0, 0, 0, 1, 1, 2]),
        user=INDEX,
        password=st.sampled_from([None, "secret"]),
        right=st.sampled_from([True, True, False]),
    )
    def enter(self, how: str, name: int, user: int, password: str | None, right: bool) -> None:
        room = self.model.rooms.get(name)
        if self.requests >= LIMIT:
            self.take("say", user)
        elif room is None and (right or how == "create"):
            self.take("create", name, user, password)
        else:
            self.take(how, name, user, room.password if right and room else "other")

    @rule(
        how=st.sampled_from(["create", "join", "join"]),
        name=st.sampled_from([0, 0, 1, 2]),
        user=INDEX,
        password=st.sampled_from([None, "secret"]),
        place=st.sampled_from(PLACES),
    )
    def begin(self, how: str, name: int, user: int, password: str | None, place: str) -> None:
        """A request begins, and ends after other steps."""
        if self.crowd(user) and self.requests < LIMIT:
            room = self.model.rooms.get(name)
            self.take("begin", how, name, user, room.password if room else password, place)

    @rule(number=INDEX, how=st.sampled_from(["finish", "finish", "finish", *ENDS]))
    def end(self, number: int, how: str) -> None:
        if self.crowd(number):
            self.take(*(("finish", number) if how == "finish" else ("abandon", number, how)))

    @rule(who=INDEX)
    def come_back(self, who: int) -> None:
        if self.crowd(who) and self.requests < LIMIT:
            self.take("return", who)

    @rule(
        member=INDEX,
        port=INDEX,
        how=st.sampled_from(["say", "burst", "keep", "move by chat", "move by an empty message", "take", *TEXTS]),
    )
    def speak(self, member: int, port: int, how: str) -> None:
        if not self.crowd(member):
            return
        match how:
            case "move by chat":
                self.take("move", member, "chat")
            case "move by an empty message":
                self.take("move", member, "empty")
            case "take":
                self.take("take", member, port)
            case "say" | "burst" | "keep":
                self.take(how, member)
            case text:
                self.take("tell", member, text)

    @rule(who=INDEX, how=st.sampled_from(["in turn", "host", "guest", *HOWS]))
    def leave(self, who: int, how: str) -> None:
        """Guests leave, and when few are left, the host; whoever has left uses its void token."""
        just_left = bool(self.steps) and self.steps[-1][0] == "leave"
        if not just_left and not self.crowd(who):
            return
        members = self.model.members
        if just_left or not members or how in HOWS:
            self.take("reuse_token", len(self.model.former) - 1 - who, how if how in HOWS else "chat")
            return
        host = how == "host" or (how == "in turn" and len(members[0].room.members) < CROWD)
        leaving = [member for member in members if member.host is host] or members
        self.take("leave", members.index(leaving[who % len(leaving)]))

    @rule(member=INDEX, what=st.sampled_from(sorted(FORGERIES)), how=st.sampled_from(HOWS))
    def forge(self, member: int, what: str, how: str) -> None:
        if self.crowd(member):
            self.take("forge", member, what, how)


class PatientMachine(Machine):
    """Lets time pass, too."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0

    @rule(who=INDEX)
    def wait(self, who: int) -> None:
        if not self.crowd(who):
            return
        before = len(self.steps)
        if self.waits < WAITS:
            self.take("wait")
        if len(self.steps) > before:
            self.waits += 1
        else:
            self.take("say", who)


def find(
    bench: Bench, machine: type[Machine] = Machine, conversations: float = CONVERSATIONS, seconds: float = 0.0
) -> Finding | None:
    """Where server and model disagree, by the shortest conversation that was found. `conversations`: times the usual
    examples; `seconds`: more than it usually takes.
    """
    made = Search(bench, bench.context.drawing.seconds + seconds)
    limits = settings(
        max_examples=max(1, round(bench.context.drawing.examples * conversations)),
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    drawn = type("Machine", (machine,), {"search": made})
    with contextlib.suppress(StopDrawing):
        run_state_machine_as_test(seed(bench.context.drawing.seed)(drawn), settings=limits)
    try:
        return made.finding()
    except TimeUp:
        if made.failed is None:
            raise
        return made.failed[1]


def _played(steps: Conversation, found: Finding) -> Conversation:
    """As much of a conversation as it took."""
    return tuple(found.example["steps"]) if found.example else steps


def _clause_of(found: Finding) -> str | None:
    return found.clause if isinstance(found, Mismatch) else None


def _serves(bench: Bench) -> bool:
    try:
        return baseline.still_works(bench) is None
    except TargetLost:
        return False


@late
@clause(
    "TCRP-4.5a", "TCRP-3.3c", "TCRP-3.4a", "TCRP-3.4c", "TCRP-3.4d", "TCRP-3.4e", "TCRP-3.5a", "TCRP-3.8a",
    "TCRP-3.8d", "TCRP-3.8f", "TCRP-3.10a", "TCRP-4.2c", "TCRP-4.2d", "TCRP-4.3a", "TCRP-4.4a", "TCRP-4.4b",
    "TCRP-4.5b", "TCRP-4.5c", "TCRP-4.5d", "TCRP-4.6a", "TCRP-4.6b", "TCRP-4.6c", "TCRP-4.6d", "TCRP-5.1a", "TCRP-5.1b",
    "TCRP-5.1c", "TCRP-5.2a", "TCRP-5.2b", "TCRP-5.2c", "TCRP-5.4a", "TCRP-5.4b",
)  # fmt: skip
def test_a_conversation_of_several_clients_agrees_with_the_model(bench: Bench) -> None:
    if not bench.traits.as_the_model:
        unsupported("in this dialect members come, move or leave otherwise than in the model")
    found = find(bench)
    if found is not None:
        raise found


@late
@clause("TCRP-5.3b")
def test_nobody_is_removed_before_its_time_in_a_conversation_of_several_clients(bench: Bench) -> None:
    """Whatever was before: moves, members and rooms of the same name, requests that were refused or never whole."""
    if not bench.traits.as_the_model:
        unsupported("in this dialect members come, move or leave otherwise than in the model")
    if bench.context.idle_timeout is None:
        unsupported("needs --idle-timeout, the server's idle time")
    if bench.context.idle_timeout > LONGEST_IDLE:
        unsupported(f"waiting again and again takes too long where the idle time is more than {LONGEST_IDLE:g} s")
    found = find(bench, PatientMachine, 1 / DEFAULT_EXAMPLES, 2 * WAITS * bench.context.idle_timeout)
    if isinstance(found, Mismatch) and found.clause == "TCRP-5.3b":
        raise found
    if found is not None:
        unsupported(f"the conversation ended before: {found}")


test_a_conversation_of_several_clients_agrees_with_the_model.play = play  # type: ignore[attr-defined]
test_nobody_is_removed_before_its_time_in_a_conversation_of_several_clients.play = play  # type: ignore[attr-defined]
