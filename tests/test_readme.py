"""What the README says is so: its numbers are counted, its commands exist."""

import asyncio
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from conformance.spec.clauses import choose
from reference_client import ChatClient
from tcrp import Create, DownKind
from tcrp.dialects import Ports
from tcrp.endpoint import parse_endpoint

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]


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


def results(section):
    """A table of benchmarks/RESULTS.md: first cell of a row -> column -> cell."""
    page = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    lines = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0].splitlines()
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|"))
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def test_the_figures_are_those_that_the_benchmarks_wrote():
    decoding = results("Codecs")["decode_packet"]
    relaying = results("Relaying: CPU of the server per delivered datagram")["tcrp-server"]["10 members"]
    rates = results("The highest rate without loss")
    microseconds, times = re.fullmatch(r"(\S+) \((\S+)\)", relaying).groups()
    section = README.partition("\n## Benchmarks\n")[2].partition("\n## ")[0]
    told = [re.findall(r"\d[\d.,]*\b", line) for line in section.splitlines() if line.startswith("- ")]
    assert told == [
        [decoding["tcrp, ns"], decoding["tcrp / slice"], decoding["construct / tcrp"]],
        [microseconds, "10", times],
        [rates["tcrp-server"]["deliveries/s"], "10", rates["plain asyncio"]["tcrp / it"]],
    ]


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


def fenced():
    """The lines of the fenced blocks, without comments."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]


SCRIPTS = ("tcrp", "tcrp-server", "tcrp-client", "tcrp-conformance", "pytest")
COMMANDS = sorted({line for line in fenced() if line.split(" ")[0] in SCRIPTS})


def split(line):
    """(the script with its command, the options that follow)"""
    script, *words = shlex.split(line)
    command = words[:1] if script == "tcrp-conformance" else []
    return (script, *command), [word for word in words if re.match(r"--?[a-z]", word)]


@cache
def help_of(script, *command):
    words = [Path(sys.executable).with_name(script), *command, "--help"]
    return subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT).stdout


@pytest.mark.parametrize("line", COMMANDS)
def test_the_options_of_a_command_exist(line):
    command, options = split(line)
    told = help_of(*command)
    assert [option for option in options if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", told)] == []


def test_every_command_has_its_line():
    assert len(COMMANDS) > 20
    shown = {split(line)[0] for line in COMMANDS}
    assert {("tcrp-server",), ("tcrp-client",), ("pytest",)} < shown
    assert {command[1] for command in shown if command[0] == "tcrp-conformance"} == {
        "run", "probe", "replay", "diff", "bundle", "load", "list", "explain"
    }  # fmt: skip


def test_every_target_of_make_exists():
    pages = [*PAGES, ROOT / ".ci" / "run", *(ROOT / ".github").rglob("*.*")]
    called = r"(?:^|`|run: )make ([a-z-]+)"
    told = {name for page in pages for name in re.findall(called, page.read_text(encoding="utf-8"), re.MULTILINE)}
    assert {"demo", "test", "check", "test-all"} <= told
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert told <= set(targets)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_is_installed_from_an_index(page):
    """tcrp is on no package index: whoever had that name there would be installed."""
    text = page.read_text(encoding="utf-8")
    for installed in re.findall(r"pip\d? install ([^\n`]+)", text):
        assert not re.search(r"""(?<![\w.-])tcrp(\[[\w,-]*\])?(?=['"\s]|$)(?! @ git\+)""", installed), installed


def test_every_exit_code_is_told():
    from conformance.outcome.verdicts import Exit

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


def test_the_bot_answers():
    """The README's example, in a room of tcrp-server, where the host says something until the bot is there."""
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "ChatClient" in block]
    scripts = Path(sys.executable).parent
    with subprocess.Popen(
        [scripts / "tcrp-server", "--tcp-port", "0", "--udp-port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as server:  # fmt: skip
        try:
            ready = dict(word.partition("=")[::2] for word in server.stdout.readline().split()[1:])
            tcp, udp = (ready[kind].rpartition(":")[2] for kind in ("tcp", "udp"))
            assert asyncio.run(answer(code, f"127.0.0.1:{tcp}:{udp}")) == ("echo", "alice said: 部屋")
        finally:
            server.kill()


async def answer(code, where):
    """Who answers the host, and what. The bot ends when the host leaves."""
    endpoint = parse_endpoint(where, Ports(0, 0))
    usual = "9001, 9002"
    assert usual in code
    async with await ChatClient.connect(endpoint, Create("lobby", "alice")) as host:
        code = code.replace(usual, f"{endpoint.tcp}, {endpoint.udp}")
        bot = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
        hearing = asyncio.ensure_future(first_message(host))
        while (
            not hearing.done() and bot.returncode is None
        ):  # until the bot has registered, what is said reaches nobody
            await host.send("部屋")
            await asyncio.wait([hearing], timeout=0.1)
    assert await bot.wait() == 0
    return hearing.result().user, hearing.result().body.decode()


async def first_message(chat):
    """The first message that a member said. Notices come, too."""
    return await anext(down async for down in chat if down.kind is DownKind.CHAT)
