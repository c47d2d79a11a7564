"""What ends the command before its time: Ctrl-C, SIGTERM (`timeout`, a CI server), the end of its terminal.

The first interrupts, so that a report is written and the server is ended as usual; the second ends at once.
"""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from conformance.net import guard

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupted_by_any_end() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first of them, wherever the command is, or do what else is done at SIGINT. Those
    that somebody has set otherwise, a shell in the background for one, stay as they are.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler)
    ours = [number for number in ENDS if signal.getsignal(number) in usual]
    ended = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ended
        at_interrupt = signal.getsignal(signal.SIGINT)
        if callable(at_interrupt) and at_interrupt is not end:
            at_interrupt(signal.SIGINT, frame)
            return
        if ended:
            guard.end_at_once()
        ended = True
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
