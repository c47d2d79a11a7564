"""The attacks. Each runs in a process of its own, from addresses that nobody else uses, and says what it did."""

import json
import sys
import time
from typing import Final

from tcrp.endpoint import Endpoint
from tests.hardening.torment.aim import Aim, Attack
from tests.hardening.torment.by_connections import (
    HELD,
    claim_sizes,
    create_rooms,
    crowd_of_passwords,
    fill_the_room,
    guess_passwords,
    hold_from_everywhere,
    hold_metrics,
    hold_silent,
    hold_stalled,
    reset_connections,
    say_no_tls,
    stall_handshakes,
)
from tests.hardening.torment.by_datagrams import (
    aim_at_a_third_party,
    ask_and_never_read,
    churn,
    drip_junk,
    flood_junk,
    flood_messages,
)

ATTACKS: Final = (
    Attack("silent", f"holds {HELD} connections and says nothing", hold_silent, short=800),
    Attack("stalled", f"holds {HELD} connections, each with 3 bytes of a request", hold_stalled, short=800),
    Attack("creates", "creates rooms as fast as it can", create_rooms),
    Attack("joins", "fills the canary room with members", fill_the_room),
    Attack("passwords", "80 joins with a password at once", crowd_of_passwords, password=True, short=2),
    Attack("guesses", "guesses a password", guess_passwords, password=True, short=18),
    Attack("resets", "resets connections in the middle of a request", reset_connections),
    Attack("sizes", "claims payloads of 2^29 bytes and more", claim_sizes),
    Attack("junk", "100,000 invalid datagrams a second", flood_junk, short=20),
    Attack("messages", "20,000 messages a second to a room of 50", flood_messages, short=20),
    Attack("churn", "rooms with hostile names come and go", churn),
    Attack(
        "unread log", "the same with every line logged into a pipe that nobody reads", churn,
        ("--log-level", "debug"), log_is_read=False,
    ),
    Attack(
        "unread junk", "10,000 invalid datagrams a second, each logged into a pipe that nobody reads", drip_junk,
        ("--log-level", "debug"), log_is_read=False, short=20,
    ),
    Attack(
        "unread lists", "asks for lists on 60 connections, and never reads", ask_and_never_read, dialect="json-envelope"
    ),
    Attack(
        "third party", "members that declare somebody else's address", aim_at_a_third_party, dialect="json-status",
        short=50,
    ),
    Attack("handshakes", f"holds {HELD} TLS handshakes", stall_handshakes, tls=True),
    Attack("no tls", "speaks no TLS, while the certificate is read again and again", say_no_tls, tls=True, reload=True),
    Attack("metrics", f"holds {HELD} connections to the metrics", hold_metrics, ("--metrics", "127.0.0.1:0")),
    Attack(
        "files", "100 addresses hold all the files that the server may open", hold_from_everywhere, files=200,
        visitors=False, short=800,
    ),
)  # fmt: skip


def main() -> None:
    """`python -m tests.hardening.torment.attacks NAME HOST TCP UDP EXTRA SECONDS MOST`: prints what it did as JSON."""
    name, host, tcp_port, udp_port, extra, seconds, most = sys.argv[1:]
    (attack,) = (one for one in ATTACKS if one.name == name)
    server = Endpoint(host, int(tcp_port), int(udp_port))
    print("begins", flush=True)
    aim = Aim(server, time.monotonic() + float(seconds), int(most), int(extra))
    print(json.dumps(attack.run(aim)), flush=True)


if __name__ == "__main__":
    main()
