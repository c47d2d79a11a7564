"""What says yes and what says no: status values, States, and words."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from conformance.probe.notebook import Sure
from conformance.probe.payloads import template
from conformance.probe.questions.requests.asking import AnsweredRequest, Requester, TokenExample
from conformance.probe.questions.requests.refusals import OUTCOMES, Refusals, is_cut_off
from conformance.probe.reply_parsing import ReplyPart

Fields = dict[str, Any]
"""A JSON object."""
ValueOf = Callable[[ReplyPart], Any]
"""The status value in a part of a reply, or None."""
_STATUS_KEY = re.compile("status|code|ok|success|result|state")
_SURE_STATUS_KEY = re.compile("status|code|ok|success|result")
_WORDS_KEY = re.compile("message|error|reason|msg|text")


def learn_status(requester: Requester, refusals: Refusals) -> None:
    """Learn how good replies and refusals are told apart. Needs an example."""
    example = requester.facts.example
    assert example is not None
    _Statuses(requester, example, refusals).learn()


class _Statuses:
    """The comparison of the good reply with the refusals."""

    def __init__(self, requester: Requester, example: TokenExample, refusals: Refusals) -> None:
        self._notes = requester.notes
        self._good = example.first
        self._token_key = example.place.key
        self._token_part = self._good.reply.parts[example.place.part]
        self._acknowledged = len(self._good.reply.parts) == 2
        """Whether a good reply has an acknowledgement before the token."""
        self._refusals = refusals
        self._said = {
            outcome: one for outcome, one in refusals.items() if one.reply.parts and not is_cut_off(one, self._good)
        }
        """The refusals that say something."""

    def learn(self) -> None:
        if self._acknowledged and self._said:
            self._learn_place()
        usual = [one for outcome, one in self._refusals.items() if outcome != "malformed"]
        if any(len(one.reply.parts) > len(self._good.reply.parts) for one in self._said.values()):
            self._notes.remark("a refusal is followed by another answer on the same connection")
        if usual and not any(one in self._said.values() for one in usual):
            self._learn_close(usual[0])
        self._learn_form()
        if self._good.reply.framed:
            self._learn_states()
        self._leave_open()

    def _refusal_part(self, one: AnsweredRequest) -> ReplyPart:
        """The part of a refusal that says no: the first that is not as in a good reply. What follows it is not looked
        at: some servers send an empty token after an acknowledgement that refuses.
        """
        good = self._good.reply.parts
        if self._acknowledged and (one.reply.parts[0].state, self._plain(one.reply.parts[0], one)) != (
            good[0].state, self._plain(good[0], self._good),
        ):  # fmt: skip
            return one.reply.parts[0]
        return one.reply.parts[: len(good)][-1]

    @staticmethod
    def _plain(part: ReplyPart, asked: AnsweredRequest) -> bytes | str:
        """The payload without the names of the request that it answers."""
        return template(part.text, room=asked.room, users=(asked.user,)) if part.kind != "bytes" else part.payload

    def _leave_open(self) -> None:
        """Take down of which refusals it is not known how they look."""
        for outcome in OUTCOMES:
            why = self._why_open(outcome)
            if why is None:
                self._notes.settle(f"status.{outcome}")
            else:
                self._notes.leave_open(f"status.{outcome}", why)

    def _why_open(self, outcome: str) -> str | None:
        """Why it is not known how this refusal looks; None if it is."""
        notes, one = self._notes, self._refusals.found.get(outcome)
        if notes.value(f"status.{outcome}") is not None or notes.value(f"words.{outcome}") is not None:
            return None
        if one is None:
            bad = {notes.value("reply.bad-payload"), notes.value("reply.bad-header")} - {None}  # raw: the second alone
            return None if outcome == "malformed" and bad == {"close"} else "no request was refused for this reason"
        if one in self._said.values():
            return "what it says is not told from a good answer"
        return None if notes.value("reply.refusal") == "close" else "this refusal says nothing, and others do"

    def _refusal_parts(self) -> list[ReplyPart]:
        return [self._refusal_part(one) for one in self._said.values()]

    def _first_said(self) -> AnsweredRequest:
        return next(iter(self._said.values()))

    def _learn_place(self) -> None:
        """In which of the two parts a refusal differs."""
        late = [one for one in self._said.values() if len(one.reply.parts) == 2
                and self._refusal_part(one) is one.reply.parts[1]]  # fmt: skip
        where = "token" if late and len(late) * 2 > len(self._said) else "acknowledgement"
        proof = late[0] if late else self._first_said()
        self._notes.learn("reply.refused-in", where, "where the answer to a refused request differs", proof.got)

    def _learn_close(self, refused: AnsweredRequest) -> None:
        """The usual refusals say nothing."""
        if refused.got:
            self._notes.learn("reply.refused-in", "token", "after the acknowledgement nothing comes", refused.got)
        how = "with no more than the acknowledgement" if refused.got else "without a word"
        self._notes.learn("reply.refusal", "close", f"refused requests are closed {how}", refused.sent)

    def _learn_states(self) -> None:
        states = {outcome: self._refusal_part(one).state for outcome, one in self._said.items()}
        usual = [state for outcome, state in states.items() if outcome != "malformed"]
        if usual:
            self._notes.learn("reply.refusal-state", usual[0], "State of a refusal", self._first_said().got)
        if "malformed" in states and (not usual or states["malformed"] != usual[0]):
            self._notes.learn("reply.malformed-state", states["malformed"], "State where the request does not parse",
                              self._said["malformed"].got)  # fmt: skip

    # --------------------------------------------------------------------------------------------------- status values

    def _learn_form(self) -> None:
        ack = self._good.reply.parts[0] if self._acknowledged else None
        if ack is not None and ack.kind == "byte":
            self._learn_bytes(ack)
        elif ack is not None and ack.value is not None:
            self._learn_json(ack)
        elif ack is not None and ack.kind == "text":
            self._learn_texts(ack)
        elif self._token_key:
            self._learn_json(self._token_part)
        else:
            self._learn_bare()

    def _learn_bytes(self, ack: ReplyPart) -> None:
        self._notes.learn("status.form", "byte", "the acknowledgement is 1 byte", ack.payload)
        self._notes.learn("status.ok", ack.payload[0], "it in a good answer", ack.payload)
        self._learn_values(_byte)

    def _learn_texts(self, ack: ReplyPart) -> None:
        self._notes.learn("status.form", "text", "the acknowledgement is a text", ack.payload)
        self._notes.learn("status.ok", self._plain(ack, self._good), "it in a good answer", ack.payload)
        self._learn_values(lambda part: part.text if part.kind == "text" else None)

    def _learn_json(self, part: ReplyPart) -> None:
        """The status stands beside the token, or in the acknowledgement. Another key may hold words."""
        notes, value = self._notes, part.value
        if not isinstance(value, dict):
            notes.learn("status.form", "json", "the acknowledgement is a JSON value", part.payload)
            notes.learn("status.key", False, "the value is the whole payload", part.payload)
            notes.learn("status.ok", self._named(value, self._good), "it in a good answer", part.payload)
            self._learn_values(lambda one: one.value)
            return
        refused = [one.fields for one in self._refusal_parts()]
        with_fields = [fields for fields in refused if fields]
        key = _status_key(value, with_fields, self._token_key)
        if key:
            notes.learn("status.form", "json", f"{key!r} tells a good answer from a refusal", part.payload,
                        sure=Sure.SURE if any(key in fields for fields in refused) else Sure.LIKELY)  # fmt: skip
            notes.learn("status.key", key, "as above", part.payload)
            notes.learn("status.ok", self._named(value[key], self._good), "it in a good answer", part.payload)
            if self._acknowledged and key in self._token_part.fields:
                beside = self._token_part
                ok = self._named(beside.fields[key], self._good)
                notes.learn("status.token-ok", ok, "it beside the token", beside.payload)
            self._learn_values(lambda one: one.fields.get(key))
        elif with_fields:
            notes.learn("status.form", "none", "nothing but the token, or its absence, tells", part.payload)
        else:
            self._learn_bare()
            return
        self._learn_words(part, key, with_fields)

    def _learn_bare(self) -> None:
        """There is no acknowledgement and no JSON: whatever is no token is a refusal."""
        notes, good = self._notes, self._good
        parts = {outcome: self._refusal_part(one) for outcome, one in self._said.items()}
        usual = [part for outcome, part in parts.items() if outcome != "malformed"] or list(parts.values())
        if not usual:
            if notes.value("reply.refusal") is None:
                notes.leave_open("reply.refusal", "nothing was refused")
            notes.learn("status.form", "none", "the token alone tells", good.got, sure=Sure.LIKELY)
            return
        if all(len(part.payload) == 1 for part in usual) and not self._acknowledged:
            notes.learn("status.form", "byte", "a refusal is 1 byte", usual[0].payload)
            self._learn_values(_byte)
        elif any(part.fields for part in usual):
            notes.learn("status.form", "none", "the token alone tells", good.got)
            self._learn_error_key(next(part for part in usual if part.fields))
        elif good.reply.framed and len({part.state for part in usual}) > 1 and not any(part.payload for part in usual):
            notes.learn("status.form", "state", "refusals differ by their State alone", self._first_said().got)
            self._learn_values(lambda part: part.state)
        elif any(part.kind == "text" for part in usual):
            notes.learn("status.form", "none", "a refusal is words, a good answer a token", good.got)
            notes.learn("reply.refusal", "text", "a refusal is words alone", self._first_said().got)
            for outcome, one in self._said.items():
                if self._refusal_part(one).kind == "text":
                    self._learn_word(outcome, self._refusal_part(one).text, one)
        elif good.reply.framed:
            notes.learn("status.form", "state", "a refusal differs by its State alone", self._first_said().got)
            self._learn_values(lambda part: part.state)

    @staticmethod
    def _named(value: Any, asked: AnsweredRequest) -> Any:
        """The value; a text as a template, in which the names of the request are places."""
        return template(value, room=asked.room, users=(asked.user,)) if isinstance(value, str) else value

    def _learn_values(self, value_of: ValueOf) -> None:
        """The status value of every outcome."""
        ok = self._notes.value("status.ok")
        for outcome, one in self._said.items():
            value = self._named(value_of(self._refusal_part(one)), one)
            if value is None or isinstance(value, dict | list | float) or (value == ok and type(value) is type(ok)):
                continue
            self._notes.learn(f"status.{outcome}", value, one.exchange.what, one.got)

        if isinstance(ok, bool | str) or self._notes.value("status.form") == "json":
            refused = [value for value in map(value_of, self._refusal_parts()) if value is not None and value != ok]
            general = next((value for value in reversed(refused) if type(value) is type(ok)), None)
            if general is not None:
                self._notes.learn("status.refused", general, "for what was not asked", sure=Sure.ASSUMED)

    # ----------------------------------------------------------------------------------------------------------- words

    def _learn_words(self, part: ReplyPart, status: str | None, refused: list[Fields]) -> None:
        """The key under which words stand. `status`: the key of the status value."""
        notes, good = self._notes, part.fields
        texts = {
            key
            for fields in refused
            for key, value in fields.items()
            if isinstance(value, str) and key not in (status, self._token_key)
        }
        if not texts:
            return
        key = min(sorted(texts), key=lambda one: (one not in good, not _WORDS_KEY.search(one)))
        if key in good and isinstance(good[key], str):
            notes.learn("words.key", key, "words stand under it in good answers and refusals", part.payload)
            notes.learn("words.ok", self._named(good[key], self._good), "in a good answer", part.payload)
        elif all(status not in fields for fields in refused if key in fields):
            notes.learn("words.error-key", key, "it stands in refusals alone", repr(refused[0]).encode())
        else:
            notes.learn("words.key", key, "words stand under it in refusals", repr(refused[0]).encode())
        self._learn_words_under(key)

    def _learn_error_key(self, part: ReplyPart) -> None:
        key = next((key for key, value in part.fields.items() if isinstance(value, str)), None)
        if key is not None:
            self._notes.learn("words.error-key", key, "it stands in refusals alone", part.payload)
            self._learn_words_under(key)

    def _learn_words_under(self, key: str) -> None:
        for outcome, one in self._said.items():
            text = self._refusal_part(one).fields.get(key)
            if isinstance(text, str):
                self._learn_word(outcome, text, one)

    def _learn_word(self, outcome: str, text: str, one: AnsweredRequest) -> None:
        said = template(text, room=one.room, users=(one.user,))
        self._notes.learn(f"words.{outcome}", said, one.exchange.what, one.got)


def _byte(part: ReplyPart) -> int | None:
    return part.payload[0] if len(part.payload) == 1 else None


def _status_key(good: Fields, refused: list[Fields], token_key: str) -> str | None:
    """The JSON key whose value tells a good reply from a refusal. None: no key does."""
    scalars = [key for key, value in good.items() if isinstance(value, bool | int | str) and key != token_key]
    telling = [key for key in scalars if any(fields.get(key, good[key]) != good[key] for fields in refused)]
    named = _matching(_STATUS_KEY, telling or ([] if refused else scalars))
    short = [key for key in telling if not isinstance(good[key], str) or " " not in good[key]]
    if not telling and refused and not named:
        named = _matching(_SURE_STATUS_KEY, scalars)
    for group in (named, [key for key in short if not isinstance(good[key], str)], short):
        if group:
            return group[0]
    return None


def _matching(pattern: re.Pattern[str], keys: Iterable[str]) -> list[str]:
    return [key for key in keys if pattern.search(key)]
