"""What a server did not survive while its dialect was searched for, as outcomes: that is a finding in every dialect."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conformance.client.bench import Bench
from conformance.engine.blame import AT_LARGE
from conformance.engine.health import OUTPUT_LINES
from conformance.outcome.findings import PROBED, Evidence, Outcome
from conformance.outcome.trouble import words_of
from conformance.trace.recording import Step, StepKind, is_tcp

if TYPE_CHECKING:
    from conformance.probe.wire.server import Killer

THE_PROBE = "the probe"
"""In place of the test's name, where the search for the dialect found something."""
MOST_NAMED = 3
"""How many other killers are named."""
ONCE = "what has ended the server is not sent to it again"


def outcomes_of(killers: Sequence["Killer"]) -> list[Outcome]:
    """One outcome for what was sent on TCP, and one for datagrams (TCRP-6.1e, TCRP-6.1f)."""
    over_tcp = [one for one in killers if one.sent.over_tcp]
    over_udp = [one for one in killers if not one.sent.over_tcp]
    return [_outcome(clause, found) for clause, found in ((AT_LARGE[1], over_tcp), (AT_LARGE[0], over_udp)) if found]


def _outcome(clause: str, killers: Sequence["Killer"]) -> Outcome:
    first = min(killers, key=lambda one: not one.ended)
    words = words_of(first.output)
    actual = f"{first.how}: {words}" if words else first.how
    others = list(dict.fromkeys(one.sent.what for one in killers if one.sent.what != first.sent.what))
    if others:
        more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        actual += f"; it did not survive these either: {'; '.join(others[:MOST_NAMED])}{more}"
    expected = f"the service of others to go on after {first.sent}"
    evidence = Evidence(
        output=first.output, seen_once=ONCE, ended=True, killer=_step(first), exception=first.exception,
    )  # fmt: skip
    return Outcome(
        clause, "crash" if first.ended else "fail", THE_PROBE, 0.0, 1, expected, actual, first.sent.data or None,
        f"expected {expected}; {actual}", evidence, PROBED,
    )  # fmt: skip


def _step(killer: "Killer") -> Step | None:
    if not killer.sent.data:
        return None
    return Step(0.0, "tcp 1" if killer.sent.over_tcp else "stranger", StepKind.SEND, killer.sent.data)


def of_conversation(bench: Bench, how: str) -> "Killer":
    """The plain conversation has ended the server: its last act."""
    from conformance.probe.wire.server import Killer, Sent

    act = bench.trace.last_act
    over_tcp = act is None or is_tcp(act.who)
    what = f"a request of dialect {bench.dialect.name}" if over_tcp else f"a datagram of dialect {bench.dialect.name}"
    sent = Sent(what, b"" if act is None else act.data, over_tcp)
    return Killer(sent, how, True, tuple(bench.target.output(OUTPUT_LINES)))
