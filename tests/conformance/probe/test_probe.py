"""What a probe learns of servers that no dialect describes, and what it says of those that are no chat servers."""

import os
import shlex
import signal

import pytest

from conformance.net.target import AddressTarget, Unreachable
from conformance.outcome.verdicts import Exit
from conformance.probe.notebook import setting
from conformance.probe.probe import probe
from tcrp.dialects.file import dumps, loads
from tcrp.dialects.framed import Framed
from tcrp.endpoint import Endpoint
from tests.conformance.commands import REFERENCE
from tests.conformance.probe.combinations import COMBINATIONS, NOT_CHAT, QUICK
from tests.conformance.probe.servers import command_of, probed, running, started

ALL = os.environ.get("TCRP_PROBE_ALL") is not None
CHOSEN = COMBINATIONS if ALL else {name: COMBINATIONS[name] for name in QUICK}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", CHOSEN)
def test_learns_what_an_unknown_server_does(name: str) -> None:
    options, expected = CHOSEN[name]
    found = probed(command_of(options))
    assert isinstance(found.dialect, Framed), found.lines
    assert not found.part, found.lines
    assert "verified: create, join, two-way chat" in found.lines[0]
    assert found.toml is not None
    settings = loads(found.toml)
    assert loads(dumps(settings)) == settings == found.dialect.settings
    assert {key: setting(settings, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("HTTP", "HTTP server"),
        ("TLS", "TLS"),
        ("closes at once", "closed without an answer"),
        pytest.param("answers nothing", "not answered", marks=pytest.mark.skipif(not ALL, reason="takes its time")),
        pytest.param("random bytes", "answers everything", marks=pytest.mark.skipif(not ALL, reason="takes its time")),
    ],
)
def test_says_what_is_no_chat_server(name: str, said: str) -> None:
    found = probed(command_of(NOT_CHAT[name]))
    assert found.dialect is None
    assert found.code is Exit.FAILED
    assert said in "\n".join(found.lines)


def test_names_the_canonical_dialect() -> None:
    found = probed(REFERENCE)
    assert found.name == "tcrp", found.lines
    assert found.toml is None


def test_starts_a_server_of_its_own_anew_and_says_what_it_died_of() -> None:
    found = probed(command_of({"dies_of": "state"}))
    assert found.code is Exit.CONFORMS
    assert not found.part
    assert any("ended by" in line and "State 7" in line for line in found.lines)


def test_a_server_of_somebody_else_that_dies_ends_the_probe_with_what_was_sent_last() -> None:
    with running({"dies_of": "state"}) as endpoint:
        found = probe(AddressTarget(endpoint))
    assert found.code is Exit.DIED
    assert found.died is not None
    assert "CREATE with State 7" in found.died
    assert isinstance(found.dialect, Framed)
    assert "verified: create, join, two-way chat" in found.lines[0]


def test_the_rooms_that_were_made_are_left() -> None:
    with started(shlex.split(command_of({}))) as (process, endpoint):
        assert process.stdout is not None
        assert probe(AddressTarget(endpoint)).code is Exit.CONFORMS
        rooms = ""
        while rooms != "rooms 0\n":  # the last datagrams may still wait to be read
            process.send_signal(signal.SIGUSR1)
            rooms = process.stdout.readline()
            assert rooms


def test_a_datagram_that_ends_chat_is_named_and_a_server_of_its_own_started_anew() -> None:
    options = {"dies_of": "datagram", "up": "text:{token}:{user}:{message}", "down": "text:{user}:{message}"}
    with running(options) as endpoint:
        found = probe(AddressTarget(endpoint))
    assert "any more after a datagram, room-size token-size" in found.part
    assert any("ended by" in line and "a datagram, room-size token-size" in line for line in found.lines)
    found = probed(command_of(options))
    assert isinstance(found.dialect, Framed), found.lines
    assert not found.part, found.lines
    assert found.dialect.settings.up.template == "{token}:{user}:{message}"


def test_a_port_that_nobody_listens_on_is_unreachable() -> None:
    with running({}) as endpoint:
        pass
    with pytest.raises(Unreachable, match="no TCP connection"):
        probe(AddressTarget(endpoint))


def test_no_evidence_holds_a_token() -> None:
    found = probed(command_of({"token": "digits", "payload": "raw"}))
    assert found.toml is not None
    assert "<token of 10 bytes>" in found.toml
    assert not any(word.isdigit() and len(word) == 10 for word in found.toml.replace("<", " ").split())


def test_a_server_without_udp_gets_a_dialect_for_what_it_does() -> None:
    with running({"payload": "raw"}) as endpoint, running({}) as other:
        silent = endpoint._replace(udp=_closed(other))
        found = probe(AddressTarget(silent))
    assert found.code is Exit.CONFORMS
    assert "nothing listens on UDP" in found.part
    assert "verified: create, join" in found.lines[0]


def _closed(endpoint: Endpoint) -> int:
    """A UDP port that is free: the TCP one of another server."""
    assert endpoint.tcp is not None
    return endpoint.tcp
