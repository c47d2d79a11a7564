"""What has been learnt: for every key of a dialect file its value, how sure that is, and the bytes that prove it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from types import MappingProxyType
from typing import Any

from tcrp.dialects.settings import NoticeSettings, Settings

LONG = 40
"""Measure of evidence: it is cut after 4 * LONG bytes and 3 * LONG characters."""
SHORTEST_SECRET = 6
"""Bytes of the shortest token that evidence hides: a shorter one may be any number."""
_NOT_COMPARED = (
    "ports.", "idle.", "words.", "token.alphabet", "token.size", "token.ends", "json.", "reply.closes",
)  # fmt: skip
"""The beginnings of keys that make no difference between dialects."""


class Sure(IntEnum):
    """How sure a setting is: it was not seen, what was seen fits it, or only it fits."""

    ASSUMED = 0
    LIKELY = 1
    SURE = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass
class Learnt:
    """One setting. `why`: what was seen, in words; `data`: the bytes that prove it; `accepts`: other values that fit it
    as well.
    """

    value: Any
    sure: Sure
    why: str
    data: bytes | None = None
    accepts: tuple[Any, ...] = ()


class Notebook:
    """What has been learnt.

    `learnt`: settings by their dotted keys; `unknown`: by the key why a setting is open; `doubts`: by the key, or the
    table, why nothing may rest on it, such as a verification that failed; `remarks`: what was seen and cannot stand in
    a dialect file.
    """

    def __init__(self) -> None:
        self.learnt: dict[str, Learnt] = {}
        self.unknown: dict[str, str] = {}
        self.doubts: dict[str, str] = {}
        self.remarks: list[str] = []
        self._tokens: set[bytes] = set()

    def learn(
        self, key: str, value: Any, why: str, data: bytes | None = None, *, sure: Sure = Sure.SURE,
        accepts: tuple[Any, ...] = (),
    ) -> None:  # fmt: skip
        """Take down a setting, in place of one that was there. The arguments are those of Learnt."""
        self.learnt[key] = Learnt(value, sure, why, data, accepts)
        self.unknown.pop(key, None)
        self.doubts.pop(key, None)

    def leave_open(self, key: str, why: str) -> None:
        """Take down that a setting is open, and why. One that is known stays."""
        if key not in self.learnt:
            self.unknown[key] = why

    def settle(self, key: str) -> None:
        """Take down that a setting is open no more, although it has no value of its own."""
        self.unknown.pop(key, None)

    def hide(self, token: bytes) -> None:
        """From now on evidence shows that this token was there, and not what it was."""
        if len(token) >= SHORTEST_SECRET:
            self._tokens.add(token)

    def doubt(self, key: str, why: str) -> None:
        """Take down that nothing may rest on a setting, or on a table of them, and why. The first reason stays."""
        self.doubts.setdefault(key, why)

    @property
    def not_learnt(self) -> dict[str, str]:
        """What is open, assumed or doubted: keys and tables of a dialect file, and why."""
        assumed = {key: one.why for key, one in self.learnt.items() if one.sure is Sure.ASSUMED}
        return {**{key: why for key, why in self.unknown.items() if "." in key}, **assumed, **self.doubts}

    def remark(self, text: str) -> None:
        """Take down what no dialect file can say."""
        if text not in self.remarks:
            self.remarks.append(text)

    def value(self, key: str) -> Any:
        """The setting under a dotted key, or None if it is not known."""
        found = self.learnt.get(key)
        return None if found is None else found.value

    def settings(self, name: str, tcp: int | None, udp: int) -> Settings:
        """All that has been learnt; the rest is as in the canonical dialect. `tcp`, `udp`: the ports.

        The settings may contradict each other.
        """
        settings: Settings = replace(Settings(), name=name)
        for key, learnt in {"ports.tcp": Learnt(tcp or False, Sure.SURE, ""), **self.learnt}.items():
            settings = with_setting(settings, key, learnt.value)
        if "request.password-key" not in self.learnt:
            settings = with_setting(settings, "request.password-key", False)
        return replace(settings, ports=replace(settings.ports, udp=udp), not_learnt=MappingProxyType(self.not_learnt))

    def comments(self) -> dict[str, str]:
        """The comments of a dialect file by their keys: how sure a setting is, and its evidence."""
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

    def _seen(self, data: bytes) -> str:
        for token in sorted(self._tokens, key=len, reverse=True):
            data = data.replace(token, b"<token of %d bytes>" % len(token))
        return shown(data)


def with_setting(settings: Any, dotted: str, value: Any) -> Any:
    """The settings, or one table of them, with another value under a dotted key."""
    key, _, rest = dotted.partition(".")
    name = key.replace("-", "_")
    inner = getattr(settings, name)
    return replace(settings, **{name: with_setting(inner, rest, value) if rest else value})


def setting(settings: Settings, dotted: str) -> Any:
    """The value under a dotted key. A status of a refusal that is not set is the general one, or the usual number."""
    found: Any = settings
    for key in dotted.split("."):
        found = getattr(found, key.replace("-", "_"))
    if found is None and (head := dotted.partition("."))[0] == "status" and head[2] in _USUAL_STATUSES:
        return _USUAL_STATUSES[head[2]] if settings.status.refused is None else settings.status.refused
    return found


_USUAL_STATUSES = {"room-exists": 1, "room-not-found": 2, "wrong-password": 3, "malformed": 4}


def differences(notes: Notebook, other: Settings) -> list[str]:
    """Where another dialect's settings do not fit what was learnt, each as `key: this, there that`."""
    found = []
    for key, learnt in notes.learnt.items():
        if key.startswith(_NOT_COMPARED) or learnt.sure is Sure.ASSUMED:
            continue
        there = setting(other, key)
        if there not in (learnt.value, *learnt.accepts):
            found.append(f"{key}: {plain(learnt.value)}, there {plain(there)}")
    return found


def plain(value: Any) -> str:
    """The value of a setting as a person reads it."""
    if isinstance(value, NoticeSettings):
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
    """Bytes on one line, as Python writes them. Four and more NULs in a row are counted, and long data is cut."""
    cut = data if len(data) <= 4 * LONG else data[: 4 * LONG]
    text = repr(cut)[2:-1]
    while "\\x00" * 4 in text:
        start = text.index("\\x00" * 4)
        end = start
        while text.startswith("\\x00", end):
            end += 4
        text = f"{text[:start]}<{(end - start) // 4} NULs>{text[end:]}"
    return text if len(text) <= 3 * LONG else f"{text[: 3 * LONG]}... ({len(data)} bytes)"
