"""Every clause that an error names: the error is raised, the clause exists, and no clause in the source is left out."""

import ast
import inspect
from collections.abc import Callable

import pytest

import tcrp
from tcrp import (
    Ack,
    ChatMessage,
    ChatPacket,
    Complete,
    Create,
    Disconnect,
    Down,
    DownKind,
    Frame,
    Header,
    Information,
    List,
    Malformed,
    Membership,
    ProtocolError,
    Request,
    Status,
    UpKind,
    request,
    wire,
)
from tcrp.dialects import tcrp as canonical

DIALECT = tcrp.dialects.get("tcrp")
MEMBER = Membership("r1", "alice", b"tok", True)
ZEROS = "00" * 28


def served(hexes: str) -> None:
    for event in DIALECT.server(("127.0.0.1", 1), tcrp.Limits(), 0.0).receive_data(bytes.fromhex(hexes), 0.0):
        if isinstance(event, Malformed):
            raise event.error


def answered(hexes: str) -> None:
    for event in DIALECT.client(Create("r1", "a"), None, 0.0).receive_data(bytes.fromhex(hexes), 0.0):
        if isinstance(event, Malformed):
            raise event.error


def completed(token: bytes) -> None:
    server = DIALECT.server(("127.0.0.1", 1), tcrp.Limits(), 0.0)
    server.receive_data(bytes.fromhex("02 01 00" + ZEROS + "03 7231 626f62"), 0.0)
    server.send(Ack(Status.OK))
    server.send(Complete(token))


TRIGGERS: list[tuple[str, str, Callable[[], object]]] = [
    ("TCRP-2.1", "header", lambda: tcrp.decode_header(b"")),
    ("TCRP-2.1", "trailing bytes", lambda: tcrp.decode_header(bytes(33))),
    ("TCRP-2.1", "State", lambda: tcrp.encode_header(Header(0, 0, 256, 0))),
    ("TCRP-2.1", "OperationPayloadSize", lambda: tcrp.encode_header(Header(0, 0, 0, 2**232))),
    ("TCRP-2.2", "payload", lambda: tcrp.decode_frame(bytes.fromhex("00 01 00" + ZEROS + "01"))),
    ("TCRP-2.2", "trailing bytes", lambda: tcrp.decode_frame(bytes(33))),
    ("TCRP-2.3b", "room name", lambda: served("01 01 00" + ZEROS + "01 ff 61")),
    ("TCRP-2.3b", "room name", lambda: tcrp.encode_frame(Frame("r" * 256, 1, 0, b""))),
    ("TCRP-2.4a", "OperationPayloadSize", lambda: served("ff" * 32)),
    ("TCRP-2.4d", "OperationPayloadSize", lambda: served("01 01 00" + "00" * 26 + "010001")),
    ("TCRP-3.1a", "Operation", lambda: DIALECT.client(List(), None, 0.0)),
    ("TCRP-3.2a", "capacity", lambda: DIALECT.client(Create("r", "a", capacity=1), None, 0.0)),
    ("TCRP-3.2c", "username", lambda: tcrp.decode_request(b"{}")),
    ("TCRP-3.2c", "password", lambda: tcrp.encode_request(Request("a", "p" * 1025))),
    ("TCRP-3.2g", "payload", lambda: tcrp.decode_request(b"{")),
    ("TCRP-3.2g", "password", lambda: tcrp.encode_request(Request("a", "\ud800"))),
    ("TCRP-3.2h", "payload", lambda: tcrp.decode_request(b'{"x":' + b"[" * 100_000)),
    ("TCRP-3.2i", "user name", lambda: tcrp.encode_raw_request("{")),
    ("TCRP-3.3a", "user name", lambda: tcrp.check_user("\ud800")),
    ("TCRP-3.3b", "user name", lambda: tcrp.check_user("")),
    ("TCRP-3.3b", "user name", lambda: tcrp.decode_request(b"\n")),
    ("TCRP-3.4a", "status", lambda: tcrp.decode_status(b"")),
    ("TCRP-3.4a", "status", lambda: tcrp.encode_status(256)),
    ("TCRP-3.4a", "State", lambda: answered("02 01 02" + ZEROS + "01 7231 00")),
    ("TCRP-3.5a", "Operation", lambda: answered("020101" + ZEROS + "01723100" + "020202" + ZEROS + "01723174")),
    ("TCRP-3.7a", "Operation", lambda: served("01 03 00" + ZEROS + "01 61 61")),
    ("TCRP-3.7b", "State", lambda: served("01 01 02" + ZEROS + "01 61 61")),
    ("TCRP-3.7c", "payload", lambda: tcrp.decode_request(b"\xff")),
    ("TCRP-3.7d", "RoomNameSize", lambda: served("00 01 00" + ZEROS + "01 61")),
    ("TCRP-3.7d", "room name", lambda: tcrp.check_room("")),
    ("TCRP-3.7e", "user name", lambda: tcrp.decode_request(b"")),
    ("TCRP-3.8c", "token", lambda: tcrp.check_token(b"")),
    ("TCRP-3.8c", "token", lambda: completed(b"")),
    ("TCRP-4.1", "message", lambda: tcrp.encode_packet(ChatPacket("r", b"t", bytes(4093)))),
    ("TCRP-4.2a", "datagram", lambda: tcrp.decode_packet(bytes(4097))),
    ("TCRP-4.2b", "RoomNameSize", lambda: tcrp.decode_packet(b"")),
    ("TCRP-4.2b", "token", lambda: tcrp.decode_packet(b"\x00\x01")),
    ("TCRP-4.4a", "message", lambda: DIALECT.write_up(MEMBER, UpKind.CHAT, b"")),
    ("TCRP-4.6a", "separator", lambda: tcrp.decode_delivery(b"alice:hello")),
    ("TCRP-4.6a", "user name", lambda: tcrp.decode_delivery(b"\x01: x")),
    ("TCRP-4.6c", "datagram", lambda: tcrp.encode_delivery(MEMBER)),  # type: ignore[arg-type]
    ("TCRP-4.6e", "datagram", lambda: tcrp.decode_delivery(bytes(4095))),
    ("TCRP-4.6e", "message", lambda: tcrp.encode_delivery(ChatMessage("a", bytes(4092)))),
    ("TCRP-5.1d", "message", lambda: DIALECT.write_up(MEMBER, UpKind.CHAT, b"exit")),
    ("TCRP-5.4a", "text", lambda: tcrp.decode_delivery(b"\x04\xff")),
    ("TCRP-5.4a", "text", lambda: tcrp.encode_delivery(Disconnect("x" * 4094))),
    ("TCRP-5.4a", "text", lambda: DIALECT.write_down(Down(DownKind.CLOSED, None, b"\xff"))),
    ("TCRP-5.5", "text", lambda: tcrp.decode_delivery(b"\x05\xff")),
    ("TCRP-5.5", "text", lambda: tcrp.encode_delivery(Information("\ud800"))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("clause", "field", "trigger"), [pytest.param(*case, id=f"{case[0]}-{n}") for n, case in enumerate(TRIGGERS)]
)
def test_the_clause_of_an_error_exists(
    clauses: frozenset[str], clause: str, field: str, trigger: Callable[[], object]
) -> None:
    with pytest.raises(ProtocolError) as caught:
        trigger()
    assert (caught.value.clause, caught.value.field) == (clause, field)
    assert clause in clauses


def named_clauses(source: str) -> set[str]:
    """The clauses that are whole string literals in the source, as errors name them."""
    literals = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return {text for text in literals if isinstance(text, str) and text.startswith("TCRP-") and " " not in text}


def test_no_clause_that_the_source_names_was_left_out() -> None:
    brought_about = {clause for clause, _, _ in TRIGGERS}
    for module in (wire, request, canonical):
        named = named_clauses(inspect.getsource(module))
        assert named
        assert named <= brought_about


def test_named_clauses_sees_a_clause() -> None:
    assert named_clauses('"""About (TCRP-1.1)."""\nraise E("x", clause="TCRP-9.9")') == {"TCRP-9.9"}


def test_an_error_says_its_clause_and_whose_fault_it_is() -> None:
    error = tcrp.RemoteProtocolError(
        "the token is empty", clause="TCRP-3.8c", field="token", offset=34, value=0, limit=1
    )
    assert str(error) == "the token is empty (TCRP-3.8c)"
    assert (error.clause, error.field, error.offset, error.value, error.limit) == ("TCRP-3.8c", "token", 34, 0, 1)
    assert error.status is Status.MALFORMED
    assert isinstance(error, ValueError)
    assert not issubclass(tcrp.LocalProtocolError, tcrp.RemoteProtocolError)
