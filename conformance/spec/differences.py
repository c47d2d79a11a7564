"""Where a dialect differs from TCRP/1: for most authors a list of what is left to do.

Differences of layout get no verdict in a dialect of its own. They are listed at the head of the report instead, each
with its clause.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from conformance.dialect.traits import Traits
from conformance.spec.applicability import exemptions
from conformance.spec.clauses import PREFIX, all_clauses
from tcrp import Dialect
from tcrp.dialects import DEFAULT
from tcrp.dialects.settings import Settings

WANTS = "TCRP/1 wants"


class Difference(NamedTuple):
    """One difference: the id of its clause, and in words what the dialect has and what TCRP/1 wants."""

    clause: str
    text: str


def differences(dialect: Dialect) -> list[Difference]:
    """All differences of a dialect from TCRP/1, in the order of the clauses. What was not learnt is no difference."""
    if dialect.name == DEFAULT:
        return []
    settings = getattr(dialect, "settings", None)
    found = _of_settings(settings) if isinstance(settings, Settings) else _of_code(dialect)
    order = {one.id: number for number, one in enumerate(all_clauses())}
    return sorted((Difference(PREFIX + clause, text) for clause, text in found), key=lambda one: order[one.clause])


def _of_code(dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Of a dialect that is code: what the suite knows that it does otherwise."""
    order = [one.id.removeprefix(PREFIX) for one in all_clauses()]
    for reason, clauses in exemptions(Traits(dialect)):
        first = next(name for name in order if name.startswith(clauses[0]))
        yield first, reason


def _of_settings(settings: Settings) -> Iterator[tuple[str, str]]:
    usual = Settings()
    for key, clause, said, wanted in _TABLE:
        here, there = _value(settings, key), _value(usual, key)
        known = not {key, key.partition(".")[0]} & settings.not_learnt.keys()
        if known and here != there and _counts(settings, key):
            yield clause, f"{_sentence(settings, key, said)}; {WANTS} {wanted}"
    if settings.status.form == "byte":
        yield from _of_statuses(settings)
    if settings.notices.closed_mark != "\x04" and not {"notices", "notices.host-left"} & settings.not_learnt.keys():
        host_left = settings.notices.host_left
        told = " ".join(host_left.text.split())
        said = "nobody is told" if host_left.to == "nobody" else f"the others are told {_in_words(told)}"
        yield "5.4a", f"when the host leaves {said}; {WANTS} the byte 0x04 and a text"


def _sentence(settings: Settings, key: str, said: str) -> str:
    """What the dialect does, with the value; where there is no such thing at all, that."""
    value = _value(settings, key)
    if isinstance(value, str | bool) and (key, value) in _SENTENCES:
        return _SENTENCES[key, value]
    if key == "down.form" and value == "binary":
        return f"a datagram to a client is {_in_words(settings.down.layout)} in bytes"
    if key == "status.form":
        status = settings.status
        under = f" under the key `{status.key}`" if status.key else ""
        return {
            "json": f"the status is the JSON value {_in_words(status.ok)}{under}",
            "text": f"the status is the text {_in_words(status.ok)}",
            "state": "the status is the State of the reply",
        }.get(status.form, "a reply has no status")
    return said.replace("{}", _in_words(value))


def _of_statuses(settings: Settings) -> Iterator[tuple[str, str]]:
    for number, (name, clause) in enumerate((("room-exists", "3.4d"), ("room-not-found", "3.4e")), 1):
        value = _value(settings, f"status.{name}")
        value = settings.status.refused if value is None else value
        if value not in (None, number) and f"status.{name}" not in settings.not_learnt:
            yield clause, f"the status of a refusal is {value}; {WANTS} {number}"


def _counts(settings: Settings, key: str) -> bool:
    """Whether the setting has a meaning beside the others."""
    match key:
        case "request.user-key" | "request.no-password":
            return settings.request.payload in ("json", "json-or-raw")
        case "request.payload":
            return settings.request.payload != "json"
        case "reply.ack-state" | "reply.token-state" | "reply.operation" | "reply.room" | "reply.room-size":
            return settings.reply.framing == "header"
        case "status.ok":
            return settings.status.form == "byte"
        case "status.form":
            return not (settings.status.form == "none" and settings.reply.refusal == "close")
        case "up.layout":
            return settings.up.form == "binary"
        case "down.template":
            return settings.down.form == "text"
    return True


def _value(settings: Settings, key: str) -> Any:
    found: Any = settings
    for name in key.split("."):
        found = getattr(found, name.replace("-", "_"))
    return found


def _in_words(value: Any) -> str:
    if isinstance(value, tuple | Mapping):
        return " ".join(value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


_SENTENCES: dict[tuple[str, str | bool], str] = {
    ("header.size", "digits"): "the size field of the header is 29 ASCII digits",
    ("header.size", "digits-nul"): "the size field of the header is ASCII digits with NULs after them",
    ("request.payload", "raw"): "the payload of a request is the raw user name, and JSON is none",
    ("request.payload", "json-string"): "the payload of a request is a JSON string",
    ("request.payload", "length-prefixed"): "the payload of a request is one byte of size and the user name",
    ("request.password-key", False): "rooms have no passwords",
    ("request.no-password", "empty"): 'a request without a password must say ""',
    ("request.no-password", "null"): "a request without a password must say null",
    ("request.address", "pair"): "the request declares the client's UDP address",
    ("request.address", "ip-and-port"): "the request declares the client's UDP address",
    ("reply.room", "absent"): "a reply does not hold the room name",
    ("reply.room", "announced"): "a reply announces the size of the room name and leaves out its bytes",
    ("reply.refusal", "text"): "a refusal is words alone",
    ("reply.refusal", "close"): "a refused request is closed without a word",
    ("address.learnt", "message"): "a member's address is the source of its register message",
    ("address.learnt", "request"): "a member's address is the one that its request declares",
    ("address.learnt", "handshake"): "a member's address is told on TCP after the token",
    ("address.learnt", "tcp"): "a member's address is that of its TCP connection",
    ("address.source", "address"): "datagrams are taken from the member's own port alone",
    ("address.source", "anything"): "datagrams are taken from anywhere",
    ("chat.empty", "relayed"): "an empty message is relayed as chat",
    ("chat.empty", "ignored"): "an empty message has no effect",
    ("chat.leave", False): "no message leaves",
    ("down.form", "json"): "a datagram to a client is JSON",
    ("down.form", "mirrored"): "a datagram to a client is the sender's as it came, token included",
    ("down.form", "message"): "a datagram to a client is the message alone",
    ("up.form", "json"): "a client's datagram is JSON",
    ("up.form", "text"): "a client's datagram is a text with separators",
}
"""What is said of a value that does not speak for itself."""

_TABLE = (
    ("header.size", "2.1", "the size field of the header holds {}", "a big-endian number of 29 bytes"),
    ("header.counts", "2.1", "the size field counts the room name too", "the size of the payload alone"),
    ("reply.framing", "2.1", "replies have no header", "the 32 bytes before each"),
    ("reply.room-size", "2.3a", "RoomNameSize in a reply counts {}", "bytes"),
    ("request.stages", "2.5a", "the header is to be sent first, and the rest after a pause", "any segmentation"),
    ("request.create", "3.1a", "operation {} creates a room", "1"),
    ("request.join", "3.1a", "operation {} joins a room", "2"),
    ("request.state", "3.1b", "a request has state {}", "0"),
    ("reply.ack-state", "3.1b", "the ACK has state {}", "1"),
    ("reply.token-state", "3.1b", "the COMPLETE has state {}", "2"),
    ("request.payload", "3.2a", "the payload of a request is {}", "a JSON object, or the raw user name"),
    ("request.user-key", "3.2a", "the key of the user name is {}", "`username`"),
    ("request.extra", "3.2d", "a request must hold further keys: {}", "no others"),
    ("request.password-key", "3.2b", "the key of the password is {}", "passwords under `password`"),
    ("request.no-password", "3.2b", "no password is said as {}", "that the key may be left out"),
    ("reply.steps", "3.4a", "one reply is all", "an ACK and then a COMPLETE"),
    ("reply.room", "3.4a", "the room name in a reply is {}", "it echoed"),
    ("reply.operation", "3.4a", "the operation of every reply is {}", "that of the request"),
    ("status.form", "3.4a", "", "one byte"),
    ("status.ok", "3.4c", "the status of a good reply is {}", "0"),
    ("reply.refusal", "3.4a", "a refusal is told by {}", "a status"),
    ("reply.refused-in", "3.5b", "a refusal comes after a good ACK, in place of the token", "it in the ACK"),
    ("token.form", "3.5a", "the token stands in a JSON object", "the token alone as payload"),
    ("reply.closes", "3.6a", "the client is the one to close the connection", "the server to close it"),
    ("up.form", "4.1", "a client's datagram is {}", "sizes, room name, token and message in bytes"),
    ("up.layout", "4.1", "a client's datagram is {}", "room-size token-size room token message"),
    ("request.address", "4.3a", "the request declares the client's UDP address as {}", "no such declaration"),
    ("address.learnt", "4.3a", "a member's address is learnt from: {}", "the source of its latest valid datagram"),
    ("address.source", "4.3a", "datagrams are taken from the member's {} only", "them from any port of its IP address"),
    ("chat.empty", "4.4a", "an empty message is {}", "it to register the sender's address"),
    ("chat.echo", "4.5d", "the sender gets its own message", "no copy to the sender"),
    ("down.form", "4.6a", "a datagram to a client is {}", "the text `user: message`"),
    ("down.template", "4.6a", "a datagram to a client is {}", "`{user}: {message}`"),
    ("chat.leave", "5.1a", "the message that leaves is {}", "`exit`"),
    ("chat.guests-may-leave", "5.1a", "a guest cannot leave", "that it can"),
    ("chat.leave-relayed", "5.1c", "the message that leaves is relayed", "that it is not"),
    ("chat.leave-match", "5.1d", "the message that leaves may have capitals and spaces around it", "the exact bytes"),
)
"""Key of a dialect file, clause, what the dialect does ({}: the value), and what TCRP/1 wants."""
