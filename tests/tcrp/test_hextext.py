"""Hex as people and tools write it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcrp.hextext import HexError, looks_like_hex, parse_hex

DATA = bytes.fromhex("02 01 00" + "00" * 28 + "03 7231 626f62")

PLAIN = [
    "02017231",
    "02 01 72 31",
    "0201 7231",
    "02:01:72:31",
    "0x02017231",
    "0x02, 0x01, 0x72, 0x31",
    "0X02 0X01 72 31",
    "\\x02\\x01\\x72\\x31",
    "0201\n7231\n",
    "  02\t01\r\n72 31 ",
    "02,01,72,31,",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_hex(text: str) -> None:
    assert looks_like_hex(text)
    assert parse_hex(text) == b"\x02\x01r1"


def test_both_cases_of_letters() -> None:
    assert parse_hex("deadBEEF") == b"\xde\xad\xbe\xef"


@given(st.binary(max_size=60), st.sampled_from(["", " ", ":", ", ", "\n"]))
def test_any_bytes_come_back(data: bytes, between: str) -> None:
    assert parse_hex(between.join(f"{byte:02x}" for byte in data)) == data


DUMPS = {
    "hexdump -C": """\
00000000  02 01 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 03  |................|
00000020  72 31 62 6f 62                                    |r1bob|
00000025
""",
    "xxd": """\
00000000: 0201 0000 0000 0000 0000 0000 0000 0000  ................
00000010: 0000 0000 0000 0000 0000 0000 0000 0003  ................
00000020: 7231 626f 62                             r1bob
""",
    "xxd -g1 -c20": """\
00000000: 02 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ....................
00000014: 00 00 00 00 00 00 00 00 00 00 00 03 72 31 62 6f 62           ............r1bob
""",
    "od -A x -t x1 -v": """\
000000 02 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00
000010 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 03
000020 72 31 62 6f 62
000025
""",
    "od -t x1 -v": """\
0000000 02 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00
0000020 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 03
0000040 72 31 62 6f 62
0000045
""",
    "od -A x -t x1z -v": """\
000000 02 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00  >................<
000010 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 03  >................<
000020 72 31 62 6f 62                                   >r1bob<
000025
""",
    "Wireshark": """\
0000   02 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00   ................
0010   00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 03   ................
0020   72 31 62 6f 62                                    r1bob
""",
    "tcpdump -X": """\
\t0x0000:  0201 0000 0000 0000 0000 0000 0000 0000  ................
\t0x0010:  0000 0000 0000 0000 0000 0000 0000 0003  ................
\t0x0020:  7231 626f 62                             r1bob
""",
}


@pytest.mark.parametrize("name", DUMPS)
def test_dumps(name: str) -> None:
    assert looks_like_hex(DUMPS[name])
    assert parse_hex(DUMPS[name]) == DATA


def test_text_beside_the_bytes_that_looks_like_hex_is_not_read() -> None:
    assert parse_hex("00000000: 6162 2063 64                             ab cd\n") == b"ab cd"
    assert parse_hex("00000000  61 62 20 63 64                                    |ab cd|\n00000005\n") == b"ab cd"


def test_an_octal_end_alone_tells_that_offsets_are_octal() -> None:
    assert parse_hex("0000000 61 62 63 64 65 66 67 68 69 6a\n0000012\n") == b"abcdefghij"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("abc", "an odd number of hex digits: 'c' at character 2 lacks the other half"),
        ("02 1 03", "an odd number of hex digits: '1' at character 3 lacks the other half"),
        ("0x2", "an odd number of hex digits: '2' at character 2 lacks the other half"),
        ("0201zz", "'z' at character 4 is not a hex digit"),
        ("0x", "an odd number of hex digits: '0' at character 0 lacks the other half"),
        ("02 x", "'x' at character 3 is not a hex digit"),
        (
            "00000000: 0201\n00000010: 0304\n",
            "line 2 of the dump begins with offset 00000010, but 2 bytes (0x2) stand before it",
        ),
        ("00000000  02 01\n*\n00000020\n", "a line '*' leaves bytes out"),
        ("0000000 0102 0304\n0000004\n", "line 1 of the dump does not hold single bytes"),
        ("0000000 001 002\n0000002\n", "line 1 of the dump does not hold single bytes"),
    ],
)
def test_what_is_not_hex_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(HexError) as caught:
        parse_hex(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "  \n", "axe", "capture.bin", "./cafe", "alice: hello", "0x", "ab-cd", "部屋"])
def test_what_is_not_meant_as_hex(text: str) -> None:
    assert not looks_like_hex(text)


@pytest.mark.parametrize("text", ["abc", "0000", "0000 0102", "00:00:01", "cafe"])
def test_what_is_meant_as_plain_hex(text: str) -> None:
    assert looks_like_hex(text)
    if text != "abc":
        assert parse_hex(text) == bytes.fromhex(text.replace(":", ""))


@given(st.text(alphabet="0123456789abcdefx\\ :,\n*|>.", max_size=60))
def test_any_text_is_bytes_or_a_hex_error(text: str) -> None:
    with suppress(HexError):
        looks_like_hex(text)
    with suppress(HexError):
        assert isinstance(parse_hex(text), bytes)


def test_a_long_text_that_is_almost_hex_is_told_apart_at_once() -> None:
    assert not looks_like_hex("0" * 200_000 + "g")
    assert not looks_like_hex("0x" * 100_000)
