"""What may rest on the answers of a probe: an answer that was not learnt is listed, in the dialect file too."""

from typing import Any

import pytest

from conformance.probe.notebook import setting
from tcrp.dialects.file import loads
from tcrp.dialects.framed import Framed
from tests.conformance.probe.combinations import Options
from tests.conformance.probe.servers import command_of, probed

NOT_ASKED = {
    "idle.seconds", "idle.counts", "notices.idle", "notices.host-idle", "notices.stopped", "notices.unreachable",
    "status.refused", "status.wrong-password",
}  # fmt: skip
"""What no probe asks, or only where time is left, so that it need not be learnt."""

NO_CHAT = {"up", "down", "address", "chat", "notices"}
"""What is not learnt where no datagram reached anybody."""

KINDS: dict[str, tuple[Options, set[str], dict[str, Any]]] = {
    "an acknowledgement refuses, and an empty token follows": (
        {"status": "json", "status_key": "success", "values": [1, 0, 0, 0, 0], "token_key": "token",
         "empty_token_follows": True}, set(),
        {"status.ok": 1, "status.room-exists": 0, "reply.refused-in": "acknowledgement"},
    ),
    "an own echo, and no message leaves": (
        {"down": "type user-size message-size user message", "down_type": 1, "echo": True, "leave": None}, set(),
        {"chat.echo": True, "chat.leave": False},
    ),
    "every refusal is other words": (
        {"status": "words", "steps": 1, "framing": "none", "words_differ": True, "payload": "raw"},
        {"status.room-exists", "status.room-not-found", "status.wrong-password", "status.malformed"}, {},
    ),
    "chat that nobody can read": (
        {"up": "hidden:room-size token-size room token message", "down": "hidden:user message"}, NO_CHAT, {},
    ),
    "a reply of 460 bytes holds more than the token": (
        {"framing": "none", "steps": 1, "token": "blob", "status": "close"},
        {"token"} | NO_CHAT, {},
    ),
    "a user name that the server never reads": (
        {"user_key": None, "up": "room-size user-size token-size room user token message"}, {"request.user-key"}, {},
    ),
    "tokens that hold the user's name": ({"token": "named"}, {"token.size", "token.alphabet"}, {}),
    "an address for a token": (
        {"token": "ip", "payload": "raw", "up": "room-size user-size room user message"},
        {"token.alphabet", "status.wrong-password"} | NO_CHAT, {},
    ),
    "texts with the room's name in them": (
        {"status": "text", "values": ["room {room} made", "room {room} is there", "no room {room}", "wrong", "bad"]},
        set(), {"status.ok": "room {room} made", "status.room-exists": "room {room} is there"},
    ),
    "a register word, and until then the port of TCP": (
        {"address": "message", "register": "__REGISTER__", "tcp_fallback": True}, set(),
        {"address.learnt": "message", "address.message": "__REGISTER__"},
    ),
    "a port that may be declared and need not": (
        {"address": "latest", "port_key": "port", "port_optional": True}, set(),
        {"address.learnt": "latest", "request.address": "none"},
    ),
    "whoever has a token may use it": ({"source": "anything"}, set(), {"address.source": "ip"}),
    "any State will do": ({"state": None}, set(), {"request.any-state": False}),
}  # fmt: skip
"""By kind the options, what is not learnt beside NOT_ASKED, and settings."""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_learnt_is_listed_and_stands_in_the_file(kind: str) -> None:
    options, not_learnt, expected = KINDS[kind]
    found = probed(command_of(options))
    assert isinstance(found.dialect, Framed), found.lines
    assert found.dialect.settings.not_learnt.keys() - NOT_ASKED == not_learnt - NOT_ASKED
    assert {key: setting(found.dialect.settings, key) for key in expected} == expected
    assert found.toml is not None
    assert loads(found.toml).not_learnt == found.dialect.settings.not_learnt
    for key in not_learnt - NOT_ASKED:
        assert any(line.startswith("  not learnt") and key in line for line in found.lines)


def test_a_message_from_another_address_is_a_remark_and_no_setting() -> None:
    found = probed(command_of({"source": "anything"}))
    assert any("TCRP-3.8e" in line for line in found.lines)
