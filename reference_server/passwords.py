"""Hashing passwords, off the event loop."""

import asyncio
import hashlib
import hmac
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from reference_server.limits import PENDING_PASSWORDS
from tcrp.dialects.base import Passwords

_SALT_SIZE = 16
T = TypeVar("T")


class Scrypt:
    """How a password is kept where the dialect does not say: 16 bytes of salt, then its scrypt hash."""

    def hash(self, password: str) -> bytes:
        salt = os.urandom(_SALT_SIZE)
        return salt + self._derive(password, salt)

    def verify(self, password: str, stored: bytes) -> bool:
        return hmac.compare_digest(self._derive(password, stored[:_SALT_SIZE]), stored[_SALT_SIZE:])

    def _derive(self, password: str, salt: bytes) -> bytes:
        # scrypt begins with HMAC, which pads short keys with NUL: without the digest, "secret" and "secret\0" would
        # be the same password (TCRP-3.10a).
        digest = hashlib.sha256(password.encode()).digest()
        return hashlib.scrypt(digest, salt=salt, n=2**14, r=8, p=1)


class PasswordWork:
    """A few threads that hash and verify. Ask `busy` first: the queue is bounded by whoever asks."""

    def __init__(self, passwords: Passwords | None) -> None:
        self._passwords = passwords or Scrypt()
        self._threads = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="password")
        self._pending = 0

    @property
    def busy(self) -> bool:
        return self._pending >= PENDING_PASSWORDS

    def hash(self, password: str) -> asyncio.Future[bytes]:
        return self._start(lambda: self._passwords.hash(password))

    def verify(self, password: str, stored: bytes) -> asyncio.Future[bool]:
        return self._start(lambda: self._passwords.verify(password, stored))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        self._pending += 1
        future.add_done_callback(self._done)
        return future

    def _done(self, _: object) -> None:
        self._pending -= 1
