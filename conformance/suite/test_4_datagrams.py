"""Section 4: what a client's datagram is, which ones are dropped, and where a member is. Most tests share two rooms,
alicia, bob and charles here, dagmar and eve there, and change nothing.
"""

import socket

from hypothesis import strategies as st

from conformance.client.assertions import must_be_served, must_have_status
from conformance.client.bench import Bench, bench_at
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch, TargetLost, unsupported
from conformance.suite.marks import clause, needs_chat
from conformance.suite.properties import for_all
from conformance.suite.steps import OVERHEAD, arrive
from conformance.trace.names import fresh, nonce
from conformance.trace.text import shown
from tcrp import MAX_ROOM_SIZE, MAX_USER_SIZE, Join, LocalProtocolError, Membership, Status, UpKind

pytestmark = needs_chat


def _dropped(bench: Bench, sender: Peer, data: bytes, mark: bytes, what: str) -> None:
    """A datagram has no effect in the shared rooms: nobody hears of it, nobody moves, and its sender gets no reply."""
    everybody = [peer for members in bench.shared.settled() for peer in members]
    since = {peer: len(peer.inbox) for peer in (*everybody, sender)}
    with bench.udp.unkept():
        bench.udp.send(sender, data)
        bench.fences.fence_rooms(*bench.shared.as_they_are(), after=what, data=data)
    for peer in everybody:
        bench.hearing.must_not_hear(peer, mark, what, data=data)
        for stray in bench.hearing.strays(peer, since[peer]):
            raise Mismatch(f"nothing to come of {what}", f"{peer} received {shown(stray.data)}", data=data)
    if sender not in everybody and len(sender.inbox) > since[sender]:
        got = sender.inbox[since[sender]].data
        raise Mismatch(f"no reply to {what}", f"its sender received {shown(got)}", data=data)


@clause("TCRP-4.1")
@for_all(
    cases=[{"size": 1, "full": True}, *({"size": size, "full": False} for size in (1, 127, 128, 255, 256, 1400))],
    size=st.integers(1, 3500),
    full=st.booleans(),
    scale=3.0,
)
def test_a_datagram_of_up_to_4096_bytes_is_chat(bench: Bench, size: int, full: bool) -> None:
    alice, bob, carol = bench.shared.settled()[0]
    if bench.context.path.largest_up < bench.traits.datagrams.longest_up:
        unsupported(bench.context.path.narrow)
    longest = min(bench.traits.datagrams.sendable(alice.member), bench.traits.datagrams.deliverable(alice.member))
    mark = nonce()
    message = mark + b"x" * ((longest if full else min(size, longest)) - len(mark) - 1) + b"."
    bench.udp.say(alice, message)
    for listener in (bob, carol):
        heard = bench.hearing.must_hear(listener, mark, f"a message of {len(message)} bytes")
        if message not in heard.data:
            raise Mismatch(
                f"all {len(message)} bytes of the message", f"{len(heard.data)} bytes", data=heard.data, certain=True
            )


@clause("TCRP-4.1")
def test_sizes_in_a_datagram_count_bytes(bench: Bench) -> None:
    name = f"{fresh()}-\0 \n" + "部屋" * 24
    alice, bob = bench.rooms.settled("太郎", "bob", room=name + "x" * (MAX_ROOM_SIZE - len(name.encode())))
    bench.fences.fence(alice, bob, after="registering in a room whose name is not ASCII, and 255 bytes long")


@clause("TCRP-4.2a")
@for_all(
    cases=[{"excess": excess, "stranger": who} for excess in (1, 2, 20000) for who in (True, False)],
    excess=st.integers(1, 20000),
    stranger=st.booleans(),
    scale=2.0,
)
def test_a_longer_datagram_is_dropped(bench: Bench, excess: int, stranger: bool) -> None:
    alice = bench.shared.settled()[0][0]
    mark = nonce()
    head = bench.udp.chat_datagram(alice, mark)
    data = head + b"x" * (bench.traits.datagrams.longest_up + excess - len(head))
    _dropped(bench, bench.rooms.peer() if stranger else alice, data, mark, f"a datagram of {len(data)} bytes")


@clause("TCRP-4.2b")
@for_all(
    cases=[{"keep": keep, "stranger": who} for keep in (0, 1, 2, 3) for who in (True, False)],
    keep=st.integers(0, 600),
    stranger=st.booleans(),
    scale=5.0,
)
def test_a_datagram_shorter_than_its_sizes_is_dropped(bench: Bench, keep: int, stranger: bool) -> None:
    alice = bench.shared.settled()[0][0]
    data = bench.udp.chat_datagram(alice, b"x")
    data = data[: min(keep, len(data) - 2)]
    if bench.traits.datagrams.hears(data):
        bench.record.waive("in this dialect what is left of a datagram is one too")
        return
    bench.record.judge()
    sender = bench.rooms.peer() if stranger else alice
    _dropped(bench, sender, data, b"\0no mark", f"a datagram cut after {len(data)} bytes")


@clause("TCRP-4.2b")
def test_sizes_beyond_the_end_of_the_datagram_are_dropped(bench: Bench) -> None:
    if not bench.traits.datagrams.sized:
        unsupported("in this dialect a datagram does not begin with two sizes")
    alice = bench.shared.settled()[0][0]
    room, token = alice.member.room.encode(), alice.member.token
    for room_size, token_size in ((255, len(token)), (len(room), 255), (255, 255), (0, 255)):
        mark = nonce()
        data = bytes([room_size, token_size]) + room + token + mark
        if room_size + token_size <= len(data) - OVERHEAD:
            continue
        what = f"sizes of {room_size} and {token_size} in a datagram of {len(data)} bytes"
        _dropped(bench, bench.rooms.peer(), data, mark, what)
    for sizes in {(len(room), min(255, len(token) + 1)), (len(room), 255), (255, len(token))}:
        if sum(sizes) <= len(room) + len(token):
            continue
        data = bytes(sizes) + room + token  # with nothing after it, it must not pass for an empty message
        _dropped(
            bench, bench.rooms.peer(), data, b"\0no mark", f"sizes of {sizes[0]} and {sizes[1]} where less follows"
        )


@clause("TCRP-4.2c")
def test_a_datagram_for_a_room_that_does_not_stand_is_dropped(bench: Bench) -> None:
    alice = bench.shared.settled()[0][0]
    room = alice.member.room
    for other in (fresh(), room[:-1], room + "x", room.upper(), room + " ", "\0"):
        mark = nonce()
        sender = bench.rooms.peer(alice.member._replace(room=other))
        _dropped(bench, sender, bench.udp.chat_datagram(sender, mark), mark, f"a datagram for {other!r}")
    _dropped(bench, sender, bench.udp.leave_datagram(sender), b"\0no mark", f"a leave message for {other!r}")
    want = Join(f"{room}x", "bob")
    what = f"a JOIN of {want.room!r}, for which there has been but a datagram,"
    must_have_status(bench, bench.tcp.ask(want), Status.ROOM_NOT_FOUND, what)
    if not bench.traits.datagrams.sized:
        return
    token = alice.member.token
    joined = room.encode() + token  # the sizes say where one ends and the other begins
    for size in (len(room.encode()) - 1, len(room.encode()) + 1):
        if (left := len(joined) - size) <= 255:
            mark = nonce()
            what = f"a datagram whose room name and token are cut at {size} bytes"
            _dropped(bench, bench.rooms.peer(), bytes([size, left]) + joined + mark, mark, what)
    mark = nonce()
    data = bytes([0, len(alice.member.token)]) + alice.member.token + mark
    _dropped(bench, alice, data, mark, "a datagram with an empty room name")


def _other_tokens(bench: Bench) -> list[tuple[str, Membership]]:
    here, there = bench.shared.settled()
    alice, dave = here[0].member, there[0].member
    token = alice.token
    swapped = token.swapcase()
    forged = [
        ("a token that nobody has", bytes(255 - byte for byte in token)),
        ("no token", b""),
        ("a token cut by a byte", token[:-1]),
        ("a token cut to its first byte", token[:1]),
        ("a token without its first byte", token[1:]),
        ("a token with its last byte changed", token[:-1] + bytes([token[-1] ^ 1])),
        ("a token with its first byte changed", bytes([token[0] ^ 1]) + token[1:]),
        ("a token and a space", token + b" "),
        ("a token and a NUL", token + b"\0"),
        ("a token behind a zero", b"0" + token),
        ("a token behind a space", b" " + token),
        ("a token with a hyphen in it", token[:8] + b"-" + token[8:]),
        ("a token with its hyphens taken out", token.replace(b"-", b"")),
        ("the user's name as token", alice.user.encode()),
        ("a token of another room", dave.token),
    ]
    if swapped != token:
        forged.append(("a token in the other case", swapped))
    issued = {peer.member.token for peer in here}
    return [(what, alice._replace(token=made)) for what, made in forged if len(made) <= 255 and made not in issued]


@clause("TCRP-4.2d")
def test_a_token_of_no_member_of_the_room_is_dropped_from_a_strangers_address(bench: Bench) -> None:
    bench.shared.guest("silent")  # who has sent nothing yet, but this is not her
    for what, membership in _other_tokens(bench):
        mark = nonce()
        stranger = bench.rooms.peer(membership)
        if (data := _sayable(bench, stranger, mark)) is not None:
            _dropped(bench, stranger, data, mark, what)


@clause("TCRP-4.2d")
def test_a_token_of_no_member_of_the_room_is_dropped_from_a_members_address(bench: Bench) -> None:
    alice = bench.shared.settled()[0][0]
    for what, membership in _other_tokens(bench):
        mark = nonce()
        forger = bench.rooms.peer(membership)
        if (data := _sayable(bench, forger, mark)) is not None:
            _dropped(bench, alice, data, mark, f"{what}, from a member's address")


def _sayable(bench: Bench, forger: Peer, message: bytes) -> bytes | None:
    """A datagram with this token, if the dialect can say it: where tokens have one size, no other can be said."""
    try:
        return bench.udp.chat_datagram(forger, message)
    except LocalProtocolError:
        return None


@clause("TCRP-4.2d")
def test_a_forged_empty_message_registers_nobody(bench: Bench) -> None:
    for what, membership in _other_tokens(bench):
        stranger = bench.rooms.peer(membership)
        try:
            data = bench.dialect.write_up(membership, UpKind.REGISTER)
        except LocalProtocolError:
            continue
        if data is not None:
            _dropped(bench, stranger, data, b"\0no mark", f"a registration with {what}")


@clause("TCRP-4.2d")
def test_a_leave_message_with_a_token_of_another_room_is_dropped(bench: Bench) -> None:
    here, there = bench.shared.settled()
    borrower = bench.rooms.peer(here[0].member._replace(token=there[0].member.token))
    what = "a leave message with a token of another room"
    _dropped(bench, borrower, bench.udp.leave_datagram(borrower), b"\0no mark", what)


@clause("TCRP-4.2e")
def test_a_datagram_from_another_ip_address_is_dropped(bench: Bench) -> None:
    with bench.apart() as source:
        _no_use_elsewhere(bench, source)


def _no_use_elsewhere(bench: Bench, source: str) -> None:
    here, _ = bench.shared.settled()
    for member in here[:2]:  # the host, and a guest
        thief = bench.rooms.peer(member.member, source)
        for what in ("a registration", "a message", "a leave message"):
            mark = nonce()
            if what == "a registration":
                bench.udp.register(thief)
            elif what == "a message":
                bench.udp.say(thief, mark)
            elif bench.traits.guests_leave or thief.member.host:
                bench.udp.send(thief, bench.udp.leave_datagram(thief))
            bench.fences.fence(*here, after=f"{what} with {member}'s token from {source}")
            for peer in here:
                bench.hearing.must_not_hear(peer, mark, f"a message with {member}'s token from {source}")
            if thief.inbox:
                got = shown(thief.inbox[0].data)
                raise Mismatch(f"nothing to go to {source}, from where {member}'s token was used", f"it received {got}")


def _is_open(bench: Bench) -> bool:
    """Whether anybody has the UDP port: on the machine itself, a closed one is reported at once."""
    with socket.socket(bench.context.family, socket.SOCK_DGRAM) as probe:
        probe.connect(bench.context.udp_address)
        probe.settimeout(bench.waits.prompt / 4)
        probe.send(b"")
        try:
            probe.recv(1)
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            pass
    return True


@clause("TCRP-4.2f")
def test_members_over_ipv4_and_over_ipv6_hear_each_other(bench: Bench) -> None:
    """Only a server that listens on both families with one socket sees mapped addresses."""
    if bench.target.endpoint.host != "127.0.0.1":
        unsupported("needs a server on 127.0.0.1 that listens on IPv6 too")
    alice, bob, _ = bench.shared.settled()[0]
    other = bench_at(bench, "::1")
    try:
        answer = other.tcp.ask(Join(alice.member.room, "charles"))
        if answer.says(Status.ROOM_NOT_FOUND):
            unsupported("needs a server that listens on IPv6 too; another one does here")
        must_be_served(bench, answer, "a JOIN over IPv6 of a room created over IPv4")
        carol = other.rooms.peer(Membership(alice.member.room, "charles", answer.token or b"", False))
        for _ in range(5):
            other.udp.register(carol)
            mark = nonce()
            bench.udp.say(alice, mark)
            if other.hearing.hear(carol, mark, bench.waits.answer / 5):
                break
        else:
            if not _is_open(other):
                unsupported("needs a server whose UDP listens on IPv6 too")
            raise Mismatch(
                "a member over IPv6 to hear one over IPv4", f"nothing came within {bench.waits.answer:.1f} s"
            )
        mark = nonce()
        other.udp.say(carol, mark)
        bench.hearing.must_hear(bob, mark, "a message of a member over IPv6")
        other.udp.leave(carol)
    except TargetLost:
        unsupported("needs a server that listens on IPv6 too")
    finally:
        other.close()
        other.release()


@clause("TCRP-4.3a")
@for_all(
    cases=[{"moves": ["empty"]}, {"moves": ["chat"]}, {"moves": ["empty", "chat", "empty"]}],
    moves=st.lists(st.sampled_from(["empty", "chat"]), min_size=1, max_size=4),
)
def test_a_member_is_where_its_latest_datagram_came_from(bench: Bench, moves: list[str]) -> None:
    alice, bob, _ = bench.shared.settled()[0]
    bob.kept = False
    left = []
    for how in moves:
        if how == "chat" and not bench.traits.chat_moves:
            continue  # only what registers does
        left.append(bench.rooms.move(bob))
        arrive(bench, alice, bob, how)
    mark = nonce()
    bench.udp.say(alice, mark)
    bench.hearing.must_hear(bob, mark, f"a message, at the port from which it last sent ({' then '.join(moves)})")
    bench.fences.fence(alice, bob, after="a move")
    for old in left:
        bench.hearing.must_not_hear(old, mark, f"a message for {bob} at a port that he has left")


@clause("TCRP-4.3a")
def test_every_valid_datagram_moves_a_member_whatever_its_message(bench: Bench) -> None:
    """The host too; back to where it was before; by a message that is too long to be relayed, or is not UTF-8."""
    user = "u" * MAX_USER_SIZE
    bob, alice = bench.rooms.settled(user, "alicia")
    bob.kept = False
    if not bench.traits.chat_moves:
        unsupported("in this dialect only a register message says where a member is")
    room_for = bench.traits.datagrams.sendable(bob.member)
    first = bench.rooms.move(bob)
    arrive(bench, alice, bob, "chat")
    first.membership = bob.member
    arrive(bench, alice, first, "empty")
    arrive(bench, alice, bob, "empty")
    for message in (b"\xff\xfe", b"x" * room_for):
        data = bench.udp.chat_datagram(bob, message)
        if bench.traits.datagrams.hears(data) is not True or not bench.udp.carries(data):
            continue  # this dialect has no such message, or the path does not carry it
        bench.rooms.move(bob)
        arrive(bench, alice, bob, "chat", message)
    bob.kept = True  # the rest may take long
    bench.udp.leave(alice)
    bench.fences.fence(*bench.shared.settled()[0], after="a guest of another room has left")
    want = Join(alice.member.room, "alicia")
    answer = bench.tcp.ask(want)
    must_be_served(bench, answer, "a JOIN of one who has left")
    bench.rooms.come_back(alice, want, answer)
    bench.fences.settle(bob, alice)  # who left comes back, and to the same port


@clause("TCRP-4.3a")
def test_no_invalid_datagram_moves_a_member(bench: Bench) -> None:
    here, _ = bench.shared.settled()
    alice, bob = here[0], here[1]
    token = bob.member.token
    elsewhere = bench.rooms.peer()
    chat = bench.udp.chat_datagram(bob, b"x" * 10)
    forged = (bob.member._replace(token=token[:-1]), bob.member._replace(room=fresh()))
    sayable = (_sayable(bench, bench.rooms.peer(membership), b"x") for membership in forged)
    junk = (chat[: OVERHEAD + len(bob.member.room.encode()) + 2], chat + b"x" * bench.traits.datagrams.longest_up,
            b"\xff" + bob.member.room.encode(), b"")  # fmt: skip
    unheard = (data for data in junk if bench.udp.carries(data) and not bench.traits.datagrams.hears(data))
    for data in (*filter(None, sayable), *unheard):
        with bench.udp.unkept():
            bench.udp.send(elsewhere, data)
            for _ in range(2):  # bob has not spoken since
                bench.fences.fence_by(alice, bob, after="an invalid datagram about bob from elsewhere", data=data)
        for datagram in filter(bench.datagrams.is_message, elsewhere.inbox):  # a reply is a finding of TCRP-4.2
            raise Mismatch("no message to go where an invalid datagram came from", shown(datagram.data), data=data)


@clause("TCRP-4.3b")
def test_a_member_that_has_sent_no_datagram_receives_nothing(bench: Bench) -> None:
    alice, bob, _ = bench.shared.settled()[0]
    carol = bench.rooms.join_at_same_port(alice.member.room, "dora")
    mark = nonce()
    bench.udp.say(alice, mark)
    bench.fences.fence(alice, bob, after="a message to a room with a member that never sent")
    bench.udp.pump(0.0)
    if carol.inbox:
        raise Mismatch("nothing to a member that has sent no datagram", shown(carol.inbox[0].data))
    latest = nonce()
    bench.udp.say(alice, latest)
    bench.hearing.must_hear(bob, latest, "a message of alicia")
    bench.fences.settle(alice, bob, carol)
    for before in (mark, latest):
        bench.hearing.must_not_hear(carol, before, "what was said before it registered")
    bench.udp.leave(carol)
