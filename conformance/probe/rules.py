"""What is done with messages, once they arrive: who hears them, from where they are taken, what leaves, who is told."""

import contextlib
from dataclasses import dataclass

from conformance.probe.asking import nonce
from conformance.probe.chatting import SECOND_ADDRESS, Chat
from conformance.probe.layouts import BYTE_TYPES, LEAVE_TYPES, Member, Type, read_down
from conformance.probe.learning import Sure
from conformance.probe.members import NoChat
from conformance.probe.reading import is_text, read_json, template
from tcrp.dialects.answers import NoticeAnswers, To

WORDS = (
    "exit", "/exit", "quit", "/quit", "LEAVE", "/leave", "__LEAVE__", "@quit", "leave", "bye", "/bye", "@leave",
    "__EXIT__", "logout", "q",
)  # fmt: skip


USERS = ("alicia", "bob", "carl", *(f"guest{number}" for number in reversed(range(30))))


@dataclass
class Told:
    """What members heard of an event: those it was not about, and the one it was."""

    others: list[bytes]
    own: list[bytes]


def learn_layouts(chat: Chat) -> None:
    """The layouts that were found, as answers."""
    notes, up = chat.notes, chat.up
    last = chat.seen[-1]
    chat.down = read_down(last)
    notes.learn("up.form", up.form, "a message sent so arrived", last.sent)
    if up.form == "binary":
        notes.learn("up.layout", up.layout, "a message sent so arrived", last.sent)
    elif up.form == "text":
        notes.learn("up.template", up.template, "a message sent so arrived", last.sent)
    else:
        for name in ("room", "token", "user", "message", "type"):
            keys = up.keys.get(name, ())
            notes.learn(f"up.{name}-key", keys[0] if keys else False, "a message sent so arrived", last.sent)
    if up.typed:
        notes.learn("up.chat-type", up.type, "a message sent so arrived", last.sent)
        if up.register_type is not None:
            notes.learn("up.register-type", up.register_type, "without it messages did not come")
    if chat.down is None:
        notes.not_learnt("down.form", f"there is more in it than can be explained: {last.data!r}")
        return
    both = {one.member.user: read_down(one) for one in chat.seen[-6:]}
    same = len(both) > 1 and all(one == chat.down for one in both.values())
    for key, value in chat.down.answers.items():
        notes.learn(f"down.{key}", value, "it explains the datagram to its last byte", last.data,
                    sure=Sure.SURE if same else Sure.LIKELY)  # fmt: skip


def learn_delivery(chat: Chat) -> None:
    """Own echo, and from where messages are taken."""
    notes, line = chat.notes, chat.line
    host, guest = learn_echo(chat)
    other = line.socket("other port")
    if not chat.reach(host, guest, sender=other):
        notes.learn("address.source", "address", "a message from another port of the same machine does not arrive")
    elif line.target.endpoint.host.startswith("127."):
        with contextlib.suppress(OSError):
            far = line.socket("another address", SECOND_ADDRESS)
            arrives = chat.reach(host, guest, sender=far)
            notes.learn("address.source", "anything" if arrives else "ip", f"a message from {SECOND_ADDRESS} "
                        f"{'arrives' if arrives else 'does not arrive'}")  # fmt: skip
    else:
        notes.not_learnt("address.source", "this machine has no second address towards the server")
    chat.leave_behind(host, guest)


def learn_echo(chat: Chat) -> tuple[Member, Member]:
    """Own echo; and the two that talked."""
    host, guest = chat.settled()
    message = nonce().encode()
    chat.say(host, message + ("é".encode() if is_json(chat) else b""))
    chat.line.hear(lambda: bool(chat.heard(guest, message)))
    chat.line.hush(chat.line.hearing / 2)
    own = chat.heard(host, message)
    if escaped := [data for data in chat.heard(guest, message) if b"\\u00e9" in data]:
        chat.notes.learn("json.escapes", True, "so are the server's datagrams written", escaped[0])
    why = "the sender hears its own message" if own else "the sender hears nothing of it"
    chat.notes.learn("chat.echo", bool(own), why, own[0] if own else None)
    return host, guest


def is_json(chat: Chat) -> bool:
    """Whether the server's datagrams are JSON of its own."""
    return chat.down is not None and chat.down.answers["form"] == "json"


def learn_empty(chat: Chat) -> None:
    """What becomes of an empty message where there is no TCP."""
    host, guest = chat.settled()
    chat.line.hush(chat.line.hearing / 2)
    before = len(host.main.inbox)
    sent = chat.say(guest, b"")
    chat.line.hush()
    came = host.main.inbox[before:]
    why = "an empty message came to the other member" if came else "nobody saw it"
    chat.notes.learn("chat.empty", "relayed" if came else "registers", why, came[0] if came else sent)
    chat.leave_behind(host, guest)


def learn_bytes(chat: Chat) -> None:
    """Messages that are not UTF-8; they end some servers."""
    if chat.up.form == "json" or is_json(chat):
        return
    host, guest = chat.settled()
    arrives = chat.reach(host, guest, tail=b"\xff")
    chat.notes.learn("chat.utf8-only", not arrives, f"a message with the byte 0xff "
                     f"{'arrives' if arrives else 'does not arrive'}")  # fmt: skip
    if not arrives and not (chat.reach(host, guest) and chat.reach(guest, host)):
        chat.notes.remark("after a message with the byte 0xff chat no longer works")
        chat.line.killers.append("a message that is not UTF-8")
        if chat.line.target.owned:
            chat.line.renew()
    chat.leave_behind(host, guest)


def learn_joined(chat: Chat) -> None:
    """Is anybody told that someone joins?"""
    host = chat.member(None, "alicia")
    chat.enter(host)
    chat.line.hush()
    before = len(host.main.inbox)
    guest = chat.member(host.room, "bob")
    chat.enter(guest)
    chat.line.hush()
    _learn_notice(chat, "joined", host, guest, Told(_news(chat, host, before), _news(chat, guest, 0)))
    chat.leave_behind(host, guest)


def _news(chat: Chat, member: Member, since: int) -> list[bytes]:
    """What came that is no chat of ours."""
    return [data for data in member.main.inbox[since:] if data and not _is_chat(chat, data)]


def _is_chat(chat: Chat, data: bytes) -> bool:
    """Whether it is a message of one of ours, an empty one too."""
    down = chat.down
    if down is None:
        return False
    form = down.answers["form"]
    if form == "mirrored":
        return data in chat.sent
    if form == "message":
        return data in chat.said
    if form == "text":
        head = str(down.answers["template"]).partition("{message}")[0]
        return any(data.startswith(head.replace("{user}", user).encode()) for user in USERS)
    if form == "json":
        value = read_json(data)
        key = down.answers.get("type-key")
        if not isinstance(value, dict):
            return False
        user = down.answers["user-key"]
        return value.get(key) == down.answers.get("chat-type") if key else not user or value.get(user) in USERS
    return form == "binary" and data[:1] < b" " and len(data) > 1 and data[1:2].isalnum()


def _learn_notice(chat: Chat, event: str, other: Member, about: Member, told: Told) -> None:
    notes, key = chat.notes, f"notices.{event}"
    if not told.others and not told.own:
        notes.learn(key, NoticeAnswers(), "nobody was told anything")
        return
    to: To = "all" if told.others and told.own else "others" if told.others else "member"
    came = told.others or told.own
    if event == "host-left" and (left := notes.value("notices.left")) is not None:  # that a member left is told apart
        came = sorted(came, key=lambda one: template(_text_of(chat, one)[0], room="", users=(about.user,)) == left.text)
    data = came[0]
    text, type_ = _text_of(chat, data)
    closed = event in ("host-left", "host-idle") or (event == "left" and to == "member")
    if text[:1] < " " and text:
        notes.learn("notices.closed-mark" if closed else "notices.info-mark", text[0], "it begins so", data)
        text = text[1:]
    said = template(text, room=about.room, users=(about.user,))
    notes.learn(key, NoticeAnswers(to, said, type_), f"{to} told", data)
    more = came[1:]
    if more:
        notes.remark(f"{event}: more than one datagram tells of it, also {more[0]!r}")


def _text_of(chat: Chat, data: bytes) -> tuple[str, str | None]:
    down = chat.down
    if down is not None and down.answers["form"] == "json" and isinstance(value := read_json(data), dict):
        text = value.get(down.answers["message-key"])
        type_ = value.get(down.answers.get("type-key", ""))
        return text if isinstance(text, str) else "", type_ if isinstance(type_, str) else None
    return (data.decode() if is_text(data[1:] if data[:1] < b" " else data) else data.decode(errors="replace")), None


# ------------------------------------------------------------------------------------------------------------- leaving


def learn_leaving(chat: Chat) -> None:
    """Every guest tries another word; who then hears nothing has left. Then the host tries."""
    tries: list[tuple[bytes, Type]] = [(word.encode(), None) for word in WORDS]
    if chat.up.typed:
        types: tuple[Type, ...] = BYTE_TYPES if chat.up.form == "binary" else LEAVE_TYPES
        taken = (chat.up.type, chat.up.register_type)
        tries = [*((b"", one) for one in types if one not in taken), *tries]
    tries.append((b" EXIT\n", None))
    most = 8 if chat.line.wait > 0.5 else len(tries)
    left = _guests_try(chat, tries[:most])
    _learn_word(chat, left)
    if chat.rooms:
        _host_tries(chat, left, tries[:most])
    elif not left:
        chat.notes.learn("chat.leave", False, f"none of {most} words had an effect", sure=Sure.LIKELY)


def _guests_try(chat: Chat, tries: list[tuple[bytes, Type]]) -> list[tuple[bytes, Type]]:
    """Those that made a guest leave."""
    chat.line.check_time()
    host = chat.member(None, "alicia")
    guests = [chat.member(host.room, f"guest{number}") for number in range(len(tries))]
    chat.enter(host, *guests)
    chat.reach(host, *guests)
    present = [guest for guest in guests if chat.sockets_heard_any(guest)]
    news: dict[int, Told] = {}
    relayed: dict[int, bool] = {}
    for number, (guest, (word, type_)) in enumerate(zip(guests, tries, strict=True)):
        if guest not in present:
            continue
        before, own = len(host.main.inbox), len(guest.main.inbox)
        witness = next(one for one in (*reversed(guests), host) if one is not guest)
        seen = len(witness.main.inbox)
        chat.say(guest, word, type_=type_)
        chat.line.hear(lambda: len(host.main.inbox) > before, chat.line.hearing)  # noqa: B023
        chat.line.hush(0.02)
        came = host.main.inbox[before:]
        relayed[number] = any(_is_chat(chat, data) and (not word or word.strip() in data) for data in came)
        others = _news(chat, host, before) or _news(chat, witness, seen)
        news[number] = Told(others, _news(chat, guest, own))
    for _ in range(2):
        message = nonce().encode()
        chat.say(host, message)
        chat.line.hear(lambda: all(chat.heard(guest, message) for guest in present), 2 * chat.line.hearing)  # noqa: B023
        deaf = [guest for guest in present if not chat.heard(guest, message)]
        if not deaf:
            break
    if deaf and len(deaf) == len(present):
        chat.notes.remark("after the words that guests leave by elsewhere, nobody heard anything any more")
        chat.leave_behind(host, *guests)
        return []
    left = [number for number, guest in enumerate(guests) if guest in deaf]
    if left:
        first = left[0]
        chat.notes.learn(
            "chat.leave-relayed", relayed[first], "it came as chat first" if relayed[first] else "nobody saw it"
        )
        _learn_notice(chat, "left", host, guests[first], news[first])
    chat.leave_behind(host, *guests)
    return [tries[number] for number in left]


def _learn_word(chat: Chat, left: list[tuple[bytes, Type]]) -> None:
    notes = chat.notes
    words = [word for word, type_ in left if type_ is None]
    types = [type_ for _, type_ in left if type_ is not None]
    if types:
        notes.learn("up.leave-type", types[0], "after it a guest hears nothing any more")
        notes.learn("chat.guests-may-leave", True, "as above")
    plain = [word for word in words if word != b" EXIT\n"]
    if plain:
        notes.learn("chat.leave", plain[0].decode(), "after it a guest hears nothing any more", plain[0])
        notes.learn("chat.guests-may-leave", True, "as above")
        if len(plain) > 1:
            notes.remark(f"{b', '.join(plain[1:]).decode()} leave too, a dialect file knows one word")
        if plain[0] == b"exit":
            folded = b" EXIT\n" in words
            notes.learn("chat.leave-match", "folded" if folded else "exact",
                        f"' EXIT' with a newline {'leaves too' if folded else 'is chat'}")  # fmt: skip
    elif types:
        notes.learn("chat.leave", False, "a type leaves, no word does")


def _host_tries(chat: Chat, left: list[tuple[bytes, Type]], tries: list[tuple[bytes, Type]]) -> None:
    """What the host leaves by, who is told, and whether the room is closed then."""
    tried = left[:1] or [one for one in tries if one[0] != b" EXIT\n"]
    host, first = chat.settled()
    second = chat.member(host.room, "guest1")
    chat.enter(second)
    if not chat.reach(first, second) and not chat.reach(second, first):
        raise NoChat("a third member hears nothing")
    for word, type_ in tried:
        chat.line.check_time()
        seen, own, other = len(first.main.inbox), len(host.main.inbox), len(second.main.inbox)
        chat.say(host, word, type_=type_)
        chat.line.hush()
        told = Told(_news(chat, first, seen) or _news(chat, second, other), _news(chat, host, own))
        relayed = any(_is_chat(chat, data) and word and word in data for data in first.main.inbox[seen:])
        closed = not chat.reach(first, second)
        if not closed and not told.others and not told.own:
            continue
        if not left:
            chat.notes.learn(
                "chat.leave", word.decode(), "after it the host's room is closed; guests do not leave by it", word
            )
            chat.notes.learn("chat.guests-may-leave", False, "a guest that says it still hears the others")
            chat.notes.learn("chat.leave-relayed", relayed, "it came as chat first" if relayed else "nobody saw it")
        if not closed:
            chat.notes.remark("when the host leaves, the room stays open for the others")
        _learn_notice(chat, "host-left", first, host, told)
        break
    else:
        if not left:
            chat.notes.learn("chat.leave", False, f"none of {len(tried)} words had an effect", sure=Sure.LIKELY)
        else:
            chat.notes.remark("what guests leave by has no effect on the room when its host says it")
            chat.notes.learn("notices.host-left", NoticeAnswers(), "nobody was told anything")
    chat.leave_behind(host, first, second)
