"""Our server, sending as it does where there is no `sendmmsg`."""

import sys
from functools import partial

from reference_server import chat, server
from reference_server.cli import main

setattr(server, "Chat", partial(chat.Chat, portable=True))  # noqa: B010  # mypy forbids the assignment
sys.exit(main())
