"""Where the example dialects are, and the command of a server that speaks one."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "examples" / "dialects"
EXAMPLES = {path.stem.replace("_", "-"): path for path in FOLDER.glob("*.py")}
"""By the name that `server.py` takes."""


def server(name: str) -> str:
    """The command of a server of its own for this dialect."""
    return f"{sys.executable} {HERE / 'server.py'} {name} {{tcp}} {{udp}}"
