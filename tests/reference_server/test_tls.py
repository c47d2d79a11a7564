"""TLS on the TCP port: requests in every dialect, certificates that are replaced, peers that do not speak it."""

import asyncio
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from reference_client import ChatClient, Unreachable, list_rooms
from reference_server.tls import TlsFileError, server_context
from tcrp import Create, Join, dialects
from tcrp.endpoint import Endpoint
from tests.certificates import Certificates, trusting
from tests.reference_server import wire
from tests.reference_server.server_process import PATIENCE, ServerProcess, StartServer


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates.made_in(tmp_path)


def endpoint(server: ServerProcess) -> Endpoint:
    return Endpoint(server.tcp[0], server.tcp[1], server.udp[1])


def secured(server: ServerProcess, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(server.connect(), server_hostname="127.0.0.1")


def ask(server: ServerProcess, context: ssl.SSLContext, data: bytes) -> bytes:
    with secured(server, context) as sock:
        sock.sendall(data)
        return wire.everything(sock)


@pytest.mark.parametrize("name", [name for name in dialects.names() if dialects.get(name).can.tcp])
def test_members_chat_in_every_dialect(start: StartServer, certificates: Certificates, name: str) -> None:
    dialect = dialects.get(name)
    server = start("--dialect", name, *certificates.options)
    password = "Secret7" if dialect.can.passwords else None

    async def scenario() -> None:
        where, tls = endpoint(server), certificates.context
        async with asyncio.timeout(PATIENCE):
            host = await ChatClient.connect(where, Create("r", "alice", password), dialect=dialect, tls=tls)
            async with host:
                if dialect.can.listing:
                    assert await list_rooms(where, dialect=dialect, tls=tls) == ("r",)
                join = Join("r", "bob", password, host.invite)
                async with await ChatClient.connect(where, join, dialect=dialect, tls=tls) as guest:
                    hearing = asyncio.ensure_future(heard(host, b"hello"))
                    while not hearing.done():  # the host may not be registered yet
                        await guest.send("hello")
                        await asyncio.wait([hearing], timeout=0.1)

    asyncio.run(scenario())
    assert "Traceback" not in server.stop()


async def heard(chat: ChatClient, body: bytes) -> None:
    async for down in chat:
        if down.body == body:
            return


def test_a_client_that_does_not_trust_the_certificate_says_so(start: StartServer, certificates: Certificates) -> None:
    server = start(*certificates.options)

    async def attempt(tls: ssl.SSLContext | None) -> None:
        await ChatClient.connect(endpoint(server), Create("r", "a"), tls=tls, timeout=PATIENCE)

    with pytest.raises(Unreachable, match="the server's certificate is not trusted: "):
        asyncio.run(attempt(trusting(trustme.CA())))
    with pytest.raises(Unreachable):
        asyncio.run(attempt(None))
    log = server.stop()
    assert "created" not in log
    assert "Traceback" not in log


def test_a_server_without_tls_is_told_from_one_with(start: StartServer, certificates: Certificates) -> None:
    server = start()

    async def attempt() -> None:
        await ChatClient.connect(endpoint(server), Create("r", "a"), tls=certificates.context, timeout=PATIENCE)

    with pytest.raises(Unreachable, match=r"(does not speak TLS|closed the connection in the TLS)"):
        asyncio.run(attempt())


def test_a_hangup_reads_the_certificate_again(start: StartServer, certificates: Certificates) -> None:
    server = start(*certificates.options)
    old = secured(server, certificates.context)
    other = trustme.CA()
    certificates.issue(other)
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(server, trusting(other), b"")
    server.send_signal(signal.SIGHUP)
    token = b""
    while not token:  # until the signal has arrived
        try:
            token = wire.token(ask(server, trusting(other), wire.request(1, "r", "a")), 1, "r")
        except ssl.SSLCertVerificationError:
            continue
    old.sendall(wire.request(2, "r", "b"))  # a connection that was there keeps its certificate
    wire.token(wire.everything(old), 2, "r")
    old.close()
    certificates.key.write_text("no key")
    server.send_signal(signal.SIGHUP)
    wire.token(ask(server, trusting(other), wire.request(1, "s", "a")), 1, "s")
    log = server.stop()
    assert log.count("the certificate was read again") == 1
    assert log.count("the certificate stays as it was: ") == 1
    assert server.code == 0


def test_who_speaks_no_tls_is_closed_and_stops_nothing(start: StartServer, certificates: Certificates) -> None:
    server = start("--handshake-timeout", "0.3", "--log-level", "debug", *certificates.options)
    silent = server.connect()
    for data in (wire.request(1, "r", "a"), b"\x16\x03\x01", b"GET / HTTP/1.0\r\n\r\n"):
        with server.connect() as sock:
            sock.sendall(data)
            try:
                assert b"\x01" not in sock.recv(1)  # an alert or nothing
            except ConnectionResetError:
                continue
    assert silent.recv(1) == b""
    wire.token(ask(server, certificates.context, wire.request(1, "r", "a")), 1, "r")
    log = server.stop()
    assert "not connected: " in log
    assert "Traceback" not in log


def test_handshakes_at_once_are_limited(start: StartServer, certificates: Certificates) -> None:
    server = start("--max-connections", "16", *certificates.options)
    stalled = [server.connect() for _ in range(40)]
    ended = [sock for sock in stalled[16:] if sock.recv(1) == b""]
    assert len(ended) == 24
    for sock in stalled:
        sock.close()
    log = server.stop()
    assert "closed unserved connections=1: too many TLS handshakes at once" in log


def test_one_address_cannot_take_all_handshakes(
    start: StartServer, certificates: Certificates, second_address: str
) -> None:
    server = start("--exempt", "none", "--max-connections-per-address", "16", *certificates.options)
    stalled = [server.connect() for _ in range(40)]
    assert all(sock.recv(1) == b"" for sock in stalled[16:])
    plain = server.connect(second_address)
    with certificates.context.wrap_socket(plain, server_hostname="127.0.0.1") as served:
        served.sendall(wire.request(1, "r", "a"))
        wire.token(wire.everything(served), 1, "r")
    for sock in stalled:
        sock.close()


def test_a_half_closed_stream_and_bytes_after_the_request(start: StartServer, certificates: Certificates) -> None:
    server = start(*certificates.options)
    request = wire.request(1, "r", '{"username": "a", "password": "p"}')
    wire.token(ask(server, certificates.context, request + b"x" * 100_000), 1, "r")
    with secured(server, certificates.context) as sock:
        for byte in wire.request(2, "r", '{"username": "b", "password": "p"}'):
            sock.sendall(bytes([byte]))
        wire.token(wire.everything(sock), 2, "r")
    assert "Traceback" not in server.stop()


@pytest.mark.parametrize("encrypted", [False, True])
def test_beyond_loopback_a_server_without_tls_warns_once(
    start: StartServer, certificates: Certificates, encrypted: bool
) -> None:
    server = start("--host", "0.0.0.0", *(certificates.options if encrypted else ()))
    assert server.stop().count("are not encrypted") == (0 if encrypted else 1)
    assert "are not encrypted" not in start("--host", "127.0.0.1").stop()
    assert "are not encrypted" not in start("--host", "::1", family=socket.AF_INET6).stop()


def test_files_that_cannot_be_used_are_one_line(tmp_path: Path, certificates: Certificates) -> None:
    other = trustme.CA().issue_cert("127.0.0.1").private_key_pem
    other.write_to_path(str(tmp_path / "other.pem"))
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        load_pem_private_key(certificates.key.read_bytes(), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")
        )
    )
    for certificate, key, said in (
        (tmp_path / "none.pem", None, "No such file"),
        (certificates.certificate, tmp_path / "none.pem", "No such file"),
        (certificates.key, certificates.key, "no certificate and key in PEM form"),
        (certificates.certificate, None, "no certificate and key in PEM form"),
        (certificates.certificate, tmp_path / "other.pem", "the key is not the certificate's"),
        (certificates.certificate, locked, "the key has a passphrase"),
    ):
        with pytest.raises(TlsFileError) as caught:
            server_context(certificate, key)
        message = str(caught.value)
        assert str(certificate) in message
        assert said in message
        assert "\n" not in message
    both = tmp_path / "both.pem"
    both.write_text(certificates.certificate.read_text() + certificates.key.read_text())
    assert server_context(both, None)


def run_client(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reference_client", "create", "r", "--name", "a", *options]
    return subprocess.run(command, input="", capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_command_of_the_client(start: StartServer, certificates: Certificates, tmp_path: Path) -> None:
    server = start(*certificates.options)
    where = ("--server", str(endpoint(server)))
    done = run_client(*where, "--tls-ca", str(certificates.ca))
    assert (done.returncode, done.stderr) == (0, "joined room=r\n")
    untrusted = run_client(*where, "--tls")
    assert untrusted.returncode == 6
    assert "the server's certificate is not trusted: " in untrusted.stderr
    for options, said in (
        (["--tls-ca", str(tmp_path / "none.pem")], "No such file"),
        (["--tls-ca", str(certificates.key)], "NO_CERTIFICATE_OR_CRL_FOUND"),
        (["--tls", "--dialect", "stage1", "--server", "127.0.0.1:-"], "dialect stage1 has no TCP"),
    ):
        wrong = run_client(*where, *options)
        assert wrong.returncode == 4
        assert said in wrong.stderr
        assert wrong.stderr.count("\n") == 1
