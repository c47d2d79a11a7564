"""TLS for the suite's TCP connections."""

import ssl
from typing import NamedTuple

from tcrp.dialects import Ports
from tcrp.endpoint import parse_endpoint


class Tls(NamedTuple):
    """What is trusted, and the host that the server's certificate must hold."""

    context: ssl.SSLContext
    name: str


def tls_of(wanted: bool, authorities: str | None, address: str | None) -> Tls | None:
    """What `--tls`, `--tls-ca` and `-t` say; None: no TLS. ValueError for a file that cannot be used.

    `authorities`: a PEM file; None: those that the system trusts. `address`: without it the host is 127.0.0.1.
    """
    if not wanted and authorities is None:
        return None
    try:
        context = ssl.create_default_context(cafile=authorities)
    except OSError as error:  # SSLError is one
        raise ValueError(f"--tls-ca {authorities}: {getattr(error, 'reason', None) or error.strerror}") from None
    host = "127.0.0.1" if address is None else parse_endpoint(address, Ports(0, 0)).host
    return Tls(context, host.partition("%")[0])


def error_text(error: OSError) -> str:
    """What is wrong with a connection, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {(error.reason or str(error)).lower().replace('_', ' ')}"
    return error.strerror or str(error)
