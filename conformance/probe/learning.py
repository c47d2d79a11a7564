"""What has been learnt: for every key of a dialect file its value, how sure that is, and the bytes that prove it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from tcrp.dialects.answers import Answers, NoticeAnswers

LONG = 40


class Sure(IntEnum):
    """How sure an answer is."""

    ASSUMED = 0
    LIKELY = 1
    SURE = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass
class Learnt:
    """One answer. `accepts`: other values that what was seen fits as well."""

    value: Any
    sure: Sure
    why: str
    data: bytes | None = None
    accepts: tuple[Any, ...] = ()


class Notebook:
    """Answers by their dotted keys, and what could not be learnt and why."""

    def __init__(self) -> None:
        self.learnt: dict[str, Learnt] = {}
        self.unknown: dict[str, str] = {}
        self.remarks: list[str] = []
        """What was seen and no dialect file can say."""
        self._tokens: set[bytes] = set()

    def learn(
        self, key: str, value: Any, why: str, data: bytes | None = None, *, sure: Sure = Sure.SURE,
        accepts: tuple[Any, ...] = (),
    ) -> None:  # fmt: skip
        """Take down an answer, in place of what was there."""
        self.learnt[key] = Learnt(value, sure, why, data, accepts)
        self.unknown.pop(key, None)

    def not_learnt(self, key: str, why: str) -> None:
        """Take down that an answer is open; what is known already stays."""
        if key not in self.learnt:
            self.unknown[key] = why

    def hide(self, token: bytes) -> None:
        """Evidence shows that this was there, and not what it was."""
        self._tokens.add(token)

    def _seen(self, data: bytes) -> str:
        for token in sorted(self._tokens, key=len, reverse=True):
            data = data.replace(token, b"<token of %d bytes>" % len(token)) if len(token) > 5 else data
        return shown(data)

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)

    def value(self, key: str) -> Any:
        """What has been learnt, or None."""
        found = self.learnt.get(key)
        return None if found is None else found.value

    def answers(self, name: str, tcp: int | None, udp: int) -> Answers:
        """All that has been learnt; the rest is as in the canonical dialect."""
        answers: Answers = replace(Answers(), name=name)
        for key, learnt in {"ports.tcp": Learnt(tcp or False, Sure.SURE, ""), **self.learnt}.items():
            answers = with_answer(answers, key, learnt.value)
        return replace(answers, ports=replace(answers.ports, udp=udp))

    def comments(self) -> dict[str, str]:
        """What is said of each key in a dialect file."""
        said: dict[str, str] = {}
        told: dict[str, str] = {}
        for key, found in self.learnt.items():
            said[key] = f"{found.sure}: {found.why}"
            if found.data is None:
                continue
            seen, table = self._seen(found.data), key.partition(".")[0]
            first = told.setdefault(f"{table} {seen}", key)
            said[key] += f"; seen: {seen}" if first == key else f"; seen: as for {first.partition('.')[2]}"
        for key, why in self.unknown.items():
            if "." in key:
                said[key] = f"assumed: {why}"
        return said


def with_answer(answers: Any, dotted: str, value: Any) -> Any:
    """The answers with another value under a dotted key."""
    key, _, rest = dotted.partition(".")
    name = key.replace("-", "_")
    inner = getattr(answers, name)
    return replace(answers, **{name: with_answer(inner, rest, value) if rest else value})


def answer(answers: Answers, dotted: str) -> Any:
    """The value under a dotted key."""
    found: Any = answers
    for key in dotted.split("."):
        found = getattr(found, key.replace("-", "_"))
    if found is None and (head := dotted.partition("."))[0] == "status" and head[2] in _REFUSALS:
        return _REFUSALS[head[2]] if answers.status.refused is None else answers.status.refused
    return found


_REFUSALS = {"room-exists": 1, "room-not-found": 2, "wrong-password": 3, "malformed": 4}


def differences(notes: Notebook, other: Answers) -> list[str]:
    """Where another dialect's answers are not what was learnt, as `key: this, there that`."""
    found = []
    for key, learnt in notes.learnt.items():
        if (
            key.startswith(
                ("ports.", "idle.", "words.", "token.alphabet", "token.size", "token.ends", "json.", "reply.closes")
            )
            or learnt.sure is Sure.ASSUMED
        ):
            continue
        there = answer(other, key)
        if there not in (learnt.value, *learnt.accepts):
            found.append(f"{key}: {plain(learnt.value)}, there {plain(there)}")
    return found


def plain(value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, NoticeAnswers):
        if value.to == "nobody":
            return "nobody"
        return f"{value.to} {value.text!r}" + (f" {value.type}" if value.type else "")
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    if value is False:
        return "none"
    return repr(value) if isinstance(value, str) else str(value)


def shown(data: bytes) -> str:
    """Bytes on one line; NULs in a row are counted."""
    cut = data if len(data) <= 4 * LONG else data[: 4 * LONG]
    text = repr(cut)[2:-1]
    while "\\x00" * 4 in text:
        start = text.index("\\x00" * 4)
        end = start
        while text.startswith("\\x00", end):
            end += 4
        text = f"{text[:start]}<{(end - start) // 4} NULs>{text[end:]}"
    return text if len(text) <= 3 * LONG else f"{text[: 3 * LONG]}... ({len(data)} bytes)"
