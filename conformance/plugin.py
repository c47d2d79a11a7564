"""The suite as a pytest plugin: `pytest --tcrp-target 127.0.0.1:9001 --pyargs conformance` in anybody's repository.

It holds the options, the endpoint under test, the plain conversation and the fixture `bench`, and attaches to each
test's report what was found. Loaded in every pytest run of an environment that has the package, so it imports nothing
heavy until it is asked to test something.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.home import stranger
from conformance.index import SUITE

if TYPE_CHECKING:
    from conformance.bench import Bench
    from conformance.session import Session, Tested

PROPERTY = "tcrp"
_SESSION = pytest.StashKey["Session"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tcrp", "TCRP conformance")
    add = group.addoption
    add("--tcrp-target", metavar="HOST[:TCP[:UDP]]", help="the server to test; a missing port is the dialect's default")
    add("--tcrp-exec", metavar="CMD", help="start the server to test; {tcp} and {udp} become free ports")
    add("--tcrp-dialect", metavar="NAME|FILE", help="the dialect it speaks (default: tcrp)")
    add("--tcrp-clause", metavar="CLAUSE", action="append", default=[], help="only this clause, group or section")
    add("--tcrp-skip", metavar="CLAUSE", action="append", default=[], help="not this clause, group or section")
    add("--tcrp-examples", metavar="N", type=int, help="examples a property (default: 3)")
    add("--tcrp-seed", metavar="N", type=int, help="draw the same examples as a run with this seed")
    add(
        "--tcrp-runs", metavar="N", type=int, default=3, help="how often a conversation that fails is held (default: 3)"
    )
    add("--tcrp-idle-timeout", metavar="S", type=float, help="the server's idle time: judge the idle clauses too")
    add("--tcrp-timeout", metavar="S", type=float, help="seconds to wait for an answer (default: fitted)")
    add("--tcrp-max-time", metavar="S", type=float, help="judge nothing more after this many seconds")
    add("--tcrp-ready-timeout", metavar="S", type=float, default=10.0, help="seconds for --tcrp-exec to be ready")
    add("--tcrp-report-dir", metavar="DIR", help="write report.json there")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "clause(id, ...): the clauses of docs/spec.md that a test judges")
    config.addinivalue_line("markers", "needs(what): what a conformance test cannot do without: rooms, chat")
    config.addinivalue_line("markers", "late: a conformance test to be run after the others")
    config.addinivalue_line("markers", "hostile: a conformance test after which the server must be seen to serve")
    if _SESSION in config.stash:
        return  # the command line has made it
    if config.getoption("--tcrp-target") is None and config.getoption("--tcrp-exec") is None:
        return
    for name in ("--tcrp-target", "--tcrp-exec"):
        if (value := config.getoption(name)) is not None and not value.strip():  # as of a variable that is not set
            raise pytest.UsageError(f"{name} is {value!r}: it is empty")
    if (problem := stranger()) is not None:
        raise pytest.UsageError(problem)
    try:
        from conformance.endpoint import Unreachable
        from conformance.options import UsageProblem, session_of
        from conformance.summary import Summary
    except ModuleNotFoundError as error:
        raise pytest.UsageError(f"the suite needs {error.name}: pip install 'tcrp[conformance]'") from None
    try:
        session = session_of(config.option)
    except (UsageProblem, Unreachable) as unusable:
        raise pytest.UsageError(str(unusable)) from None
    use(config, session)
    config.pluginmanager.register(Summary(session, config.getoption("--tcrp-report-dir")), "tcrp-summary")


def use(config: pytest.Config, session: Session) -> None:
    """Let this pytest run test the session's endpoint."""
    config.stash[_SESSION] = session


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the suite's own modules, whatever patterns the surrounding project has set."""
    if file_path.parent != SUITE or not file_path.name.startswith("test_") or file_path.suffix != ".py":
        return None
    if any(file_path.match(pattern) for pattern in parent.config.getini("python_files")):
        return None  # pytest's own hook collects it
    module: pytest.Module = pytest.Module.from_parent(parent, path=file_path)
    return module


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if _clauses_of(item)]
    if not ours:
        return
    session = config.stash.get(_SESSION, None)
    if session is None:
        for item in ours:
            item.add_marker(pytest.mark.skip(reason="no server to test: give --tcrp-target or --tcrp-exec"))
        return
    order = {clause: number for number, clause in enumerate(session.chosen)}
    kept = [item for item in ours if order.keys() >= set(_clauses_of(item))]
    if dropped := [item for item in ours if item not in kept]:
        config.hook.pytest_deselected(items=dropped)
    kept.sort(
        key=lambda item: (
            _lateness(item),
            order[_clauses_of(item)[0]],
        )
    )
    gone = set(ours)
    items[:] = [item for item in items if item not in gone] + kept


@pytest.fixture(scope="session")
def tcrp_session(pytestconfig: pytest.Config) -> Iterator[Session]:
    """The endpoint under test, started once, and the plain conversation held with it."""
    session = pytestconfig.stash[_SESSION]
    with session.running():
        yield session


@pytest.fixture
def bench(request: pytest.FixtureRequest, tcrp_session: Session) -> Iterator[Bench]:
    """What a conformance test works with; see conformance.bench."""
    needs = [mark.args[0] for mark in request.node.iter_markers("needs")]
    ready = tcrp_session.begin(_tested(request.node), needs)
    yield ready
    ready.tidy()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    session = item.config.stash.get(_SESSION, None)
    if session is None or not _clauses_of(item) or not (call.when == "call" or (call.when == "setup" and call.excinfo)):
        return report
    for outcome in session.outcomes_of(_tested(item), call):
        report.user_properties.append((PROPERTY, outcome.as_json()))
        if outcome.result in ("fail", "crash") and outcome.test == item.nodeid:
            report.outcome = "failed"
            report.longrepr = session.explanation(outcome)
    return report


def _lateness(item: Any) -> int:
    """0 for a test that is run with the others, more for one that is run after them."""
    mark = item.get_closest_marker("late")
    return 0 if mark is None else int(mark.args[0]) if mark.args else 1


def _tested(item: Any) -> Tested:
    from conformance.session import Tested

    return Tested(_clauses_of(item), item.nodeid, item.obj, item.get_closest_marker("hostile") is not None)


def _clauses_of(item: Any) -> tuple[str, ...]:
    mark = item.get_closest_marker("clause")
    return mark.args if mark else ()
