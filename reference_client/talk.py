"""A chat in lines: what is typed is said, and what comes is shown."""

import asyncio
import contextlib
from typing import Final

from reference_client.client import ChatClient
from reference_client.console import Console
from reference_client.errors import ExitStatus, RoomClosed
from reference_client.terminal import MAX_LINE, Interrupted, OverlongLine
from reference_client.text import Label, chat_line
from tcrp.errors import LocalProtocolError
from tcrp.messages import DownKind

LEAVE_LINE: Final = b"exit"


async def chat_in_lines(chat: ChatClient, console: Console) -> int:
    """Send stdin and show what comes, until one of both ends. A closed room ends it even while stdin is open.

    Returns the exit status. Raises Unreachable if the server's chat port has closed.
    """
    talking = asyncio.create_task(_send_lines(chat, console))
    listening = asyncio.create_task(_show_messages(chat, console))
    failing = asyncio.create_task(console.output_failure())
    tasks = talking, listening, failing
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
        if chat.closed is not None:
            return ExitStatus.CLOSED
        return talking.result() if talking.done() else ExitStatus.LEFT
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send_lines(chat: ChatClient, console: Console) -> int:
    async with contextlib.aclosing(console.lines(chat.user)) as lines:
        try:
            async for line in lines:
                if line == LEAVE_LINE:
                    break
                if line:
                    await _send_line(chat, console, line)
        except Interrupted:
            return ExitStatus.INTERRUPTED
        except RoomClosed:
            pass
    return ExitStatus.LEFT


async def _send_line(chat: ChatClient, console: Console, line: bytes | OverlongLine) -> None:
    """Send a line, or tell why it was not sent."""
    if isinstance(line, OverlongLine):
        console.tell(Label.NOT_SENT, f"the line has {line.size} bytes: more than {MAX_LINE} are not even looked at")
        return
    try:
        line.decode()
        await chat.send(line)
    except UnicodeDecodeError as error:
        byte = f"byte 0x{line[error.start]:02x} at {error.start}"
        console.tell(Label.NOT_SENT, f"the line is not UTF-8: {byte}, {error.reason}")
    except LocalProtocolError as error:
        console.tell(Label.NOT_SENT, str(error))
    except OSError as error:
        console.tell(Label.NOT_SENT, error.strerror or str(error))


async def _show_messages(chat: ChatClient, console: Console) -> None:
    async for down in chat:
        if down.kind is DownKind.CHAT:
            console.chat(chat_line(down.user, down.body))
        else:
            console.tell(Label[down.kind.name], down.body)
