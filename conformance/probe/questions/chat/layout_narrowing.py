"""What of a layout that is understood is needed, and whether the user name that comes with chat is the right one."""

from dataclasses import replace

from conformance.probe.questions.chat.chat import ProbedChat
from conformance.probe.questions.chat.client_layouts import ClientLayout, single_keys
from conformance.probe.questions.chat.layout_attempts import LayoutAttempts
from conformance.probe.questions.chat.members import ProbedMember
from conformance.probe.questions.chat.talk import NoChat


def check_user_name(chat: ProbedChat, attempts: LayoutAttempts) -> None:
    """Learn where requests hold the user name: the one that comes with chat is the one that was read there.

    If another name comes, other keys, or another meaning of the header's size field, are tried.
    """
    facts, notes, last = chat.requester.facts, chat.notes, chat.facts.deliveries[-1]
    if last.has_user or last.data in (last.message, last.sent):
        in_datagram = "user" in chat.facts.layout.fields
        if facts.shape.payload == "json" and last.has_user and not in_datagram:
            facts.user_came_with_chat = True
            why = "with this key alone a CREATE got a token, and the name came with chat"
            notes.learn("request.user-key", facts.shape.user_keys[0], why, last.data)
        return
    before = facts.shape
    others = [replace(before, user_keys=(key,)) for key in facts.other_user_keys]
    if before.payload in ("raw", "length-prefixed"):
        others.append(before.counted_otherwise())
    for other in others:
        facts.shape = other
        try:
            host, guest = chat.rooms.pair(tell_port=True)
        except NoChat:
            continue
        if attempts.passes(host, guest) and chat.facts.deliveries[-1].has_user:
            data = chat.facts.deliveries[-1].data
            notes.learn("header.counts", other.counts, "only so does the user name come whole", data)
            if other.payload == "json":
                facts.user_came_with_chat = True
                notes.learn("request.user-key", other.user_keys[0], "only so does the user name come", data)
            return
    facts.shape = before


def narrow_json(chat: ProbedChat, attempts: LayoutAttempts) -> None:
    """Find the one key that is needed of each field of a JSON layout, and the fields that are not needed."""
    facts = chat.facts
    for name in ("room", "user", "token", "message"):
        layouts = single_keys(facts.layout, name)
        if name == "message":
            next(layouts)  # without a message there is nothing to hear
        for layout in layouts:
            before = facts.layout
            members, passed = _attempt(chat, attempts, layout)
            chat.rooms.leave_behind(*members)
            if passed and (name != "user" or facts.deliveries[-1].has_user):
                break
            facts.layout = before
    if facts.layout.typed and len(facts.layout.keys.get("type", ())) > 1:
        _narrow_type(chat, attempts)


def _narrow_type(chat: ProbedChat, attempts: LayoutAttempts) -> None:
    facts = chat.facts
    layouts = single_keys(facts.layout, "type")
    next(layouts)  # without a type it is another layout
    for layout in layouts:
        before = facts.layout
        if _attempt(chat, attempts, layout)[1]:
            return
        facts.layout = before


def _attempt(
    chat: ProbedChat, attempts: LayoutAttempts, layout: ClientLayout
) -> tuple[tuple[ProbedMember, ProbedMember], bool]:
    """A new pair of members, and whether the layout passes with them."""
    chat.facts.layout = layout
    members = chat.rooms.pair(tell_port=True)
    if layout.register_type is not None:
        for member in members:
            chat.talk.say(member, b"", type_=layout.register_type)
    return members, attempts.passes(*members)
