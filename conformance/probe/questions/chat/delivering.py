"""What the server does with messages: the layout in which it delivers them, who hears them, and what it rejects."""

import contextlib

from conformance.probe.notebook import Sure
from conformance.probe.questions.chat.chat import ProbedChat
from conformance.probe.questions.chat.members import ProbedMember
from conformance.probe.questions.chat.server_layouts import explain
from conformance.probe.random_names import random_message
from conformance.probe.wire.server import Sent

SECOND_ADDRESS = "127.0.0.2"
"""Another address of this machine towards a server on it."""
_ARRIVED = "a message sent so arrived"


def learn_layouts(chat: ProbedChat) -> None:
    """Take down the layouts that were found, as settings."""
    last = chat.facts.deliveries[-1]
    chat.facts.server_layout = explain(last)
    _learn_client_layout(chat, last.sent)
    if chat.facts.server_layout is None:
        chat.notes.leave_open("down.form", f"there is more in it than can be explained: {last.data!r}")
        return
    by_user = {one.member.user: explain(one) for one in chat.facts.deliveries[-6:]}
    same = len(by_user) > 1 and all(one == chat.facts.server_layout for one in by_user.values())
    for key, value in chat.facts.server_layout.settings.items():
        chat.notes.learn(f"down.{key}", value, "it explains the datagram to its last byte", last.data,
                         sure=Sure.SURE if same else Sure.LIKELY)  # fmt: skip


def _learn_client_layout(chat: ProbedChat, sent: bytes) -> None:
    notes, layout = chat.notes, chat.facts.layout
    notes.learn("up.form", layout.form, _ARRIVED, sent)
    if layout.form == "binary":
        notes.learn("up.layout", layout.layout, _ARRIVED, sent)
    elif layout.form == "text":
        notes.learn("up.template", layout.template, _ARRIVED, sent)
    else:
        for name in ("room", "token", "user", "message", "type"):
            keys = layout.keys.get(name, ())
            notes.learn(f"up.{name}-key", keys[0] if keys else False, _ARRIVED, sent)
    if layout.typed:
        notes.learn("up.chat-type", layout.type, _ARRIVED, sent)
        if layout.register_type is not None:
            notes.learn("up.register-type", layout.register_type, "without it messages did not come")


def learn_delivery(chat: ProbedChat) -> None:
    """Learn whether the sender hears itself, and from which addresses its messages are taken. Raises NoChat."""
    notes, udp = chat.notes, chat.wire.udp
    host, guest = learn_echo(chat)
    if not chat.talk.reach(host, guest, sender=udp.open("other port")):
        notes.learn("address.source", "address", "a message from another port of the same machine does not arrive")
    elif chat.wire.server.udp[0].startswith("127."):
        with contextlib.suppress(OSError):  # not every system has the second address
            arrives = chat.talk.reach(host, guest, sender=udp.open("another address", SECOND_ADDRESS))
            if arrives:  # a broken rule, and no way to talk: it stays a finding
                notes.remark(f"a message from {SECOND_ADDRESS} arrives: whoever has a token may use it (TCRP-3.8e)")
            else:
                notes.learn("address.source", "ip", f"a message from {SECOND_ADDRESS} does not arrive")
    else:
        notes.leave_open("address.source", "this machine has no second address towards the server")
    chat.rooms.leave_behind(host, guest)


def learn_echo(chat: ProbedChat) -> tuple[ProbedMember, ProbedMember]:
    """Learn whether the sender hears itself. Returns the host and the guest that talked. Raises NoChat."""
    host, guest = chat.rooms.settled()
    message = random_message()
    chat.talk.say(host, message + ("é".encode() if chat.facts.server_form == "json" else b""))
    chat.wire.udp.hear(lambda: bool(guest.heard(message)))
    chat.wire.udp.listen(chat.wire.timing.datagram_wait / 2)
    own = host.heard(message)
    if escaped := [data for data in guest.heard(message) if b"\\u00e9" in data]:
        chat.notes.learn("json.escapes", True, "so are the server's datagrams written", escaped[0])
    why = "the sender hears its own message" if own else "the sender hears nothing of it"
    chat.notes.learn("chat.echo", bool(own), why, own[0] if own else None)
    return host, guest


def learn_empty(chat: ProbedChat) -> None:
    """Learn what becomes of an empty message where there is no TCP. Raises NoChat."""
    host, guest = chat.rooms.settled()
    chat.wire.udp.listen(chat.wire.timing.datagram_wait / 2)
    before = len(host.main.inbox)
    sent = chat.talk.say(guest, b"")
    chat.wire.udp.listen()
    came = host.main.inbox[before:]
    why = "an empty message came to the other member" if came else "nobody saw it"
    chat.notes.learn("chat.empty", "relayed" if came else "registers", why, came[0] if came else sent)
    chat.rooms.leave_behind(host, guest)


def learn_bytes(chat: ProbedChat) -> None:
    """Learn whether messages that are not UTF-8 arrive. Ask this last: they end some servers. Raises NoChat."""
    if "json" in (chat.facts.layout.form, chat.facts.server_form):
        return
    talk, server = chat.talk, chat.wire.server
    host, guest = chat.rooms.settled()
    arrives = talk.reach(host, guest, tail=b"\xff")
    why = f"a message with the byte 0xff {'arrives' if arrives else 'does not arrive'}"
    chat.notes.learn("chat.utf8-only", not arrives, why)
    if not arrives and not (talk.reach(host, guest) and talk.reach(guest, host)):
        chat.notes.remark("after a message with the byte 0xff chat no longer works")
        server.blame(Sent("a message that is not UTF-8", over_tcp=False), "chat no longer works")
        if server.owned:
            server.renew()
    chat.rooms.leave_behind(host, guest)
