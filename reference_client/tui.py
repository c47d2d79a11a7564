"""The full-screen interface: the room and the user's name, the messages, and an input line."""

from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Header, Input, RichLog

from reference_client.client import ChatClient
from reference_client.errors import ExitStatus, RoomClosed, Unreachable
from reference_client.text import visible
from tcrp.errors import LocalProtocolError
from tcrp.messages import DownKind

LEAVE_WORD: Final = "exit"
OWN_STYLE: Final = "green"
NOTICE_STYLE: Final = "italic yellow"
ERROR_STYLE: Final = "bold red"


class ChatApp(App[int]):
    """The screen for one membership. The caller connects `chat` before and leaves the room afterwards.

    The result of the app is the exit status. `failure`: the error, if the status is UNREACHABLE.
    """

    CSS = "RichLog { padding: 0 1; } Input { dock: bottom; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", f"end({int(ExitStatus.INTERRUPTED)})", "interrupt", priority=True),
        Binding("ctrl+d,ctrl+q", f"end({int(ExitStatus.LEFT)})", "leave", priority=True),
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
        yield Input(placeholder=f"a message; {LEAVE_WORD} leaves")

    def on_mount(self) -> None:
        self.query_one(RichLog).can_focus = False
        self.query_one(Input).focus()
        if self._chat.invite is not None:
            self._show(f"invite={visible(self._chat.invite)}", NOTICE_STYLE)
        self.run_worker(self._listen())

    def action_end(self, status: int) -> None:
        self.exit(status)

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value
        event.input.clear()
        if text == LEAVE_WORD:
            self.exit(ExitStatus.LEFT)
        elif text:
            await self._say(text)

    async def _say(self, text: str) -> None:
        try:
            await self._chat.send(text)
        except RoomClosed:
            return
        except LocalProtocolError as error:
            self._show(f"not sent: {visible(str(error))}", ERROR_STYLE)
        except OSError as error:
            self._show(f"not sent: {error.strerror or error}", ERROR_STYLE)
        except Unreachable as error:
            self._fail(error)
        else:
            if not self._chat.echoes:
                self._show(f"{visible(self._chat.user)}: {visible(text)}", OWN_STYLE)

    async def _listen(self) -> None:
        try:
            async for down in self._chat:
                text = visible(down.body)
                if down.kind is not DownKind.CHAT:
                    self._show(f"{down.kind.value}: {text}", NOTICE_STYLE)
                else:
                    self._show(text if down.user is None else f"{visible(down.user)}: {text}")
        except Unreachable as error:
            self._fail(error)
        else:
            self.exit(ExitStatus.LEFT if self._chat.closed is None else ExitStatus.CLOSED)

    def _fail(self, error: Unreachable) -> None:
        self.failure = error
        self.exit(ExitStatus.UNREACHABLE)

    def _show(self, line: str, style: str = "") -> None:
        self.query_one(RichLog).write(Text(line, style))


async def run_tui(chat: ChatClient) -> int:
    """Run the screen until the user or the server ends it, and return the exit status.

    Raises Unreachable if the server's chat port has closed.
    """
    app = ChatApp(chat)
    status = await app.run_async()
    if app.failure is not None:
        raise app.failure
    return ExitStatus.INTERRUPTED if status is None else status  # textual returns None when its task is cancelled
