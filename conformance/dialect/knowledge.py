"""What is known of a dialect that a probe has learnt, and what a clause may not rest on.

A dialect file lists under `[not-learnt]` the keys that nobody has seen, each with the reason. A built-in dialect has no
such list, and a file that a person has written has none either: all of it is believed.
"""

from collections.abc import Iterable, Mapping

from tcrp import Dialect, Status

CHAT = ("up", "down")
"""The tables without which no chat is understood."""
_REFUSALS = {
    Status.ROOM_EXISTS: "room-exists",
    Status.ROOM_NOT_FOUND: "room-not-found",
    Status.WRONG_PASSWORD: "wrong-password",
    Status.MALFORMED: "malformed",
}
"""The refusals that a probe asks for, by the key of their value."""


class Knowledge:
    """The answers of a dialect that were not learnt. `not_learnt`: their dotted keys, or tables, and why."""

    def __init__(self, not_learnt: Mapping[str, str]) -> None:
        self.not_learnt = not_learnt

    @classmethod
    def of(cls, dialect: Dialect) -> "Knowledge":
        """What is known of a dialect. Of one that is no file, everything is."""
        return cls(getattr(getattr(dialect, "settings", None), "not_learnt", {}))

    def why_not(self, keys: Iterable[str]) -> str | None:
        """The first of these answers that was not learnt, and why, in words; None if all were."""
        for key in keys:
            table = key.partition(".")[0]
            for one in (key, table):
                if one in self.not_learnt:
                    return f"not learnt: {one} ({self.not_learnt[one]})"
        return None

    @property
    def why_no_chat(self) -> str | None:
        """Why chat is not judged; None if it was learnt."""
        return self.why_not(CHAT)

    def why_no_refusal(self, status: Status) -> str | None:
        """Why it is not known how this refusal looks; None if it is, and of other statuses."""
        name = _REFUSALS.get(status)
        return None if name is None else self.why_not((f"status.{name}",))
