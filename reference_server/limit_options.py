"""The command's options for limits."""

import argparse
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Final

from reference_server.limits import LOOPBACK, MIN_LIMIT, MIN_RATE, PAYLOAD_RANGE, Network, ServerLimits
from reference_server.option_values import number, seconds

_EXEMPT_WORDS: Final[dict[str, tuple[Network, ...]]] = {"loopback": LOOPBACK, "none": ()}


def add_limit_options(parser: argparse.ArgumentParser) -> None:
    """Add the options from which `limits_of` makes the limits."""
    default = ServerLimits()
    add = parser.add_argument_group("limits").add_argument
    add("--payload-limit", type=number(*PAYLOAD_RANGE), default=default.payload, metavar="BYTES",
        help="of a request's payload (%(default)s)")  # fmt: skip
    add("--handshake-timeout", type=seconds, default=default.handshake, metavar="SECONDS", help="from a request's "
        "first byte to its last, and to read an answer (%(default)g); silence has the idle time")  # fmt: skip
    for option, value, what in (
        ("--max-connections", default.connections, "TCP connections at once"),
        ("--max-rooms", default.rooms, "rooms at once, those of vanished creators too, until they idle"),
        ("--max-members", default.members, "members of a room, its host counted"),
    ):
        add(option, type=number(MIN_LIMIT, None), default=value, metavar="N", help=f"{what} (%(default)s)")
    add = parser.add_argument_group("limits of one address (of IPv6 the /64); 0: no limit").add_argument
    for option, value, least, what in (
        ("--max-connections-per-address", default.connections_per_address, MIN_LIMIT,
         "TCP connections at once; of half as many that say nothing the oldest is closed"),
        ("--max-rooms-per-address", default.rooms_per_address, MIN_LIMIT, "rooms created from it"),
        ("--max-members-per-address", default.members_per_address, MIN_LIMIT,
         "members of a room, and 16 times as many of all rooms"),
        ("--requests-per-second", default.requests_per_second, MIN_RATE, "requests"),
        ("--messages-per-second", default.messages_per_second, MIN_RATE, "messages relayed"),
        ("--hashes-per-address", default.hashes_per_address, MIN_LIMIT, "passwords being hashed, or waiting for it"),
    ):  # fmt: skip
        kind = number(least, None, or_zero=True)
        add(option, type=kind, default=value, metavar="N", help=f"{what} (%(default)s)")
    add("--exempt", type=_exempt, action="append", metavar="NET", help="a network without these limits, such as "
        "192.0.2.0/24, or the word loopback or none; may be repeated (loopback)")  # fmt: skip
    add("--trust-declared-addresses", action="store_true", help="in dialects whose clients say where their datagrams "
        "go: send there too if it is not where their TCP comes from")  # fmt: skip


def limits_of(options: argparse.Namespace) -> ServerLimits:
    """The limits that these options ask for."""
    exempt: Sequence[tuple[Network, ...]] = [LOOPBACK] if options.exempt is None else options.exempt
    return ServerLimits(
        options.payload_limit,
        options.handshake_timeout,
        options.max_connections,
        options.max_rooms,
        options.max_members,
        options.max_connections_per_address,
        options.max_rooms_per_address,
        options.max_members_per_address,
        options.requests_per_second,
        options.messages_per_second,
        options.hashes_per_address,
        tuple(network for networks in exempt for network in networks),
        options.trust_declared_addresses,
    )


def _exempt(text: str) -> tuple[Network, ...]:
    if text in _EXEMPT_WORDS:
        return _EXEMPT_WORDS[text]
    try:
        return (ip_network(text),)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no network: 192.0.2.0/24, 2001:db8::/32, one address, loopback or none"
        ) from None
