"""The targets without sockets: every decoder and every conversation of every dialect, and the relay."""

from collections.abc import Callable, Iterable, Iterator
from hashlib import shake_256
from pathlib import Path
from typing import Any, Final, NamedTuple

from reference_client.text import visible
from relay import Admission, Relay, RoomLimits
from tcrp import annotate, dialects, wire
from tcrp.constants import Status
from tcrp.conversation import Conversation, Limits
from tcrp.decoding import KINDS, decode, guess
from tcrp.dialects import Dialect, envelope_passwords
from tcrp.dialects.file import DialectFileError, dumps, loads
from tcrp.endpoint import parse_endpoint
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.events import Event, Malformed, Requested
from tcrp.hextext import HexError, parse_hex
from tcrp.messages import (
    Ack,
    Complete,
    Create,
    Down,
    DownKind,
    Join,
    List,
    Membership,
    Rooms,
    Up,
    UpKind,
    Want,
)
from tcrp.request import decode_request, encode_request
from tests.hardening.fuzz.chunks import Chunks, piece

ODD: Final = Path(__file__).parents[2] / "tcrp" / "dialects" / "odd"
DIALECTS: Final[tuple[Dialect, ...]] = tuple(
    dialects.get(name) for name in (*dialects.names(), *map(str, sorted(ODD.glob("*.toml"))))
)
WITH_TCP: Final = tuple(dialect for dialect in DIALECTS if dialect.can.tcp)
SOURCE: Final = ("127.0.0.1", 50_000)
TOKEN: Final = b"0" * 64
MEMBER: Final = Membership("r", "alice", TOKEN, True)
MAX_ROWS: Final = 1 << 16

envelope_passwords.COST = 4  # the client of json-envelope hashes a password each time, which is slow on purpose


class Target(NamedTuple):
    """`run` takes any bytes and raises what it does not expect. `seeds`: inputs to begin with."""

    name: str
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def check(condition: object, what: object) -> None:
    """AssertionError if the code under test is wrong. An `assert` would vanish with `python -O`."""
    if not condition:
        raise AssertionError(what)


# ------------------------------------------------------------------------------------------------ decoders


def fuzz_wire(data: bytes) -> None:
    """The canonical codecs: what is decoded is encoded to the same bytes."""
    pairs: tuple[tuple[Callable[[bytes], Any], Callable[[Any], bytes]], ...] = (
        (wire.decode_header, wire.encode_header),
        (wire.decode_frame, wire.encode_frame),
        (wire.decode_packet, wire.encode_packet),
        (wire.decode_delivery, wire.encode_delivery),
        (wire.decode_status, wire.encode_status),
        (decode_request, encode_request),
        (wire.check_token, bytes),
    )
    chunks = Chunks(data)
    read, write = pairs[chunks.number(len(pairs))]
    rest = chunks.rest()
    try:
        value = read(rest)
    except RemoteProtocolError as error:
        check_error(error)
        return
    try:
        again = write(value)
    except LocalProtocolError:  # a name that a peer may have and we may not
        return
    check(read(again) == value, (value, again))


def check_error(error: RemoteProtocolError) -> None:
    """A protocol error has its clause, its field and one short line."""
    text = str(error)
    check(error.clause and error.field, text)
    check(len(text) < 400 and text.isprintable(), text)


def fuzz_up(data: bytes) -> None:
    """A client's datagram in every dialect."""
    chunks = Chunks(data)
    dialect = DIALECTS[chunks.number(len(DIALECTS))]
    try:
        up = dialect.read_up(chunks.rest(), SOURCE)
    except RemoteProtocolError as error:
        check_error(error)
        return
    check(isinstance(up, Up) and isinstance(up.kind, UpKind), up)


def fuzz_down(data: bytes) -> None:
    """A server's datagram in every dialect."""
    chunks = Chunks(data)
    dialect = DIALECTS[chunks.number(len(DIALECTS))]
    down = dialect.read_down(chunks.rest(), MEMBER)
    check(isinstance(down, Down) and isinstance(down.kind, DownKind), down)
    shown = visible(down.body)
    check("\n" not in shown and "\x1b" not in shown, shown)


def fuzz_decode(data: bytes) -> None:
    """`tcrp decode`: what bytes of any kind say, field by field."""
    chunks = Chunks(data)
    dialect = DIALECTS[chunks.number(len(DIALECTS))]
    kind = ("auto", *KINDS)[chunks.number(len(KINDS) + 1)]
    rest = chunks.rest()
    if kind == "auto":
        if not rest:
            return
        kind = guess(rest).kind
    for number, part in enumerate(decode(rest, kind, dialect)):
        check(annotate.format_rows(part.rows) or not part.rows, part)
        check(part.error or part.message, part)
        if number > MAX_ROWS:
            return


def fuzz_text(data: bytes) -> None:
    """What people type: hex, a server's address."""
    text = data.decode(errors="replace")
    try:
        parse_hex(text)
    except HexError as error:
        check(str(error).isprintable() or len(str(error)) < 400, error)
    try:
        parse_endpoint(text, dialects.get().ports)
    except ValueError as error:
        check(str(error), error)


def fuzz_file(data: bytes) -> None:
    """A dialect file: it is refused in one line, or comes back as it was."""
    try:
        settings = loads(data.decode(errors="replace"), "fuzzed.toml")
    except DialectFileError as error:
        check(len(str(error).splitlines()) == 1, str(error))
        return
    check(loads(dumps(settings), "fuzzed.toml") == settings, settings)


# ------------------------------------------------------------------------------------------- conversations


def token_of(dialect: Dialect) -> bytes:
    """A token as the dialect's servers give them out."""
    form = dialect.policy.token
    return form.make(bytes(form.random_size))


def wants(dialect: Dialect) -> Iterator[Want]:
    """What a client of the dialect may want."""
    yield Create("r", "alice", "Secret7" if dialect.can.passwords else None)
    yield Create("r", "alice")
    yield Join("r", "bob", None, token_of(dialect) if dialect.can.invites else None)
    if dialect.can.listing:
        yield List()


def fed(conversation: Conversation, parts: Iterable[bytes], token: bytes) -> list[Event]:
    """Do what a server does: answer each request at once. Returns the events."""
    found: list[Event] = []
    for part in parts:
        for event in conversation.receive_data(part, 1.0):
            found.append(event)
            if isinstance(event, Requested):
                answer(conversation, event.want, token)
        conversation.data_to_send()
        conversation.timer()
    found += conversation.receive_eof(2.0)
    conversation.data_to_send()
    if (due := conversation.timer()) is not None:
        conversation.handle_timer(due)
    return found


def answer(conversation: Conversation, want: Want, token: bytes) -> None:
    """Take the request."""
    if isinstance(want, List):
        conversation.send(Rooms(("r", "部屋")))
        return
    conversation.send(Ack(Status.OK))
    conversation.send(Complete(token, ("127.1.1.1", 8080)))


def split(data: bytes, chunks: Chunks) -> list[bytes]:
    """The bytes in up to eight pieces."""
    at = sorted({chunks.number(256) for _ in range(chunks.number(8))} & set(range(1, len(data))))
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


def comparable(events: Iterable[Event]) -> list[object]:
    """Values that are equal if the events are: errors never are."""
    return [str(event.error) if isinstance(event, Malformed) else event for event in events]


def fuzz_server_conversation(data: bytes) -> None:
    """A server's side of a TCP conversation. The canonical one does not depend on the segments (TCRP-2.5a)."""
    chunks = Chunks(data)
    dialect = WITH_TCP[chunks.number(len(WITH_TCP))]
    body = chunks.piece()
    token = token_of(dialect)
    found = fed(dialect.server(SOURCE, Limits(), 0.0), split(body, chunks), token)
    for event in found:
        check(not isinstance(event, Malformed) or event.error.clause, event)
    if dialect.name == dialects.DEFAULT:
        check(comparable(fed(dialect.server(SOURCE, Limits(), 0.0), [body], token)) == comparable(found), found)


def fuzz_client_conversation(data: bytes) -> None:
    """A client's side of a TCP conversation. The canonical one does not depend on the segments (TCRP-2.5b)."""
    chunks = Chunks(data)
    dialect = WITH_TCP[chunks.number(len(WITH_TCP))]
    several = tuple(wants(dialect))
    want = several[chunks.number(len(several))]
    strict = bool(chunks.number(2))
    body = chunks.piece()
    found = fed(dialect.client(want, SOURCE, 0.0, strict=strict), split(body, chunks), b"")
    if dialect.name == dialects.DEFAULT:
        whole = fed(dialect.client(want, SOURCE, 0.0, strict=strict), [body], b"")
        check(comparable(whole) == comparable(found), found)


# -------------------------------------------------------------------------------------------------- relay


def fuzz_relay(data: bytes) -> None:
    """The rules of rooms: any order of requests and datagrams, with right and wrong tokens, as time goes on."""
    chunks = Chunks(data)
    dialect = DIALECTS[chunks.number(len(DIALECTS))]
    tokens: list[bytes] = []

    def mint() -> bytes:
        form = dialect.policy.token
        tokens.append(form.make(shake_256(b"%d" % len(tokens)).digest(form.random_size)))
        return tokens[-1]

    relay = Relay(dialect, mint=mint, limits=RoomLimits(16, 16), addresses=(("127.1.1.1", n) for n in range(1, 500)))
    open_admissions: list[Admission] = []
    now = 0.0
    while chunks.left():
        now += chunks.number(256)
        source = (f"10.0.0.{chunks.number(3)}", 1 + chunks.number(4))
        match chunks.number(6):
            case 0 | 1 as which:
                room, user = "abc"[chunks.number(3)], "uvw"[chunks.number(3)]
                invite = tokens[chunks.number(len(tokens))] if tokens else b"none"
                want = Join(room, user, None, invite) if which else Create(room, user)
                begun = relay.begin(want, source, source)
                if isinstance(begun, Admission):
                    open_admissions.append(begun)
            case 2 if open_admissions:
                admission = open_admissions.pop()
                if chunks.number(4):
                    relay.admit(admission, password_hash=None, now=now)
                    if admission.stage.name == "AWAITING_ADDRESS":
                        relay.bind(admission, source, now)
                else:
                    relay.abandon(admission)
            case 3 if tokens:
                room, user = "abc"[chunks.number(3)], "uvw"[chunks.number(3)]
                token, kind = tokens[chunks.number(len(tokens))], tuple(UpKind)[chunks.number(len(UpKind))]
                try:
                    written = dialect.write_up(Membership(room, user, token, bool(chunks.number(2))), kind, b"hello")
                except LocalProtocolError:
                    written = None
                relay.receive_datagram(written or b"", source, now)
            case 4:
                relay.receive_datagram(chunks.piece(), source, now)
            case _:
                relay.expire(now)
                relay.delivery_failed(source)
    relay.stop()
    check(not relay.rooms(), relay.rooms())


# -------------------------------------------------------------------------------------------------- seeds


def requests(dialect: Dialect) -> Iterator[bytes]:
    """What clients of the dialect say first on TCP."""
    for want in wants(dialect):
        yield dialect.client(want, SOURCE, 0.0).data_to_send()


def replies(dialect: Dialect) -> Iterator[bytes]:
    """What a server of the dialect answers to them."""
    for want in wants(dialect):
        for status in (Status.OK, Status.ROOM_EXISTS, Status.LIMIT_REACHED):
            conversation = dialect.server(SOURCE, Limits(), 0.0)
            request = dialect.client(want, SOURCE, 0.0).data_to_send()
            said = b""
            for event in conversation.receive_data(request, 0.0):
                said += conversation.data_to_send()
                if isinstance(event, Requested) and status is Status.OK:
                    answer(conversation, event.want, token_of(dialect))
                elif isinstance(event, Requested) and not isinstance(event.want, List):
                    conversation.send(Ack(status))
            yield said + conversation.data_to_send()


def datagrams_up(dialect: Dialect) -> Iterator[bytes]:
    """Datagrams of a client of the dialect."""
    for kind in UpKind:
        try:
            yield dialect.write_up(MEMBER, kind, b"hello" if kind is UpKind.CHAT else b"") or b""
        except LocalProtocolError:
            continue


def datagrams_down(dialect: Dialect) -> Iterator[bytes]:
    """Datagrams of a server of the dialect."""
    for kind, body in ((DownKind.CHAT, b"hello"), (DownKind.CLOSED, b"bye"), (DownKind.INFO, "部屋".encode())):
        try:
            yield dialect.write_down(Down(kind, "alice", body, None, "r", b"\x05alicehello")) or b""
        except LocalProtocolError:
            continue


def _numbered(several: tuple[Dialect, ...], made: Callable[[Dialect], Iterable[bytes]]) -> tuple[bytes, ...]:
    return tuple(bytes([number]) + data for number, dialect in enumerate(several) for data in made(dialect))


CANONICAL: Final = (
    *requests(dialects.get()), *replies(dialects.get()), *datagrams_up(dialects.get()), *datagrams_down(dialects.get())
)  # fmt: skip
FILES: Final = tuple(
    path.read_bytes() for path in (*sorted(ODD.glob("*.toml")), *Path(dialects.__file__ or "").parent.glob("*.toml"))
)

TARGETS: Final = (
    Target("wire", fuzz_wire, tuple(bytes([number]) + data for number in range(7) for data in CANONICAL)),
    Target("up", fuzz_up, _numbered(DIALECTS, datagrams_up)),
    Target("down", fuzz_down, _numbered(DIALECTS, datagrams_down)),
    Target("decode", fuzz_decode, tuple(b"\0\0" + data for data in CANONICAL)),
    Target("text", fuzz_text, (b"0x02 03 7231", b"[::1]:9001:9002", b"00000000  02 03 72 31  |..r1|\n")),
    Target("file", fuzz_file, FILES),
    Target(
        "server-conversation",
        fuzz_server_conversation,
        _numbered(WITH_TCP, lambda dialect: (piece(data) + b"\x02\x20\x21" for data in requests(dialect))),
    ),
    Target(
        "client-conversation",
        fuzz_client_conversation,
        _numbered(WITH_TCP, lambda dialect: (b"\0\1" + piece(data) + b"\x02\x20\x21" for data in replies(dialect))),
    ),
    Target("relay", fuzz_relay, (bytes(range(64)), b"\0\0\0\0\0\0\0\0\0\0\0\2\1" * 8)),
)
