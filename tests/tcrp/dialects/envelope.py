"""Conversations of `json-envelope`, and the bytes of a join and a list."""

import json

from hypothesis import strategies as st

import tcrp
from tcrp import Conversation, Create, Frame, Join, Limits, List, Membership

NAME = "json-envelope"
DIALECT = tcrp.dialects.get(NAME)
SOURCE = ("127.0.0.1", 50000)
LIMITS = Limits(silence=300.0)
HASH = "$2b$04$qM6UVpqJcSWId/PJ4WO/ducWbequDlt6Ss/j/gSq7iP8TvN6fEgWy"
TOKEN = (
    b"LJcDneRL-8XQNmXUdP97oruQJc7PmK37VOIFlBoX6kx_xkbOerunwkdAx3aecm7c96gCabWeFsTQxV2zl1SEDZyeCBRwJq0ng36s8dD-PMha9"
    b"VkDJ9s0AwmA_mufz1Mf3VX2FYukc8MJgP6ik1DbL7J1UGK2ZgGViWlTRHMoH3Y="
)
MEMBER = Membership("room1", "alice", TOKEN, True)
CREATE = Create("room1", "", HASH)
JOIN = Join("room1", "", "pw1")

JOIN_BYTES = bytes.fromhex("05 02 00" + "00" * 28 + "56 726f6f6d31") + (
    b'{"error_message": "", "type": "JOIN", "token": "", "password": "pw1", "room_list": []}'
)
LIST_BYTES = bytes.fromhex("00 02 00" + "00" * 28 + "52") + (
    b'{"error_message": "", "type": "GET", "token": "", "password": "", "room_list": []}'
)
GOOD_BYTES = bytes.fromhex("00 0a 01" + "00" * 28 + "51") + (
    b'{"error_message": null, "type": "", "token": "", "password": "", "room_list": []}'
)
ROOMS_BYTES = bytes.fromhex("00 0a 02" + "00" * 28 + "58") + (
    b'{"error_message": null, "type": "", "token": "", "password": "", "room_list": ["room1"]}'
)

cuts = st.lists(st.integers(1, 400), max_size=8) | st.just(list(range(400)))


def server(limits: Limits = LIMITS) -> Conversation:
    return DIALECT.server(SOURCE, limits, 0.0)


def client(want: tcrp.Want = JOIN, **options: bool) -> Conversation:
    if not isinstance(want, List):
        want = want._replace(user="bob")
    conversation = DIALECT.client(want, None, 0.0, **options)
    conversation.data_to_send()
    return conversation


def frame(state: int, **fields: object) -> bytes:
    return tcrp.encode_frame(Frame("", 10, state, json.dumps(fields).encode()))


def request(operation: int, room: str, **fields: object) -> bytes:
    return tcrp.encode_frame(Frame(room, operation, 0, json.dumps(fields).encode()))
