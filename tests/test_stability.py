"""docs/stability.md lists names and options that there are."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "stability.md").read_text(encoding="utf-8")


def test_the_options_of_pytest_are_listed():
    command = [sys.executable, "-m", "pytest", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert set(re.findall(r"`(--tcrp-[a-z-]+)`", PAGE)) == set(re.findall(r"^  (--tcrp-[a-z-]+)", told, re.MULTILINE))


def test_the_names_that_are_listed_exist():
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.+) \|$", PAGE, re.MULTILINE))
    assert {"tcrp", "tcrp.endpoint", "relay", "reference_client"} <= rows.keys()
    for module, names in rows.items():
        if module.endswith(".json"):  # a file
            continue
        public = import_module(module)
        listed = {name for name in re.findall(r"`([A-Za-z_]+)`", names) if name != "__all__"}
        assert listed <= {*getattr(public, "__all__", vars(public))}
        assert all(hasattr(public, name) for name in getattr(public, "__all__", ()))
