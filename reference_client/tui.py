"""The full-screen interface: the room and the user's name, what was said, and an input line."""

import asyncio
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Paste, Resize
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Header, Input, Static

from reference_client.client import ChatClient
from reference_client.driver import PatientApp
from reference_client.errors import ExitStatus, RoomClosed, Unreachable
from reference_client.text import Label, own_line, visible
from reference_client.transcript import Entry, Kind, Transcript
from reference_client.wrapping import wrap
from tcrp.errors import LocalProtocolError
from tcrp.messages import DownKind

LEAVE_WORD: Final = "exit"
MARKS: Final = {Kind.CHAT: "  ", Kind.OWN: "  ", Kind.NOTICE: "* ", Kind.ERROR: "! "}
"""What stands before each row. Chat never gets into these columns, so it cannot look like a notice."""
STYLES: Final = {
    Kind.CHAT: Style(),
    Kind.OWN: Style(color="green"),
    Kind.NOTICE: Style(color="yellow", italic=True),
    Kind.ERROR: Style(color="red", bold=True),
}
NAME_STYLE: Final = Style(bold=True)
INDENT: Final = 2
"""Cells before the second and every further row of an entry, so that none can look like another entry."""
MIN_INDENTED: Final = 20
"""Cells of the widget from which on there is an indent."""


class ChatLog(ScrollView, can_focus=False):
    """What was said, wrapped to the width of the widget whenever that changes.

    It follows what is added as long as its end is shown.
    """

    class Moved(Message):
        """Rows came or went below the screen. `below`: how many there are."""

        def __init__(self, below: int) -> None:
            super().__init__()
            self.below = below

    def __init__(self, transcript: Transcript) -> None:
        super().__init__()
        self.rows: list[Strip] = []
        self._transcript = transcript
        self._row_counts: list[int] = []  # of each entry
        self._wrapped_at = 0
        self._follows = True

    def add(self, entry: Entry) -> None:
        """Show an entry after the others."""
        dropped = self._transcript.add(entry)
        if not self._wrapped_at:
            return  # the size is not known yet
        self._append(entry)
        if dropped:
            gone = sum(self._row_counts[:dropped])
            del self._row_counts[:dropped], self.rows[:gone]
            if not self._follows:
                self.scroll_to(y=max(0, self.scroll_offset.y - gone), animate=False, immediate=True)
        self._update()

    def turn_page(self, pages: int) -> None:
        """Scroll by pages, down if above 0. A page is one row less than the screen shows."""
        self.scroll_relative(y=pages * max(1, self.size.height - 1), animate=False, immediate=True)

    def on_resize(self, event: Resize) -> None:
        width = self.scrollable_content_region.width
        if width and width != self._wrapped_at:
            self._wrap_again(width)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._follows = round(new_value) >= self.max_scroll_y
        self.post_message(self.Moved(self.max_scroll_y - round(new_value)))

    def render_line(self, y: int) -> Strip:
        width, y = self.scrollable_content_region.width, y + self.scroll_offset.y
        row = self.rows[y] if y < len(self.rows) else Strip.blank(width)
        return row.crop_extend(0, width, self.rich_style).apply_style(self.rich_style)

    def _wrap_again(self, width: int) -> None:
        follows = self._follows or not self._wrapped_at
        first, into = self._top()
        self._wrapped_at = width
        self.rows.clear()
        self._row_counts.clear()
        for entry in self._transcript:
            self._append(entry)
        self._follows = follows
        self._update()
        if not follows:
            top = sum(self._row_counts[:first]) + min(into, self._row_counts[first] - 1)
            self.scroll_to(y=top, animate=False, immediate=True)

    def _top(self) -> tuple[int, int]:
        """The entry at the top of the screen, and how many of its rows are above."""
        above = self.scroll_offset.y
        for number, count in enumerate(self._row_counts):
            if above < count:
                return number, above
            above -= count
        return 0, 0

    def _append(self, entry: Entry) -> None:
        rows = list(self._rows_of(entry, self._wrapped_at))
        self.rows += rows
        self._row_counts.append(len(rows))

    def _rows_of(self, entry: Entry, width: int) -> list[Strip]:
        mark, style = MARKS[entry.kind], STYLES[entry.kind]
        indent = INDENT if width >= MIN_INDENTED else 0
        space = max(2, width - len(mark))
        rows = []
        for number, (start, end) in enumerate(wrap(entry.text, space, space - indent)):
            name_end = min(max(start, entry.name), end)
            segments = [
                Segment(mark + " " * (indent if number else 0), style),
                Segment(entry.text[start:name_end], style + NAME_STYLE),
                Segment(entry.text[name_end:end], style),
            ]
            rows.append(Strip([segment for segment in segments if segment.text]))
        return rows

    def _update(self) -> None:
        self.virtual_size = Size(self._wrapped_at, len(self.rows))
        if self._follows:
            self.scroll_end(animate=False, immediate=True, x_axis=False)
        else:
            self.post_message(self.Moved(self.max_scroll_y - self.scroll_offset.y))
        self.refresh()


class MessageInput(Input):
    """The input line. A pasted block of lines is said line by line; what follows its last line end stays."""

    class Said(Message):
        """A line was entered. `text`: the line."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    async def action_submit(self) -> None:
        self._say()

    def _say(self) -> None:
        self.post_message(self.Said(self.value))
        self.clear()

    def _on_paste(self, event: Paste) -> None:
        *lines, rest = event.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines:
            self.insert_text_at_cursor(line)
            self._say()
        self.insert_text_at_cursor(rest)
        event.stop()
        event.prevent_default()


class ChatApp(PatientApp):
    """The screen for one membership. The caller connects `chat` before and leaves the room afterwards.

    The result of the app is the exit status. `failure`: the error, if the status is UNREACHABLE. `transcript`: what is
    shown from the beginning, and where everything goes that is shown.
    """

    CSS = """
    ChatLog { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    #below { dock: bottom; height: 1; margin-bottom: 1; padding: 0 2; background: $panel; display: none; }
    MessageInput, MessageInput:focus { dock: bottom; height: 1; border: none; padding: 0 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", f"end({int(ExitStatus.INTERRUPTED)})", "interrupt", priority=True),
        Binding("ctrl+d,ctrl+q", f"end({int(ExitStatus.LEFT)})", "leave", priority=True),
        Binding("pageup", "turn_page(-1)", "page up", priority=True),
        Binding("pagedown", "turn_page(1)", "page down", priority=True),
        Binding("ctrl+home", "turn_page(-1000000)", "first page", priority=True),
        Binding("ctrl+end", "turn_page(1000000)", "last page", priority=True),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, chat: ChatClient, transcript: Transcript | None = None) -> None:
        super().__init__()
        self.title = visible(chat.room)
        self.sub_title = visible(chat.user)
        self.failure: Unreachable | None = None
        self._chat = chat
        self._shown = ChatLog(Transcript() if transcript is None else transcript)
        self._unsent: asyncio.Queue[str] = asyncio.Queue()

    def compose(self) -> ComposeResult:
        yield Header(icon="")
        yield self._shown
        yield Static(id="below", markup=False)
        yield MessageInput(placeholder=f"a message; {LEAVE_WORD} leaves; PageUp, PageDown")

    def on_mount(self) -> None:
        self.query_one(MessageInput).focus()
        if self._chat.invite is not None:
            self._show(Kind.NOTICE, own_line(Label.INVITE, self._chat.invite))
        self.run_worker(self._listen())
        self.run_worker(self._talk())

    def action_end(self, status: int) -> None:
        self.exit(status)

    def action_turn_page(self, pages: int) -> None:
        self._shown.turn_page(pages)

    def on_chat_log_moved(self, event: ChatLog.Moved) -> None:
        below = self.query_one("#below", Static)
        below.display = event.below > 0
        below.update(f"{event.below} more below: PageDown, ctrl+End")

    def on_message_input_said(self, event: MessageInput.Said) -> None:
        self._unsent.put_nowait(event.text)

    async def _talk(self) -> None:
        while (text := await self._unsent.get()) != LEAVE_WORD:
            if text:
                await self._say(text)
        self.exit(ExitStatus.LEFT)

    async def _say(self, text: str) -> None:
        try:
            await self._chat.send(text)
        except RoomClosed:
            return
        except LocalProtocolError as error:
            self._show(Kind.ERROR, own_line(Label.NOT_SENT, str(error)))
        except OSError as error:
            self._show(Kind.ERROR, own_line(Label.NOT_SENT, error.strerror or str(error)))
        except Unreachable as error:
            self._fail(error)
        else:
            if not self._chat.echoes:
                self._show_chat(Kind.OWN, self._chat.user, text)

    async def _listen(self) -> None:
        try:
            async for down in self._chat:
                if down.kind is DownKind.CHAT:
                    self._show_chat(Kind.CHAT, down.user, down.body)
                else:
                    self._show(Kind.NOTICE, own_line(Label[down.kind.name], down.body))
        except Unreachable as error:
            self._fail(error)
        else:
            self.exit(ExitStatus.LEFT if self._chat.closed is None else ExitStatus.CLOSED)

    def _fail(self, error: Unreachable) -> None:
        self.failure = error
        self.exit(ExitStatus.UNREACHABLE)

    def _show_chat(self, kind: Kind, user: str | None, text: str | bytes) -> None:
        name, said = "" if user is None else visible(user), visible(text)
        self._shown.add(Entry(kind, f"{name}: {said}" if name else said, len(name)))

    def _show(self, kind: Kind, line: str) -> None:
        self._shown.add(Entry(kind, line))


async def run_tui(chat: ChatClient, transcript: Transcript) -> int:
    """Run the screen until the user or the server ends it, and return the exit status.

    Raises Unreachable if the server's chat port has closed.
    """
    app = ChatApp(chat, transcript)
    status = await app.run_to_end()
    if app.failure is not None:
        raise app.failure
    return ExitStatus.INTERRUPTED if status is None else status  # textual returns None when its task is cancelled
