"""What a probe learns of servers that have UDP alone."""

import json
import socket
import sys
from contextlib import suppress
from pathlib import Path

from conformance.net.target import AddressTarget
from conformance.probe.probe import probe
from tcrp.dialects.file import loads
from tcrp.dialects.framed import Framed
from tests.conformance.probe.servers import started, udp_alone


def test_a_server_without_tcp_speaks_stage_1_or_what_it_says_is_told() -> None:
    words = [str(Path(sys.executable).with_name("tcrp-server")), "--dialect", "stage1", "--udp-port", "0"]
    with started(words) as (_, endpoint):
        assert probe(AddressTarget(endpoint)).name == "stage1"
    with udp_alone(_answers) as endpoint:
        found = probe(AddressTarget(endpoint))
    assert found.dialect is None
    assert "bob heard what?" in "\n".join(found.lines)


def test_a_server_without_tcp_that_speaks_otherwise_gets_a_dialect_file() -> None:
    with udp_alone(_relays) as endpoint:
        found = probe(AddressTarget(endpoint))
    assert isinstance(found.dialect, Framed), found.lines
    assert "verified: two-way chat" in found.lines[0]
    assert found.toml is not None
    settings = loads(found.toml)
    assert settings.ports.tcp is False
    assert settings.up.layout == ("user-size", "user", "message")
    assert settings.down.template == "{user}: {message}"
    assert not settings.chat.echo


def _relays(relay: socket.socket) -> None:
    """Tells what one says to the others as a line of text, until an empty datagram comes."""
    known = set()
    while (received := relay.recvfrom(65536))[0]:
        data, source = received
        size = data[0] + 1
        known.add(source)
        for one in known - {source}:
            relay.sendto(data[1:size] + b": " + data[size:], one)


def test_a_server_without_tcp_may_speak_json() -> None:
    with udp_alone(_relays_json) as endpoint:
        found = probe(AddressTarget(endpoint))
    assert isinstance(found.dialect, Framed), found.lines
    assert "verified: two-way chat" in found.lines[0]
    up, down = found.dialect.settings.up, found.dialect.settings.down
    assert (up.form, up.user_key, up.message_key) == ("json", "name", "text")
    assert (up.room_key, up.token_key) == (False, False)
    assert (down.form, down.user_key, down.message_key) == ("json", "from", "body")


def _relays_json(relay: socket.socket) -> None:
    """Tells what one says to the others as JSON, until an empty datagram comes."""
    known = set()
    while (received := relay.recvfrom(65536))[0]:
        data, source = received
        with suppress(ValueError, KeyError, TypeError):
            value = json.loads(data)
            delivery = json.dumps({"from": value["name"], "body": value["text"]})
            known.add(source)
            for one in known - {source}:
                relay.sendto(delivery.encode(), one)


def _answers(echo: socket.socket) -> None:
    """Answers every datagram alike, until an empty one comes."""
    while data := echo.recvfrom(65536):
        if not data[0]:
            return
        echo.sendto(b"what?", data[1])
