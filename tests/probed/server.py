"""Runs the probed server: `python server.py '{"payload": "raw", ...}'`, with options as JSON. Standard library only.

It prints `ready tcp=... udp=...` and serves until it is ended. On SIGUSR1 it prints how many rooms there are.
"""

import json
import signal
import sys
import threading
from pathlib import Path


def main(given: str) -> None:
    from tests.probed.chat import Chat
    from tests.probed.control import Control
    from tests.probed.options import Options
    from tests.probed.rooms import Rooms

    options = Options(**json.loads(given))
    rooms = Rooms(options)
    chat = Chat(options, rooms)
    control = Control(options, rooms, chat)
    threading.Thread(target=chat.serve, daemon=True).start()
    tcp, udp = (one.socket.getsockname()[1] for one in (control, chat))
    signal.signal(signal.SIGUSR1, lambda *_: print(f"rooms {len(rooms.by_name)}", flush=True))
    print(f"ready tcp=127.0.0.1:{tcp} udp=127.0.0.1:{udp}", flush=True)
    control.serve()


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # the folder that holds the package `tests`
    main(sys.argv[1] if len(sys.argv) > 1 else "{}")
