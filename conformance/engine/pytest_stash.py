"""Where pytest's objects keep what belongs to a run of the suite. The plugin and the live screen both look here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conformance.engine.session import Session

_SESSION = pytest.StashKey["Session"]()


def use(config: pytest.Config, session: Session) -> None:
    """Let this pytest run test the session's endpoint."""
    config.stash[_SESSION] = session


def session_of(config: pytest.Config) -> Session | None:
    """The session of this pytest run; None if it tests nothing."""
    return config.stash.get(_SESSION, None)
