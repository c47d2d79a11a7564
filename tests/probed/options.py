"""The habits of the probed server, and their defaults."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Options:
    """A comment names the other values that an option may have, or says what it is about.

    A layout of datagrams (`up`, `down`) is a list of elements, or `text:TEMPLATE`, or `json:{field: key}`.
    """

    # the header
    size: str = "binary"  # how its size field is written: digits, digits-nul
    counts: str = "payload"  # what the size counts: body
    state: int | None = 0  # of a request; None: any
    create: int = 1
    join: int = 2

    # the payload of a request
    payload: str = "json"  # raw, json-string, length-prefixed, json-or-raw
    loose: bool = False  # bytes after a name with its length are allowed
    user_key: str | None = "username"  # None: the user name is not read, and comes with each datagram
    needs_password: bool = False  # the key must be there
    password_key: str = "password"
    passwords: bool = True
    null_password: bool = True  # null is allowed
    extra_key: str | None = None  # a key that must be there, with any value
    pair_key: str | None = None  # the key of [ip, port]
    port_key: str | None = None  # or the keys of port and ip
    ip_key: str = "ip"

    # replies
    framing: str = "header"  # none
    steps: int = 2
    early_ack: bool = False  # acknowledges once the header is there, and refuses where the token would come
    room: str = "echoed"  # absent, announced
    characters: bool = False  # room sizes in replies count characters
    operation: int | None = None  # the operation of all replies
    states: Sequence[int] = (1, 2, 1)  # of acknowledgement, token, refusal
    status: str = "byte"  # json, text, state, words, close, error
    status_key: str = "status"
    values: Sequence[Any] = (0, 1, 2, 3, 4)  # of the status: ok, exists, not found, password, malformed
    token_ok: Any = None  # the status beside a token, if it is not that of ok
    says_once: bool = False  # no status beside a token that comes after an acknowledgement
    words_key: str | None = None
    token_key: str | None = None  # the token comes in JSON
    token: str = "uuid"  # hex, base64, bytes, digits, varying, named (with the user's name in it), ip, blob (463 bytes)
    empty_token_follows: bool = False  # after an acknowledgement that refuses
    words_differ: bool = False  # each refusal is other words
    any_operation: bool = False  # whatever is not a create is a join
    waits_for_port: bool = False

    # datagrams
    address: str = "latest"  # how a member's address is learnt: message, request, handshake, tcp
    register: str | None = None  # the message that registers
    tcp_fallback: bool = False  # until then messages go to the port that TCP came from
    port_optional: bool = False  # a port that a request declares is where messages go until a datagram comes
    source: str = "ip"  # where datagrams may come from: anything, address
    up: str = "room-size token-size room token message"
    register_type: Any = None
    chat_type: Any = None
    leave_type: Any = None
    down: str = "text:{user}: {message}"  # also mirrored, message
    down_type: Any = None
    echo: bool = False
    empty: str = "registers"  # what an empty message does: relayed, ignored
    leave: str | None = "exit"
    folded: bool = False  # case and white space of `leave` do not count
    guests_leave: bool = True
    leave_relayed: bool = False
    utf8: bool = False  # messages must be UTF-8
    joined: str | None = None  # the text of a notice, as are the next two
    left: str | None = None
    host_left: str | None = None
    mark: str = ""  # what notices begin with

    # faults
    one_at_a_time: bool = False
    keeps_open: bool = False  # never closes a connection first
    dies_of_empty: bool = False  # of a connection without a byte
    one_recv: bool = False
    hangs: bool = False  # for 3 s, on what it does not understand
    stages: bool = False  # does not read a request in one segment to its end
    dies_of: str | None = None  # state, utf8, datagram: another state, a message that is not UTF-8, an unreadable one
    answers: str | None = None  # nothing, http, random, close, tls: it is no chat server at all
