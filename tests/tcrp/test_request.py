"""The payload of a request, sections 3.2 and 3.3."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tcrp
from tcrp import LocalProtocolError, RemoteProtocolError, Request
from tests.tcrp.conftest import CheckError

HEYA = "e983a8e5b18b"  # 部屋

JSON = [
    # {"username": "alice"}
    ("7b22757365726e616d65223a2022616c696365227d", Request("alice")),
    # {"username": "部屋"}, not escaped
    ("7b22757365726e616d65223a2022" + HEYA + "227d", Request("部屋")),
    # {"username": "{", "password": "pw"}
    ("7b22757365726e616d65223a20227b222c202270617373776f7264223a20227077227d", Request("{", "pw")),
]

RAW = [("616c696365", "alice"), (HEYA, "部屋"), ("61", "a"), ("225b31", '"[1'), ("207b7d", " {}"), ("c280", "\x80")]


@pytest.mark.parametrize(("hexes", "request_"), JSON)
def test_json(hexes: str, request_: Request) -> None:
    data = bytes.fromhex(hexes)
    assert (tcrp.decode_request(data), tcrp.encode_request(request_)) == (request_, data)


@pytest.mark.parametrize(("hexes", "user"), RAW)
def test_raw(hexes: str, user: str) -> None:
    data = bytes.fromhex(hexes)
    assert (tcrp.decode_request(data), tcrp.encode_raw_request(user)) == (Request(user), data)


@given(...)
def test_round_trip(request_: Request) -> None:
    assert tcrp.decode_request(tcrp.encode_request(request_)) == request_


@given(request_=st.from_type(Request), indent=st.none() | st.integers(0, 3), ascii_only=st.booleans())
def test_any_way_to_write_the_json_is_read(request_: Request, indent: int | None, ascii_only: bool) -> None:
    fields = {"x": [1, {"username": "no"}], "password": request_.password, "username": request_.user}
    data = json.dumps(fields, indent=indent, ensure_ascii=ascii_only).encode()
    assert tcrp.decode_request(data) == request_


@pytest.mark.parametrize(
    ("payload", "request_"),
    [
        (b'{"username":"a","password":null}', Request("a")),
        (b'{"username":"a","password":""}', Request("a")),
        (b'{"username":"a","password":"p","password":"q"}', Request("a", "q")),
        (b'{"username":5,"username":"a"}', Request("a")),
        (b'{"username":"a"} \t\r\n', Request("a")),
        (b'{ \n"username"\t:\r"a" }', Request("a")),
        (b'{"\\u0075sername":"\\u0061"}', Request("a")),
        (b'{"username":"\\ud83d\\ude00"}', Request("😀")),
        (b'{"username":"a\\\\ud800"}', Request("a\\ud800")),
        (b'{"username":"a","x":' + b"9" * 18 + b"}", Request("a")),
        (b'{"username":"a","x":' + b"9" * 5000 + b"}", Request("a")),
        (b'{"username":"a","x":-1.5e99999}', Request("a")),
        (b'{"username":"a","x":' + b"[" * 31 + b"]" * 31 + b"}", Request("a")),
        (b'{"username":"a","x":{"password":"no"}}', Request("a")),
        (b'{"username":"a","password":"\\u0000\\n"}', Request("a", "\0\n")),
        (b'{"username":"a","password":"' + b"p" * 1024 + b'"}', Request("a", "p" * 1024)),
        ('{"username":"a","password":"' + "屋" * 341 + 'p"}', Request("a", "屋" * 341 + "p")),
        (b'{"username":"' + b"u" * 255 + b'"}', Request("u" * 255)),
        (b"\xef\xbb\xbf", Request("\ufeff")),  # in a name a BOM is an ordinary character
        (b'\xef\xbb\xbf{"username":"a"}', Request('\ufeff{"username":"a"}')),  # the first byte is not {
        (b'[{"username":"a"}]', Request('[{"username":"a"}]')),
    ],
)
def test_what_the_specification_allows(payload: bytes | str, request_: Request) -> None:
    assert tcrp.decode_request(payload if isinstance(payload, bytes) else payload.encode()) == request_


MALFORMED: list[tuple[str, bytes, str, str]] = [
    ("empty", b"", "TCRP-3.7e", "user name"),
    ("empty user in JSON", b'{"username":""}', "TCRP-3.7e", "user name"),
    ("raw of 256 bytes", b"u" * 256, "TCRP-3.3b", "user name"),
    ("JSON user of 256 bytes", b'{"username":"' + b"u" * 256 + b'"}', "TCRP-3.3b", "user name"),
    ("raw with newline", b"a\n", "TCRP-3.3b", "user name"),
    ("raw with NUL", b"a\0", "TCRP-3.3b", "user name"),
    ("raw with delete", b"\x7f", "TCRP-3.3b", "user name"),
    ("JSON user with escaped newline", b'{"username":"a\\n"}', "TCRP-3.3b", "user name"),
    ("no username", b"{}", "TCRP-3.2c", "username"),
    ("misspelt username", b'{"user_name":"a"}', "TCRP-3.2c", "username"),
    ("username null", b'{"username":null}', "TCRP-3.2c", "username"),
    ("username number", b'{"username":1}', "TCRP-3.2c", "username"),
    ("username list", b'{"username":["a"]}', "TCRP-3.2c", "username"),
    ("last username wins", b'{"username":"a","username":1}', "TCRP-3.2c", "username"),
    ("password number", b'{"username":"a","password":0}', "TCRP-3.2c", "password"),
    ("password fraction", b'{"username":"a","password":0.0}', "TCRP-3.2c", "password"),
    ("password false", b'{"username":"a","password":false}', "TCRP-3.2c", "password"),
    ("password list", b'{"username":"a","password":[]}', "TCRP-3.2c", "password"),
    ("password object", b'{"username":"a","password":{}}', "TCRP-3.2c", "password"),
    ("password of 1025 bytes", b'{"username":"a","password":"' + b"p" * 1025 + b'"}', "TCRP-3.2c", "password"),
    (
        "password of 1026 bytes in 342 characters",
        b'{"username":"a","password":"' + "屋".encode() * 342 + b'"}',
        "TCRP-3.2c",
        "password",
    ),
    ("NaN", b'{"username":"a","x":NaN}', "TCRP-3.2g", "payload"),
    ("Infinity", b'{"username":"a","x":Infinity}', "TCRP-3.2g", "payload"),
    ("-Infinity", b'{"username":"a","x":[-Infinity]}', "TCRP-3.2g", "payload"),
    ("trailing bytes", b'{"username":"a"}x', "TCRP-3.2g", "payload"),
    ("trailing NUL", b'{"username":"a"}\0', "TCRP-3.2g", "payload"),
    ("two objects", b'{"username":"a"}{"username":"b"}', "TCRP-3.2g", "payload"),
    ("trailing no-break space", '{"username":"a"}\u00a0'.encode(), "TCRP-3.2g", "payload"),
    ("cut off", b'{"username":"a"', "TCRP-3.2g", "payload"),
    ("only a brace", b"{", "TCRP-3.2g", "payload"),
    ("trailing comma", b'{"username":"a",}', "TCRP-3.2g", "payload"),
    ("single quotes", b"{'username':'a'}", "TCRP-3.2g", "payload"),
    ("leading zero", b'{"username":"a","x":01}', "TCRP-3.2g", "payload"),
    ("raw newline in a string", b'{"username":"a\n"}', "TCRP-3.2g", "payload"),
    ("unknown escape", b'{"username":"\\x61"}', "TCRP-3.2g", "payload"),
    ("lone high surrogate", b'{"username":"\\ud800"}', "TCRP-3.2g", "payload"),
    ("lone low surrogate", b'{"username":"a\\uDC00"}', "TCRP-3.2g", "payload"),
    ("lone surrogate in an unknown value", b'{"username":"a","x":["\\uDFFF"]}', "TCRP-3.2g", "payload"),
    ("lone surrogate in a key", b'{"username":"a","\\ud800":1}', "TCRP-3.2g", "payload"),
    ("lone surrogate that a later key hides", b'{"username":"\\ud800","username":"a"}', "TCRP-3.2g", "payload"),
    ("two high surrogates", b'{"username":"\\ud800\\ud800\\udc00"}', "TCRP-3.2g", "payload"),
    ("nested 100000 deep", b'{"username":"a","x":' + b"[" * 100_000, "TCRP-3.2h", "payload"),
    ("nested 100000 deep, closed", b'{"x":' * 100_000 + b"1" + b"}" * 100_000, "TCRP-3.2h", "payload"),
    ("not UTF-8", b'{"username":"\xff"}', "TCRP-3.7c", "payload"),
    ("raw not UTF-8", b"a\xc3", "TCRP-3.7c", "payload"),
    ("surrogate in UTF-8", b'{"username":"\xed\xa0\x80"}', "TCRP-3.7c", "payload"),
    ("overlong", b"\xc0\x80", "TCRP-3.7c", "payload"),
    ("UTF-16 with BOM", '{"username":"a"}'.encode("utf-16"), "TCRP-3.7c", "payload"),
    ("UTF-16-LE", '{"username":"a"}'.encode("utf-16-le"), "TCRP-3.2g", "payload"),
    ("UTF-16-BE", '{"username":"a"}'.encode("utf-16-be"), "TCRP-3.3b", "user name"),
    ("UTF-32-LE", '{"username":"a"}'.encode("utf-32-le"), "TCRP-3.2g", "payload"),
]


@pytest.mark.parametrize(("payload", "clause", "field"), [pytest.param(*rest, id=name) for name, *rest in MALFORMED])
def test_malformed(check_error: CheckError, payload: bytes, clause: str, field: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        tcrp.decode_request(payload)
    check_error(caught.value, len(payload))
    assert (caught.value.clause, caught.value.field) == (clause, field)
    assert caught.value.status is tcrp.Status.MALFORMED


@pytest.mark.parametrize("password", ["s3cret" * 200, "s3cret\ud800", b"s3cret", 0, b"", False, []])
def test_no_error_holds_a_password(password: object) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        tcrp.encode_request(Request("a", password))  # type: ignore[arg-type]
    assert caught.value.field == "password"
    assert "s3cret" not in f"{caught.value} {vars(caught.value)}"


def test_the_offset_is_in_bytes_of_the_payload() -> None:
    with pytest.raises(RemoteProtocolError) as syntax:
        tcrp.decode_request('{"部屋": nope}'.encode())
    with pytest.raises(RemoteProtocolError) as surrogate:
        tcrp.decode_request('{"部屋": "\\ud800"}'.encode())
    assert (syntax.value.offset, surrogate.value.offset) == (11, 12)


@pytest.mark.parametrize("user", ["{", '{"username":"a"}', "{a"])
def test_a_raw_name_cannot_begin_with_a_brace(user: str) -> None:
    with pytest.raises(LocalProtocolError, match=r"TCRP-3\.2i"):
        tcrp.encode_raw_request(user)
    assert tcrp.decode_request(tcrp.encode_request(Request(user))) == Request(user)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(user=json_like, password=json_like, cut=st.none() | st.integers(1, 60))
def test_any_json_decodes_or_is_the_peers_fault(
    check_error: CheckError, user: object, password: object, cut: int | None
) -> None:
    data = json.dumps({"username": user, "password": password}).encode()[:cut]
    try:
        request = tcrp.decode_request(data)
    except RemoteProtocolError as error:
        check_error(error, len(data))
    else:
        assert (request.user, request.password or "") == (user, password or "")
