"""The full-screen interface: the room and one's name, what is said, and a line to write in."""

from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Header, Input, RichLog

from reference_client.client import ChatClient
from reference_client.errors import Exit, RoomClosed, Unreachable
from reference_client.text import visible
from tcrp.errors import LocalProtocolError
from tcrp.messages import DownKind

LEAVE: Final = "exit"
OWN: Final = "green"
NOTICE: Final = "italic yellow"
ERROR: Final = "bold red"


class ChatApp(App[int]):
    """The screen of one membership, which the caller enters before and leaves afterwards.

    Its result is the exit status; `failure` is set where that is UNREACHABLE.
    """

    CSS = "RichLog { padding: 0 1; } Input { dock: bottom; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", f"end({int(Exit.INTERRUPTED)})", "interrupt", priority=True),
        Binding("ctrl+d,ctrl+q", f"end({int(Exit.LEFT)})", "leave", priority=True),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, chat: ChatClient) -> None:
        super().__init__()
        self.title = visible(chat.room)
        self.sub_title = visible(chat.user)
        self.failure: Unreachable | None = None
        self._chat = chat

    def compose(self) -> ComposeResult:
        yield Header(icon="")
        yield RichLog(wrap=True)
        yield Input(placeholder=f"a message; {LEAVE} leaves")

    def on_mount(self) -> None:
        self.query_one(RichLog).can_focus = False
        self.query_one(Input).focus()
        if self._chat.invite is not None:
            self._show(f"invite={visible(self._chat.invite)}", NOTICE)
        self.run_worker(self._listen())

    def action_end(self, status: int) -> None:
        self.exit(status)

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value
        event.input.clear()
        if text == LEAVE:
            self.exit(Exit.LEFT)
        elif text:
            await self._say(text)

    async def _say(self, text: str) -> None:
        try:
            await self._chat.send(text)
        except RoomClosed:
            return
        except LocalProtocolError as error:
            self._show(f"not sent: {visible(str(error))}", ERROR)
        except OSError as error:
            self._show(f"not sent: {error.strerror or error}", ERROR)
        except Unreachable as error:
            self._fail(error)
        else:
            if not self._chat.echoes:
                self._show(f"{visible(self._chat.user)}: {visible(text)}", OWN)

    async def _listen(self) -> None:
        try:
            async for down in self._chat:
                text = visible(down.body)
                if down.kind is not DownKind.CHAT:
                    self._show(f"{down.kind.value}: {text}", NOTICE)
                else:
                    self._show(text if down.user is None else f"{visible(down.user)}: {text}")
        except Unreachable as error:
            self._fail(error)
        else:
            self.exit(Exit.LEFT if self._chat.closed is None else Exit.CLOSED)

    def _fail(self, error: Unreachable) -> None:
        self.failure = error
        self.exit(Exit.UNREACHABLE)

    def _show(self, line: str, style: str = "") -> None:
        self.query_one(RichLog).write(Text(line, style))


async def run_tui(chat: ChatClient) -> int:
    """Run the screen until it is left and return the exit status. Raises Unreachable when the chat port has closed."""
    app = ChatApp(chat)
    status = await app.run_async()
    if app.failure is not None:
        raise app.failure
    return Exit.INTERRUPTED if status is None else status  # textual ends, and says nothing, when it is cancelled
