"""The options of `tcrp-server` for those who operate it, and what follows from them: log, TLS, metrics."""

import argparse
import logging
import math
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reference_server.logs import BURST_SECONDS, FORMATS, LINES_PER_SECOND, LogHandler
from reference_server.server import Server
from reference_server.tls import TlsFileError, server_context
from tcrp.errors import MissingExtra
from tcrp.messages import Address

logger = logging.getLogger("reference_server")


def declare_operation(add: Callable[..., Any]) -> None:
    """Declare the options by `add`, the `add_argument` of a parser."""
    burst = f"{BURST_SECONDS:g} times as many at once"
    add("--log-format", choices=FORMATS, default=FORMATS[0], help="text, or a JSON object a line (%(default)s)")
    add("--log-rate", type=_rate, default=LINES_PER_SECOND, metavar="N",
        help=f"lines a second of one kind, and {burst}; 0: all (%(default)g)")  # fmt: skip
    add("--tls-cert", type=Path, metavar="FILE",
        help="PEM: TLS for requests, with this certificate; SIGHUP reads it again")  # fmt: skip
    add("--tls-key", type=Path, metavar="FILE", help="PEM: the certificate's private key (in the same file)")
    add("--metrics", type=_address, metavar="HOST:PORT",
        help="/metrics for Prometheus and /healthz, over HTTP; port 0: a free one")  # fmt: skip


def tls_of(options: argparse.Namespace) -> ssl.SSLContext | None:
    """The TLS that the options ask for. Raises TlsFileError."""
    if options.tls_cert is not None:
        return server_context(options.tls_cert, options.tls_key)
    if options.tls_key is not None:
        raise TlsFileError("--tls-key needs --tls-cert, the certificate that the key belongs to")
    return None


def reload_tls(options: argparse.Namespace, server: Server) -> None:
    """Read the certificate and the key again. If they cannot be used, those that there are stay in use."""
    try:
        server.use_tls(server_context(options.tls_cert, options.tls_key))
    except TlsFileError as error:
        logger.error("the certificate stays as it was: %s", error)
    else:
        logger.info("the certificate was read again")


@contextmanager
def published_metrics(options: argparse.Namespace, server: Server, log: LogHandler) -> Iterator[Address | None]:
    """Publish the server's figures during the block. Gives the address; None if the options do not ask for it.

    Raises MissingExtra, UnknownHost or BindError.
    """
    if options.metrics is None:
        yield None
        return
    try:
        from reference_server.metrics import MetricsServer
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "prometheus_client":
            raise
        raise MissingExtra(
            "--metrics needs prometheus-client: install tcrp with the extra 'metrics', in a clone: "
            "pip install '.[metrics]'"
        ) from None
    metrics = MetricsServer(server.figures, lambda: log.dropped)
    try:
        yield metrics.start(*options.metrics)
    finally:
        metrics.close()


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not (host and colon and port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no address: HOST:PORT, IPv6 in brackets, port 0 is a free one")
    return host, int(port)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate: lines a second, 0 (all) or more")
    return rate
