"""When a member has reason to doubt that the server still knows it.

A server drops the datagrams of a token that it does not know in silence (TCRP-4.2), and it never answers a keep-alive.
So a member that a server has forgotten, because it was restarted or because the member's machine slept for longer than
the idle time, cannot tell that from a quiet room. What it can notice: that its datagrams were refused, since while the
server is down the system answers for it, and that nothing was heard for long.
"""

import asyncio
from typing import Final

GROWTH: Final = 3
"""How much longer than the quiet before it the next quiet may last."""
LONGEST: Final = 16
"""The longest quiet that raises no doubt, in multiples of the shortest."""


class Doubt:
    """The times at which something was heard from the server. All times are in seconds of one clock.

    `quiet`: how long the shortest quiet is that raises a doubt. The longer nobody has chatted, the longer it gets:
    checking is not free, and the others in the room may be told of it.
    """

    def __init__(self, quiet: float, now: float) -> None:
        self._quiet = quiet
        self._heard = self._chat = now
        self._refused = asyncio.Event()

    def heard(self, now: float, *, chat: bool) -> None:
        """Something came from the server, or a check has shown that it knows the member."""
        self._heard = now
        self._refused.clear()
        if chat:
            self._chat = now

    def refused(self) -> None:
        """A datagram to the server was refused."""
        self._refused.set()

    @property
    def due(self) -> float:
        """When the quiet raises a doubt, if it lasts."""
        return self._heard + min(max(self._quiet, GROWTH * (self._heard - self._chat)), LONGEST * self._quiet)

    async def arises(self) -> bool:
        """Wait until there is reason to doubt. True: because datagrams were refused."""
        while True:
            try:
                async with asyncio.timeout_at(due := self.due):
                    await self._refused.wait()
            except TimeoutError:
                if self.due == due:
                    return False
            else:
                return True
