"""docs/selftest.md, which `make selftest` writes, names the servers that there are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "selftest.md").read_text(encoding="utf-8")
FAULTS, RIGHT = PAGE.split("## Right servers")


@pytest.mark.parametrize(("folder", "part"), [("faults", FAULTS), ("odd", RIGHT)])
def test_the_page_names_every_server_once_under_its_clause(folder, part):
    server = ROOT / "tests" / folder / "server.py"
    listed = subprocess.run([sys.executable, server, "--list"], capture_output=True, text=True, check=True).stdout
    wanted = [(name, root) for name, root, *_ in (line.split("\t") for line in listed.splitlines())]
    named, clause = [], ""
    for row in re.findall(r"^\| .* \|$", part, re.MULTILINE):
        clause = next(iter(re.findall(r"^\| (\d+\.\d+[a-z]?) ", row)), clause)
        named += [(name, f"TCRP-{clause}") for name in re.findall(r"^\|[^`]*`([^`]+)`", row)]
    if folder == "odd":
        assert [name for name, _ in named] == [name for name, _ in wanted]
    else:
        assert named == wanted


def test_the_page_counts_them():
    faults, odd = map(int, re.findall(r"against (\d+)", PAGE.partition("## Faults")[0]))
    assert faults == FAULTS.count("\n|") - 2 * FAULTS.count("\n### ")
    assert odd == RIGHT.count("\n|") - 2
