"""Our server, sending in the way that it uses where `sendmmsg` does not exist."""

import sys
from functools import partial

from reference_server import chat, server
from reference_server.cli import main

setattr(server, "ChatSocket", partial(chat.ChatSocket, portable=True))  # noqa: B010  # mypy forbids the assignment
sys.exit(main())
