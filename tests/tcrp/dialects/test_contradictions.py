"""Settings that contradict each other: the error names the key to change."""

import pytest

from tcrp.dialects.contradictions import WrongSetting, check
from tcrp.dialects.file import DialectFileError, loads
from tcrp.dialects.framed import Framed
from tcrp.dialects.settings import Settings, TokenSettings

WRONG = [
    ("[request]\njoin = 1", "request.join is 1, and so is request.create"),
    ('[request]\npayload = "raw"\naddress = "pair"', 'request.address is "pair": only JSON holds it'),
    ('[request]\npayload = "raw"\nextra = { a = 1 }', "request.extra is there: only JSON holds it"),
    ('[request]\nuser-key = "password"', 'request.password-key is "password", and so is request.user-key'),
    ('[request]\naddress = "ip-and-port"\nip-key = "port"', 'request.port-key is "port", and so is request.ip-key'),
    ("[request]\nextra = { username = 1 }", "request.extra.username is the name of another key"),
    ("[status]\nok = 256", "status.ok is 256: where"),
    ("[status]\nok = true", "status.ok is true: where"),
    ('[status]\nform = "text"', 'status.ok is 0: where status.form is "text" it is a text'),
    ('[status]\nform = "text"\nok = "OK"', "status.refused is not there: "),
    ('[status]\nform = "text"\nok = "OK"\nrefused = 3', "status.refused is 3"),
    ('[words]\nkey = "message"', 'words.key is "message": where status.form is "byte" there is no JSON for it'),
    ('[reply]\nframing = "none"\n[status]\nform = "state"', 'status.form is "state": where reply.framing is "none"'),
    ('[status]\nform = "state"', "status.room-exists is 1: as a State"),
    ('[reply]\nsteps = 1\n[status]\nform = "none"', 'reply.refusal is "status": where'),
    ('[reply]\nframing = "none"\nrefusal = "close"\n[status]\nform = "none"', "reply.steps is 2: where"),
    ("[token]\nsize = 64", "token.size is 64: where"),
    ('[token]\nalphabet = "bytes"\nform = "json"', 'token.alphabet is "bytes": JSON and text'),
    ('[token]\nalphabet = "bytes"\n[up]\nform = "text"', 'token.alphabet is "bytes": JSON and text'),
    ("[token]\nnull-when-full = true", "token.null-when-full is true: only"),
    ('[address]\nlearnt = "request"', 'address.learnt is "request": request.address says how'),
    ('[address]\nmessage = "INITIAL"', 'address.message is there: it is for address.learnt = "message"'),
    ('[address]\nlearnt = "message"\n[chat]\nempty = "relayed"', 'chat.empty is "relayed": the empty message is'),
    ('[address]\nlearnt = "message"\nmessage = "exit"', "address.message is the message that leaves"),
    ('[ports]\ntcp = false\n[address]\nlearnt = "handshake"', 'address.learnt is "handshake": without TCP'),
    ('[chat]\nleave = ""', 'chat.leave is "": where no message leaves it is false'),
    ("[ports]\ntcp = false", "up.layout has a token or no user"),
    ('[up]\nlayout = ["message"]', "up.layout has neither token nor room"),
    ("[up]\nlayout = []", 'up.layout has no "message"'),
    ('[up]\nlayout = ["token", "token", "message"]', 'up.layout has "token" twice'),
    ('[up]\nlayout = ["room-size", "token", "message"]', 'up.layout has "room-size" without "room" after it'),
    ('[up]\nlayout = ["room", "room-size", "token", "message"]', 'up.layout has "room" with no "room-size" before it'),
    ('[up]\nlayout = ["token", "message", "user-size", "user"]', 'up.layout has "message" with no "message-size"'),
    ('[up]\nform = "text"\ntemplate = "{token}{message}"', "up.template has two places with nothing between them"),
    ('[up]\nform = "text"\ntemplate = "{token}:{token}:{message}"', "up.template has {token} twice"),
    ('[up]\nform = "text"\ntemplate = "{token}:"', "up.template has no {message}"),
    ('[up]\nform = "json"\ntoken-key = "room"', 'up.token-key is "room", and so is up.room-key'),
    ('[up]\nform = "json"\ntoken-key = false\nroom-key = false', "up.token-key has neither token nor room"),
    ('[up]\nform = "json"\ntype-key = "type"', "up.chat-type is not there: the datagram has a type"),
    ("[up]\nchat-type = 1", "up.chat-type is 1: the datagram has no type"),
    (
        '[up]\nlayout = ["type", "token", "message"]\nchat-type = "c"',
        'up.chat-type is "c": in binary a type is a number',
    ),
    ('[up]\nlayout = ["type", "token", "message"]\nchat-type = 1\nleave-type = 1', "up.leave-type is 1, and so is"),
    ('[down]\ntemplate = "{user}"', "down.template has no {message}"),
    ('[down]\nform = "binary"\nlayout = ["user", "message"]', 'down.layout has "user" with no "user-size"'),
    ('[down]\nform = "json"\nuser-key = "message"', 'down.message-key is "message", and so is down.user-key'),
    ('[down]\nform = "json"\ntype-key = "t"', "down.chat-type is not there"),
    ('[notices]\nleft = { to = "all" }', 'notices.left is to "all" and has no text'),
    ('[notices]\nleft = { to = "all", text = "x", type = "LEFT" }', 'notices.left.type is "LEFT": only where'),
    (
        '[notices]\nleft = { to = "all", text = "{message}" }',
        "notices.left.text has {message}: it may have {room}, {user}",
    ),
    (
        '[down]\nform = "json"\ntype-key = "t"\nchat-type = "c"\n[notices]\nleft = { to = "all", text = "x" }',
        "notices.left has no type",
    ),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[said for _, said in WRONG])
def test_contradictions(text: str, said: str) -> None:
    with pytest.raises(DialectFileError) as caught:
        loads(text)
    assert said in str(caught.value)


def test_answers_made_in_python_are_judged_too() -> None:
    with pytest.raises(WrongSetting, match=r"token\.size is 3") as caught:
        Framed(Settings("x", token=TokenSettings(size=3)))
    assert caught.value.key == "token.size"
    check(Settings("x"))


def test_a_value_that_is_no_line_is_shown_in_one() -> None:
    with pytest.raises(DialectFileError) as raised:
        loads('[words]\nkey = "two\\u2028lines\\u0085"\n[up]\nlayout = ["type", "room", "message"]\n')
    assert len(str(raised.value).splitlines()) == 1
