"""A failure is held again with the same bytes. How many of the runs fail decides between fail and flaky."""

from typing import Any

import pytest

from tests.conformance.commands import Commands


def the_clause(command: Commands, name: str) -> dict[str, Any]:
    (found,) = [one for one in command.report()["clauses"] if one["id"] == f"TCRP-{name}"]
    return dict(found)


def test_what_fails_only_sometimes_is_flaky(command: Commands) -> None:
    done = command("run", "2.5a", "--exec", command.wrong_at("header-in-one-recv", "start in (1, 3)"))
    assert done.returncode == 1, done.stdout
    found = the_clause(command, "2.5a")
    assert found["verdict"] == "flaky"
    assert found["runs"] == {"failed": 2, "total": 5}
    assert "failed 2 of 5 runs" in done.stdout
    (finding,) = command.report()["findings"]
    assert finding["runs"] == {"failed": 2, "total": 5}
    assert finding["hinge"] is None, "what passes by itself hinges on nothing that was changed"


def test_one_run_more_or_less_is_as_many_as_asked(command: Commands) -> None:
    """After mixed results there are at least five runs."""
    flaky = command.wrong_at("header-in-one-recv", "start == 1")
    assert command("run", "2.5a", "--runs", "7", "--exec", flaky).returncode == 1
    assert the_clause(command, "2.5a")["runs"] == {"failed": 1, "total": 7}


@pytest.mark.parametrize(("words", "runs"), [((), 3), (("--runs", "1"), 1)])
def test_what_fails_always_is_a_failure(command: Commands, words: tuple[str, ...], runs: int) -> None:
    done = command("run", "2.5a", "--exec", command.faulty("header-in-one-recv"), *words)
    assert done.returncode == 1
    found = the_clause(command, "2.5a")
    assert found["verdict"] == "fail"
    assert found["runs"] == {"failed": runs, "total": runs}


def test_a_single_run_cannot_tell(command: Commands) -> None:
    flaky = command.wrong_at("header-in-one-recv", "start == 1")
    assert command("run", "2.5a", "--runs", "1", "--exec", flaky).returncode == 1
    assert the_clause(command, "2.5a")["verdict"] == "fail"


def test_a_should_that_fails_sometimes_is_weak(command: Commands) -> None:
    flaky = command.wrong_at("too-long-message-untold", "start in (1, 3)")
    assert command("run", "4.7b", "--exec", flaky).returncode == 0
    found = the_clause(command, "4.7b")
    assert found["verdict"] == "weak"
    assert found["runs"] == {"failed": 2, "total": 5}


def test_a_plain_conversation_that_fails_sometimes_is_flaky_and_the_rest_is_judged(command: Commands) -> None:
    done = command("run", "2.5a", "3.4a", "--exec", command.wrong_at("ack-left-out", "start in (1, 3)"))
    assert done.returncode == 1, done.stdout
    verdicts = {one["id"]: (one["verdict"], one["runs"]) for one in command.report()["clauses"]}
    verdict, runs = verdicts["TCRP-3.4a"]
    assert verdict == "flaky"
    assert 1 <= runs["failed"] <= 2  # the third start may be that of the probe
    assert runs["total"] == 5
    assert verdicts["TCRP-2.5a"][0] == "pass"


def test_against_a_server_of_somebody_else_the_names_are_new_each_time(command: Commands) -> None:
    """Rooms of the first run may still stand there."""
    with command.started(command.faulty("header-in-one-recv")) as target:
        done = command("run", "2.5a", "2.1", "-t", target)
    assert done.returncode == 1, done.stdout
    assert the_clause(command, "2.5a")["runs"] == {"failed": 3, "total": 3}
    assert the_clause(command, "2.1")["verdict"] == "pass"
