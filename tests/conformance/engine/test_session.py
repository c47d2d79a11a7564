"""Servers that end during a test: who is blamed, what the report shows, and how the other clauses are judged."""

import argparse
import time
from collections.abc import Iterator

import pytest

from conformance.client.bench import Bench
from conformance.engine import session as sessions
from conformance.engine.options import declare, read
from conformance.engine.session import Session
from conformance.outcome.findings import Outcome
from tests.conformance.commands import Commands

HASTY = ("--timeout", "1")


def verdicts(command: Commands) -> dict[str, str]:
    return {one["id"].removeprefix("TCRP-"): one["verdict"] for one in command.report()["clauses"]}


@pytest.fixture
def target(command: Commands) -> Iterator[str]:
    """The address of a server that dies of a datagram of 0 or 1 bytes, and that the suite has not started."""
    with command.started(command.faulty("dies-of-a-short-datagram")) as address:
        yield address


def test_a_crash_is_told_with_its_last_words_and_the_rest_is_judged(command: Commands) -> None:
    done = command("run", "6.1f", "6.2b", "4.5a", *HASTY, "--exec", command.faulty("dies-of-a-short-datagram"))
    assert done.returncode == 7, done.stdout
    assert verdicts(command) == {"6.1f": "crash", "6.2b": "pass", "4.5a": "pass"}
    (finding,) = command.report()["findings"]
    assert finding["actual"] == "the process ended with exit code 1: IndexError: index out of range"
    assert finding["runs"]["failed"] == finding["runs"]["total"] >= 2
    assert finding["killer"]["does"] == "send"
    assert finding["exception"]["type"] == "IndexError"
    assert finding["output"][-1] == "IndexError: index out of range"
    assert any("in parse_datagram" in line for line in finding["output"])
    assert not any(line.startswith("ready ") for line in finding["output"])
    assert finding["hinge"] is None
    assert "IndexError: index out of range" in done.stdout


def test_a_signal_is_named(command: Commands) -> None:
    server = command.server("""
        import os, signal

        @fault("now", "TCRP-6.1f", note="")
        class Now(Server):
            def on_datagram(self, data, source):
                if len(data) < 2:
                    os.kill(os.getpid(), signal.SIGSEGV)
                super().on_datagram(data, source)

        sys.argv[1:] = ["--fault", "now"]
        main("fault", FAULTS)
    """)
    assert command("run", "6.1f", *HASTY, "--exec", server).returncode == 7
    assert command.report()["findings"][0]["actual"] == "the process ended by signal SIGSEGV"


def test_a_crash_that_comes_sometimes_is_a_crash(command: Commands) -> None:
    done = command("run", "6.1f", *HASTY, "--exec", command.wrong_at("dies-of-a-short-datagram", "start == 1"))
    assert done.returncode == 7
    (found,) = command.report()["clauses"]
    assert found["verdict"] == "crash"
    assert found["runs"] == {"failed": 1, "total": 5}


def test_a_server_that_is_not_ours_to_start_stays_down(command: Commands, target: str) -> None:
    done = command("run", "4.5a", "6.1f", "6.2b", *HASTY, "-t", target)
    assert done.returncode == 7, done.stdout
    assert verdicts(command) == {"4.5a": "pass", "6.1f": "crash", "6.2b": "unsupported"}
    rest = next(one for one in command.report()["clauses"] if one["id"] == "TCRP-6.2b")
    assert rest["message"] == "not judged: the server had ended under TCRP-6.1f"


def test_a_server_that_dies_in_the_plain_conversation(command: Commands) -> None:
    """It is started again and dies again. All other clauses are blocked."""
    done = command("run", "3.4a", "2.1", "4.5a", "--exec", command.server("""
        import os

        @fault("now", "TCRP-3.4a", note="")
        class Now(Server):
            def decide(self, request, peer):
                print("KeyError: 'room'", file=sys.stderr, flush=True)
                os._exit(3)

        sys.argv[1:] = ["--fault", "now"]
        main("fault", FAULTS)
    """))  # fmt: skip
    assert done.returncode == 7, done.stdout
    assert verdicts(command) == {"2.1": "unsupported", "3.4a": "crash", "4.5a": "unsupported"}
    (finding,) = command.report()["findings"]
    assert finding["actual"] == "the process ended with exit code 3: KeyError: 'room'"


def test_a_server_that_dies_of_its_first_datagram(command: Commands) -> None:
    """The server has answered on TCP and printed something: the report says that, and not that nobody is there."""
    done = command("run", "3.4a", "4.5a", "4.5c", "--exec", command.server("""
        import os

        @fault("now", "TCRP-4.5a", note="")
        class Now(Server):
            def on_datagram(self, data, source):
                print("KeyError: 'token'", file=sys.stderr, flush=True)
                os._exit(3)

        sys.argv[1:] = ["--fault", "now"]
        main("fault", FAULTS)
    """))  # fmt: skip
    assert done.returncode == 7, done.stdout + done.stderr
    assert verdicts(command) == {"3.4a": "pass", "4.5a": "crash", "4.5c": "unsupported"}
    (finding,) = command.report()["findings"]
    assert finding["actual"] == "the process ended with exit code 3: KeyError: 'token'"


def test_a_server_that_serves_one_connection_is_not_taken_for_unreachable(command: Commands) -> None:
    server = command.server("""
        @fault("now", "TCRP-3.4a", note="")
        class Now(Server):
            def take(self, stream):
                self.tcp.close()
                super().take(stream)

        sys.argv[1:] = ["--fault", "now"]
        main("fault", FAULTS)
    """)
    with command.started(server) as address:
        done = command("run", "3.4a", "2.1", "-t", address)
    assert done.returncode == 1, done.stdout
    (finding,) = command.report()["findings"]
    assert finding["expected"].startswith("a JOIN of a room that stands to be answered")
    assert "refused" in finding["actual"]
    assert "does not speak the dialect" not in done.stdout


def test_a_server_that_lives_on_but_takes_nobody_is_no_crash(command: Commands) -> None:
    server = command.server("""
        @fault("now", "TCRP-6.1e", note="")
        class Now(Server):
            def take(self, stream):
                if stream.peek(10.0)[:1] > b"\\x80":  # no size of a room name here
                    self.tcp.close()
                super().take(stream)

        sys.argv[1:] = ["--fault", "now"]
        main("fault", FAULTS)
    """)
    done = command("run", "6.1e", *HASTY, "--runs", "1", "--exec", server)
    assert done.returncode == 1, done.stdout
    assert verdicts(command) == {"6.1e": "fail"}


def first(bench: Bench) -> None:
    bench.still_serves("nothing")


def second(bench: Bench) -> None:
    bench.still_serves("nothing either")


@pytest.fixture
def session(command: Commands) -> Session:
    parser = argparse.ArgumentParser()
    declare(parser.add_argument)
    return Session(read(parser.parse_args(["--exec", command.reference, "--seed", "1"]), []))


def test_who_ends_the_server_after_the_test_is_over_is_blamed_and_not_the_next(session: Session) -> None:
    earlier = sessions.Tested(("TCRP-6.1f",), "test_6_staying_up.py::test_earlier", first, hostile=True)
    later = sessions.Tested(("TCRP-2.1",), "test_2_frame.py::test_later", second)

    def held(test: sessions.Tested) -> list[Outcome]:
        bench = session.begin(test, [])
        call = pytest.CallInfo.from_call(lambda: test.function(bench), "call")
        found = session.outcomes_of(test, call)
        bench.tidy()
        return found

    with session.running():
        assert [(one.clause, one.result) for one in held(earlier)] == [("TCRP-6.1f", "pass")]
        session.target.terminate()
        while session.target.ended() is None:
            time.sleep(0.01)
        crash, passed = held(later)
        assert session.died
    assert (crash.clause, crash.result, crash.test) == ("TCRP-6.1f", "crash", earlier.name)
    assert crash.actual is not None
    assert crash.evidence is not None
    assert "the process ended with exit code 0" in crash.actual
    assert (crash.evidence.failed, crash.evidence.runs) == (1, 5)
    assert (passed.clause, passed.result) == ("TCRP-2.1", "pass")


def test_trouble_that_the_plain_conversation_shows_too_makes_nothing_one_finding(command: Commands) -> None:
    """The server logs an exception whenever somebody enters a room. Its two faults have other causes."""
    empty, longest = "empties-relayed", "room-254-bytes-at-most"
    done = command("run", "4.4b", "2.3b", "--runs", "1", *HASTY, "--exec", command.server(f"""
        import traceback

        class Now(FAULTS["{empty}"].server, FAULTS["{longest}"].server):
            def admit(self, room, user, peer):
                try:
                    room.members["nobody"]
                except KeyError:
                    traceback.print_exc()
                return super().admit(room, user, peer)

        fault("now", "TCRP-4.4b", note="")(Now)
        sys.argv[1:] = ["--fault", "now"]
        main("fault", FAULTS)
    """))  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert [one["clause"] for one in command.report()["findings"]] == ["TCRP-2.3b", "TCRP-4.4b"]
