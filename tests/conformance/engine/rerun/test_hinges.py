"""What a failure hinges on: one thing is changed until the conversation passes, and the report says which."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.engine.rerun.attempt import Attempt, Trial
from conformance.engine.rerun.hinges import Hinge, find
from conformance.net.variation import Variation
from conformance.outcome.findings import Mismatch
from conformance.trace.names import NameState
from tests.conformance.commands import Commands


def hinge_of(command: Commands, server: str, *clauses: str) -> tuple[Any, Any]:
    """Hinge and advice of the first finding, each None if there is none."""
    done = command("run", *clauses, "--seed", "1", "--exec", server)
    assert done.returncode == 1, done.stdout
    finding = command.report()["findings"][0]
    assert finding["runs"] == {"failed": 3, "total": 3}
    shown = " ".join(done.stdout.split())
    for text in (finding["hinge"], finding["advice"]):
        assert text is None or text in shown
    return finding["hinge"], finding["advice"]


@pytest.mark.parametrize(
    ("fault", "where", "advice"),
    [
        ("header-in-one-recv", "N (in the header)", "the header is read with one recv: "),
        ("body-in-one-recv", "N (in the room name), N (in the payload)", "the body is read with one recv: "),
        ("payload-in-one-recv", "N (in the payload)", "the payload is read with one recv: "),
        (
            "request-in-one-recv",
            "N (in the header), N (after the header), N (in the room name), N (in the payload)",
            "one recv is taken for the whole request: ",
        ),
    ],
)
def test_which_part_is_read_with_one_recv(command: Commands, fault: str, where: str, advice: str) -> None:
    hinge, said = hinge_of(command, command.faulty(fault), "2.5a")
    hinge = re.sub(r"\d+ \(", "N (", hinge)  # the room name may have a byte more or less
    assert hinge == f"passes in one segment, fails when cut after byte {where}"
    assert said.startswith(advice)
    assert "loop until" in said


def test_a_header_that_must_come_alone(command: Commands) -> None:
    """The first recv takes all that has come. The server throws away what is beyond the 32 bytes."""
    server = command.server("""
        @fault("now", "TCRP-2.5a", note="")
        class Now(Server):
            def read_header(self, stream):
                return stream.recv(4096)[:32]

            def read_body(self, stream, header):
                if stream.peek(0.3) is None:
                    raise ConnectionError("there is no body")
                return super().read_body(stream, header)

        sys.argv[1:] = ["--fault", "now"]
        main("fault", FAULTS)
    """)
    hinge, said = hinge_of(command, server, "3.4a")
    assert hinge == "passes when header and body come as two segments, fails when they come as one"
    assert "keep what came beyond the 32 bytes" in said


@pytest.mark.parametrize("fault", ["request-size-in-characters", "reply-size-in-characters"])
def test_sizes_that_count_characters(command: Commands, fault: str) -> None:
    hinge, said = hinge_of(command, command.faulty(fault), "2.3a")
    assert hinge == "passes with 'xx' of the same size in bytes, fails with 'é'"
    assert said.startswith("sizes are counted in characters, or text is taken for ASCII: ")


def test_bytes_that_are_taken_for_text(command: Commands) -> None:
    hinge, said = hinge_of(command, command.faulty("message-ascii-only"), "4.6b")
    assert hinge.startswith("passes with rest b'")
    assert " of the same size, fails with b'\\xef\\xbb\\xbf" in hinge
    assert said == "bytes are taken for text, or for text of another encoding: relay them as they came"


def bound_of(bound: int, failed: int, passed: Sequence[int], tries: int = 99) -> Hinge | None:
    """The hinge of a conversation that fails from the size `bound` on. There is time for so many `tries`."""
    left = iter(range(tries))

    def again(trial: Trial, variation: Variation) -> Attempt:
        judged = next(left, None) is not None
        wrong = trial.example["size"] >= bound
        return Attempt(Mismatch("", "") if judged and wrong else None, judged, ())

    trial = Trial(lambda **_: None, {"size": failed, "full": True}, NameState("", 0))
    examples: list[Mapping[str, Any]] = [{"size": size, "full": True} for size in passed]
    examples.append({"size": 1, "full": False})
    return find(trial, (), None, examples, again)


@settings(deadline=None)
@given(st.integers(2, 4000), st.integers(0, 3999), st.lists(st.integers(1, 4000)))
def test_from_which_size_on_it_fails(bound: int, beyond: int, sizes: list[int]) -> None:
    passed = [size for size in sizes if size < bound]
    hinge = bound_of(bound, bound + beyond, passed)
    if passed:
        assert hinge is not None
        assert hinge.text == f"passes with size {bound - 1}, fails from {bound} on"
    else:
        assert hinge is None, "an example that differs in something else says nothing"


def test_where_time_ends_the_bounds_so_far_are_told() -> None:
    assert bound_of(500, 900, [100], tries=2) == Hinge("passes with size 300, fails with 500", "")


def test_the_end_of_an_integer_is_named(command: Commands) -> None:
    hinge, said = hinge_of(command, command.faulty("size-from-last-byte"), "2.4c")
    assert hinge == "passes with size 255, fails from 256 on"
    assert said == "256 is where an integer of 8 bits ends"


WRONG_ABOUT_ADDRESSES = {
    "tcp-port": """
        def decide(self, request, peer):
            member = super().decide(request, peer)
            member.address = peer
            return member

        def hear(self, member, source, message):
            member.last = time.monotonic()
    """,
    "together": """
        latest = 0.0

        def relay(self, member, message):
            before, self.latest = self.latest, time.monotonic()
            if self.latest - before > 0.02:
                super().relay(member, message)
    """,
    "order": """
        def hear(self, member, source, message):
            member.last = time.monotonic()
            members = list(member.room.members.values())
            waiting = [one for one in members if one.address is None]
            if waiting and source not in [one.address for one in members]:
                waiting[-1].address = source
    """,
}


@pytest.mark.parametrize(
    ("wrong", "hinge", "advice"),
    [
        (
            "tcp-port",
            "passes when each member's UDP port is that of its TCP connection, fails when it is another",
            "the server takes the TCP peer's port for the UDP port: ",
        ),
        (
            "together",
            "passes with 50 ms between the messages, fails without",
            "messages that come close together get lost or mixed: ",
        ),
        (
            "order",
            "passes when the members register in the other order",
            "an address is kept for the wrong member, or for one member only: ",
        ),
    ],
)
def test_ports_pauses_and_the_order_of_registering(command: Commands, wrong: str, hinge: str, advice: str) -> None:
    methods = WRONG_ABOUT_ADDRESSES[wrong]
    server = command.server(f"""
        import time


        @fault("now", "TCRP-4.5a", note="")
        class Now(Server):
            {textwrap.indent(textwrap.dedent(methods), "            ").strip()}

        sys.argv[1:] = ["--fault", "now"]
        main("fault", FAULTS)
    """)
    found, said = hinge_of(command, server, "4.5a", "2.1")
    assert found == hinge
    assert said.startswith(advice)
    verdicts = {one["id"]: one["verdict"] for one in command.report()["clauses"]}
    assert verdicts == {"TCRP-4.5a": "fail", "TCRP-2.1": "pass"}


def test_what_hinges_on_nothing_that_is_changed_has_no_hinge(command: Commands) -> None:
    assert hinge_of(command, command.faulty("sender-hears-itself"), "4.5d") == (None, None)
