"""Faults of messages that are taken for a command, or for none."""

from __future__ import annotations

import time

from plain import Server
from plain_chat import Member
from registry import fault

# 4.5a: every other message ------------------------------------------------------------------------


@fault("slash-messages-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message that begins with / is a command")
class SlashMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if not message.startswith(b"/"):
            super().relay(member, message)


@fault("at-messages-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message that begins with @ is a command")
class AtMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if not message.startswith(b"@"):
            super().relay(member, message)


@fault("json-messages-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message that begins with { is a command")
class JsonMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if not message.startswith(b"{"):
            super().relay(member, message)


@fault(
    "pings-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="the message ping keeps a member alive and is not relayed"
)
class PingsSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if message.lower() not in (b"ping", b"initial", b"__register__"):
            super().relay(member, message)


@fault(
    "blank-messages-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message of white space alone is not relayed"
)
class BlankMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if message.strip():
            super().relay(member, message)


@fault("nul-messages-swallowed", "TCRP-4.5a", also=("TCRP-4.6b",), note="a message that begins with NUL is not relayed")
class NulMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if not message.startswith(b"\0"):
            super().relay(member, message)


@fault(
    "notice-like-messages-swallowed",
    "TCRP-4.5a",
    also=("TCRP-4.6b",),
    note="a message that begins with 0x04 or 0x05 is not relayed",
)
class NoticeLikeMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if not message.startswith((b"\x04", b"\x05")):
            super().relay(member, message)


@fault(
    "repeated-messages-swallowed",
    "TCRP-4.5a",
    also=("TCRP-4.6b",),
    note="the same message twice in a row is relayed once",
)
class RepeatedMessagesSwallowed(Server):
    def relay(self, member: Member, message: bytes) -> None:
        if member.__dict__.get("latest") != message:
            super().relay(member, message)
        member.__dict__["latest"] = message


@fault("two-messages-a-second", "TCRP-4.5a", note="of more than 2 messages a second from a member the rest is dropped")
class TwoMessagesASecond(Server):
    def relay(self, member: Member, message: bytes) -> None:
        now = time.monotonic()
        recent = [when for when in member.__dict__.setdefault("recent", []) if when > now - 1]
        member.__dict__["recent"] = recent
        if len(recent) < 2:
            recent.append(now)
            super().relay(member, message)


@fault("slash-exit-leaves-too", "TCRP-5.1d", note="/exit leaves, too")
class SlashExitLeavesToo(Server):
    def leaves(self, message: bytes) -> bool:
        return message in (b"exit", b"/exit")


@fault("quit-leaves-too", "TCRP-5.1d", note="quit, bye and leave leave, too")
class QuitLeavesToo(Server):
    def leaves(self, message: bytes) -> bool:
        return message in (b"exit", b"quit", b"bye", b"leave")


@fault("hosts-exit-is-trimmed", "TCRP-5.1d", note="the host's exit may have white space around it, in any case")
class HostsExitIsTrimmed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if member is member.room.host and message.strip().lower() == b"exit":
            message = b"exit"
        super().act(member, message)


@fault("guests-exit-is-trimmed", "TCRP-5.1d", note="a guest's exit may have white space around it, in any case")
class GuestsExitIsTrimmed(Server):
    def act(self, member: Member, message: bytes) -> None:
        if member is not member.room.host and message.strip().lower() == b"exit":
            message = b"exit"
        super().act(member, message)


@fault("quoted-exit-leaves-too", "TCRP-5.1d", note="exit in quotes leaves, too")
class QuotedExitLeavesToo(Server):
    def leaves(self, message: bytes) -> bool:
        return message.strip(b"'\"") == b"exit"


@fault("exit-at-the-end-leaves", "TCRP-5.1d", note="whatever ends with exit leaves")
class ExitAtTheEndLeaves(Server):
    def leaves(self, message: bytes) -> bool:
        return message.endswith(b"exit")
