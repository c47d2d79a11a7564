"""Our client and our server as processes, in each dialect except the canonical one."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reference_client import ChatClient
from tcrp import Create, DownKind, Join, LocalProtocolError, dialects
from tests.reference_client.odd_server import Handler, StartOdd
from tests.reference_client.processes import PATIENCE, Serve, StartClient, StartMember

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 without being told")
FIXED = [
    pytest.param("fixed-fields", marks=LINUX),
    pytest.param("fixed-width", marks=LINUX),
]
OTHERS = ["stage1", "json-envelope", "fixed-fields", "fixed-width"]


Secret = Callable[[str], list[str]]


@pytest.fixture
def secret(tmp_path: Path) -> Secret:
    """`secret("Abc123")`: the options that pass this password."""

    def write(password: str) -> list[str]:
        path = tmp_path / f"{password}.txt"
        path.write_text(password + "\n")
        return ["--password-file", str(path)]

    return write


# ---------------------------------------------------------------------------------------------------- stage1


def test_stage1_has_no_tcp_and_everyone_who_spoke_hears_all(serve: Serve, member: StartMember) -> None:
    """TCRP-7.1"""
    server = serve("stage1")
    assert server.ready.startswith("ready tcp=- udp=127.0.0.1:")
    alice, bob = (member(server.endpoint, "join", "-", name, *server.options) for name in ("alice", "bob"))
    alice.type("hello")
    assert alice.out.next() == "alice: hello"
    bob.type("here")  # a member hears only what is said after it came
    assert (bob.out.next(), alice.out.next()) == ("bob: here", "bob: here")
    alice.type("部屋", "")
    assert (bob.out.next(), alice.out.next()) == ("alice: 部屋", "alice: 部屋")
    alice.type("exit")
    assert alice.wait() == 0
    bob.type("still")
    assert bob.out.next() == "bob: still"  # the line exit was not sent
    bob.end_input()
    assert (bob.wait(), bob.out.rest(), bob.err.rest(), alice.out.rest()) == (0, [], [], [])


def test_stage1_takes_no_password(serve: Serve) -> None:
    server = serve("stage1")
    want = Join("", "alice", "secret")
    with pytest.raises(LocalProtocolError, match="has no passwords"):
        asyncio.run(ChatClient.connect(server.endpoint, want, dialect=dialects.get("stage1")))


# --------------------------------------------------------------------------------------------- json-envelope


def test_json_envelope_from_create_to_the_hosts_leaving(
    serve: Serve, member: StartMember, client: StartClient, secret: Secret
) -> None:
    server = serve("json-envelope", "--idle-timeout", "60")
    host = member(server.endpoint, "create", "部屋", "alice", *server.options, *secret("pw1"))
    status, line = client(server.endpoint, "create", "部屋", *server.options, *secret("pw2")).failure()
    assert status == 1
    assert "a room of this name exists already" in line
    assert line.endswith("(it says: ルームは既に存在します。)")
    for wrong in (secret("pw2"), []):
        status, line = client(server.endpoint, "join", "部屋", *server.options, *wrong).failure()
        assert (status, "the password is wrong" in line) == (1, True)
    status, line = client(server.endpoint, "join", "nope", *server.options, *secret("pw1")).failure()
    assert (status, "there is no room of this name" in line) == (1, True)
    bob, carol = (member(server.endpoint, "join", "部屋", n, *server.options, *secret("pw1")) for n in ("bob", "carol"))

    host.type("hello")
    assert [who.out.next() for who in (bob, carol)] == ["alice: hello"] * 2
    bob.type("ようこそ: 部屋")
    assert [who.out.next() for who in (host, carol)] == ["bob: ようこそ: 部屋"] * 2
    carol.type("exit")
    assert carol.wait() == 0
    host.type("two of us")
    assert bob.out.next() == "alice: two of us"
    host.end_input()
    assert host.wait() == 0
    assert (bob.wait(), bob.err.rest()) == (8, ["closed: ルームがクローズしました。"])
    assert [who.out.rest() for who in (host, bob, carol)] == [[]] * 3


def test_json_envelope_lists(serve: Serve, member: StartMember, client: StartClient, secret: Secret) -> None:
    server = serve("json-envelope")
    assert (client(server.endpoint, "list", *server.options).wait()) == 0
    for name in ("r1", "部屋"):
        member(server.endpoint, "create", name, "alice", *server.options, *secret("pw1"))
    listing = client(server.endpoint, "list", *server.options)
    assert (listing.wait(), listing.out.rest(), listing.err.rest()) == (0, ["r1", "部屋"], [])


def test_json_envelope_without_passwords(serve: Serve, member: StartMember) -> None:
    server = serve("json-envelope")
    host = member(server.endpoint, "create", "r", "alice", *server.options)
    guest = member(server.endpoint, "join", "r", "bob", *server.options)
    guest.type("hi")
    assert host.out.next() == "bob: hi"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--idle-timeout", "0.5"], "タイムアウトが発生しました。"),
        ([], "システムメンテナンス中のためシステムが終了しました。"),
    ],
)
def test_json_envelope_says_why_a_membership_ends(
    serve: Serve, member: StartMember, options: list[str], says: str
) -> None:
    server = serve("json-envelope", *options)
    host = member(server.endpoint, "create", "r", "alice", *server.options)
    if not options:
        server.process.popen.send_signal(signal.SIGTERM)
        assert server.process.wait() == 0
    assert (host.wait(), host.err.rest()) == (8, [f"closed: {says}"])


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("reference_server", []), ("reference_client", ["create", "r", "--server", "127.0.0.1:9"])],
)
def test_without_bcrypt_the_line_says_what_to_install(module: str, arguments: list[str]) -> None:
    code = f"import sys; sys.modules['bcrypt'] = None; from {module}.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "--dialect", "json-envelope", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    program = "tcrp-" + module.partition("_")[2]
    line = (
        f"{program}: dialect json-envelope needs bcrypt: install tcrp with the extra 'envelope', in a clone: "
        "pip install '.[envelope]'\n"
    )
    assert (done.returncode, done.stderr, done.stdout) == (4, line, "")


# -------------------------------------------------------------------------- fixed-fields and fixed-width


@pytest.mark.parametrize("dialect", FIXED)
def test_fixed_from_create_to_the_hosts_leaving(
    serve: Serve, member: StartMember, client: StartClient, secret: Secret, dialect: str
) -> None:
    server = serve(dialect)
    password = secret("Abc123")
    host = member(server.endpoint, "create", "room1", "alice", *server.options, *password, "--capacity", "3")
    line = host.err.next()
    found = re.fullmatch(r"invite=([0-9a-f-]{36})", line or "")
    assert found, line
    invite = ["--invite", found[1]]
    for how, says in (
        ((*secret("Abc124"), *invite), "the password is wrong"),
        ((*password, "--invite", found[1][::-1]), "there is no room of this name"),
    ):
        status, line = client(server.endpoint, "join", "room1", "--name", "eve", *server.options, *how).failure()
        assert (status, says in line) == (1, True)
    bob, carol = (
        member(server.endpoint, "join", "other", name, *server.options, *password, *invite) for name in ("bob", "carol")
    )
    status, line = client(server.endpoint, "join", "r", "--name", "dave", *server.options, *password, *invite).failure()
    assert (status, "limit" in line) == (1, True)

    everyone = (host, bob, carol)
    host.type("hello")
    assert [who.out.next() for who in everyone] == ["alice: hello"] * 3
    bob.type("部屋")
    assert [who.out.next() for who in everyone] == ["bob: 部屋"] * 3
    host.type("a:b", "after")
    if dialect == "fixed-fields":
        assert host.err.next() == "not sent: the message holds ':', which this dialect cannot say (TCRP-4.1)"
    else:
        assert [who.out.next() for who in everyone] == ["alice: a:b"] * 3
    assert [who.out.next() for who in everyone] == ["alice: after"] * 3

    carol.type("exit")
    assert carol.wait() == 0
    assert [who.out.next() for who in (host, bob)] == ["carol: exit"] * 2
    dave = member(server.endpoint, "join", "r", "dave", *server.options, *password, *invite)  # there is a place again
    dave.type("hi")
    assert [who.out.next() for who in (host, bob, dave)] == ["dave: hi"] * 3

    host.end_input()
    assert host.wait() == 0
    status, line = client(server.endpoint, "join", "r", "--name", "eve", *server.options, *password, *invite).failure()
    assert (status, "there is no room of this name" in line) == (1, True)
    bob.type("anyone?")
    bob.end_input()
    assert (bob.wait(), bob.out.rest(), bob.err.rest(), host.err.rest()) == (0, [], [], [])


@pytest.mark.parametrize("dialect", FIXED)
def test_rooms_of_the_same_name_are_apart(serve: Serve, member: StartMember, dialect: str) -> None:
    server = serve(dialect)
    one, two = (member(server.endpoint, "create", "r", name, *server.options) for name in ("one", "two"))
    one.type("a")
    two.type("b")
    assert (one.out.next(), two.out.next()) == ("one: a", "two: b")
    for host in (one, two):
        host.end_input()
        assert (host.wait(), host.out.rest()) == (0, [])


def staying_open(answer: bytes) -> Handler:
    """Answer one request and keep the connection open, as some servers do."""

    def handle(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(answer)
        connection.recv(1000)

    return handle


@LINUX
def test_an_address_that_only_silence_ends(odd: StartOdd) -> None:
    token = b"39dbc679-03b3-49d6-818b-580a0ea746e5"
    header = b"\x05\x01%c" + b"r       " + b" " * 21
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.83.7.191", 8080))
    server = odd(staying_open(header % 1 + header % 2 + token + b"127.83.7.191"))

    async def go() -> None:
        dialect = dialects.get("fixed-fields")
        want = Create("r", "alice", None, 5)
        async with asyncio.timeout(PATIENCE), await ChatClient.connect(server.endpoint, want, dialect=dialect) as chat:
            assert chat.invite == token
            await chat.send("hello")
            data, source = await asyncio.to_thread(server.udp.recvfrom, 5000)
            assert (data, source) == (token + b":alice:hello", ("127.83.7.191", 8080))
            server.udp.sendto(b"bob:hi", source)
            down = await anext(chat)
            assert (down.kind, down.user, down.body) == (DownKind.CHAT, "bob", b"hi")
        assert await asyncio.to_thread(server.udp.recv, 5000) == token + b":alice:exit"  # and nothing else was sent

    asyncio.run(go())


# ---------------------------------------------------------------------------------- what a dialect cannot do


@pytest.mark.parametrize(
    ("dialect", "arguments", "says"),
    [
        *[(name, ["list"], f"dialect {name} cannot list rooms") for name in OTHERS if name != "json-envelope"],
        *[(name, ["create", "r", "--capacity", "3"], f"--capacity: dialect {name} has nothing of the kind")
          for name in ("stage1", "json-envelope")],
        *[(name, ["join", "r", "--invite", "x"], f"--invite: dialect {name} has nothing of the kind")
          for name in ("stage1", "json-envelope")],
        ("stage1", ["join", "--password-file", "/dev/null"], "--password-file: dialect stage1 has nothing of the kind"),
        ("stage1", ["join", "--name", "x" * 256], "the user name has 256 bytes: 1 to 255"),
        *[
            (name, [*words.split(), "--name", user], says)
            for name in OTHERS[2:]
            for words, user, says in (
                ("join r", "bob", "a room is joined by its host's token"),
                ("join r --invite x", "bob", "the invite has 1 bytes"),
                ("create r --capacity 256", "bob", "the capacity is 256: 0 to 255"),
                ("create ninebytes", "bob", "the room name has 9 bytes: 1 to 8"),
                ("create r", "elevenbytes", "the user name has 11 bytes: 1 to 10"),
                ("create r", "a:b", "the user name holds ':'"),
            )
        ],
    ],
)  # fmt: skip
def test_usage(client: StartClient, dialect: str, arguments: list[str], says: str) -> None:
    status, line = client(None, *arguments, "--dialect", dialect).failure()
    assert status == 4
    assert line.startswith("tcrp-client: ")
    assert says in line


@pytest.mark.parametrize("dialect", FIXED)
@pytest.mark.parametrize("password", ["Abc12", "abcdef1", "Abcdefg", "ABC123", "Abc 123", "Abc123456789"])
def test_passwords_of_fixed_fields_follow_its_rule(
    client: StartClient, secret: Secret, dialect: str, password: str
) -> None:
    status, line = client(None, "create", "r", "--name", "bob", "--dialect", dialect, *secret(password)).failure()
    assert status == 4
    assert "6 to 11 characters, with an upper and a lower case letter and a digit, without spaces" in line
    assert password not in line


@LINUX
def test_a_login_name_that_is_too_long_is_cut(serve: Serve, client: StartClient) -> None:
    server = serve("fixed-fields")
    environment = {"LOGNAME": "a-rather-long-login", "PATH": "/usr/bin"}
    host = client(server.endpoint, "create", "r", *server.options, env=environment)
    assert host.err.next() == "joined room=r"
    host.type("hi")
    assert host.out.next() == "a-rather-l: hi"
