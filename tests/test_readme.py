"""What the README says is so: its numbers are counted, its commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.clauses import choose

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def quoted(name):
    (number,) = re.findall(rf"<!-- {name} -->(\d+)<!-- -->", README)
    return int(number)


@pytest.mark.parametrize(("name", "folder"), [("faults", "faults"), ("odd", "odd")])
def test_the_servers_of_the_selftest_are_counted(name, folder):
    server = ROOT / "tests" / folder / "server.py"
    listed = subprocess.run([sys.executable, server, "--list"], capture_output=True, text=True, check=True)
    assert quoted(name) == len(listed.stdout.splitlines())


def test_the_clauses_are_counted():
    assert quoted("judged") == len(choose([], []))


def test_the_figures_are_those_that_the_benchmarks_wrote():
    section = README.partition("\n## How fast is it?\n")[2].partition("\n## ")[0]
    quoted_rows = [line for line in section.splitlines() if line.startswith("|")]
    assert len(quoted_rows) > 15
    assert set(quoted_rows) <= set((ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("conformance", ["run", "-t", "127.0.0.1:x"]),
        ("conformance", ["explain", "4.3a"]),
        ("conformance", ["list"]),
        ("tcrp", ["decode", "0206 7231 736563726574 68656c6c6f"]),
        ("reference_server", ["--help"]),
        ("reference_client", ["--help"]),
    ],
)
def test_the_commands_exist(module, words):
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, check=False)
    assert done.returncode == (4 if "127.0.0.1:x" in words else 0), done.stderr


def test_every_exit_code_is_told():
    from conformance.verdicts import Exit

    told = {int(code) for code in re.findall(r"^\| (\d) \|", README, re.MULTILINE)}
    assert told == {int(code) for code in Exit}


def test_the_library_example_works():
    """The README's example, between the two sides of the canonical dialect."""
    import tcrp

    dialect = tcrp.dialects.get()
    client = dialect.client(tcrp.Join("部屋", "alice"), None, now=0.0)
    server = dialect.server(("127.0.0.1", 1), tcrp.Limits(), now=0.0)
    request = client.data_to_send()
    assert tcrp.decode_frame(request).room == "部屋"
    assert server.receive_data(request, 0.0) == [tcrp.Requested(tcrp.Join("部屋", "alice"))]
    server.send(tcrp.Ack(tcrp.Status.OK))
    server.send(tcrp.Complete(b"token"))
    assert client.receive_data(server.data_to_send(), 0.1) == [tcrp.Accepted(), tcrp.Joined(b"token")]
    packet = tcrp.encode_packet(tcrp.ChatPacket("部屋", b"token", "こんにちは".encode()))
    assert tcrp.decode_packet(packet).message.decode() == "こんにちは"
