"""Servers that no dialect describes: options of tests/probed/server.py, and what a probe must learn of each."""

from typing import Any

Options = dict[str, Any]
"""Options of tests/probed/server.py that are not as usual."""
JSON_UP = 'json:{"room": "room", "token": "token", "message": "message"}'

COMBINATIONS: dict[str, tuple[Options, dict[str, Any]]] = {
    "canonical": ({}, {}),
    "user_name": ({"user_key": "user_name"}, {"request.user-key": "user_name"}),
    "raw": ({"payload": "raw"}, {"request.payload": "raw"}),
    "both": ({"payload": "json-or-raw"}, {"request.payload": "json-or-raw"}),
    "json string": ({"payload": "json-string", "status": "words", "framing": "none", "steps": 1, "token": "hex"}, {
        "request.payload": "json-string", "reply.framing": "none", "reply.refusal": "text", "token.size": 64,
        "reply.closes": "server",
    }),
    "length-prefixed": ({"payload": "length-prefixed", "status": "close", "steps": 1}, {
        "request.payload": "length-prefixed", "reply.refusal": "close", "reply.steps": 1,
    }),
    "length-prefixed, whatever follows": ({"payload": "length-prefixed", "loose": True}, {
        "request.payload": "length-prefixed",
    }),
    "closes after the acknowledgement": ({"early_ack": True, "status": "close", "room": "absent"}, {
        "reply.refusal": "close", "reply.refused-in": "token", "status.form": "none",
    }),
    "says yes once, wants another key": (
        {"status": "json", "token_key": "token", "says_once": True, "extra_key": "type", "needs_password": True}, {
        "status.form": "json", "status.key": "status", "token.key": "token", "request.extra": {"type": ""},
        "request.no-password": "empty",
    }),
    "nothing but an empty message registers": (
        {"address": "message", "register": "", "source": "address", "down": 'json:{"user": "from", "message": "body"}',
         "up": "user-size room-size token-size user room token message"}, {
        "address.learnt": "message", "address.message": "", "chat.empty": "registers", "json.escapes": True,
        "up.layout": ("user-size", "room-size", "token-size", "user", "room", "token", "message"),
    }),
    "digits": ({"size": "digits", "payload": "raw"}, {"header.size": "digits", "request.payload": "raw"}),
    "digits-nul": ({"size": "digits-nul"}, {"header.size": "digits-nul", "request.payload": "json"}),
    "counts the body": ({"counts": "body", "payload": "raw"}, {"header.counts": "body"}),
    "counts the body, JSON": ({"counts": "body", "user_key": "name"}, {
        "header.counts": "body", "request.user-key": "name",
    }),
    "state 1": ({"state": 1, "payload": "raw", "room": "absent", "operation": 10}, {
        "request.state": 1, "reply.room": "absent", "reply.operation": 10,
    }),
    "declared address": (
        {"pair_key": "user_address", "user_key": "user_name", "address": "request", "source": "anything", "steps": 1,
         "room": "announced", "characters": True, "status": "json", "values": [202, 400, 404, 403, 500],
         "words_key": "message", "token_key": "token", "states": [2, 2, 0], "empty": "relayed", "passwords": False,
         "left": "{user} left {room}", "host_left": "{user} closed {room}", "keeps_open": True, "one_at_a_time": True,
         "dies_of_empty": True}, {
        "request.address": "pair", "request.address-key": "user_address", "address.learnt": "request",
        "address.source": "anything", "reply.steps": 1, "reply.room": "announced", "reply.room-size": "characters",
        "status.form": "json", "status.ok": 202, "status.room-exists": 400, "status.room-not-found": 404,
        "words.key": "message", "words.room-exists": "room {room} is there", "token.form": "json",
        "reply.token-state": 2, "reply.refusal-state": 0, "chat.empty": "relayed", "request.password-key": False,
        "chat.leave": "exit", "reply.closes": "client",
    }),
    "ip and port": ({"port_key": "port", "address": "request", "token": "base64", "echo": True}, {
        "request.address": "ip-and-port", "request.ip-key": "ip", "request.port-key": "port", "chat.echo": True,
        "address.learnt": "request",
    }),
    "handshake": (
        {"address": "handshake", "source": "address", "needs_password": True, "null_password": False, "leave": "/exit",
         "guests_leave": False, "leave_relayed": True, "empty": "relayed", "joined": "{user} is here",
         "host_left": "closed", "folded": True}, {
        "address.learnt": "handshake", "address.source": "address", "request.no-password": "empty",
        "chat.leave": "/exit", "chat.guests-may-leave": False, "chat.leave-relayed": True, "chat.empty": "relayed",
    }),
    "early acknowledgement": (
        {"framing": "none", "early_ack": True, "status": "error", "payload": "raw", "token_key": "token",
         "address": "handshake", "source": "anything", "down": "text:{user}:{message}", "leave": None}, {}),
    "json status, early": (
        {"framing": "none", "early_ack": True, "status": "json", "values": [1, 11, 12, 13, 14], "token_ok": 2,
         "token_key": "token", "address": "handshake", "down": "text:[{user}] {message}"}, {
        "reply.refused-in": "token", "status.ok": 1, "status.token-ok": 2, "status.room-exists": 11,
        "down.template": "[{user}] {message}", "address.learnt": "handshake",
    }),
    "raw bytes": ({"framing": "none", "steps": 1, "payload": "raw", "token": "bytes", "status": "words",
                   "source": "anything", "leave": None, "empty": "relayed", "one_recv": True}, {
        "token.alphabet": "bytes", "token.size": 32, "reply.refusal": "text", "chat.leave": False,
        "words.room-not-found": "no such room", "chat.empty": "relayed",
    }),
    "address of TCP": ({"address": "tcp", "empty": "ignored", "leave": "quit", "left": "bye {user}"}, {
        "address.learnt": "tcp", "chat.leave": "quit", "chat.empty": "ignored",
    }),
    "register word": ({"address": "message", "register": "INITIAL", "leave": "LEAVE"}, {
        "address.learnt": "message", "address.message": "INITIAL", "chat.leave": "LEAVE",
    }),
    "typed binary": (
        {"up": "type room-size token-size room token message", "register_type": 0, "chat_type": 1, "leave_type": 2,
         "address": "message", "leave": None, "empty": "relayed"}, {
        "up.layout": ("type", "room-size", "token-size", "room", "token", "message"), "up.chat-type": 1,
        "up.register-type": 0, "up.leave-type": 2, "address.learnt": "message",
    }),
    "JSON both ways": (
        {"up": JSON_UP, "down": 'json:{"user": "sender", "message": "text"}', "status": "text",
         "values": ["OK", "EXISTS", "NOT_FOUND", "PASSWORD", "BAD"]}, {
        "up.form": "json", "up.message-key": "message", "down.form": "json", "down.user-key": "sender",
        "down.message-key": "text", "status.form": "text", "status.ok": "OK", "status.room-exists": "EXISTS",
    }),
    "typed JSON": (
        {"up": 'json:{"type": "type", "room": "room_name", "token": "token", "message": "msg"}', "chat_type": "chat",
         "register_type": "join", "leave_type": "leave", "address": "message", "leave": None,
         "down": 'json:{"type": "type", "user": "user", "message": "msg"}', "down_type": "chat",
         "left": "{user} went"}, {
        "up.form": "json", "up.type-key": "type", "up.chat-type": "chat", "up.register-type": "join",
        "up.leave-type": "leave", "up.room-key": "room_name", "up.message-key": "msg",
    }),
    "text with colons": ({"up": "text:{token}:{user}:{message}", "down": "text:{user}:{message}", "echo": True,
                          "token": "hex", "source": "anything"}, {
        "up.form": "text", "up.template": "{token}:{user}:{message}", "chat.echo": True,
    }),
    "three sizes": ({"up": "room-size user-size token-size room user token message",
                     "down": "user-size user message"}, {
        "up.layout": ("room-size", "user-size", "token-size", "room", "user", "token", "message"),
        "down.form": "binary", "down.layout": ("user-size", "user", "message"),
    }),
    "mirrored": ({"down": "mirrored", "echo": True, "token": "digits"}, {"down.form": "mirrored", "chat.echo": True}),
    "message alone": ({"down": "message", "leave": "__LEAVE__", "host_left": "over", "token": "varying"}, {
        "down.form": "message", "chat.leave": "__LEAVE__",
    }),
    "status in the State": ({"status": "state", "values": [2, 4, 5, 6, 7], "steps": 1, "utf8": True}, {
        "status.form": "state", "status.room-exists": 4, "status.room-not-found": 5, "chat.utf8-only": True,
    }),
    "boolean status": ({"status": "json", "status_key": "ok", "values": [True, False, False, False, False],
                        "words_key": "error", "states": [1, 2, 9], "token": "hex"}, {
        "status.form": "json", "status.key": "ok", "status.ok": True, "words.room-not-found": "no such room",
    }),
    "hangs and serves one": ({"payload": "raw", "hangs": True, "one_at_a_time": True, "state": None}, {
        "request.payload": "raw", "request.any-state": True,
    }),
    "dies of nothing": ({"dies_of_empty": True, "one_recv": True, "one_at_a_time": True, "needs_password": True,
                         "user_key": "name", "left": "{user} left {room}", "mark": "\x05"}, {
        "request.user-key": "name", "request.no-password": "empty",
    }),
}  # fmt: skip
"""By name the options, and the settings to expect by their dotted keys."""

QUICK = (
    "json string", "digits-nul", "counts the body, JSON", "ip and port", "handshake", "json status, early", "raw bytes",
    "address of TCP", "JSON both ways", "three sizes", "status in the State", "dies of nothing",
    "length-prefixed, whatever follows", "closes after the acknowledgement", "says yes once, wants another key",
    "nothing but an empty message registers",
)  # fmt: skip
"""What every run of the tests probes. The environment variable TCRP_PROBE_ALL asks for all."""

NOT_CHAT: dict[str, Options] = {
    "answers nothing": {"answers": "nothing"},
    "HTTP": {"answers": "http"},
    "random bytes": {"answers": "random"},
    "closes at once": {"answers": "close"},
    "TLS": {"answers": "tls"},
}
"""What is no chat server, by name."""
