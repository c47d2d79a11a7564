"""TLS for the client's TCP connection, over a non-blocking socket of the event loop."""

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path
from types import TracebackType
from typing import Final, Self

CHUNK: Final = 65535
"""Bytes that one read takes."""


class Stream:
    """A connected, non-blocking TCP socket as a stream of bytes. The end of a `with` block closes it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""
        await self._loop.sock_sendall(self._sock, data)

    async def receive(self) -> bytes:
        """The next bytes, or b"" at the end of the stream. Raises OSError."""
        return await self._loop.sock_recv(self._sock, CHUNK)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class TlsStream(Stream):
    """The same with TLS: what is sent is encrypted, what comes is checked. `shake_hands` comes first.

    `name`: the host as the user named it, which the server's certificate must hold.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str) -> None:
        super().__init__(sock)
        self._arrived = ssl.MemoryBIO()
        self._due = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._due, server_hostname=name.partition("%")[0])

    async def shake_hands(self) -> None:
        """Raises OSError; an SSLError if the server's certificate is not trusted, or it does not speak TLS."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fill():
                    raise ConnectionResetError("the server closed the connection in the TLS handshake") from None
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    await self._flush()  # tells the server why
                raise
            else:
                await self._flush()
                return

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""
        self._tls.write(data)
        await self._flush()

    async def receive(self) -> bytes:
        """The next bytes, or b"" at the end of the stream, with or without a word of goodbye. Raises OSError."""
        while True:
            try:
                return self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fill():
                    return b""
            except ssl.SSLZeroReturnError:
                return b""

    async def _fill(self) -> bool:
        data = await super().receive()
        if data:
            self._arrived.write(data)
        return bool(data)

    async def _flush(self) -> None:
        if data := self._due.read():
            await super().send(data)


def client_context(ca: Path | None = None) -> ssl.SSLContext:
    """What the client trusts: the authorities in the PEM file `ca`, or those that the system trusts.

    Raises OSError for a file that cannot be used; SSLError is one.
    """
    return ssl.create_default_context(cafile=None if ca is None else str(ca))


def tls_error_text(error: ssl.SSLError) -> str:
    """What is wrong, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    reason = (error.reason or "").lower().replace("_", " ")
    if reason in ("wrong version number", "record layer failure", "http request", "packet length too long"):
        return "the server does not speak TLS"
    return f"TLS: {reason or error}"
