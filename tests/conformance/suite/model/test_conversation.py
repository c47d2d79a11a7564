"""Conversations held with servers and with the model: a wrong server disagrees, under the clause that it breaks."""

import json
from collections.abc import Iterator, Sequence

import pytest

from conformance.client.bench import Bench
from conformance.outcome.findings import Mismatch
from conformance.suite.model.conversation import Comparison, play
from conformance.suite.model.rooms import Step
from conformance.suite.model.shrinking import understood
from tests.conformance.suite.benches import CountingBench, bench_at, server


@pytest.fixture(scope="module")
def plain() -> Iterator[CountingBench]:
    with bench_at(server("faults", "none")) as bench:
        yield bench


ROOM = (("create", 0, 0, None), ("join", 0, 1, None), ("join_silently", 0, 2, None))
DISAGREEMENTS = [
    ("equal-names-refused", "TCRP-3.3c", [("create", 0, 0, None), ("join", 0, 0, None)]),
    ("create-joins-what-exists", "TCRP-3.4d", [("create", 0, 0, None), ("create", 0, 1, None)]),
    ("join-creates-what-is-missing", "TCRP-3.4e", [("join", 0, 0, None)]),
    ("token-of-the-user", "TCRP-3.8a", [("create", 0, 0, None), ("join", 0, 0, None)]),
    ("user-names-kept-by-ip", "TCRP-3.8d", [("create", 0, 0, None), ("join", 0, 1, None)]),
    ("guest-leaving-closes-the-room", "TCRP-3.8f", [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 1)]),
    ("guest-leaving-closes-the-room", "TCRP-3.8f",
     [("create", 0, 0, None), ("join", 0, 1, None), ("join", 0, 2, None), ("leave", 1)]),
    ("password-ignored", "TCRP-3.10a", [("create", 0, 0, "secret"), ("join", 0, 1, "other")]),
    ("right-password-refused", "TCRP-3.10a", [("create", 0, 0, "secret"), ("join", 0, 1, "secret")]),
    ("wrong-password-is-status-2", "TCRP-3.10a", [("create", 0, 0, "secret"), ("join_silently", 0, 1, None)]),
    ("unknown-room-answered", "TCRP-4.2c",
     [("create", 0, 0, None), ("join", 0, 1, None), ("forge", 0, "nowhere", "chat")]),
    ("unknown-room-answered", "TCRP-4.2c",
     [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 0), ("reuse_token", 0, "chat")]),
    ("unknown-token-answered", "TCRP-4.2d",
     [("create", 0, 0, None), ("join", 0, 1, None), ("forge", 0, "cut", "empty")]),
    ("token-prefix-served", "TCRP-4.2d", [("create", 0, 0, None), ("join", 0, 1, None), ("forge", 1, "cut", "chat")]),
    ("token-prefix-served", "TCRP-4.2d", [("create", 0, 0, None), ("join", 0, 1, None), ("forge", 1, "cut", "empty")]),
    ("token-prefix-served", "TCRP-4.2d", [("create", 0, 0, None), ("join", 0, 1, None), ("forge", 1, "cut", "exit")]),
    ("token-not-compared", "TCRP-4.2d",
     [("create", 0, 0, None), ("join", 0, 1, None), ("forge", 0, "unknown", "chat")]),
    ("token-of-another-room-served", "TCRP-4.2d",
     [("create", 0, 0, None), ("create", 1, 1, None), ("join", 0, 2, None), ("forge", 0, "foreign", "chat")]),
    ("wrong-room-moves-the-address", "TCRP-4.2d",
     [("create", 0, 0, None), ("join", 0, 1, None), ("create", 1, 2, None), ("join", 1, 3, None),
      ("forge", 0, "foreign", "empty")]),
    ("address-fixed-at-first", "TCRP-4.3a", [("create", 0, 0, None), ("join", 0, 1, None), ("move", 1, "empty")]),
    ("address-moves-with-empties-only", "TCRP-4.3a",
     [("create", 0, 0, None), ("join", 0, 1, None), ("move", 0, "chat")]),
    ("address-moves-with-chat-only", "TCRP-4.3a", [("create", 0, 0, None), ("join", 0, 1, None), ("move", 1, "empty")]),
    ("old-address-kept-too", "TCRP-4.3a", [("create", 0, 0, None), ("join", 0, 1, None), ("move", 0, "chat")]),
    ("empties-do-not-register", "TCRP-4.4a", [("create", 0, 0, None), ("join", 0, 1, None), ("join", 0, 2, None)]),
    ("empties-relayed", "TCRP-4.4b", [("create", 0, 0, None), ("join", 0, 1, None)]),
    ("last-member-left-out", "TCRP-4.5a", [("create", 0, 0, None), ("join", 0, 1, None), ("join", 0, 2, None)]),
    ("equal-names-hear-nothing", "TCRP-4.5a", [("create", 0, 0, None), ("join", 0, 0, None)]),
    ("unregistered-member-ends-delivery", "TCRP-4.5a",
     [("create", 0, 0, None), ("join_silently", 0, 1, None), ("join", 0, 2, None)]),
    ("chat-in-every-room", "TCRP-4.5b", [("create", 0, 0, None), ("create", 1, 1, None), ("join", 1, 2, None)]),
    ("every-host-hears", "TCRP-4.5b", [("create", 0, 0, None), ("create", 1, 1, None), ("join", 1, 2, None)]),
    ("strangers-hear", "TCRP-4.5b", [("create", 0, 0, None), ("join", 0, 1, None), ("forge", 0, "unknown", "empty")]),
    ("everything-twice", "TCRP-4.5c", [("create", 0, 0, None), ("join", 0, 1, None)]),
    ("sender-hears-itself", "TCRP-4.5d", [("create", 0, 0, None), ("join", 0, 1, None)]),
    ("name-with-room", "TCRP-4.6a", [("create", 0, 0, None), ("join", 0, 1, None)]),
    ("equal-names-numbered", "TCRP-3.8d", [("create", 0, 0, None), ("join", 0, 0, None)]),
    ("messages-acknowledged", "TCRP-4.6c", [("create", 0, 0, None), ("say", 0)]),
    ("chat-from-another-port", "TCRP-4.6d", [("create", 0, 0, None), ("join", 0, 1, None)]),
    ("exit-keeps-hearing", "TCRP-5.1a",
     [("create", 0, 0, None), ("join", 0, 1, None), ("join", 0, 2, None), ("leave", 1)]),
    ("exit-is-swallowed", "TCRP-5.1a",
     [("create", 0, 0, None), ("join", 0, 1, None), ("join", 0, 2, None), ("leave", 1)]),
    ("token-alive-after-exit", "TCRP-5.1b",
     [("create", 0, 0, None), ("join", 0, 1, None), ("join", 0, 2, None), ("leave", 1), ("reuse_token", 0, "chat")]),
    ("exit-undone-by-speaking", "TCRP-5.1b",
     [("create", 0, 0, None), ("join", 0, 1, None), ("join", 0, 2, None), ("leave", 1), ("reuse_token", 0, "empty")]),
    ("exit-relayed", "TCRP-5.1c", [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 1)]),
    ("exit-is-chat", "TCRP-5.1c", [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 0)]),
    ("host-leaving-leaves-the-room", "TCRP-5.2a", [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 0)]),
    ("closing-told-to-nobody", "TCRP-5.2a", [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 0)]),
    ("tokens-alive-after-closing", "TCRP-5.2b",
     [("create", 0, 0, None), ("join", 0, 1, None), ("join", 0, 2, None), ("leave", 0), ("reuse_token", 1, "chat")]),
    ("tokens-alive-in-a-namesake", "TCRP-5.2b",
     [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 0), ("create", 0, 2, None), ("leave", 0)]),
    ("tokens-alive-in-a-namesake", "TCRP-5.2b",
     [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 0), ("create", 0, 2, None), ("join", 0, 3, None)]),
    ("name-kept-after-closing", "TCRP-5.2c", [("create", 0, 0, None), ("leave", 0), ("create", 0, 1, None)]),
    ("name-kept-after-closing", "TCRP-5.2c",
     [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 0), ("create", 0, 1, None)]),
    ("notice-is-text", "TCRP-5.4a", [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 0)]),
    ("notice-in-shift-jis", "TCRP-5.4a", [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 0)]),
    ("notice-of-a-guests-exit", "TCRP-5.4b",
     [("create", 0, 0, None), ("join", 0, 1, None), ("join", 0, 2, None), ("leave", 1)]),
    ("notice-to-every-room", "TCRP-5.4b",
     [("create", 0, 0, None), ("create", 1, 1, None), ("join", 1, 2, None), ("join", 0, 3, None), ("leave", 0)]),
    ("notice-twice", "TCRP-5.4b", [("create", 0, 0, None), ("join", 0, 1, None), ("leave", 0)]),
]  # fmt: skip


def disagreement(bench: Bench, steps: Sequence[Step]) -> Mismatch | None:
    try:
        play(bench, steps)
    except Mismatch as found:
        return found
    finally:
        bench.tidy()
    return None


@pytest.mark.parametrize(("fault", "clause", "steps"), DISAGREEMENTS)
def test_a_wrong_server_disagrees_under_the_clause_that_it_breaks(
    fault: str, clause: str, steps: list[Step], plain: CountingBench
) -> None:
    assert understood(steps) == steps
    with bench_at(server("faults", fault), wait=1.0) as bench:
        found = disagreement(bench, [*steps, ("say", 0)])
    assert found is not None
    assert found.clause == clause, found
    assert found.example == {"steps": steps}
    assert disagreement(plain, steps) is None


def test_the_steps_of_a_disagreement_show_it_again() -> None:
    with bench_at(server("faults", "exit-keeps-hearing"), wait=1.0) as bench:
        found = disagreement(bench, [*ROOM, ("join", 0, 3, None), ("leave", 1), ("say", 0), ("say", 1)])
        assert found is not None
        assert found.example is not None
        steps = found.example["steps"]
        assert len(steps) == 5
        again = disagreement(bench, json.loads(json.dumps(steps)))
        assert again is not None
        assert (again.clause, again.expected, again.example) == (found.clause, found.expected, found.example)
        assert disagreement(bench, steps[:-1]) is None


def test_the_same_steps_make_the_same_conversation(plain: CountingBench) -> None:
    steps = [
        *ROOM,
        ("move", 1, "chat"),
        ("forge", 0, "cut", "exit"),
        ("leave", 1),
        ("reuse_token", 0, "chat"),
        ("leave", 0),
    ]
    received = []
    for _ in range(2):
        comparison = Comparison(plain)
        for step in steps:
            comparison.step(step)
        received.append([len(peer.inbox) for peer in comparison.deliveries.members])
        plain.tidy()
    assert received[0] == received[1]
    assert min(received[0][:2]) > 5
