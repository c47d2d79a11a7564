"""Section 3, continued: the payload of a request. Rooms are fresh, so that no other refusal applies."""

import json

from hypothesis import strategies as st

from conformance.client.assertions import must_be_served, must_have_status
from conformance.client.bench import Bench
from conformance.dialect import forge
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite import strategies
from conformance.suite.marks import clause, hostile, needs_chat
from conformance.suite.properties import for_all
from conformance.suite.steps import create_with, refuse_create, refuse_join
from conformance.trace.names import fresh, nonce
from tcrp import MAX_USER_SIZE, Create, Join, Status

ESCAPED = '"\\/\0\t\n太é\U0001f600'

_SMALL_NUMBERS = st.one_of(
    st.integers(-(10**18) + 1, 10**18 - 1), st.integers(-9999, 9999).map(lambda n: n / 100), st.just(1.5e10)
)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _SMALL_NUMBERS, _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
    max_leaves=8,
)


_DIFFERENT = (
    ("nesting of 40", '{"username":"alicia","x":' + "[" * 39 + "]" * 39 + "}"),
    ("a number of 30 digits", '{"username":"alicia","x":' + "9" * 30 + "}"),
    ("NaN", '{"username":"alicia","x":NaN}'),
    ("-Infinity", '{"username":"alicia","x":-Infinity}'),
    ("a lone surrogate in an unknown value", '{"username":"alicia","x":["\\udc00\\ud800"]}'),
    ("a lone surrogate in an unknown key", '{"username":"alicia","\\udfff":1}'),
    ("a lone surrogate that an equal key replaces", '{"username":"alicia","x":"\\ud800","x":"y"}'),
    ("ill-formed UTF-8 in an unknown value", '{"username":"alicia","x":"\udcff"}'),
    ("Username", '{"Username":"alicia"}'),
    ("PASSWORD", '{"username":"alicia","PASSWORD":5}'),
    ("a key that begins with U+0000", '{"username":"alicia","\\u0000x":5}'),
    ("a number that an equal key replaces", '{"username":5,"username":"alicia"}'),
)
"""What the parsers of Python, JavaScript, Go and PHP differ in, and a payload that holds it."""


def _is_unknown(key: str) -> bool:
    """Whether the key is unknown to every parser: one of Go folds case, one of PHP takes none that begins with NUL."""
    return key.casefold() not in ("username", "password") and not key.startswith("\0")


@clause("TCRP-3.2a")
def test_a_json_object_carries_the_user_name_and_a_password(bench: Bench) -> None:
    for payload in (
        b'{"username":"alicia","password":"secret"}',
        b'{\n  "password" :\t"a key" ,\r\n "username": "alicia" }',
        b'{"\\u0075sername":"\\u0061licia \\"\\\\\\/"}',
        '{"username":"alicia","password":"\\u592a\\u90ce \\ud83d\\ude00 鍵"}'.encode(),
    ):
        create_with(bench, payload, f"the payload {payload.decode()}")


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
    room = create_with(bench, json.dumps({"username": "alicia", "password": password}).encode(), "an escaped password")
    data = bench.tcp.frame(room.encode(), forge.payload(username="bob", password=password), join=True)
    must_be_served(bench, bench.tcp.ask(Join(room, "bob"), data=data), "a JOIN with the same password unescaped", data)


@clause("TCRP-3.2b")
def test_a_password_that_is_absent_null_or_empty_is_none(bench: Bench) -> None:
    forms = ['{"username":"%s"}', '{"username":"%s","password":null}', '{"username":"%s","password":""}']
    if not bench.traits.forge.null_is_none:
        del forms[1]
    for created, joined in zip(forms, (*forms[1:], forms[0]), strict=True):
        room = create_with(bench, (created % "alicia").encode(), f"the payload {created % 'alicia'}", bare=True)
        data = bench.tcp.frame(room.encode(), (joined % "bob").encode(), join=True, bare=True)
        what = f"a JOIN with {joined % 'bob'} of a room created with {created % 'alicia'}"
        must_be_served(bench, bench.tcp.ask(Join(room, "bob"), data=data), what, data)


@hostile
@clause("TCRP-3.2c")
def test_values_of_another_type_are_malformed(bench: Bench) -> None:
    for payload in (
        b"{}",
        b'{"username":5}',
        b'{"username":null}',
        b'{"username":["alicia"]}',
        b'{"user":"alicia","name":"alicia","x":{"username":"alicia"}}',
        b'{"username":"alicia","password":5}',
        b'{"username":"alicia","password":0}',
        b'{"username":"alicia","password":false}',
        b'{"username":"alicia","password":[]}',
    ):
        refuse_create(bench, payload, f"the payload {payload.decode()}")
    refuse_join(bench, b'{"username":5}', "a username that is a number")
    refuse_join(bench, b'{"user":"bob"}', "no username")
    refuse_join(bench, b'{"username":"bob","password":5}', "a password that is a number", (Status.WRONG_PASSWORD,))


@hostile
@clause("TCRP-3.2c")
def test_a_password_of_more_than_1024_bytes_is_malformed(bench: Bench) -> None:
    password = "鍵" * 341 + "xx"  # of 343 characters
    size = len(password.encode())
    refuse_create(
        bench, forge.payload(username="alicia", password=password), f"a password of {size} bytes",
        (Status.MALFORMED, Status.LIMIT_REACHED),
    )  # fmt: skip
    payload = forge.payload(username="bob", password="x" * size)
    refuse_join(bench, payload, f"a password of {size} bytes", (Status.LIMIT_REACHED, Status.WRONG_PASSWORD))


@clause("TCRP-3.2d")
@for_all(
    cases=[
        {"key": "", "value": None},
        {"key": "n", "value": 10**18 - 1},
        {"key": "more", "value": {"password": "inner", "username": 5}},
    ],
    key=_TEXT.filter(_is_unknown),
    value=_VALUES,
    scale=0.5,
)
def test_unknown_keys_are_ignored(bench: Bench, key: str, value: object) -> None:
    payload = forge.payload(**{"username": "alicia", key: value})
    if len(payload) <= 1024:
        create_with(bench, payload, f"the unknown key {key!r}")


@hostile
@clause("TCRP-3.2d")
def test_unknown_keys_may_be_nested_and_long(bench: Bench) -> None:
    room = create_with(bench, b'{"username":"alicia","x":{"password":"inner"}}', "a password that is not its own")
    data = bench.tcp.frame(room.encode(), forge.payload(username="bob", x={"password": "inner"}), join=True)
    must_be_served(
        bench, bench.tcp.ask(Join(room, "bob"), data=data), "a JOIN without a password and with an unknown key", data
    )
    similar = rb"""{"username":"alicia","username\u0000":5," username":5,"passwords":5,"password ":5,"":5,
        "room":"x","operation":2,"state":1,"token":"x","host":true,"x":{"username":5},
        "y":[-0,0.5,1E+2,2e-3,"\/\b\f\uD83D\uDE00\uABCD"]}"""
    create_with(bench, similar, f"the payload {similar.decode()}")
    nested = b"[" * 31 + b"]" * 31 + b',"y":' + b'{"a":' * 31 + b"123456789012345678" + b"}" * 31
    payload = b'{"username":"alicia","x":' + nested + b"}"
    create_with(bench, payload, f"the payload {payload.decode()}")


@needs_chat
@clause("TCRP-3.2d")
def test_an_address_in_the_json_is_an_unknown_key(bench: Bench) -> None:
    """As other dialects have it: where a member is, its datagrams say (TCRP-4.3a)."""
    if not bench.traits.chat_moves:
        unsupported("in this dialect something else than a datagram says where a member is")
    alice = bench.shared.settled()[0][0]
    elsewhere, want = bench.rooms.peer(), Join(alice.member.room, "dora")
    host, port = elsewhere.address[:2]
    ports = dict.fromkeys(("port", "udp_port", "udpPort", "client_port"), port)
    addresses = {"address": f"{host}:{port}", "user_address": [host, port], "addr": [host, port]}
    data = bench.tcp.frame(want.room.encode(), forge.payload(username="dora", ip=host, **ports, **addresses), join=True)
    answer = bench.tcp.ask(want, data=data)
    must_be_served(bench, answer, "a JOIN that says where its sender is to be", data)
    if answer.token is None:
        return
    dora = bench.rooms.enter(want, answer)
    for when in ("before she has sent a datagram", "after she has sent one from elsewhere"):
        mark = nonce()
        bench.udp.say(alice, mark)
        bench.fences.fence(*bench.shared.as_they_are()[0], after="somebody has joined and said where she is to be")
        bench.udp.pump(0.0)
        bench.hearing.must_not_hear(elsewhere, mark, f"a message at the port that the JSON of dora named, {when}")
        if when.startswith("before"):
            bench.fences.settle(alice, dora)
    bench.udp.leave(dora)


@clause("TCRP-3.2e")
def test_of_equal_keys_the_last_counts(bench: Bench) -> None:
    room = create_with(bench, b'{"password":"first","username":"alicia","password":"last"}', "two passwords")
    must_have_status(
        bench, bench.tcp.ask(Join(room, "bob", "first")), Status.WRONG_PASSWORD, "a JOIN with the first of them"
    )
    payload = b'{"password":"first","username":"bob","password":"last"}'
    data = bench.tcp.frame(room.encode(), payload, join=True)
    must_be_served(bench, bench.tcp.ask(Join(room, "bob", "last"), data=data), "a JOIN with both of them", data)
    last = b"null" if bench.traits.forge.null_is_none else b'""'
    alone = b'{"username":"alicia","password":' + last + b"}"
    if _means_none(bench, alone):
        none = create_with(bench, b'{"password":"first",' + alone[1:], "a password, then none")
        must_be_served(bench, bench.tcp.ask(Join(none, "bob")), "a JOIN without a password, none being the last")


def _means_none(bench: Bench, payload: bytes) -> bool:
    """Whether a room created with this payload is joined without a password. If not, that is a finding of TCRP-3.2b."""
    room = fresh()
    created = bench.tcp.ask(Create(room, "alicia"), data=bench.tcp.frame(room.encode(), payload))
    return created.token is not None and bench.tcp.ask(Join(room, "bob")).token is not None


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
    room = create_with(bench, payload, f"{space!r} after the object")
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
        '{"username":"alicia","x":01}',
        '{"username":"alicia","x":1.}',
        '{"username":"alicia","x":"a\tb"}',
        '{"username":"alicia","x":"\\x41"}',
        '{"username":"alicia","x":"\\\'"}',
        '{"username":"alicia","x":"\\u00e"}',
        '{"username":"alicia\\ud800"}',
        '{"username":"\\udc00alicia"}',
        '{"username":"alicia","password":"\\udc00\\ud800"}',
    ):
        refuse_create(bench, payload.encode(), f"the payload {payload!r}")
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
    refuse_create(bench, forge.payload(username="alicia") + rest.encode(), f"{rest!r} after the object")


@hostile
@clause("TCRP-3.2h")
def test_whether_what_parsers_differ_in_is_taken(bench: Bench) -> None:
    """In no answer, or in a server that serves no longer afterwards, there is no difference of parsers."""
    for what, payload in _DIFFERENT:
        room = fresh()
        data = bench.tcp.frame(room.encode(), payload.encode(errors="surrogateescape"))
        answer = bench.tcp.ask(Create(room, "alicia"), data=data)
        bench.record.note(f"{what} is {'taken' if answer.token is not None else 'refused'}")
    for encoding in ("utf-16-le", "utf-32-le"):
        room = fresh()
        data = bench.tcp.frame(room.encode(), '{"username":"alicia"}'.encode(encoding))
        answer = bench.tcp.ask(Create(room, "alicia"), data=data)
        bench.record.note(f"{encoding.upper()} is {'taken' if answer.token is not None else 'refused'}")


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
    create_with(bench, user.encode(), f"the raw user name {user!r}")


@needs_chat
@clause("TCRP-3.2i")
def test_the_raw_user_name_is_taken_as_it_stands(bench: Bench) -> None:
    listener = bench.rooms.create(user="listener")
    room = listener.member.room
    for user in ('"alicia"', "[1]", '\ufeff{"username":"x"}', " x ", "user=%41"):
        want = Join(room, user)
        answer = bench.tcp.ask(want, data=bench.tcp.frame(room.encode(), user.encode(), join=True))
        must_be_served(bench, answer, f"a JOIN with the raw user name {user!r}")
        if answer.token is None or answer.taken is False:  # this dialect has no raw names
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
