"""The options of a run, as `--tcrp-...` of the plugin has them: each checked, and a session made of them."""

from typing import Any

from conformance import examples
from conformance.bench import Bench
from conformance.clauses import UnknownClause, choose
from conformance.endpoint import MOST_SECONDS, target_of
from conformance.pacing import Waits
from conformance.session import Session
from tcrp import dialects

AUTO = "auto"
"""In place of a dialect: the canonical one if the plain conversation works in it, else what a probe finds."""


class UsageProblem(ValueError):
    """An option that cannot be followed; one line says which, why, and what would do."""


def session_of(options: Any) -> Session:
    """The run that the plugin's options ask for. UsageProblem for one that cannot be followed, Unreachable for a host
    without an address.
    """
    for name, least in (("examples", 1), ("runs", 1), ("seed", 0)):
        value = getattr(options, f"tcrp_{name}")
        if value is not None and value < least:
            raise UsageProblem(f"--tcrp-{name} is {value}: a whole number, at least {least}")
    for name in ("idle_timeout", "timeout", "max_time", "ready_timeout"):
        value = getattr(options, f"tcrp_{name}")
        if value is not None and not 0 < value < MOST_SECONDS:
            raise UsageProblem(f"--tcrp-{name.replace('_', '-')} is {value:g}: seconds, more than 0")
    try:
        named = options.tcrp_dialect or dialects.DEFAULT
        dialect = dialects.get(dialects.DEFAULT if named == AUTO else named)
        chosen = choose(options.tcrp_clause, options.tcrp_skip, rooms=dialect.can.rooms)
        target = target_of(options.tcrp_target, options.tcrp_exec, dialect.ports, options.tcrp_ready_timeout)
    except (UnknownClause, ValueError) as error:
        raise UsageProblem(str(error)) from None
    examples.drawing.examples = options.tcrp_examples or examples.DEFAULT_EXAMPLES
    examples.drawing.seconds = examples.SECONDS * max(1.0, examples.drawing.examples / examples.DEFAULT_EXAMPLES)
    examples.drawing.seed = options.tcrp_seed or 0
    bench = Bench(target, dialect, Waits(options.tcrp_timeout), options.tcrp_idle_timeout)
    session = Session(target, bench, chosen, options.tcrp_max_time, options.tcrp_runs)
    session.given, session.command = options.tcrp_target, options.tcrp_exec
    session.automatic = named == AUTO
    return session
