"""Checks of a dialect's settings: values that are not possible, and settings that contradict each other.

Each rule yields pairs of a dotted key and what is wrong with its value.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from tcrp.constants import Status
from tcrp.dialects.framed_text import printable, split_template
from tcrp.dialects.schema import NAME_PATTERN
from tcrp.dialects.settings import NoticeSettings, Settings

Problems: TypeAlias = Iterator[tuple[str, str]]

UUID_SIZE = 36
"""Bytes of a UUID as text."""
_REFUSALS = tuple(status.name.lower() for status in Status if status is not Status.OK)


class WrongSetting(ValueError):
    """A setting that cannot be used. `key`: its dotted key. The message is one line that says why."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def check(settings: Settings) -> None:
    """Raise WrongSetting for the first setting that breaks a rule."""
    for rule in (_name, _request, _status, _reply, _token, _address, _up, _down, _types, _notices):
        for key, message in rule(settings):
            raise WrongSetting(key, printable(f"{key} {message}"))


def _name(settings: Settings) -> Problems:
    if not re.fullmatch(NAME_PATTERN, settings.name):
        yield "name", f'is "{settings.name}": letters, digits, ".", "_" and "-", at least one'


def _request(settings: Settings) -> Problems:
    request = settings.request
    if request.create == request.join:
        yield "request.join", f"is {request.join}, and so is request.create"
    holds_json = request.payload in ("json", "json-or-raw")
    if request.address != "none" and not holds_json:
        yield (
            "request.address",
            f'is "{request.address}": only JSON holds it, and request.payload is "{request.payload}"',
        )
    if request.extra and not holds_json:
        yield "request.extra", f'is there: only JSON holds it, and request.payload is "{request.payload}"'
    keys = {"user-key": request.user_key, "password-key": request.password_key}
    if request.address == "pair":
        keys["address-key"] = request.address_key
    if request.address == "ip-and-port":
        keys |= {"ip-key": request.ip_key, "port-key": request.port_key}
    yield from _duplicates("request", keys.items())
    for key in request.extra:
        if key in keys.values():
            yield f"request.extra.{key}", "is the name of another key of the request"


def _status(settings: Settings) -> Problems:
    status, words = settings.status, settings.words
    if status.form in ("byte", "state", "text"):
        kind, what = (str, "a text") if status.form == "text" else (int, "a number from 0 to 255")
        values = {"ok": status.ok} | {name: getattr(status, name) for name in ("refused", *_REFUSALS)}
        for name, value in values.items():
            fits = value is None or (type(value) is kind and (kind is str or 0 <= int(value) <= 255))
            if not fits:
                key = f"status.{_key_name(name)}"
                yield key, f'is {_value_text(value)}: where status.form is "{status.form}" it is {what}'
        if kind is str and status.refused is None:
            for name in _REFUSALS:
                if values[name] is None and settings.reply.refusal == "status":
                    key = _key_name(name)
                    yield "status.refused", f'is not there: where status.form is "text" it, or {key}, is a text'
    if status.form in ("byte", "text"):
        for name, value in (("key", words.key), ("error-key", words.error_key)):
            if value:
                yield (
                    f"words.{name}",
                    f'is {_value_text(value)}: where status.form is "{status.form}" there is no JSON for it',
                )


def _reply(settings: Settings) -> Problems:
    reply, form = settings.reply, settings.status.form
    says_words = bool(settings.words.key or settings.words.error_key)
    if form == "state":
        if reply.framing == "none":
            yield "status.form", 'is "state": where reply.framing is "none" there is none'
        good = reply.ack_state if reply.steps == 2 and reply.refused_in == "acknowledgement" else reply.token_state
        for name in _REFUSALS:
            own = getattr(settings.status, name)
            own = own if own is not None else settings.status.refused
            if (int(Status[name.upper()]) if own is None else own) == good:
                yield f"status.{_key_name(name)}", f"is {good}: as a State that means that it went well"
    if form == "none" and reply.refusal == "status" and not says_words:
        yield "reply.refusal", 'is "status": where status.form is "none" it is "text" or "close"'
    if form in ("none", "state") and reply.framing == "none" and reply.steps == 2 and not says_words:
        yield "reply.steps", 'is 2: where status.form is "none" an unframed acknowledgement would be nothing at all'


def _token(settings: Settings) -> Problems:
    token = settings.token
    if token.alphabet == "uuid" and token.size != UUID_SIZE:
        yield "token.size", f'is {token.size}: where token.alphabet is "uuid" it is {UUID_SIZE}'
    if token.alphabet == "bytes" and (token.form == "json" or settings.up.form != "binary"):
        yield "token.alphabet", 'is "bytes": JSON and text cannot hold them'
    if token.null_when_full and token.form != "json":
        yield "token.null-when-full", 'is true: only where token.form is "json" can a token be null'


def _address(settings: Settings) -> Problems:
    address, chat = settings.address, settings.chat
    if address.learnt == "request" and settings.request.address == "none":
        yield "address.learnt", 'is "request": request.address says how it is declared there, and is "none"'
    if address.message and address.learnt != "message":
        yield "address.message", f'is there: it is for address.learnt = "message", which is "{address.learnt}"'
    if address.learnt == "message" and settings.up.register_type is None:
        if not address.message and chat.empty != "registers":
            yield "chat.empty", f'is "{chat.empty}": the empty message is the one that registers'
        if address.message == chat.leave:
            yield "address.message", "is the message that leaves"
    if chat.leave == "":
        yield "chat.leave", 'is "": where no message leaves it is false'
    if settings.ports.tcp is False and address.learnt != "latest":
        yield "address.learnt", f'is "{address.learnt}": without TCP it is "latest"'


def _up(settings: Settings) -> Problems:
    up = settings.up
    fields: set[str]
    match up.form:
        case "binary":
            yield from _elements("up.layout", up.layout, {"token"})
            key, fields = "up.layout", set(map(str, up.layout))
        case "text":
            yield from _template("up.template", up.template, {"room", "token", "user", "message"})
            key, fields = "up.template", set(split_template(up.template)[1::2])
        case _:
            keys = (
                ("type-key", up.type_key), ("room-key", up.room_key), ("token-key", up.token_key),
                ("user-key", up.user_key), ("message-key", up.message_key),
            )  # fmt: skip
            yield from _duplicates("up", keys)
            key, fields = "up.token-key", {name.removesuffix("-key") for name, value in keys if value is not False}
    if settings.ports.tcp is False:
        if "token" in fields or "user" not in fields:
            yield key, "has a token or no user: without TCP a datagram says who sends it, and nothing else does"
    elif not fields & {"token", "room"}:
        yield key, "has neither token nor room: nothing tells whose room it is for"


def _down(settings: Settings) -> Problems:
    down = settings.down
    match down.form:
        case "text":
            yield from _template("down.template", down.template, {"room", "user", "message"})
        case "binary":
            yield from _elements("down.layout", down.layout, set())
        case "json":
            yield from _duplicates("down", (
                ("type-key", down.type_key), ("room-key", down.room_key), ("user-key", down.user_key),
                ("message-key", down.message_key),
            ))  # fmt: skip


def _types(settings: Settings) -> Problems:
    up, down = settings.up, settings.down
    typed = "type" in up.layout if up.form == "binary" else up.form == "json" and up.type_key is not False
    given = {"chat-type": up.chat_type, "register-type": up.register_type, "leave-type": up.leave_type}
    yield from _check_types("up", typed, up.form, given)
    yield from _duplicates("up", given.items())
    typed = "type" in down.layout if down.form == "binary" else down.form == "json" and down.type_key is not False
    yield from _check_types("down", typed, down.form, {"chat-type": down.chat_type})


def _check_types(table: str, typed: bool, form: str, given: dict[str, int | str | None]) -> Problems:
    if typed and given["chat-type"] is None:
        yield f"{table}.chat-type", "is not there: the datagram has a type"
    for name, value in given.items():
        if value is not None and not typed:
            yield f"{table}.{name}", f"is {_value_text(value)}: the datagram has no type"
        if isinstance(value, str) and form == "binary":
            yield f"{table}.{name}", f"is {_value_text(value)}: in binary a type is a number from 0 to 255"


def _notices(settings: Settings) -> Problems:
    typed = settings.down.form == "json" and settings.down.type_key is not False
    for status in type(settings.notices).__dataclass_fields__:
        notice = getattr(settings.notices, status)
        if not isinstance(notice, NoticeSettings):
            continue
        key = f"notices.{_key_name(status)}"
        if notice.to != "nobody" and not (notice.text or notice.type):
            yield key, f'is to "{notice.to}" and has no text'
        if notice.type is not None and not typed:
            yield (
                f"{key}.type",
                f'is "{notice.type}": only where down.form is "json" and has a type-key is there a type',
            )
        if typed and notice.to != "nobody" and notice.type is None:
            yield key, "has no type, and down.type-key is there"
        yield from _placeholders(f"{key}.text", notice.text, {"user", "room"})


def _elements(key: str, layout: tuple[str, ...], free: set[str]) -> Problems:
    """Check a binary layout. `free`: elements that need no size before them."""
    seen: set[str] = set()
    for element in layout:
        if element in seen:
            yield key, f'has "{element}" twice'
        sized = element.removesuffix("-size")
        if element.endswith("-size") and (sized not in layout or sized in seen):
            yield key, f'has "{element}" without "{sized}" after it'
        bare = element == sized and element != "type" and f"{element}-size" not in seen
        if bare and element not in free and element != layout[-1]:
            yield key, f'has "{element}" with no "{element}-size" before it, and it is not the last'
        seen.add(element)
    if "message" not in seen:
        yield key, 'has no "message"'


def _template(key: str, template: str, allowed: set[str]) -> Problems:
    yield from _placeholders(key, template, allowed)
    parts = split_template(template)
    places = parts[1::2]
    for place in places:
        if places.count(place) > 1:
            yield key, f"has {{{place}}} twice"
    if any(not between for between in parts[2:-1:2]):
        yield key, "has two places with nothing between them: nothing tells where one ends"
    if "message" not in places:
        yield key, "has no {message}"


def _placeholders(key: str, template: str, allowed: set[str]) -> Problems:
    for place in split_template(template)[1::2]:
        if place not in allowed:
            yield key, f"has {{{place}}}: it may have {', '.join(f'{{{name}}}' for name in sorted(allowed))}"


def _duplicates(table: str, keys: Iterable[tuple[str, object]]) -> Problems:
    seen: dict[object, str] = {}
    for name, value in keys:
        if value is None or value is False:
            continue
        if value in seen:
            yield f"{table}.{name}", f"is {_value_text(value)}, and so is {table}.{seen[value]}"
        seen[value] = name


def _key_name(field: str) -> str:
    return field.replace("_", "-")


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
