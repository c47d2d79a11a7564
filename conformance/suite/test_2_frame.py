"""Section 2: the TCP frame. Every request here is a CREATE of a fresh room unless the clause needs another."""

import random
import unicodedata

from hypothesis import strategies as st

from conformance.client.assertions import create_of, is_refusal, must_be_refused, must_be_served, must_have_status
from conformance.client.bench import Bench
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite import strategies
from conformance.suite.marks import clause, hostile
from conformance.suite.properties import for_all
from conformance.suite.steps import exchanges, frames_of
from conformance.trace.names import fresh, names, nonce
from tcrp import MAX_PAYLOAD_SIZE, Create, Join, Status

SIZE_FIELD_LIMIT = (1 << 8 * 29) - 1
REPEATED = "x" * 255


@clause("TCRP-2.1")
@for_all(cases=[{"size": 40}, {"size": 256}], size=st.integers(40, 400), scale=0.25)
def test_a_header_is_understood_and_sent_as_32_bytes_with_a_big_endian_size(bench: Bench, size: int) -> None:
    room = fresh()
    request = bench.tcp.frame(room.encode(), bench.tcp.padded(size))
    answer = bench.tcp.ask(Create(room, "alicia"), data=request)
    must_be_served(bench, answer, f"a CREATE whose OperationPayloadSize is {size}", request)
    if answer.taken is False:
        return
    if bench.dialect.can.frames and bench.traits.replies.acknowledges and len(frames_of(answer.data)[0]) != 2:
        raise Mismatch("a reply of two frames, each behind a 32-byte header", str(answer), data=answer.data)


@clause("TCRP-2.2")
def test_a_reply_is_room_name_and_payload_and_nothing_else(bench: Bench) -> None:
    for want, _, answer in exchanges(bench):
        if answer.status not in (None, Status.OK):
            continue  # what follows a refusal is for TCRP-3.5b
        end = bench.traits.replies.end_of_reply(want, answer.data) or len(answer.data)
        if left := len(answer.data) - end:
            raise Mismatch("the answer and nothing after it", f"{left} bytes more", data=answer.data)


@clause("TCRP-2.3a")
@for_all(
    cases=[{"tail": "é", "user": "alicia"}, {"tail": "部屋\U0001f600", "user": "太郎\U0001f600"}],
    tail=st.one_of(st.just("é"), strategies.room_tails(100).filter(lambda text: not text.isascii())),
    user=st.sampled_from(["alicia", "太郎", "Zoë"]),
    scale=0.25,
)
def test_sizes_count_bytes_and_not_characters(bench: Bench, tail: str, user: str) -> None:
    want = Create(fresh() + tail, user)
    answer = bench.tcp.ask(want)
    if is_refusal(answer, Status.MALFORMED, Status.LIMIT_REACHED):
        unsupported(f"the room {want.room!r} or the user {user!r} is refused, whatever its size (TCRP-2.3b, TCRP-3.3a)")
    must_be_served(bench, answer, f"a CREATE of {want.room!r} by {user!r}", bench.tcp.request(want))
    if any(problem.field in ("RoomNameSize", "room name") for problem in answer.problems):
        raise Mismatch("replies whose RoomNameSize is that of the room name in bytes", str(answer), data=answer.data)
    join = Join(want.room, "bob")
    must_be_served(
        bench,
        bench.tcp.ask(join),
        f"a JOIN of {want.room!r}, which stands,",
        bench.tcp.request(bench.tcp.invited(join)),
    )


@clause("TCRP-2.3b")
@for_all(
    cases=[
        {"tail": ""},
        {"tail": " MiXed Case "},
        {"tail": "部屋é\U0001f600"},
        {"tail": "\0\n\t\x7f'\"\\/../%s{}\x85\u2028\u202e\ue000\uffff\U0010ffff"},
    ],
    tail=st.one_of(st.just(" MiXed Case "), strategies.room_tails(strategies.ROOM_TAIL_SIZE)),
    scale=0.5,
)
def test_any_room_name_of_valid_utf8_is_accepted(bench: Bench, tail: str) -> None:
    room = fresh() + tail
    must_be_served(
        bench, bench.tcp.ask(Create(room, "alicia")), f"a CREATE of {room!r}", bench.tcp.request(Create(room, "alicia"))
    )


@clause("TCRP-2.3b")
def test_the_shortest_the_longest_and_the_blankest_names_are_accepted(bench: Bench) -> None:
    longest = (fresh() + REPEATED)[:255]
    must_be_served(bench, bench.tcp.ask(Create(longest, "alicia")), "a CREATE of a room name of 255 bytes")
    must_be_served(bench, bench.tcp.ask(Join(longest, "bob")), "a JOIN of a room name of 255 bytes")
    for room in ("{", "0", " ", "constructor", "\n" * random.randint(2, 255)):
        answer = bench.tcp.ask(Create(room, "alicia"))
        if not answer.says(Status.ROOM_EXISTS) or bench.target.owned:  # somebody else may have taken it
            must_be_served(bench, answer, f"a CREATE of the room {room[:8]!r} of {len(room)} bytes")


@clause("TCRP-2.3c")
def test_names_that_are_not_the_same_bytes_are_not_the_same_room(bench: Bench) -> None:
    base = unicodedata.normalize("NFC", f"Room-{fresh()}-部屋é %41-z")
    must_be_served(bench, bench.tcp.ask(Create(base, "alicia")), f"a CREATE of {base!r}")
    for other in (
        base[:-1], base.lower(), base + " ", " " + base, base + "\n", base + "\0",
        unicodedata.normalize("NFD", base), base.replace("é", "e"), "\ufeff" + base, base + "\u200b",
        base.replace("部屋", "廊下"), base.replace(" ", "  "), base.replace("%41", "A"),
    ):  # fmt: skip
        want = Join(other, "bob")
        must_have_status(
            bench,
            bench.tcp.ask(want),
            Status.ROOM_NOT_FOUND,
            f"a JOIN of {other!r} while only {base!r} stands",
            bench.tcp.request(want),
        )
    for other in (base[:-1], base.lower()):
        create = Create(other, "alicia")
        must_be_served(
            bench, bench.tcp.ask(create), f"a CREATE of {other!r} beside {base!r}", bench.tcp.request(create)
        )


@clause("TCRP-2.3c")
def test_names_that_differ_only_in_their_last_byte_are_different_rooms(bench: Bench) -> None:
    stem = (fresh() + REPEATED)[:254]
    must_be_served(bench, bench.tcp.ask(Create(stem + "a", "alicia")), "a CREATE of a room name of 255 bytes")
    must_be_served(
        bench, bench.tcp.ask(Create(stem + "b", "alicia")), "a CREATE that differs only in byte 255 of the name"
    )


@hostile
@clause("TCRP-2.4a")
@for_all(
    cases=[
        {"claim": MAX_PAYLOAD_SIZE + 1, "whole": False},
        {"claim": (1 << 32) + 64, "whole": True},
        {"claim": (1 << 64) + 64, "whole": True},
        {"claim": (1 << 231) + 64, "whole": True},
        {"claim": SIZE_FIELD_LIMIT, "whole": False},
    ],
    claim=st.one_of(
        st.integers(MAX_PAYLOAD_SIZE + 1, SIZE_FIELD_LIMIT), st.integers(30, 231).map(lambda bit: 1 << bit)
    ),
    whole=st.booleans(),
    scale=0.25,
)
def test_a_claim_beyond_the_limit_is_refused_without_waiting_for_the_body(
    bench: Bench, claim: int, whole: bool
) -> None:
    room = fresh().encode()
    body = bench.tcp.padded(claim & 0xFF) if whole and claim & 0xFF >= 40 else b""  # what a narrower reader would see
    data = bench.tcp.frame(room, body, payload_size=claim)
    statuses = (Status.MALFORMED, Status.LIMIT_REACHED)
    must_be_refused(bench, create_of(room), data, f"a claim of {claim} bytes", statuses)
    if claim == SIZE_FIELD_LIMIT:
        want = Join(bench.rooms.standing(), "bob")
        data = bench.tcp.frame(want.room.encode(), b"", payload_size=claim, join=True)
        must_be_refused(bench, want, data, f"a JOIN that claims {claim} bytes", statuses)
        data = bench.tcp.frame(b"", b"", room_size=len(room), payload_size=claim)
        must_be_refused(bench, create_of(room), data, f"a header alone that claims {claim} bytes", statuses)


@clause("TCRP-2.4c")
@for_all(
    cases=[{"size": size, "join": size in (257, 1023)} for size in (255, 256, 257, 1023, 1024)],
    size=st.integers(33, 1024),
    join=st.booleans(),
    scale=0.25,
)
def test_every_payload_of_up_to_1024_bytes_is_accepted(bench: Bench, size: int, join: bool) -> None:
    room = fresh()
    if join:
        data = bench.tcp.frame(room.encode(), bench.tcp.padded(size), join=True)
        what = f"a JOIN of no room, with a payload of {size} bytes,"
        must_have_status(bench, bench.tcp.ask(Join(room, "alicia"), data=data), Status.ROOM_NOT_FOUND, what, data)
        return
    data = bench.tcp.frame(room.encode(), bench.tcp.padded(size))
    must_be_served(
        bench, bench.tcp.ask(Create(room, "alicia"), data=data), f"a CREATE with a payload of {size} bytes", data
    )


@hostile
@clause("TCRP-2.4d")
def test_a_payload_beyond_a_server_s_own_limit_is_refused_with_4_or_6_or_a_close(bench: Bench) -> None:
    accepted = 1024
    for size in (1025, 65536, 1 << 20):
        room = fresh()
        data = bench.tcp.frame(room.encode(), bench.tcp.padded(size))
        answer = bench.tcp.ask(Create(room, "alicia"), data=data, may_be_limited=True)
        refused = is_refusal(answer, Status.MALFORMED, Status.LIMIT_REACHED)
        if answer.token is None and not refused:
            raise Mismatch(
                f"a payload of {size} bytes to be served, or refused with 4, 6 or a close", str(answer), data=data[:64]
            )
        if refused:
            bench.record.note(f"takes {accepted} bytes, refuses {size}")
            return
        accepted = size
    bench.record.note(f"takes payloads of {accepted} bytes")


@clause("TCRP-2.5a")
@for_all(
    cases=[
        {"cuts": [1], "join": False},
        {"cuts": [31], "join": False},
        {"cuts": [32], "join": False},
        {"cuts": [40], "join": False},
        {"cuts": [70], "join": False},
        {"cuts": [10, 32, 45], "join": True},
        {"cuts": list(range(1, 400)), "join": False},
    ],
    cuts=strategies.cuts(100),
    join=st.booleans(),
    scale=0.5,
)
def test_a_request_is_served_whatever_its_segmentation(bench: Bench, cuts: list[int], join: bool) -> None:
    want = Join(fresh(), "bob") if join else Create(fresh(), "alicia")
    request = bench.tcp.request(want)
    cuts = [cut for cut in cuts if cut < len(request)]
    answer = bench.tcp.ask(want, cuts=cuts)
    where = "byte by byte" if len(cuts) > 50 else f"cut at {', '.join(map(str, sorted(cuts))) or 'no byte'}"
    if join:
        must_have_status(bench, answer, Status.ROOM_NOT_FOUND, f"a JOIN of no room, {where}", request)
    else:
        must_be_served(bench, answer, f"a CREATE {where} (its header is 32 bytes)", request)
        if any(problem.field in ("RoomNameSize", "room name") for problem in answer.problems):
            raise Mismatch(f"replies with the room name of the CREATE, {where}", str(answer), data=answer.data)


@clause("TCRP-2.5a")
def test_characters_and_strings_that_segments_cut_are_put_together(bench: Bench) -> None:
    """Every character of several bytes is cut somewhere; segments end with a brace and with a space."""
    if names.longest is not None or not bench.traits.forge.frames:
        unsupported("this dialect has little room for a room name, or no frames")
    room, user, password = fresh() + "-é部\U0001f600", "太郎 } é \U0001f600", bench.rooms.secret and " 鍵 }  é "
    create, join = Create(room, user, password), Join(room, user, password)
    for want in (create, join):
        request = bench.tcp.request(want)
        answer = bench.tcp.ask(want, cuts=range(1, len(request)))
        if want is create and is_refusal(answer, Status.MALFORMED) and bench.tcp.ask(create).token is None:
            unsupported("such names are refused, however they are cut (TCRP-2.3b, TCRP-3.3a)")
        if want is join and answer.says(Status.ROOM_NOT_FOUND) and bench.context.idle_timeout is not None:
            unsupported("the host of the room was idle before a JOIN had come byte by byte")
        what = f"a {type(want).__name__.upper()} of {room!r} by {user!r}, byte by byte,"
        must_be_served(bench, answer, what, request)
        if any(problem.field in ("RoomNameSize", "room name") for problem in answer.problems):
            raise Mismatch(f"the room name echoed to {what}", str(answer), data=answer.data)
    whole = bench.tcp.ask(join)
    must_be_served(bench, whole, "a JOIN in one segment, of a room whose CREATE came byte by byte")
    if not bench.context.chat_works or answer.token is None or whole.token is None:
        return
    slow, quick = bench.rooms.enter(join, answer), bench.rooms.enter(join, whole)
    bench.fences.settle(quick, slow)
    mark = nonce()
    bench.udp.say(slow, mark)
    heard = bench.hearing.must_hear(quick, mark, f"a message of {user!r}")
    if not bench.datagrams.names(heard, user):
        raise Mismatch(f"a message of {user!r}, whose JOIN came byte by byte, to carry that name", repr(heard.data))


@hostile
@clause("TCRP-2.6a")
@for_all(
    cases=[{"second": True, "junk": b""}, {"second": False, "junk": b"\0"}, {"second": False, "junk": b"\xff" * 40}],
    second=st.booleans(),
    junk=st.binary(min_size=1, max_size=200),
    scale=0.25,
)
def test_bytes_after_the_request_are_ignored(bench: Bench, second: bool, junk: bytes) -> None:
    want, other = Create(fresh(), "alicia"), Create(fresh(), "mallory")
    data = bench.tcp.request(want) + (bench.tcp.request(other) if second else b"") + junk
    answer = bench.tcp.ask(want, data=data, to_the_end=True)
    must_be_served(bench, answer, "a CREATE with bytes after it", data)
    end = bench.traits.replies.end_of_reply(want, answer.data) or len(answer.data)
    if left := len(answer.data) - end:
        raise Mismatch("one answer", f"one, and {left} bytes more", data=data)
    if junk == b"\0":
        join = Join(bench.rooms.standing(), "bob")
        data = bench.tcp.request(bench.tcp.invited(join)) + junk
        must_be_served(bench, bench.tcp.ask(join, data=data), "a JOIN with a byte after it", data)
    if second:
        must_have_status(
            bench, bench.tcp.ask(Join(other.room, "bob")), Status.ROOM_NOT_FOUND,
            "a JOIN of the room of a second request on the same connection", data,
        )  # fmt: skip


@clause("TCRP-2.6b")
def test_what_follows_the_request_is_drained_before_the_close(bench: Bench) -> None:
    plain = bench.tcp.ask(Create(fresh(), "alicia"), to_the_end=True)
    want = Create(fresh(), "alicia")
    data = bench.tcp.request(want) + b"\0" * 4000
    answer = bench.tcp.ask(want, data=data, to_the_end=True)
    if answer.token is None or (answer.reset and not plain.reset):
        raise Mismatch(
            "the whole answer and then the end of the stream, when 4000 bytes follow the request",
            f"{answer}{' by a reset, as if they had not been read' if answer.reset else ''}",
            data=data[:64],
        )


@clause("TCRP-2.6c")
def test_a_client_that_half_closes_after_its_request_is_answered(bench: Bench) -> None:
    want = Create(fresh(), "alicia")
    for wanted in (want, Join(want.room, "bob")):
        what = f"a {type(wanted).__name__.upper()} whose sender has half-closed"
        must_be_served(bench, bench.tcp.ask(wanted, half_close=True), what, bench.tcp.request(wanted))
