"""Section 3, continued: the payload of a request. Rooms are fresh, so that no other refusal applies."""

import json

from hypothesis import strategies as st

from conformance.client.assertions import create_of, must_be_refused, must_be_served, must_have_status
from conformance.client.bench import Bench
from conformance.dialect import forge
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch
from conformance.suite import strategies
from conformance.suite.marks import clause, hostile, needs_chat
from conformance.suite.properties import for_all
from conformance.suite.steps import refuse_join
from conformance.trace.names import fresh, nonce
from tcrp import MAX_USER_SIZE, Create, Join, Status

ESCAPED = '"\\/\0\t\n太é\U0001f600'
CONTROLS = [*map(chr, range(0x20)), "\x7f"]

_SMALL_NUMBERS = st.one_of(
    st.integers(-(10**18) + 1, 10**18 - 1), st.integers(-9999, 9999).map(lambda n: n / 100), st.just(1.5e10)
)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _SMALL_NUMBERS, _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
    max_leaves=8,
)


def _create(bench: Bench, payload: bytes, what: str, room: str | None = None, *, bare: bool = False) -> str:
    """A CREATE with this payload must be served. Returns the room's name."""
    room = room or fresh()
    data = bench.tcp.frame(room.encode(), payload, bare=bare)
    must_be_served(bench, bench.tcp.ask(Create(room, "alicia"), data=data), f"a CREATE with {what}", data)
    return room


def _refuse(bench: Bench, payload: bytes, what: str, statuses: tuple[Status, ...] = (Status.MALFORMED,)) -> None:
    room = fresh().encode()
    must_be_refused(bench, create_of(room), bench.tcp.frame(room, payload), f"a CREATE with {what}", statuses)


@clause("TCRP-3.2a")
def test_a_json_object_carries_the_user_name_and_a_password(bench: Bench) -> None:
    for payload in (
        b'{"username":"alicia","password":"secret"}',
        b'{\n  "password" :\t"a key" ,\r\n "username": "alicia" }',
        b'{"\\u0075sername":"\\u0061licia \\"\\\\\\/"}',
        '{"username":"alicia","password":"\\u592a\\u90ce \\ud83d\\ude00 鍵"}'.encode(),
    ):
        _create(bench, payload, f"the payload {payload.decode()}")


@needs_chat
@clause("TCRP-3.2a")
def test_the_user_name_is_what_the_json_says(bench: Bench) -> None:
    listener = bench.rooms.create(user="listener")
    room = listener.member.room
    payload = b'{"username":"d\\u006fra"}'
    want = Join(room, "dora")
    answer = bench.tcp.ask(want, data=bench.tcp.frame(room.encode(), payload, join=True))
    must_be_served(bench, answer, f"a JOIN with the payload {payload.decode()}")
    if answer.token is None:
        return
    speaker = bench.rooms.enter(want, answer)
    bench.fences.settle(listener, speaker)
    mark = nonce()
    bench.udp.say(speaker, mark)
    heard = bench.hearing.must_hear(listener, mark, "a message of dora")
    if b"006f" in heard.data:
        raise Mismatch("the user name dora, and not the JSON that it stands in", repr(heard.data), data=heard.data)


@clause("TCRP-3.2a")
@for_all(cases=[{"password": ESCAPED}], password=st.one_of(st.just(ESCAPED), strategies.passwords()), scale=0.25)
def test_escapes_mean_what_they_stand_for(bench: Bench, password: str) -> None:
    room = _create(bench, json.dumps({"username": "alicia", "password": password}).encode(), "an escaped password")
    data = bench.tcp.frame(room.encode(), forge.payload(username="bob", password=password), join=True)
    must_be_served(bench, bench.tcp.ask(Join(room, "bob"), data=data), "a JOIN with the same password unescaped", data)


@clause("TCRP-3.2b")
def test_a_password_that_is_absent_null_or_empty_is_none(bench: Bench) -> None:
    forms = ['{"username":"%s"}', '{"username":"%s","password":null}', '{"username":"%s","password":""}']
    if not bench.traits.forge.null_is_none:
        del forms[1]
    for created, joined in zip(forms, (*forms[1:], forms[0]), strict=True):
        room = _create(bench, (created % "alicia").encode(), f"the payload {created % 'alicia'}", bare=True)
        data = bench.tcp.frame(room.encode(), (joined % "bob").encode(), join=True, bare=True)
        what = f"a JOIN with {joined % 'bob'} of a room created with {created % 'alicia'}"
        must_be_served(bench, bench.tcp.ask(Join(room, "bob"), data=data), what, data)


@hostile
@clause("TCRP-3.2c")
def test_values_of_another_type_are_malformed(bench: Bench) -> None:
    for payload in (
        b"{}",
        b'{"Username":"alicia"}',
        b'{"username":5}',
        b'{"username":null}',
        b'{"username":["alicia"]}',
        b'{"user":"alicia","name":"alicia","x":{"username":"alicia"}}',
        b'{"username":"alicia","password":5}',
        b'{"username":"alicia","password":0}',
        b'{"username":"alicia","password":false}',
        b'{"username":"alicia","password":[]}',
    ):
        _refuse(bench, payload, f"the payload {payload.decode()}")
    refuse_join(bench, b'{"username":5}', "a username that is a number")
    refuse_join(bench, b'{"user":"bob"}', "no username")
    refuse_join(bench, b'{"username":"bob","password":5}', "a password that is a number", (Status.WRONG_PASSWORD,))


@hostile
@clause("TCRP-3.2c")
def test_a_password_of_more_than_1024_bytes_is_malformed(bench: Bench) -> None:
    password = "鍵" * 341 + "xx"  # of 343 characters
    size = len(password.encode())
    _refuse(
        bench, forge.payload(username="alicia", password=password), f"a password of {size} bytes",
        (Status.MALFORMED, Status.LIMIT_REACHED),
    )  # fmt: skip
    payload = forge.payload(username="bob", password="x" * size)
    refuse_join(bench, payload, f"a password of {size} bytes", (Status.LIMIT_REACHED, Status.WRONG_PASSWORD))


@clause("TCRP-3.2d")
@for_all(
    cases=[
        {"key": "", "value": None},
        {"key": "Password", "value": 5},
        {"key": "n", "value": 10**18 - 1},
        {"key": "more", "value": {"password": "inner", "username": 5}},
    ],
    key=_TEXT.filter(lambda key: key not in ("username", "password")),
    value=_VALUES,
    scale=0.5,
)
def test_unknown_keys_are_ignored(bench: Bench, key: str, value: object) -> None:
    payload = forge.payload(**{"username": "alicia", key: value})
    if len(payload) <= 1024:
        _create(bench, payload, f"the unknown key {key!r}")


@hostile
@clause("TCRP-3.2d")
def test_unknown_keys_may_be_nested_and_long(bench: Bench) -> None:
    room = _create(bench, b'{"username":"alicia","x":{"password":"inner"}}', "a password that is not its own")
    data = bench.tcp.frame(room.encode(), forge.payload(username="bob", x={"password": "inner"}), join=True)
    must_be_served(
        bench, bench.tcp.ask(Join(room, "bob"), data=data), "a JOIN without a password and with an unknown key", data
    )
    similar = rb"""{"username":"alicia","username\u0000":5," username":5,"PASSWORD":5,"password ":5,"":5,
        "room":"x","operation":2,"state":1,"token":"x","host":true,"x":{"username":5},
        "y":[-0,0.5,1E+2,2e-3,"\/\b\f\uD83D\uDE00\uABCD"]}"""
    _create(bench, similar, f"the payload {similar.decode()}")
    nested = b"[" * 31 + b"]" * 31 + b',"y":' + b'{"a":' * 31 + b"123456789012345678" + b"}" * 31
    payload = b'{"username":"alicia","x":' + nested + b"}"
    _create(bench, payload, f"the payload {payload.decode()}")


@clause("TCRP-3.2e")
def test_of_equal_keys_the_last_counts(bench: Bench) -> None:
    room = _create(bench, b'{"password":"first","username":"alicia","password":"last"}', "two passwords")
    must_have_status(
        bench, bench.tcp.ask(Join(room, "bob", "first")), Status.WRONG_PASSWORD, "a JOIN with the first of them"
    )
    payload = b'{"password":"first","username":"bob","password":"last"}'
    data = bench.tcp.frame(room.encode(), payload, join=True)
    must_be_served(bench, bench.tcp.ask(Join(room, "bob", "last"), data=data), "a JOIN with both of them", data)
    last = b"null" if bench.traits.forge.null_is_none else b'""'
    none = _create(bench, b'{"password":"first","username":"alicia","password":' + last + b"}", "a password, then none")
    must_be_served(bench, bench.tcp.ask(Join(none, "bob")), "a JOIN without a password, none being the last")
    _create(bench, b'{"username":5,"username":"alicia"}', "a username that is a number and then one that is a string")


@needs_chat
@clause("TCRP-3.2e")
def test_of_equal_user_names_the_last_counts(bench: Bench) -> None:
    listener = bench.shared.settled()[0][0]
    want = Join(listener.member.room, "dora")
    data = bench.tcp.frame(want.room.encode(), b'{"username":"first","username":"dora"}', join=True)
    answer = bench.tcp.ask(want, data=data)
    must_be_served(bench, answer, "a JOIN with two user names", data)
    if answer.token is not None:
        _carries_its_name(bench, listener, bench.rooms.enter(want, answer))


@clause("TCRP-3.2f")
@for_all(
    cases=[{"space": space} for space in (" ", "\n", "\t\r\n ")],
    space=st.text(" \t\r\n", min_size=1, max_size=20),
    scale=0.25,
)
def test_white_space_after_the_object_is_allowed(bench: Bench, space: str) -> None:
    payload = forge.payload(username="alicia") + space.encode()
    room = _create(bench, payload, f"{space!r} after the object")
    if len(space) > 1:
        payload = forge.payload(username="bob") + space.encode()
        data = bench.tcp.frame(room.encode(), payload, join=True)
        must_be_served(
            bench, bench.tcp.ask(Join(room, "bob"), data=data), f"a JOIN with {space!r} after the object", data
        )


@hostile
@clause("TCRP-3.2g")
def test_what_json_forbids_is_malformed(bench: Bench) -> None:
    for payload in (
        '{"username":"alicia"',
        '{"username":"alicia",}',
        "{'username':'alicia'}",
        '{username:"alicia"}',
        '{"username":"alicia" /* c */}',
        '{"username"="alicia"}',
        '{"username":"alicia" "x":1}',
        '{"username":\u00a0"alicia"}',
        '{"username":"alicia","x":NaN}',
        '{"username":"alicia","x":-Infinity}',
        '{"username":"alicia","x":01}',
        '{"username":"alicia","x":1.}',
        '{"username":"alicia","x":"a\tb"}',
        '{"username":"alicia","x":"\\x41"}',
        '{"username":"alicia","x":"\\\'"}',
        '{"username":"alicia","x":"\\u00e"}',
        '{"username":"alicia\\ud800"}',
        '{"username":"alicia","x":["\\udc00\\ud800"]}',
        '{"username":"alicia","\\udfff":1}',
        '{"username":"alicia","x":"\\ud800","x":"y"}',
    ):
        _refuse(bench, payload.encode(), f"the payload {payload!r}")
    for encoding in ("utf-16-le", "utf-32-le"):
        _refuse(bench, '{"username":"alicia"}'.encode(encoding), f"JSON in {encoding.upper()}")
    refuse_join(bench, b'{"username":"alicia"} x', "other bytes after the object")


@hostile
@clause("TCRP-3.2g")
@for_all(
    cases=[{"rest": rest} for rest in ("0", "}", "\0", "\x0b", '{"username":"bob"}')],
    rest=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10).filter(
        lambda text: text.strip(" \t\r\n") != ""
    ),
    scale=0.25,
)
def test_other_bytes_after_the_object_are_malformed(bench: Bench, rest: str) -> None:
    _refuse(bench, forge.payload(username="alicia") + rest.encode(), f"{rest!r} after the object")


@hostile
@clause("TCRP-3.2h")
def test_whether_deep_nesting_and_long_numbers_are_taken(bench: Bench) -> None:
    for what, value in (("nesting of 40", "[" * 39 + "]" * 39), ("a number of 30 digits", "9" * 30)):
        room = fresh()
        data = bench.tcp.frame(room.encode(), f'{{"username":"alicia","x":{value}}}'.encode())
        answer = bench.tcp.ask(Create(room, "alicia"), data=data)
        bench.record.note(f"{what} is {'taken' if answer.token is not None else 'refused'}")


@clause("TCRP-3.2i")
@for_all(
    cases=[
        {"user": user}
        for user in (
            "alicia",
            "0",
            " {",
            '"太郎"',
            "null",
            "a" * MAX_USER_SIZE,
        )
    ],
    user=strategies.users().filter(lambda user: not user.startswith("{")),
    scale=0.25,
)
def test_another_payload_is_the_user_name_itself(bench: Bench, user: str) -> None:
    _create(bench, user.encode(), f"the raw user name {user!r}")


@needs_chat
@clause("TCRP-3.2i")
def test_the_raw_user_name_is_taken_as_it_stands(bench: Bench) -> None:
    listener = bench.rooms.create(user="listener")
    room = listener.member.room
    for user in ('"alicia"', "[1]", '\ufeff{"username":"x"}', " x ", "user=%41"):
        want = Join(room, user)
        answer = bench.tcp.ask(want, data=bench.tcp.frame(room.encode(), user.encode(), join=True))
        must_be_served(bench, answer, f"a JOIN with the raw user name {user!r}")
        if answer.token is None:
            continue
        speaker = bench.rooms.enter(want, answer)
        _carries_its_name(bench, listener, speaker)


def _carries_its_name(bench: Bench, listener: Peer, speaker: Peer) -> None:
    """A message of the speaker comes with the speaker's name, whole and unchanged."""
    bench.fences.settle(listener, speaker)
    mark = nonce()
    bench.udp.say(speaker, mark)
    heard = bench.hearing.must_hear(listener, mark, f"a message of {speaker}")
    if not bench.datagrams.names(heard, speaker.member.user):
        raise Mismatch(f"a message of {speaker.member.user!r} to carry that name", repr(heard.data), data=heard.data)


@clause("TCRP-3.3a")
@for_all(
    cases=[
        {"user": user}
        for user in (
            "0",
            " ",
            "a: {b",
            "太郎\U0001f600",
            "\u0301\u0080\u009f\u200b\u202e\u2028\ufeff\ue000\uffff\U0010ffff",
            "{'/\"",
            "admin",
            "a" * MAX_USER_SIZE,
        )
    ],
    user=strategies.users(),
    scale=0.5,
)
def test_every_user_name_without_control_characters_is_accepted(bench: Bench, user: str) -> None:
    _create(bench, forge.payload(username=user), f"the user name {user!r}")


@hostile
@clause("TCRP-3.3b")
@for_all(
    cases=[{"user": user} for user in ("", "\0", "a\tb", "a\x1fb", "\x7f", "a\r", "\x1ba", "部" * 86)],
    user=st.tuples(st.text("ab部", max_size=5), st.sampled_from(CONTROLS), st.text("ab部", max_size=5)).map("".join),
    scale=0.25,
)
def test_a_bad_user_name_is_malformed(bench: Bench, user: str) -> None:
    _refuse(bench, forge.payload(username=user), f"the user name {user[:20]!r} of {len(user.encode())} bytes")


@hostile
@clause("TCRP-3.3b")
def test_a_bad_raw_user_name_is_malformed(bench: Bench) -> None:
    for user in ("a\0", "alicia\n", "\x04alicia", "a" * 256):
        _refuse(bench, user.encode(), f"the raw user name {user[:20]!r} of {len(user.encode())} bytes")
    for user in ("bob\n", "b" * 256):
        refuse_join(bench, user.encode(), f"the raw user name {user[:20]!r} of {len(user)} bytes")
    refuse_join(bench, forge.payload(username=""), "an empty user name")


@clause("TCRP-3.3c")
def test_equal_user_names_in_a_room_are_allowed(bench: Bench) -> None:
    room = fresh()
    must_be_served(bench, bench.tcp.ask(Create(room, "alicia")), "a CREATE by alicia")
    must_be_served(bench, bench.tcp.ask(Join(room, "alicia")), "a JOIN by another alicia")


@needs_chat
@clause("TCRP-3.3c")
def test_members_of_equal_names_are_members_each(bench: Bench) -> None:
    members = bench.rooms.settled("twin", "twin", "twin", "Twin")
    for speaker in members:
        mark = nonce()
        bench.udp.say(speaker, mark)
        for listener in members:
            if listener is speaker:
                continue
            heard = bench.hearing.must_hear(listener, mark, "a message of another member of its name")
            if not bench.datagrams.names(heard, speaker.member.user):
                raise Mismatch("messages of each to carry its name", repr(heard.data), data=heard.data)
    bench.udp.leave(members[1])
    bench.fences.fence(members[0], *members[2:], after="one of the members of a name has left")
