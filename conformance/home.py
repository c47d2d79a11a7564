"""Whether the packages that Python finds are ours: a student's folder may hold a `tcrp.py` of its own."""

from importlib.util import find_spec
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent


def stranger(name: str = "tcrp") -> str | None:
    """A sentence about a package of this name that is not the one beside this file, or None. Nothing is loaded."""
    spec = find_spec(name)
    found = Path(spec.origin).resolve() if spec and spec.origin else None
    if found is not None and found.parent.parent == HOME:
        return None
    return f"another {name!r} is in the way: {found or 'none is found'}; run from another folder, or without PYTHONPATH"
