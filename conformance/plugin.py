"""The suite as a pytest plugin: `pytest --tcrp-target 127.0.0.1:9001 --pyargs conformance` in anybody's repository.

It declares the options, starts the endpoint under test, gives tests the fixture `bench`, and attaches to each test's
report what was found. pytest loads it in every run of an environment that has the package, so it imports nothing heavy
until it is asked to test something.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.engine.options import NO_SERVER, PLUGIN, UsageProblem, declare, read
from conformance.engine.pytest_stash import session_of, use
from conformance.installation import missing, shadowing
from conformance.outcome.findings import OUTCOMES, VERDICT, Outcome
from conformance.spec.suite_index import SUITE, SUITE_PACKAGE

if TYPE_CHECKING:
    from conformance.client.bench import Bench
    from conformance.engine.session import Session, Tested


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tcrp", "TCRP conformance")
    declare(group.addoption, prefix=PLUGIN)
    group.addoption(
        "--tcrp-clause", metavar="CLAUSE", action="append", default=[], help="only this clause, group or section"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "clause(id, ...): the clauses of docs/spec.md that a test judges")
    config.addinivalue_line("markers", "needs(what): what a conformance test cannot do without: rooms, chat")
    config.addinivalue_line("markers", "late: a conformance test to be run after the others")
    config.addinivalue_line("markers", "hostile: a conformance test after which the server must be seen to serve")
    if session_of(config) is not None:
        return  # the command line has made it
    if config.getoption("--tcrp-target") is None and config.getoption("--tcrp-exec") is None:
        if _names_the_suite(config) and not _only_looks(config):
            raise pytest.UsageError(NO_SERVER.format(PLUGIN))
        return
    if (problem := shadowing()) is not None:
        raise pytest.UsageError(problem)
    try:
        from conformance.engine.session import Session
        from conformance.net.addresses import Unreachable
        from conformance.plugin_summary import Summary
        from conformance.plugin_workers import Worker, is_worker, why_not_shared, workers
        from conformance.report.formats import kinds_of
    except ModuleNotFoundError as error:
        raise pytest.UsageError(missing("the suite", error.name)) from None
    try:
        session = Session(read(config.option, config.getoption("--tcrp-clause"), prefix=PLUGIN))
        options = session.options
        wanted = options.report_dir is not None or options.report is not None
        kinds = kinds_of(options.report) if wanted else None
    except (UsageProblem, Unreachable, ValueError) as unusable:
        raise pytest.UsageError(str(unusable)) from None
    use(config, session)
    if is_worker(config):
        config.pluginmanager.register(Worker(session), "tcrp-worker")
        return
    if (problem := why_not_shared(session, workers(config))) is not None:
        raise pytest.UsageError(problem)
    config.pluginmanager.register(Summary(session, kinds), "tcrp-summary")


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
    session = session_of(config)
    if session is None:
        if not _only_looks(config):
            raise pytest.UsageError(NO_SERVER.format(PLUGIN))
        return
    order = {clause: number for number, clause in enumerate(session.chosen)}
    kept = [item for item in ours if order.keys() >= set(_clauses_of(item))]
    if dropped := [item for item in ours if item not in kept]:
        config.hook.pytest_deselected(items=dropped)
    kept.sort(key=lambda item: (_lateness(item), order[_clauses_of(item)[0]]))
    gone = set(ours)
    items[:] = [item for item in items if item not in gone] + kept


@pytest.fixture(scope="session")
def tcrp_session(pytestconfig: pytest.Config) -> Iterator[Session]:
    """The endpoint under test, started once, and the plain conversation held with it."""
    session = session_of(pytestconfig)
    assert session is not None
    with session.running():
        yield session


@pytest.fixture
def bench(request: pytest.FixtureRequest, tcrp_session: Session) -> Iterator[Bench]:
    """What a conformance test works with; see conformance.client.bench."""
    needs = [mark.args[0] for mark in request.node.iter_markers("needs")]
    ready = tcrp_session.begin(_tested(request.node), needs)
    yield ready
    ready.tidy()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test of ours ends when the time of the run is over. On a bad path it is held until it passes, or fails as often
    as the path does not explain.
    """
    session = session_of(pyfuncitem.config)
    if session is None or not _clauses_of(pyfuncitem):
        return None
    from conformance.client import persistence

    held: Any = pyfuncitem.funcargs["bench"]
    with session.limit.limited():
        persistence.hold(held, lambda: pyfuncitem.obj(bench=held))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    session = session_of(item.config)
    if session is None or not _clauses_of(item) or not (call.when == "call" or (call.when == "setup" and call.excinfo)):
        return report
    from conformance.plugin_summary import tell

    outcomes = session.outcomes_of(_tested(item), call)
    setattr(report, OUTCOMES, outcomes)
    tell(report, outcomes, session.options)
    return report


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """What is weak or known has a word of its own."""
    verdict = getattr(report, VERDICT, None)
    return None if verdict is None or report.when != "call" else (verdict, verdict[0], verdict.upper())


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(
    config: pytest.Config, report: pytest.CollectReport | pytest.TestReport
) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    """A worker of pytest-xdist hands the outcomes on as text."""
    row = yield
    if row is not None and OUTCOMES in row:
        row[OUTCOMES] = [outcome.as_json() for outcome in row[OUTCOMES]]
    return row


@pytest.hookimpl(wrapper=True)
def pytest_report_from_serializable(
    config: pytest.Config, data: dict[str, Any]
) -> Generator[None, pytest.CollectReport | pytest.TestReport | None, pytest.CollectReport | pytest.TestReport | None]:
    report = yield
    if isinstance(report, pytest.TestReport) and (texts := getattr(report, OUTCOMES, None)):
        setattr(report, OUTCOMES, [Outcome.of_json(text) for text in texts])
    return report


def _names_the_suite(config: pytest.Config) -> bool:
    """Whether the arguments name the suite, as a package or as a path."""
    for argument in config.args:
        name = argument.partition("::")[0]
        if config.option.pyargs and name.split(".")[0] == SUITE_PACKAGE.partition(".")[0]:
            return True
        path = (config.invocation_params.dir / name).resolve()
        if path in (SUITE.parent, SUITE) or SUITE in path.parents:
            return True
    return False


def _only_looks(config: pytest.Config) -> bool:
    """Whether pytest is asked to list tests or to show its help, and to run nothing."""
    return bool(config.option.collectonly or config.option.help)


def _lateness(item: Any) -> int:
    """0 for a test that is run with the others, more for one that is run after them."""
    mark = item.get_closest_marker("late")
    return 0 if mark is None else int(mark.args[0]) if mark.args else 1


def _tested(item: Any) -> Tested:
    from conformance.engine.session import Tested

    return Tested(_clauses_of(item), item.nodeid, item.obj, item.get_closest_marker("hostile") is not None)


def _clauses_of(item: Any) -> tuple[str, ...]:
    mark = item.get_closest_marker("clause")
    return mark.args if mark else ()
