"""Whether the packages that Python finds are ours, what an installation lacks, and where its cache is.

A student's folder may hold a `tcrp.py` of its own. Nothing but the report is written into that folder.
"""

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent


def cache_folder() -> Path:
    """The user's cache folder of tcrp. It need not exist. Without a home folder, one among the temporary files."""
    if (given := os.environ.get("XDG_CACHE_HOME")) is not None and Path(given).is_absolute():
        return Path(given) / "tcrp"
    try:
        return Path.home() / ".cache" / "tcrp"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "tcrp-cache"


def shadowing(name: str = "tcrp") -> str | None:
    """A sentence about a package of this name that is found in place of the one beside this file, or None. Nothing is
    loaded.
    """
    spec = find_spec(name)
    found = Path(spec.origin).resolve() if spec and spec.origin else None
    if found is not None and found.parent.parent == HOME:
        return None
    return f"another {name!r} is in the way: {found or 'none is found'}; run from another folder, or without PYTHONPATH"


def missing(what: str, module: str | None) -> str:
    """A sentence about a module that is not installed, and what installs it."""
    return f"{what} needs {module}: install tcrp with the extra 'conformance', in a clone: pip install '.[conformance]'"
