"""Rooms and members in a file: the store itself, and the relay of each dialect that goes on with it."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import rule

from reference_server import StateError
from reference_server.sqlite_store import SqliteStore
from relay import Admitted, Refusal, RoomLimits, Store
from tcrp import dialects
from tcrp.constants import Status
from tcrp.messages import Address, Create, Join
from tests.relay.rig import PEER, RelayRig, Sent
from tests.relay.store_machine import StoreMachine


class SqliteMachine(StoreMachine):
    """The rules of every store, and those of one that is opened again."""

    def open_store(self) -> Store:
        self.folder = Path(tempfile.mkdtemp())
        return SqliteStore(self.folder / "state", "tcrp")

    @rule()
    def restart(self) -> None:
        assert isinstance(self.store, SqliteStore)
        self.store.close()
        self.go_on_with(self.folder / "state")

    @rule()
    def be_killed(self) -> None:
        """The files as they are at this moment are what a killed process leaves."""
        assert self.store.commit()
        killed, self.folder = self.folder, Path(tempfile.mkdtemp())
        for file in killed.iterdir():
            shutil.copy(file, self.folder / file.name)
        assert isinstance(self.store, SqliteStore)
        self.store.close()
        shutil.rmtree(killed)
        self.go_on_with(self.folder / "state")

    def go_on_with(self, file: Path) -> None:
        self.store = store = SqliteStore(file, "tcrp")
        self.active.clear()
        for key, room in self.rooms.items():
            found = store.room(key)
            assert found
            assert found[2:] == room[2:]
            assert found.id == room.id
            self.rooms[key] = found
        known = {one.id: one for room in self.rooms.values() for one in store.members(room)}
        for one in self.members:
            found_member = known[one.member.id]
            assert found_member == one.member._replace(room=found_member.room, token=None)
            one.member, one.registered = found_member, found_member.id

    def teardown(self) -> None:
        assert isinstance(self.store, SqliteStore)
        self.store.close()
        shutil.rmtree(self.folder)


SqliteMachine.TestCase.settings = settings(deadline=None, max_examples=50, stateful_step_count=40)
TestSqliteStore = SqliteMachine.TestCase

MINE = ("10.0.0.1", 1)
OTHER = ("10.0.0.1", 2)
ASSIGNED: list[Address] = [("127.0.1.1", 8080), ("127.0.1.2", 8080), ("127.0.1.3", 8080)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state"


def packet(room: bytes, token: bytes, message: bytes) -> bytes:
    return bytes((len(room), len(token))) + room + token + message


def rig_of(path: Path, name: str = "tcrp", now: float = 0.0) -> tuple[RelayRig, SqliteStore]:
    """A relay that goes on with the state in this file, and its store. Tokens are long and never the same."""
    store = SqliteStore(path, name)
    used = store.count_members()
    numbers = iter(range(100 * used, 100 * used + 100))
    rig = RelayRig(dialects.get(name), store=store, addresses=ASSIGNED, mint=lambda: b"%036d" % next(numbers),
                   room_idle_seconds=600.0)  # fmt: skip
    rig.relay.resume(now)
    return rig, store


def test_members_go_on_where_they_were(path: Path) -> None:
    rig, store = rig_of(path)
    host, guest, gone = rig.create("r", "alice", hashed=b"hash"), rig.join("r", "bob", password="x"), b""
    gone = rig.join("r", "carol", password="x")
    for token, source in ((host, MINE), (guest, OTHER), (gone, OTHER)):
        rig.receive(packet(b"r", token, b""), source)
    rig.receive(packet(b"r", gone, b"exit"), OTHER)
    assert rig.relay.stop() == ()
    store.close()

    rig, store = rig_of(path, now=1000.0)
    assert rig.relay.rooms() == ("r",)
    assert rig.relay.next_deadline() == 1060.0  # a full idle time
    assert rig.receive(packet(b"r", gone, b"hi"), OTHER, 1001.0) == []
    assert rig.receive(packet(b"r", b"%036d" % 7, b"hi"), OTHER, 1001.0) == []
    assert rig.receive(packet(b"r", guest, b"hi"), ("10.0.0.9", 2), 1001.0) == []
    assert rig.receive(packet(b"r", guest, b"hi"), OTHER, 1001.0) == [(b"bob: hi", MINE)]
    assert rig.begin(Join("r", "dave", "x")).password == b"hash"
    assert rig.refusal(Create("r", "dave")) is Status.ROOM_EXISTS
    assert rig.receive(packet(b"r", host, b"exit"), MINE, 1002.0) == [(b"\x04the host left: the room is closed", OTHER)]
    store.close()

    rig, store = rig_of(path)
    assert rig.relay.rooms() == ()
    assert store.count_members() == 0
    store.close()


def test_who_never_comes_back_is_idle_and_forgotten(path: Path) -> None:
    rig, store = rig_of(path)
    rig.create("r")
    rig.join("r")
    store.close()
    rig, store = rig_of(path, now=1000.0)
    rig.do(rig.relay.expire(1060.0))
    store.close()
    _, store = rig_of(path)
    assert store.count_rooms() == store.count_members() == 0
    store.close()


def test_limits_of_an_address_count_what_it_had_before(path: Path) -> None:
    rig, store = rig_of(path)
    rig.create("r")
    store.close()
    store = SqliteStore(path, "tcrp")
    rig = RelayRig(dialects.get(), store=store, limits=RoomLimits(rooms_per_address=1))
    assert rig.refusal(Create("s", "a")) is Status.LIMIT_REACHED
    rig.create("s", peer=("10.0.0.2", 1))
    store.close()


def fixed(token: bytes, user: bytes, text: bytes) -> bytes:
    return b"%s:%s:%s" % (token, user, text)


def envelope(kind: bytes) -> Callable[[bytes, bytes, bytes], bytes]:
    def write(token: bytes, user: bytes, text: bytes) -> bytes:
        message = b'{"type": "%s", "user_name": "%s", "chat_data": "%s"}' % (kind, user, text)
        return packet(b"r", token, message)

    return write


def in_room(token: bytes, user: bytes, text: bytes) -> bytes:
    return packet(b"r", token, text)


CHATS: dict[str, tuple[Callable[[bytes, bytes, bytes], bytes], Sent]] = {
    "model-answer": (in_room, [(b"bob: hi", MINE)]),
    "json-status": (in_room, [(b"bob: hi", MINE)]),
    "json-envelope": (
        envelope(b"CHAT"), [(b'\0\0{"type": "CHAT", "user_name": "bob", "chat_data": "hi"}', MINE)]
    ),
    "fixed-fields": (fixed, [(b"bob:hi", ASSIGNED[0]), (b"bob:hi", ASSIGNED[1])]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHATS)
def test_members_go_on_in_each_dialect(path: Path, name: str) -> None:
    if name == "json-envelope":
        pytest.importorskip("bcrypt")
    write, heard = CHATS[name]
    rig, store = rig_of(path, name)
    tokens: list[bytes] = []
    for want, udp in ((Create("r", "alice"), MINE), (Join("r", "bob"), OTHER)):
        if isinstance(want, Join) and name == "fixed-fields":
            want = want._replace(invite=tokens[0])
        admission = rig.begin(want, PEER, udp)
        tokens.append(rig.admit(admission).token)
        if name == "model-answer":
            rig.do(rig.relay.bind(admission, udp, 0.0))
        if name == "json-envelope":
            rig.receive(envelope(b"INITIAL")(tokens[-1], want.user.encode(), b""), udp)
    store.close()
    rig, store = rig_of(path, name)
    source = ASSIGNED[1] if name == "fixed-fields" else OTHER
    assert rig.receive(write(b"%036d" % 99, b"bob", b"hi"), source) == []
    assert rig.receive(write(tokens[1], b"bob", b"hi"), source) == heard
    assert rig.receive(write(tokens[1], b"bob", b"hi"), source) == heard
    if name == "fixed-fields":
        late = rig.relay.admit(rig.begin(Join("", "carol", None, tokens[0])), password_hash=None, now=0.0)
        assert isinstance(late, Admitted)
        assert late[:2] == (tokens[0], ASSIGNED[2])
        assert rig.refusal(Join("", "carol", None, b"%036d" % 99)) is Status.ROOM_NOT_FOUND
    store.close()


def test_the_hash_of_a_token_is_no_token(path: Path) -> None:
    for name, write in (("tcrp", in_room), ("fixed-fields", fixed)):
        file = path.with_name(name)
        rig, store = rig_of(file, name)
        token = rig.create("r", "alice")
        store.close()
        rig, store = rig_of(file, name)
        digest = sha256(token).digest()
        assert rig.receive(write(digest, b"alice", b"exit"), MINE) == []
        assert store.by_token(digest) is None
        assert store.room(digest) is None
        assert rig.refusal(Join("x", "b", None, digest)) is Status.ROOM_NOT_FOUND
        store.close()


def test_what_cannot_be_saved_is_refused_and_leaves_nothing_behind(path: Path) -> None:
    """TCRP-6.2a"""
    rig, store = rig_of(path)
    host = rig.create("r", "alice")
    rig.receive(packet(b"r", host, b""), MINE)
    assert store._file
    (pages,) = store._file.execute("PRAGMA page_count").fetchone()
    store._file.execute(f"PRAGMA max_page_count = {pages}")
    refused = 0
    while not isinstance(rig.relay.admit(rig.begin(Join("r", "b" * 255)), password_hash=None, now=0.0), Refusal):
        refused += 1
        assert refused < 1000
    members, failures = store.count_members(), store.failures
    for want in (Join("r", "b" * 255), Create("s", "b" * 255)):
        refusal = rig.relay.admit(rig.begin(want), password_hash=None, now=0.0)
        assert refusal == Refusal(Status.SERVER_ERROR)
    assert store.count_members() == members
    assert rig.relay.rooms() == ("r",)
    assert store.failures == failures + 2
    rig.receive(packet(b"r", host, b"hi"), MINE)  # chat goes on

    store._file.execute("PRAGMA max_page_count = 1000000")
    guest = rig.join("r", "carol")
    store.close()
    rig, store = rig_of(path)
    assert store.count_members() == members + 1
    assert rig.receive(packet(b"r", guest, b"hi"), OTHER) == [(b"carol: hi", MINE)]
    store.close()


def test_nothing_is_saved_once_it_is_closed(path: Path) -> None:
    rig, store = rig_of(path)
    admission = rig.begin(Create("r", "alice"))
    store.close()
    assert rig.relay.admit(admission, password_hash=None, now=0.0) == Refusal(Status.SERVER_ERROR)
    store.close()


def test_the_file_holds_no_token_and_is_its_owners_alone(path: Path) -> None:
    path.touch(mode=0o644)
    rig, store = rig_of(path)
    tokens = [rig.create("r"), *(rig.join("r") for _ in range(20))]
    files = list(path.parent.iterdir())
    assert {file.name for file in files} == {"state", "state-wal"}
    for file in files:
        assert file.stat().st_mode & 0o777 == 0o600
        assert not any(token in file.read_bytes() for token in tokens)
    store.close()
    assert [file.name for file in path.parent.iterdir()] == ["state"]
    assert not any(token in path.read_bytes() for token in tokens)


def test_two_servers_do_not_share_a_file(path: Path) -> None:
    store = SqliteStore(path, "tcrp")
    with pytest.raises(StateError, match="another server uses it"):
        SqliteStore(path, "tcrp")
    store.close()
    SqliteStore(path, "tcrp").close()


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + bytes(4080), bytes(100_000)])
def test_a_file_of_something_else_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    if content:
        with pytest.raises(StateError, match="file of another program"):
            SqliteStore(path, "tcrp")
        assert path.read_bytes() == content
    else:
        SqliteStore(path, "tcrp").close()


def test_a_database_of_something_else_is_left_as_it_is(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE rooms (id INTEGER)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="file of another program"):
        SqliteStore(path, "tcrp")
    assert path.read_bytes() == before


def test_a_file_of_another_dialect_or_of_a_later_version_is_not_used(path: Path) -> None:
    SqliteStore(path, "json-status").close()
    with pytest.raises(StateError, match="its rooms are of dialect json-status: use --dialect json-status"):
        SqliteStore(path, "tcrp")
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 2")
    file.close()
    with pytest.raises(StateError, match="it has version 2, this program reads 1"):
        SqliteStore(path, "json-status")


def test_what_cannot_be_opened_is_told(path: Path) -> None:
    for wrong in (path.parent, path / "below" / "nothing", Path("/dev/null")):
        with pytest.raises(StateError, match="name a"):
            SqliteStore(wrong, "tcrp")


@pytest.mark.parametrize("damage", ["cut off", "overwritten", "a member of no room"])
def test_a_damaged_file_is_moved_aside(path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    rig, store = rig_of(path)
    rig.create("r")
    for _ in range(90):
        rig.join("r", "b" * 200)
    store.close()
    content = bytearray(path.read_bytes())
    assert len(content) > 5 * 4096
    if damage == "cut off":
        path.write_bytes(content[: 2 * 4096])
    elif damage == "overwritten":
        content[4096 : 5 * 4096] = bytes(4 * 4096)
        path.write_bytes(content)
    else:
        with sqlite3.connect(path) as file:
            file.execute("UPDATE members SET room = 999999")
        file.close()
    rig, store = rig_of(path)
    assert rig.relay.rooms() == ()
    rig.create("r")
    store.close()
    assert path.with_name("state.damaged").exists()
    assert "is damaged" in caplog.text
    rig, store = rig_of(path)
    assert rig.relay.rooms() == ("r",)
    store.close()
