"""Conversations of `fixed-fields`, and the bytes of a create and a join."""

from hypothesis import strategies as st

import tcrp
from tcrp import Conversation, Create, Join, Limits, Membership

NAME = "fixed-fields"
DIALECT = tcrp.dialects.get(NAME)
SOURCE = ("127.0.0.1", 50000)
LIMITS = Limits(silence=300.0)
TOKEN = b"39dbc679-03b3-49d6-818b-580a0ea746e5"
ADDRESS = ("127.140.16.55", 8080)
CREATE = Create("room1", "alice", "Abc123", 5)
JOIN = Join("room1", "bob", "Abc123", TOKEN)
CREATE_BYTES = bytes.fromhex("05 01 00 726f6f6d31202020 616c6963652020202020 4162633132332020202020")
JOIN_BYTES = bytes.fromhex("00 02 00 726f6f6d31202020 626f6220202020202020 4162633132332020202020") + TOKEN
ACK_BYTES = bytes.fromhex("05 01 01 726f6f6d31202020 20202020202020202020 4162633132332020202020")
COMPLETE_BYTES = bytes.fromhex("05 01 02 726f6f6d31202020 20202020202020202020 4162633132332020202020")
CREATED_BYTES = ACK_BYTES + COMPLETE_BYTES + TOKEN + b"127.140.16.55"
MEMBER = Membership("room1", "alice", TOKEN, True)

cuts = st.lists(st.integers(1, 130), max_size=8) | st.just(list(range(130)))


def server(limits: Limits = LIMITS) -> Conversation:
    return DIALECT.server(SOURCE, limits, 0.0)


def client(want: tcrp.Want = CREATE, **options: bool) -> Conversation:
    conversation = DIALECT.client(want, None, 0.0, **options)
    conversation.data_to_send()
    return conversation
