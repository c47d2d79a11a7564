"""What an attack is, what it is aimed at, and the sockets of an attacker."""

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from tcrp import Create, Join, dialects
from tcrp.endpoint import Endpoint
from tests.hardening.member import NotServed

FOE: Final = "127.0.0.2"
"""The attacker's address."""
GONE: Final = (ConnectionError, TimeoutError, NotServed)
"""How the server shows that it refuses."""


class Aim(NamedTuple):
    """What is attacked, until when, and with how many steps at most. `extra`: another port, of the metrics."""

    server: Endpoint
    until: float
    most: int
    extra: int = 0

    def steps(self) -> Iterator[int]:
        """Numbers, as long as the attack goes on."""
        for number in range(self.most):
            if time.monotonic() > self.until:
                return
            yield number

    def paced(self, a_second: float, batch: int) -> Iterator[int]:
        """The same, so that `batch` things at each step make so many a second."""
        began = time.monotonic()
        for number in self.steps():
            early = began + number * batch / a_second - time.monotonic()
            if early > 0:
                time.sleep(early)
            yield number


class Attack(NamedTuple):
    """`says`: what it does. `options`: of the server, beside `--exempt none`. `visitors`: whether others can be served
    meanwhile, which they cannot be where the server has no more files. `reload`: the certificate is read again and
    again. `short`: steps of the short form.
    """

    name: str
    says: str
    run: Callable[[Aim], Counter[str]]
    options: Sequence[str] = ()
    dialect: str = dialects.DEFAULT
    tls: bool = False
    files: int | None = None
    log_is_read: bool = True
    password: bool = False
    visitors: bool = True
    reload: bool = False
    short: int = 300


def tcp(aim: Aim, source: str = FOE, port: int | None = None) -> socket.socket:
    """A connection from the attacker's address."""
    assert aim.server.tcp is not None
    return socket.create_connection((aim.server.host, port or aim.server.tcp), 5.0, (source, 0))


def udp(aim: Aim, source: str = FOE) -> socket.socket:
    """A UDP socket of the attacker."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((source, 0))
    sock.connect((aim.server.host, aim.server.udp))
    return sock


def request(want: Create | Join) -> bytes:
    """The bytes of a canonical request."""
    return dialects.get().client(want, None, 0.0).data_to_send()


def answered(sock: socket.socket, data: bytes) -> bytes:
    """Send, and read until the server closes."""
    sock.sendall(data)
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)
