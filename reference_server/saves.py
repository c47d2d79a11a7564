"""`Saves`: one commit for all requests that have come together, before any of them is answered."""

import asyncio
from collections.abc import Callable

from relay import Relay


class Saves:
    """Calls back once the relay has saved what was asked of it so far.

    `together`: saving costs something, so it waits until the event loop has handled what it has just read.
    """

    def __init__(self, relay: Relay, *, together: bool) -> None:
        self._relay = relay
        self._loop = asyncio.get_running_loop()
        self.together = together
        self._waiting: list[Callable[[bool], None]] = []

    def then(self, answer: Callable[[bool], None]) -> None:
        """Save, and call `answer` with whether that succeeded."""
        if not self.together:
            answer(self._relay.save())
            return
        if not self._waiting:
            self._loop.call_soon(self._save)
        self._waiting.append(answer)

    def _save(self) -> None:
        saved = self._relay.save()
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer(saved)
