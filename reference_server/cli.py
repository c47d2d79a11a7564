"""`tcrp-server`: arguments, logging, signals."""

import argparse
import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from reference_server.limit_options import add_limit_options, limits_of
from reference_server.limits import RESERVE_CONNECTIONS
from reference_server.logs import LogHandler, log_loop_errors, open_missing_streams, say, start_log, write_all
from reference_server.operation import declare_operation, published_metrics, reload_tls, tls_of
from reference_server.option_values import seconds
from reference_server.server import Server
from reference_server.sockets import BindError, UnknownHost, is_loopback, show_address
from reference_server.state_file import StateError
from reference_server.tls import TlsFileError
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

    def _print_message(self, message: str, file: Any = None) -> None:
        """Standard output may be full or closed, which is no reason for a traceback."""
        write_all(2 if file is sys.stderr else 1, message.encode(errors="backslashreplace"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until SIGINT, SIGTERM or SIGHUP, and return the exit code.

    `argv`: the arguments, without the program's name; None: those of the process. SystemExit for wrong arguments.
    """
    open_missing_streams()
    parser = _parser()
    options = parser.parse_args(argv)
    if options.state is not None and options.dialect.ports.tcp is None:
        parser.error(
            f"--state: dialect {options.dialect.name} has no tokens by which members could go on; leave it out"
        )
    log = start_log(options.log_level, options.log_format, options.log_rate)
    try:
        _raise_file_limit(options.max_connections)
        asyncio.run(_serve(options, log))
    except (UnknownHost, MissingExtra, TlsFileError) as error:
        return _fail(EXIT_USAGE, error)
    except (BindError, StateError) as error:
        return _fail(EXIT_BIND, error)
    finally:
        log.close()
    return EXIT_OK


async def _serve(options: argparse.Namespace, log: LogHandler) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_errors)
    server = Server(
        options.dialect,
        options.host,
        options.tcp_port,
        options.udp_port,
        idle_seconds=options.idle_timeout,
        limits=limits_of(options),
        state=options.state,
        tls=tls_of(options),
        announce=options.announce,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _on_signal, number, stopped)
    if options.tls_cert is not None:
        loop.add_signal_handler(signal.SIGHUP, reload_tls, options, server)
    elif signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup ignores the signal
        loop.add_signal_handler(signal.SIGHUP, _on_signal, signal.SIGHUP, stopped)
    with published_metrics(options, server, log) as metrics:
        async with server:
            tcp, udp = show_address(server.tcp_address), show_address(server.udp_address)
            if options.tls_cert is None and server.tcp_address is not None and not is_loopback(server.tcp_address):
                logger.warning("requests, with their passwords and tokens, are not encrypted: see --tls-cert")
            more = "" if metrics is None else f" metrics={show_address(metrics)}"
            say(f"ready tcp={tcp} udp={udp} dialect={options.dialect.name}{more}")
            await stopped.wait()
            logger.info("stopping")


def _on_signal(number: signal.Signals, stopped: asyncio.Event) -> None:
    """Stop the server. A second signal ends the process at once."""
    if stopped.is_set():
        os._exit(128 + number)
    stopped.set()


def _fail(code: int, error: Exception) -> int:
    write_all(2, f"tcrp-server: {error}\n".encode(errors="backslashreplace"))
    return code


def _raise_file_limit(connections: int) -> None:
    """Ask the system for enough open files: every connection is one. Warn if it grants fewer."""
    wanted = connections + 2 * RESERVE_CONNECTIONS
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
    parser = _Parser(
        prog="tcrp-server",
        description="A TCRP chat server. Once both sockets listen it prints one line that begins 'ready'; "
        "SIGINT, SIGTERM and, without TLS, SIGHUP end it; they close every room, unless --state keeps them. Exit "
        "codes: 0 ended so, 1 a port or the state file cannot be had, 4 usage.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="to listen on; 0.0.0.0 and :: are all of the machine's (%(default)s)")
    add("--tcp-port", type=_port, metavar="PORT", help="for requests, 0: a free one (the dialect's, 9001)")
    add("--udp-port", type=_port, metavar="PORT", help="for chat, 0: a free one (the dialect's, 9002)")
    add("--dialect", type=_dialect, default=dialects.DEFAULT, metavar="NAME|FILE",
        help=f"{', '.join(dialects.names())}, or a .toml file that says another (%(default)s)")  # fmt: skip
    add("--idle-timeout", type=seconds, metavar="SECONDS", help="of silence end a membership (the dialect's, 60)")
    add("--announce", action=argparse.BooleanOptionalAction, default=True,
        help="tell the others in a room who joins and who leaves, where the dialect can (on)")  # fmt: skip
    add("--log-level", choices=("debug", "info", "warning", "error"), default="info", help="to stderr (%(default)s)")
    declare_operation(add)
    add("--state", type=Path, metavar="FILE", help="keep rooms and members there: a server that is started again "
        "goes on with them")  # fmt: skip
    add_limit_options(parser)
    add("--version", action="version", version=f"tcrp-server {__version__}")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 (a free one) to 65535")
    return int(text)


def _dialect(name: str) -> Dialect:
    try:
        return dialects.get(name)
    except UnknownDialect as error:
        raise argparse.ArgumentTypeError(str(error)) from None
