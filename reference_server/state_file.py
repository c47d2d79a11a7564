"""The file in which a server keeps its state: making, opening and checking it, with error messages that say what to do.

It is an SQLite database with a write-ahead log (`FILE-wal` beside it) that only its owner can read. A process that is
killed loses nothing that was committed. The system is not asked to write to the disk at once, so a loss of power may
damage the file; it is then moved aside.
"""

import logging
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

logger = logging.getLogger("reference_server")

_APPLICATION_ID: Final = 0x54435250  # "TCRP"
_APPLICATION_ID_OFFSET: Final = 68  # in the header of an SQLite file
_VERSION: Final = 1
_TABLES: Final = f"""
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
CREATE TABLE about (dialect TEXT NOT NULL);
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    key TEXT, -- what finds the room, where that is no token
    token BLOB, -- SHA-256 of the token that finds it
    name TEXT NOT NULL,
    capacity INTEGER NOT NULL,
    password BLOB, -- the hash; NULL: there is none
    ip TEXT NOT NULL,
    since REAL NOT NULL -- UNIX time
);
CREATE TABLE members (
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    user TEXT NOT NULL,
    token BLOB, -- SHA-256
    ip TEXT NOT NULL,
    host INTEGER NOT NULL, -- 1: the member created the room
    udp_ip TEXT,
    udp_port INTEGER,
    udp_flow INTEGER,
    udp_scope INTEGER,
    udp_local TEXT, -- the address of this machine that the member talks to, where the server is on all of them
    since REAL NOT NULL -- UNIX time
)
"""


class StateError(Exception):
    """The state file cannot be used. The message is one line: the reason and what to do."""


class _Damaged(Exception):
    """The file is one of ours and is not whole."""


def open_state_file(path: Path, dialect: str, load: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    """Open the state file of a server, or make it, and have `load` read it.

    A file of ours that is damaged is moved to `FILE.damaged`, and a new one is made. Raises StateError if the file
    cannot be opened, is used by another server, or is not the state of a server of this dialect.
    """
    _make_private(path)
    try:
        return _open(path, dialect, load)
    except _Damaged as damage:
        aside = path.with_name(f"{path.name}.damaged")
        logger.warning("the state file %s is damaged (%s): moved to %s, starting without rooms", path, damage, aside)
        for suffix in ("-wal", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.replace(aside)
        _make_private(path)
        return _open(path, dialect, lambda file: None)


def _make_private(path: Path) -> None:
    """Make the file if there is none, and let nobody else read it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise StateError(f"--state {path}: {error.strerror}: name a file that can be written, or none") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StateError(f"--state {path}: it is not a plain file: name another")
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise StateError(f"--state {path}: its owner is somebody else ({error.strerror}): name another") from None
    finally:
        os.close(descriptor)


def _open(path: Path, dialect: str, load: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=0.0, isolation_level=None)
    try:
        file.execute("PRAGMA locking_mode = EXCLUSIVE")  # also spares the shared memory that a log needs otherwise
        file.execute("BEGIN IMMEDIATE")
        if not file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _TABLES.split(";\n"):  # not `executescript`, which would commit
                file.execute(statement)
            file.execute("INSERT INTO about VALUES (?)", (dialect,))
        _check(file, path, dialect)
        file.execute("COMMIT")
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = OFF")
        load(file)
    except BaseException as error:
        file.close()
        if isinstance(error, sqlite3.DatabaseError | KeyError | TypeError | ValueError):
            raise _reason(error, path) from None
        raise
    return file


def _check(file: sqlite3.Connection, path: Path, dialect: str) -> None:
    if file.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        raise StateError(f"--state {path}: it is a file of another program: name another")
    version = file.execute("PRAGMA user_version").fetchone()[0]
    if version != _VERSION:
        raise StateError(
            f"--state {path}: it has version {version}, this program reads {_VERSION}: use the newer program, "
            "or name another file"
        )
    (problem,) = file.execute("PRAGMA quick_check(1)").fetchone()
    if problem != "ok":
        raise sqlite3.DatabaseError(problem)
    (written_by,) = file.execute("SELECT dialect FROM about").fetchone()
    if written_by != dialect:
        raise StateError(
            f"--state {path}: its rooms are of dialect {written_by}: use --dialect {written_by}, or name another file"
        )


def _reason(error: Exception, path: Path) -> Exception:
    """What it means that SQLite or `load` could not read the file."""
    if isinstance(error, sqlite3.OperationalError):
        if "locked" in str(error):
            return StateError(f"--state {path}: another server uses it: stop that one, or name another file")
        return StateError(f"--state {path}: {error}: make room for it, or name another file")
    with path.open("rb") as file:
        header = file.read(100)
    mark = header[_APPLICATION_ID_OFFSET : _APPLICATION_ID_OFFSET + 4]
    if mark == _APPLICATION_ID.to_bytes(4, "big"):
        return _Damaged(str(error))
    return StateError(f"--state {path}: it is a file of another program: name another")
