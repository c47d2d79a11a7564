"""A server's and a client's conversation of the canonical dialect, and the bytes of one exchange."""

import tcrp
from tcrp import Create, Limits

DIALECT = tcrp.dialects.get("tcrp")
LIMITS = Limits()
PEER = ("127.0.0.1", 50000)
ZEROS = "00" * 28
CREATE = bytes.fromhex("02 01 00" + ZEROS + "03 7231 626f62")  # create r1, raw user name bob
ACK_OK = bytes.fromhex("02 01 01" + ZEROS + "01 7231 00")
COMPLETE = bytes.fromhex("02 01 02" + ZEROS + "03 7231 746f6b")  # token tok
OVERSIZE = bytes.fromhex("02 01 00" + "00" * 25 + "20000001")


def server(limits: Limits = LIMITS) -> tcrp.Conversation:
    return DIALECT.server(PEER, limits, 0.0)


def client(strict: bool = True) -> tcrp.Conversation:
    conversation = DIALECT.client(Create("r1", "bob"), None, 0.0, strict=strict)
    conversation.data_to_send()
    return conversation
