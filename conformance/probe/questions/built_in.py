"""The built-in dialects as questions: which one fits the settings that were learnt, and which one is spoken?"""

from collections.abc import Iterator
from typing import NamedTuple

from conformance.probe.notebook import Notebook, differences, plain
from conformance.probe.verifying import Verified, verify
from conformance.probe.wire.server import Died
from conformance.probe.wire.wire import Wire
from tcrp import Dialect
from tcrp.dialects import DEFAULT, get, names
from tcrp.dialects.settings import Settings
from tcrp.errors import ProtocolError

_OPEN = (
    "reply.bad-payload", "reply.bad-header", "reply.refusal-state", "reply.malformed-state", "chat.utf8-only",
    "notices.", "status.form", "chat.leave-relayed",
)  # fmt: skip
"""The beginnings of keys that the canonical dialect leaves to the server, or sets in code."""


class Compared(NamedTuple):
    """A built-in dialect, and where its settings differ from what was learnt, in words."""

    dialect: Dialect
    differences: list[str]


def nearest(notes: Notebook) -> Compared | None:
    """The built-in dialect with the fewest differences to what was learnt."""
    compared = [
        Compared(dialect, found) for dialect in map(get, names()) if (found := _differences(notes, dialect)) is not None
    ]
    return min(compared, key=lambda one: (len(one.differences), one.dialect.name != DEFAULT), default=None)


def _differences(notes: Notebook, dialect: Dialect) -> list[str] | None:
    """None: the dialect has no settings to compare."""
    if (settings := _settings(dialect)) is not None:
        return differences(notes, settings)
    if dialect.name != DEFAULT:
        return None
    found = [one for one in differences(notes, Settings(name=DEFAULT)) if not one.startswith(_OPEN)]
    mark = notes.value("notices.closed-mark")
    told = notes.value("notices.host-left")
    if told is not None and mark != "\x04":
        what = "nobody is told" if told.to == "nobody" else f"the notice begins {plain(told.text[:1])}"
        found.append(f"notices.host-left: {what}, there '\\x04' begins it")
    return found


def _settings(dialect: Dialect) -> Settings | None:
    """The settings that a dialect is made of, or None for one that is code."""
    settings = getattr(dialect, "settings", None)
    return settings if isinstance(settings, Settings) else None


def spoken(wire: Wire, *, tcp: bool) -> Iterator[tuple[Dialect, Verified]]:
    """Hold the plain conversation of every built-in dialect that is code, with TCP or without it.

    Raises Died for a server that the probe may not start anew.
    """
    for dialect in map(get, names()):
        if dialect.can.tcp is not tcp or dialect.name == DEFAULT or _settings(dialect) is not None:
            continue
        if any(dialect.name in killer.sent.what for killer in wire.server.killers):
            continue
        wire.tell(f"does it speak {dialect.name}?")
        try:
            yield dialect, verify(wire, dialect, chat=wire.server.has_udp)
        except (Died, ProtocolError):
            if not wire.server.owned:
                raise
            wire.server.renew()
