"""`tcrp-server`: arguments, logging, signals."""

import argparse
import asyncio
import logging
import math
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from reference_server.limits import LEAST, PAYLOAD_RANGE, RESERVE, ServerLimits
from reference_server.server import Server
from reference_server.sockets import BindError, UnknownHost, show
from tcrp import __version__, dialects
from tcrp.dialects import Dialect, UnknownDialect
from tcrp.errors import MissingExtra

EXIT_OK: Final = 0
EXIT_BIND: Final = 1
EXIT_USAGE: Final = 4

logger = logging.getLogger("reference_server")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until SIGINT, SIGTERM or SIGHUP; the exit code."""
    options = _parser().parse_args(argv)
    logging.basicConfig(
        stream=sys.stderr,
        level=options.log_level.upper(),
        format="%(asctime)s %(levelname)-7s %(message)s",
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    _allow_files(options.max_connections)
    try:
        asyncio.run(_serve(options))
    except (UnknownHost, MissingExtra) as error:
        return _fail(EXIT_USAGE, error)
    except BindError as error:
        return _fail(EXIT_BIND, error)
    return EXIT_OK


async def _serve(options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    hangs_up = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL  # not so under nohup
    for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hangs_up else [])):
        loop.add_signal_handler(number, _on_signal, number, stopped)
    server = Server(
        options.dialect,
        options.host,
        options.tcp_port,
        options.udp_port,
        idle_seconds=options.idle_timeout,
        limits=ServerLimits(
            options.payload_limit,
            options.handshake_timeout,
            options.max_connections,
            options.max_rooms,
            options.max_members,
        ),
    )
    async with server:
        tcp, udp = show(server.tcp_address), show(server.udp_address)
        print(f"ready tcp={tcp} udp={udp} dialect={options.dialect.name}", flush=True)
        await stopped.wait()
        logger.info("stopping")


def _on_signal(number: signal.Signals, stopped: asyncio.Event) -> None:
    if stopped.is_set():
        os._exit(128 + number)
    stopped.set()


def _fail(code: int, error: Exception) -> int:
    print(f"tcrp-server: {error}", file=sys.stderr)
    return code


def _allow_files(connections: int) -> None:
    """Every connection is an open file; ask the system for as many as may be needed."""
    wanted = connections + 2 * RESERVE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    granted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    except (OSError, ValueError):
        granted = soft
    if granted < wanted:
        logger.warning("only %d files may be open: --max-connections %d may not be reached", granted, connections)


def _parser() -> argparse.ArgumentParser:
    default = ServerLimits()
    parser = _Parser(
        prog="tcrp-server",
        description="A TCRP chat server. Once both sockets listen it prints one line that begins 'ready'; "
        "SIGINT, SIGTERM and SIGHUP close every room and end it. Exit codes: 0 ended so, 1 a port cannot be had, "
        "4 usage.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="to listen on; 0.0.0.0 and :: are all of the machine's (%(default)s)")
    add("--tcp-port", type=_port, metavar="PORT", help="for requests, 0: a free one (the dialect's, 9001)")
    add("--udp-port", type=_port, metavar="PORT", help="for chat, 0: a free one (the dialect's, 9002)")
    add("--dialect", type=_dialect, default=dialects.DEFAULT, metavar="NAME|FILE",
        help=f"{', '.join(dialects.names())}, or a .toml file that says another (%(default)s)")  # fmt: skip
    add("--idle-timeout", type=_seconds, metavar="SECONDS", help="of silence end a membership (the dialect's, 60)")
    add("--log-level", choices=("debug", "info", "warning", "error"), default="info", help="to stderr (%(default)s)")
    add("--payload-limit", type=_number(*PAYLOAD_RANGE), default=default.payload, metavar="BYTES",
        help="of a request's payload (%(default)s)")  # fmt: skip
    add("--handshake-timeout", type=_seconds, default=default.handshake, metavar="SECONDS",
        help="from a request's first byte to its last (%(default)g); silence has the idle time")  # fmt: skip
    for option, value, what in (
        ("--max-connections", default.connections, "TCP connections at once"),
        ("--max-rooms", default.rooms, "rooms at once, those of vanished creators too, until they idle"),
        ("--max-members", default.members, "members of a room, its host counted"),
    ):
        add(option, type=_number(LEAST, None), default=value, metavar="N", help=f"{what} (%(default)s)")
    add("--version", action="version", version=f"tcrp-server {__version__}")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 (a free one) to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: seconds above 0, decimals allowed")
    return seconds


def _number(least: int, most: int | None) -> Callable[[str], int]:
    wanted = f"a whole number from {least} to {most}" if most else f"a whole number, at least {least}"

    def number(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return value

    return number


def _dialect(name: str) -> Dialect:
    try:
        return dialects.get(name)
    except UnknownDialect as error:
        raise argparse.ArgumentTypeError(str(error)) from None
