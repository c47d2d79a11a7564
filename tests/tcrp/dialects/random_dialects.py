"""Dialects with random settings, and a conversation between their two sides in memory."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import note
from hypothesis import strategies as st

import tcrp
from tcrp import Ack, Complete, Create, Event, Join, Requested, Status
from tcrp.dialects.contradictions import WrongSetting
from tcrp.dialects.file import dumps
from tcrp.dialects.framed import Framed
from tcrp.dialects.settings import (
    AddressSettings,
    ChatSettings,
    DownSettings,
    HeaderSettings,
    JsonSettings,
    ReplySettings,
    RequestSettings,
    Settings,
    StatusSettings,
    TokenSettings,
    UpSettings,
    WordSettings,
)

PEER = ("127.0.0.1", 40000)
UDP = ("127.0.0.1", 50000)
TOKEN = b"0f8fad5b-d9cb-469f-a165-70867728950e"


def up_layouts() -> st.SearchStrategy[UpSettings]:
    def binary(order: list[str], typed: bool, sized_end: bool) -> UpSettings:
        sizes = [f"{name}-size" for name in order if name != "message"] + (["message-size"] if sized_end else [])
        layout = [*(["type"] if typed else []), *sizes, *order]
        types = {"register_type": 1, "chat_type": 2, "leave_type": 3} if typed else {}
        return UpSettings(layout=tuple(layout), **types)  # type: ignore[arg-type]

    orders = st.sampled_from([["room", "token"], ["token"], ["room", "user", "token"], ["user", "room"]])
    binaries = st.builds(lambda order, *more: binary([*order, "message"], *more), orders, st.booleans(), st.booleans())
    texts = st.sampled_from(["{token}:{user}:{message}", "{room}|{message}|{token}|", "<{token}> {message}"])
    return st.one_of(
        binaries,
        texts.map(lambda template: UpSettings(form="text", template=template)),
        st.sampled_from([
            UpSettings(form="json", user_key="user_name", token_key="t"),
            UpSettings(form="json", room_key=False),
            UpSettings(form="json", type_key="type", register_type="INITIAL", chat_type="CHAT", leave_type="LEAVE"),
            UpSettings(form="json", type_key="type", register_type=0, chat_type=1),
        ]),
    )  # fmt: skip


DOWNS = [
    DownSettings(),
    DownSettings(template="[{room}] <{user}> {message}"),
    DownSettings(form="binary"),
    DownSettings(form="binary", layout=("type", "room-size", "user-size", "message-size", "room", "user", "message"),
                chat_type=7),
    DownSettings(form="json", room_key="room"),
    DownSettings(form="json", type_key="type", chat_type="CHAT", user_key=False),
    DownSettings(form="mirrored"),
    DownSettings(form="message"),
]  # fmt: skip

STATUSES = [
    (StatusSettings(), WordSettings()),
    (StatusSettings(ok=9, refused=200, room_exists=201), WordSettings()),
    (StatusSettings(form="json"), WordSettings()),
    (StatusSettings(form="json", key=False, ok=True, refused=False), WordSettings()),
    (StatusSettings(form="json", ok=202, token_ok=201, refused=400), WordSettings(key="message", ok="よし")),
    (StatusSettings(form="json", ok="success", refused="error"), WordSettings(error_key="error")),
    (StatusSettings(form="text", ok="OK", refused="NO {room}", room_exists="{room} exists"), WordSettings()),
    (StatusSettings(form="state", refused=9, room_exists=10), WordSettings()),
    (StatusSettings(form="none"), WordSettings()),
    (StatusSettings(form="none"), WordSettings(key="error_message")),
]


@st.composite
def dialects(draw: st.DrawFn) -> Framed:
    """Any settings that do not contradict each other."""
    payload: Any = draw(st.sampled_from(["json-or-raw", "json", "raw", "json-string", "length-prefixed"]))
    json_payload = payload in ("json", "json-or-raw")
    address: Any = draw(st.sampled_from(["none", "pair", "ip-and-port"])) if json_payload else "none"
    declared = ["request"] if address != "none" else []
    learnt: Any = draw(st.sampled_from(["latest", "message", "handshake", "tcp", *declared]))
    status, words = draw(st.sampled_from(STATUSES))
    up = draw(up_layouts())
    token_form: Any = draw(st.sampled_from(["raw", "json"]))
    settings = Settings(
        "random",
        header=HeaderSettings(draw(st.sampled_from(["binary", "digits", "digits-nul"])),
                              draw(st.sampled_from(["payload", "body"]))),
        request=RequestSettings(
            payload, address=address, no_password=draw(st.sampled_from(["omit", "empty", "null"])),
            extra={"type": "x", "n": 1} if json_payload and draw(st.booleans()) else {},
            stages=draw(st.sampled_from(["whole", "header-first"])),
        ),
        reply=ReplySettings(
            framing=draw(st.sampled_from(["header", "none"])), steps=draw(st.sampled_from([1, 2])),
            refused_in=draw(st.sampled_from(["acknowledgement", "token"])),
            refusal=draw(st.sampled_from(["status", "text", "close"])),
            ack_state=draw(st.sampled_from([1, 5])), refusal_state=draw(st.sampled_from([1, 3])),
            room=draw(st.sampled_from(["echoed", "absent", "announced"])),
            room_size=draw(st.sampled_from(["bytes", "characters"])),
            operation=draw(st.sampled_from(["echoed", 0, 10])),
        ),
        status=status, words=words, json=JsonSettings(draw(st.booleans())),
        token=TokenSettings(form=token_form, ends=draw(st.sampled_from(["size", "pause"]))),
        address=AddressSettings(learnt, "INITIAL" if learnt == "message" else "",
                                draw(st.sampled_from(["ip", "address", "anything"]))),
        up=up, down=draw(st.sampled_from(DOWNS)),
        chat=ChatSettings(empty=draw(st.sampled_from(["registers", "relayed", "ignored"])),
                          leave=draw(st.sampled_from([False, "exit", "/Exit "])),
                          leave_match=draw(st.sampled_from(["exact", "folded"])),
                          guests_may_leave=draw(st.booleans()), utf8_only=draw(st.booleans())),
    )  # fmt: skip
    try:
        dialect = Framed(settings)
    except WrongSetting:
        reply = replace(settings.reply, steps=1, refusal="close")
        dialect = Framed(replace(settings, reply=reply, status=StatusSettings(), words=WordSettings()))
    note(dumps(dialect.settings))
    return dialect


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=12)
wants = st.builds(Create, names, names, st.none(), st.none()) | st.builds(Join, names, names, st.none(), st.none())


def pieces(data: bytes, cuts: list[int] | None) -> list[bytes]:
    """The data in pieces. `cuts` None: byte by byte."""
    if cuts is None:
        return [data[at : at + 1] for at in range(len(data))]
    return [data[a:b] for a, b in pairwise([0, *sorted({c for c in cuts if 0 < c < len(data)}), len(data)])]


def exchange(
    dialect: Framed, want: Create | Join, answer: bytes | Status, cuts: list[int] | None
) -> tuple[list[Event], list[Event]]:
    """The events of the server and of the client, whose bytes are cut into pieces.

    `answer`: the token with which the server accepts the request, or the status with which it refuses it.
    """
    server = dialect.server(PEER, tcrp.Limits(), 0.0)
    client = dialect.client(want, UDP, 0.0)
    served: list[Event] = []
    heard: list[Event] = []
    now = 0.0
    while True:
        now += 0.001
        out, back = client.data_to_send(), b""
        for piece in pieces(out, cuts) if out else []:
            events = server.receive_data(piece, now)
            served += events
            if any(isinstance(event, Requested) for event in events):
                server.send(Ack(answer if isinstance(answer, Status) else Status.OK))
                if not isinstance(answer, Status):
                    server.send(Complete(answer))
            back += server.data_to_send()
        for piece in pieces(back, cuts) if back else []:
            heard += client.receive_data(piece, now)
        if not back and not client.closing and (timer := client.timer()) is not None:
            heard += client.handle_timer(timer)
            now = timer
        elif not back and not out:
            break
    if not client.closing:
        heard += client.receive_eof(now)
    return served, heard
