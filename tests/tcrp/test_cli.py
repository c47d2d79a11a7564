"""The command `tcrp`, as a process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp.decoding import KINDS, decode, guess

ZEROS = "00" * 28
ACK = "02 01 01" + ZEROS + "01 7231 00"
COMPLETE = "02 01 02" + ZEROS + "03 7231 746f6b"
REQUEST = "06 01 00" + ZEROS + "27 e983a8e5b18b" + b'{"username": "alice", "password": "pw"}'.hex()
PACKET = "02 03 7231 746f6b 68656c6c6f"
CHAT = "616c696365 3a20 e38284"


def run(*args: str, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-m", "tcrp", *args], input=stdin, capture_output=True, cwd=cwd, timeout=60)
    assert b"Traceback" not in done.stderr
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_request() -> None:
    done = run("decode", REQUEST)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == """\
77 bytes as frame: the sizes in the headers account for every byte, in 1 frame

frame 1, at byte 0
offset  bytes                                 field                 value
     0  06                                    RoomNameSize          6
     1  01                                    Operation             1 CREATE
     2  00                                    State                 0 REQUEST
     3  00 00 00 00 00 … 00 00 27 (29 bytes)  OperationPayloadSize  39
    32  e9 83 a8 e5 b1 8b                     room name             '部屋'
    38  7b 22 75 73 65 … 77 22 7d (39 bytes)  payload               '{"username": "alice", "password": "pw"}'
= CREATE REQUEST: room '部屋', user 'alice', password 'pw'
"""
    )


def test_two_frames_in_one_segment() -> None:
    done = run("decode", ACK + COMPLETE)
    assert done.returncode == 0
    assert done.stdout.startswith("72 bytes as frame: the sizes in the headers account for every byte, in 2 frames\n")
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith(("frame ", "= "))] == [
        "frame 1, at byte 0",
        "= CREATE ACK: room 'r1', status 0 OK",
        "frame 2, at byte 35",
        "= CREATE COMPLETE: room 'r1', token 'tok'",
    ]
    assert "     2  02                                    State                 2 COMPLETE" in lines


@pytest.mark.parametrize(
    ("hexes", "first", "last"),
    [
        (
            PACKET,
            "12 bytes as packet: its first bytes, 2 and 3, fit",
            "= CHAT: room 'r1', token 'tok', message 'hello'",
        ),
        ("02 03 7231 746f6b", "7 bytes as packet", "= REGISTER: room 'r1', token 'tok'"),
        ("02 03 7231 746f6b 65786974", "11 bytes as packet", "= LEAVE: room 'r1', token 'tok'"),
        ("04 03 63686174 746f6b", "9 bytes as packet", "= REGISTER: room 'chat', token 'tok'"),
        (CHAT, "10 bytes as delivery: it begins with a user name and ': '", "= CHAT: user 'alice', message 'や'"),
        ("04 627965", "4 bytes as delivery: it begins with 0x04, as a notice does", "= DISCONNECT: text 'bye'"),
        ("05 627965", "4 bytes as delivery", "= INFORMATION: text 'bye'"),
        ("02 01 01" + ZEROS + "01 7231 63", "35 bytes as frame", "= CREATE ACK: room 'r1', status 99 (unknown)"),
        ("00 09 01" + ZEROS + "01 04", "33 bytes as frame", "= operation 9 ACK: room '', status 4 MALFORMED"),
    ],
)
def test_what_is_right(hexes: str, first: str, last: str) -> None:
    done = run("decode", hexes)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(first)
    assert done.stdout.splitlines()[-1] == last


@pytest.mark.parametrize(
    ("args", "row", "error"),
    [
        (
            ["02 01 00" + "00" * 25 + "20000001 7234 7b7d"],
            "     !  at 3: OperationPayloadSize is 536870913: a payload is at most 536870912 bytes",
            "(TCRP-2.4a)",
        ),
        (["02 01 00" + ZEROS + "28 7231 7b22"], "     !  at 36: the payload ends after 2 of 40 bytes", "(TCRP-2.2)"),
        (["02 01 00" + "00" * 10], "     !  at 13: the OperationPayloadSize ends after 10 of 29 bytes", "(TCRP-2.1)"),
        (["02 01 00" + ZEROS + "01 72ff 61"], "     !  at 33: the room name is not UTF-8", "(TCRP-2.3b)"),
        (["02 09 00" + ZEROS + "01 7231 61"], "     !  at 1: Operation is 9: 1 creates, 2 joins", "(TCRP-3.7a)"),
        (
            ["02 01 07" + ZEROS + "01 7231 61"],
            "     !  at 2: State is 7: a request has 0, an ACK 1, a COMPLETE 2",
            "(TCRP-3.1b)",
        ),
        (["02 01 00" + ZEROS + "03 7231 7b7d78"], "     !  at 36: not JSON: Extra data", "(TCRP-3.2g)"),
        (["02 01 01" + ZEROS + "02 7231 0000"], "     !  at 35: the payload of an ACK has 2 bytes", "(TCRP-3.4a)"),
        (["02 01 02" + ZEROS + "00 7231"], "     !  at 34: the token has 0 bytes: 1 to 255", "(TCRP-3.8c)"),
        (["ff" * 32], "     !  at 3: OperationPayloadSize is about 2^231", "(TCRP-2.4a)"),
        (["02"], "     !  at 1: the TokenSize ends after 0 of 1 bytes", "(TCRP-4.2b)"),
        (["02 05 7231 746f"], "     !  at 6: the token ends after 2 of 5 bytes", "(TCRP-4.2b)"),
        (["--as", "packet", ""], "     !  at 0: the RoomNameSize ends after 0 of 1 bytes", "(TCRP-4.2b)"),
        (["--as", "frame", ""], "     !  at 0: the RoomNameSize ends after 0 of 1 bytes", "(TCRP-2.1)"),
        (["--as", "delivery", "616c696365"], "     !  at 5: no b': ' in what follows", "(TCRP-4.6a)"),
        (["--as", "delivery", "04 ff"], "     !  at 1: the text is not UTF-8", "(TCRP-5.4a)"),
    ],
)
def test_what_is_wrong_is_shown_as_far_as_it_goes(args: list[str], row: str, error: str) -> None:
    done = run("decode", *args)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith(row)]
    assert [line for line in lines if line.startswith("error: ") and line.endswith(error)]


def test_a_wrong_frame_does_not_hide_the_next() -> None:
    done = run("decode", "02 01 00" + ZEROS + "01 fffe 61" + ACK)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "= CREATE ACK: room 'r1', status 0 OK"


@pytest.mark.parametrize("written", ["binary", "hex", "dump"])
@pytest.mark.parametrize("source", ["file", "stdin"])
def test_where_the_bytes_come_from(tmp_path: Path, source: str, written: str) -> None:
    data = bytes.fromhex(PACKET)
    text = {"binary": data, "hex": data.hex(":").encode() + b"\n", "dump": b"00000000: " + data.hex(" ", 2).encode()}
    (tmp_path / "captured").write_bytes(text[written])
    done = run("decode", "captured" if source == "file" else "-", stdin=text[written], cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "= CHAT: room 'r1', token 'tok', message 'hello'"


def test_a_file_whose_name_is_hex_is_meant_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "cafe").write_bytes(bytes.fromhex(PACKET))
    assert run("decode", "cafe", cwd=tmp_path).stdout.startswith("2 bytes")
    assert run("decode", "./cafe", cwd=tmp_path).stdout.startswith("12 bytes")


def test_binary_that_looks_like_hex() -> None:
    assert run("decode", "-", stdin=b"bad: beef").stderr.startswith("tcrp: an odd number of hex digits")
    done = run("decode", "--binary", "-", stdin=b"bad: beef")
    assert done.stdout.splitlines()[-1] == "= CHAT: user 'bad', message 'beef'"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["decode", "02017"], "tcrp: an odd number of hex digits: '7' at character 4 lacks the other half"),
        (["decode", "0201zz"], "tcrp: '0201zz' is not a file, and not hex: 'z' at character 4 is not a hex digit"),
        (["decode", "none.bin"], "tcrp: 'none.bin' is not a file, and not hex: 'n' at character 0 is not a hex digit"),
        (
            ["decode", "g" * 5000],
            f"tcrp: '{'g' * 60}…' is not a file, and not hex: 'g' at character 0 is not a hex digit",
        ),
        (["decode", "--binary", "none.bin"], "tcrp: there is no file 'none.bin'"),
        (["decode", "."], "tcrp: cannot read '.': Is a directory"),
        (["decode", ""], "tcrp: there is nothing to decode (--as packet takes an empty datagram)"),
        (["decode", "-"], "tcrp: there is nothing to decode (--as packet takes an empty datagram)"),
        (["decode", "--dialect", "nonsense", "00"], "tcrp: there is no dialect 'nonsense': choose from tcrp"),
        (["decode", "--as", "x", "00"], "tcrp decode: argument --as: invalid choice: 'x'"),
        (["decode"], "tcrp decode: the following arguments are required: HEX|FILE|-"),
        ([], "tcrp: the following arguments are required: COMMAND"),
        (["nonsense"], "tcrp: argument COMMAND: invalid choice: 'nonsense'"),
    ],
)
def test_usage(tmp_path: Path, args: list[str], message: str) -> None:
    done = run(*args, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(message)
    assert done.stderr.endswith("\n")
    assert len(done.stderr.splitlines()) == 1


def test_version_and_help() -> None:
    assert run("--version").stdout == f"tcrp {tcrp.__version__}\n"
    done = run("decode", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "write ./cafe for a file of that name" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 120


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "tcrp", "decode", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(bytes.fromhex(ACK) * 2000)
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == -signal.SIGPIPE


def test_ctrl_c_while_it_waits_for_bytes(tmp_path: Path) -> None:
    fifo = tmp_path / "bytes"
    os.mkfifo(fifo)
    command = [sys.executable, "-m", "tcrp", "decode", str(fifo)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
        fifo.open("wb"),  # waits for the reader
    ):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (2, b"", b"tcrp: interrupted\n")


def test_output_that_cannot_hold_a_character_escapes_it() -> None:
    command = [sys.executable, "-X", "utf8=0", "-m", "tcrp", "decode", CHAT]
    done = subprocess.run(command, capture_output=True, env={"PYTHONIOENCODING": "ascii"}, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.splitlines()[-1] == rb"= CHAT: user 'alice', message '\u3084'"


@given(data=st.binary(min_size=1, max_size=120), kind=st.sampled_from(["auto", *KINDS]))
def test_any_bytes_are_shown(data: bytes, kind: str) -> None:
    kind = guess(data).kind if kind == "auto" else kind
    parts = list(decode(data, kind, tcrp.dialects.get("tcrp")))
    assert b"".join(row.data for part in parts for row in part.rows) == data
    for part in parts:
        assert bool(part.message) != bool(part.error)
        assert not part.error or any(row.problem for row in part.rows)


def test_a_dialect_that_declares_no_layout_shows_the_datagram_whole() -> None:
    bare = tcrp.dialects.Layouts()
    other = tcrp.dialects.get("tcrp").__class__(name="other", layouts=bare)  # type: ignore[call-arg]
    (packet,) = decode(bytes.fromhex(PACKET), "packet", other)
    assert [row.field for row in packet.rows] == ["datagram"]
    assert packet.message == "CHAT: room 'r1', token 'tok', message 'hello'"
    (delivery,) = decode(b"nonsense", "delivery", other)
    assert delivery.error == "dialect other has no such datagram (TCRP-4.6c)"
    (frame,) = decode(bytes.fromhex(ACK), "frame", other)
    assert (frame.rows[1].field, frame.message) == ("Operation", "operation 1 state 1: room 'r1', payload 1 byte")


def test_many_frames_are_cut_and_still_judged() -> None:
    wrong = "00" * 32
    done = run("decode", "-", stdin=(ACK * 120 + wrong).encode())
    assert done.returncode == 1
    assert done.stdout.count("\nframe ") == 100
    assert done.stdout.endswith("\n\n… and 21 more frames, of which 1 wrong: --all shows them\n")
    everything = run("decode", "--all", "-", stdin=(ACK * 120 + wrong).encode())
    assert everything.returncode == 1
    assert everything.stdout.count("\nframe ") == 121


def test_what_a_datagram_says_is_cut() -> None:
    message = b"m" * 4000
    done = run("decode", "--as", "packet", "--binary", "-", stdin=b"\x01\x01rt" + message)
    last = done.stdout.splitlines()[-1]
    assert last.endswith("… (3639 more characters: --all shows them)")
    assert len(last) < 500
    everything = run("decode", "--as", "packet", "--binary", "--all", "-", stdin=b"\x01\x01rt" + message)
    assert everything.stdout.splitlines()[-1] == f"= CHAT: room 'r', token 't', message '{message.decode()}'"


def test_a_huge_input_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no space
    done = run("decode", str(path))
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "tcrp: the input has more than 16 MiB: --all reads all of it\n"
