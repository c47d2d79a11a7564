"""Certificates for tests of TLS, made anew for each test."""

import ssl
from pathlib import Path
from typing import NamedTuple, Self

import trustme


class Certificates(NamedTuple):
    """An authority with its file, what trusts it, and the files of a server's certificate and key."""

    authority: trustme.CA
    ca: Path
    context: ssl.SSLContext
    certificate: Path
    key: Path

    @classmethod
    def made_in(cls, folder: Path) -> Self:
        """A new authority, and a certificate of it for the loopback addresses."""
        authority = trustme.CA()
        made = cls(authority, folder / "ca.pem", trusting(authority), folder / "cert.pem", folder / "key.pem")
        authority.cert_pem.write_to_path(str(made.ca))
        made.issue(authority)
        return made

    def issue(self, authority: trustme.CA) -> None:
        """Write a new certificate of this authority into the files."""
        issued = authority.issue_cert("127.0.0.1", "::1")
        issued.cert_chain_pems[0].write_to_path(str(self.certificate))
        issued.private_key_pem.write_to_path(str(self.key))

    @property
    def options(self) -> tuple[str, ...]:
        """Those of the server."""
        return ("--tls-cert", str(self.certificate), "--tls-key", str(self.key))


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """The context of a client that trusts this authority alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context
