"""The TLS of the server: its certificate and key, read from files."""

import ssl
from pathlib import Path


class TlsFileError(ValueError):
    """A certificate or key that cannot be used. The message is one line."""


def server_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """The context for the server's connections: TLS 1.2 or newer. Raises TlsFileError.

    `certificate`: a PEM file of the server's certificate and those that lead to its authority. `key`: a PEM file of its
    private key, without a passphrase; None: it is in the same file.
    """
    names = f"{certificate}" if key is None else f"{certificate} with {key}"

    def passphrase() -> str:
        raise TlsFileError(f"{names}: the key has a passphrase, and nobody is there to type it")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=passphrase)
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        why = "the key is not the certificate's" if mismatch else "no certificate and key in PEM form"
        raise TlsFileError(f"{names}: {why}") from None
    except OSError as error:
        raise TlsFileError(f"{names}: {error.strerror or error}") from None
    return context
