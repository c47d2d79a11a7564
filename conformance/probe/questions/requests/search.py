"""The search for a request that is understood: one that gets a token."""

import re
from typing import NamedTuple

from conformance.probe.payloads import is_known_protocol
from conformance.probe.questions.requests.asking import AnsweredRequest, Requester, TokenExample
from conformance.probe.questions.requests.shapes import (
    IP_KEYS,
    PAIR_KEYS,
    PASSWORD_KEYS,
    USER_KEYS,
    RequestShape,
    candidates,
    with_user_keys,
)
from conformance.probe.reply_parsing import TokenCandidate, find_tokens

_NAMED = re.compile(r"""KeyError: ['"]([A-Za-z_][\w-]{0,40})['"]|['"`]([A-Za-z_][\w-]{0,40})['"`]""")
_MISSED = re.compile("missing|required|not found|need", re.IGNORECASE)
_USUAL = (*USER_KEYS, *PASSWORD_KEYS[:1], *PAIR_KEYS, *IP_KEYS)
_MOST_HINTS = 3
ALIKE = 12
"""Once so many shapes had one and the same answer, only those are tried that differ in one thing from the likeliest."""
ENOUGH = 14
"""Requests after which a shape that gets a token for CREATE alone is taken."""


class _Understood(NamedTuple):
    """A shape that gets a token for CREATE. `joins`: for JOIN too; `constant`: the token is the same each time, and no
    address of this machine.
    """

    shape: RequestShape
    example: TokenExample
    second_token: bytes
    joins: bool
    constant: bool


class RequestSearch:
    """Tries shapes of requests, the likeliest first."""

    def __init__(self, requester: Requester) -> None:
        self.first_unread: AnsweredRequest | None = None
        """The first reply that came, to show it where none is understood."""
        self._requester = requester
        self._waiting = list(candidates())
        self._tried = 0
        self._second_best: _Understood | None = None
        self._named: list[str] = []
        self._seen: set[tuple[bytes, bool]] = set()
        """The answers so far, and whether the server closed."""

    def find(self, most: int = 1000) -> bool:
        """Try shapes until CREATE and JOIN get a token. Returns whether a shape was found, and puts it and the replies
        to it into the requester's facts. A shape that gets a token for CREATE alone is taken if no other is found.

        `most`: how many to try now. A second call goes on where the first ended.
        """
        waiting = self._waiting
        for _ in range(min(most, len(waiting))):
            if not waiting or self._must_do() or self._requester.wire.server.is_allergic:
                break
            shape = waiting.pop(0)
            self._tried += 1
            answered = self._requester.create(f"CREATE with {shape.words}", shape=shape)
            if answered.got and self.first_unread is None:
                self.first_unread = answered
            self._seen.add((answered.got.replace(answered.room.encode(), b""), answered.exchange.closed))
            if self._tried == ALIKE and len(self._seen) == 1:
                waiting[:] = [one for one in waiting if one.is_simple]
            for place in find_tokens(answered.reply):
                found = self._confirm(shape, answered, place)
                if found is None:
                    continue
                if found.joins and not found.constant:
                    self._take(found)
                    return True
                if self._second_best is None or found.joins > self._second_best.joins:
                    self._second_best = found
            for name in self._hints(answered):
                waiting.insert(0, with_user_keys(RequestShape(), (name,)))
            if is_known_protocol(answered.got):
                waiting.clear()
        return (not waiting or self._must_do()) and self.take_second_best()

    @property
    def plausible(self) -> int:
        """How many of the shapes that wait have no size that is huge to a server that reads it otherwise."""
        odd = (number for number, shape in enumerate(self._waiting) if shape.size != "binary")
        return next(odd, len(self._waiting))

    def take_second_best(self) -> bool:
        """Take a shape that got a token for CREATE, if one is known. Returns whether one is."""
        if self._second_best is not None:
            self._take(self._second_best)
        return self._second_best is not None

    def _must_do(self) -> bool:
        """Whether so many shapes were tried that the second best is taken."""
        return self._second_best is not None and self._tried >= ENOUGH

    def _confirm(self, shape: RequestShape, answered: AnsweredRequest, place: TokenCandidate) -> _Understood | None:
        """Ask a second CREATE, whose token differs from the first, and a JOIN, which gets a token too."""
        ask = self._requester
        second = ask.create(f"a second CREATE with {shape.words}", user="bobby", shape=shape, like=answered)
        join = ask.ask(f"JOIN with {shape.words}", answered.room, "bob", join=True, shape=shape, like=answered)
        other, joined = (
            {(one.part, one.key): one.value for one in find_tokens(found.reply)}.get((place.part, place.key))
            for found in (second, join)
        )
        if other is None:
            return None
        constant = other == place.value and other not in (ask.wire.server.local_host.encode(), b"localhost")
        return _Understood(shape, TokenExample(answered, second, place), other, joined is not None, constant)

    def _take(self, found: _Understood) -> None:
        facts, example = self._requester.facts, found.example
        example.first.token, example.second.token = example.place.value, found.second_token
        self._requester.created += [example.first, example.second]
        facts.shape, facts.example = found.shape, example
        exchange = example.first.exchange
        facts.handshakes = bool(exchange.port_told) and exchange.closed_after_port

    def _hints(self, answered: AnsweredRequest) -> list[str]:
        """Keys that the server says it misses, in its reply or in what it prints."""
        found = []
        for text in (answered.got.decode(errors="replace"), *self._requester.wire.server.target.output(5)):
            for match in _NAMED.finditer(text):
                name = match[1] or match[2]
                fits = match[1] or _MISSED.search(text)
                if fits and name not in self._named and name not in _USUAL and len(self._named) < _MOST_HINTS:
                    self._named.append(name)
                    found.append(name)
        return found
