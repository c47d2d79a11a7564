"""Driving a conversation over a socket: the caller's duty of tcrp.conversation, once for each style of I/O."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import NamedTuple

from tcrp import Conversation, Event

RECEIVE_SIZE = 65536


class Turn(NamedTuple):
    """What one turn brought. `data`: the bytes that came; `silent`: the time was over, nothing came; `closed`: the peer
    has closed, `reset` if by RST.
    """

    events: list[Event]
    data: bytes = b""
    silent: bool = False
    closed: bool = False
    reset: bool = False


def turn(
    sock: socket.socket, conversation: Conversation, until: float, send: Callable[[bytes], object] | None = None
) -> Turn:
    """Send what the conversation wants said, wait for bytes until `until` (of time.monotonic()) or the conversation's
    timer, and feed what came. A reset ends the conversation as a close does. `send`: sends in place of the socket.
    """
    if data := conversation.data_to_send():
        with contextlib.suppress(OSError):  # a server that has closed may have answered before
            (send or sock.sendall)(data)
    due = conversation.timer()
    sock.settimeout(max(0.001, (until if due is None else min(until, due)) - time.monotonic()))
    try:
        data = sock.recv(RECEIVE_SIZE)
    except TimeoutError:
        return Turn(conversation.handle_timer(time.monotonic()), silent=True)
    except OSError:
        return _fed(conversation, b"", time.monotonic(), reset=True)
    return _fed(conversation, data, time.monotonic())


async def turn_async(sock: socket.socket, conversation: Conversation) -> Turn:
    """The same on a non-blocking socket in asyncio, until the conversation's timer. What the conversation wants said is
    sent first. TimeoutError is never raised; OSError if the socket is unusable.
    """
    loop = asyncio.get_running_loop()
    if data := conversation.data_to_send():
        with contextlib.suppress(ConnectionError):  # a server that has closed may have answered before
            await loop.sock_sendall(sock, data)
    if conversation.closing:
        return Turn([])
    try:
        async with asyncio.timeout_at(conversation.timer()):
            data = await loop.sock_recv(sock, RECEIVE_SIZE)
    except TimeoutError:
        return Turn(conversation.handle_timer(loop.time()), silent=True)
    except ConnectionError:
        return _fed(conversation, b"", loop.time(), reset=True)
    return _fed(conversation, data, loop.time())


def _fed(conversation: Conversation, data: bytes, now: float, *, reset: bool = False) -> Turn:
    if conversation.closing:
        return Turn([], data, closed=not data, reset=reset)
    events = conversation.receive_data(data, now) if data else conversation.receive_eof(now)
    return Turn(events, data, closed=not data, reset=reset)
