"""The suite in several processes of pytest-xdist: each has a server of its own, and all make one report.

Two processes at one server are more load than a run promises, and each takes the other's members for strangers: a right
server would be blamed. So a server that cannot be had twice is refused.
"""

from typing import Any

import pytest

from conformance.engine.session import Session
from conformance.net.impaired import ImpairedTarget
from tcrp import dialects
from tcrp.endpoint import Endpoint

OUTPUT = "tcrp"
"""Of a worker: what it hands to the process that has started it, when it has done."""


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of several, and another one tells of the run."""
    return hasattr(config, "workerinput")


def workers(config: pytest.Config) -> int:
    """How many processes the tests are given to; 1 without pytest-xdist."""
    if config.getoption("dist", "no") == "no":
        return 1
    counts = (str(one).rpartition("*")[0] for one in config.getoption("tx", None) or ())
    return sum(int(count) if count.isdecimal() else 1 for count in counts) or 1


def why_not_shared(session: Session, count: int) -> str | None:
    """Why so many processes cannot test this server, in one line; None if each can have one of its own."""
    command = session.options.command
    if count < 2:
        return None
    if command is None:
        return f"{count} processes cannot share one server: give --tcrp-exec with {{tcp}} and {{udp}}, or -n 0"
    tcp = session.bench.dialect.can.tcp and session.target.endpoint.tcp is not None
    missing = [one for one in ("{tcp}", "{udp}") if one not in command and (tcp or one == "{udp}")]
    if not missing:
        return None
    return (
        f"{count} processes could start servers on the same ports: put {' and '.join(missing)} in place of the "
        "ports in --tcrp-exec, or give -n 0"
    )


class Worker:
    """In a worker: hands on what the reports of single tests do not hold."""

    def __init__(self, session: Session) -> None:
        self.session = session
        session.exits = False  # pytest-xdist takes the end of a worker for a crash

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Put it where pytest-xdist takes it from."""
        ours = self.session
        context = ours.bench.context
        output: dict[str, Any] = session.config.workeroutput  # type: ignore[attr-defined]
        output[OUTPUT] = {
            "unreachable": ours.unreachable,
            "endpoint": list(ours.target.server),
            "dialect": dialects.to_text(context.dialect),
            "dialect_file": ours.dialect_file,
            "round_trip": context.waits.round_trip,
            "registers_by_chat": context.registers_by_chat,
        }


def take_over(session: Session, output: dict[str, Any]) -> None:
    """In the process that tells of the run: learn what a worker has found out about the server."""
    told = output.get(OUTPUT)
    if told is None:
        return
    context = session.bench.context
    session.unreachable = session.unreachable or told["unreachable"]
    session.dialect_file = session.dialect_file or told["dialect_file"]
    if told["unreachable"] is None:
        target = session.target.inner if isinstance(session.target, ImpairedTarget) else session.target
        target.endpoint = Endpoint(*told["endpoint"])
    if told["dialect"] != dialects.to_text(context.dialect) and told["unreachable"] is None:
        context.speak(dialects.of_text(told["dialect"], runs_python=True))
    if told["round_trip"]:
        context.waits.measured(told["round_trip"])
    context.registers_by_chat = context.registers_by_chat or told["registers_by_chat"]
