"""Hashing and verifying passwords in threads, so that the event loop does not wait."""

import asyncio
import hashlib
import hmac
import os
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from reference_server.limits import MAX_PENDING_PASSWORDS, MAX_PENDING_PASSWORDS_IN_ALL
from relay.tally import Tally
from tcrp.dialects.base import Passwords

MAX_HASHES: Final = "max-hashes"
HASHES_PER_ADDRESS: Final = "hashes-per-address"
"""The names of limits, as `Refusals` counts them."""

_SALT_SIZE = 16
T = TypeVar("T")


class Scrypt:
    """The stored form of a password where the dialect has none of its own: 16 bytes of salt, then 64 of scrypt hash."""

    def hash(self, password: str) -> bytes:
        """The stored form of a password, with a new salt."""
        salt = os.urandom(_SALT_SIZE)
        return salt + self._derive(password, salt)

    def verify(self, password: str, stored: bytes) -> bool:
        """Whether `stored` is a stored form of this password, compared byte by byte (TCRP-3.10a)."""
        return hmac.compare_digest(self._derive(password, stored[:_SALT_SIZE]), stored[_SALT_SIZE:])

    def _derive(self, password: str, salt: bytes) -> bytes:
        # scrypt begins with HMAC, which pads short keys with NUL: without the digest, "secret" and "secret\0" would
        # be the same password (TCRP-3.10a).
        digest = hashlib.sha256(password.encode()).digest()
        return hashlib.scrypt(digest, salt=salt, n=2**14, r=8, p=1)


class _Job(NamedTuple):
    """A password to hash or verify. `result`: of `work`, set on the event loop."""

    work: Callable[[], Any]
    result: asyncio.Future[Any]


class PasswordThreads:
    """A few threads that hash and verify. `passwords`: how the dialect does it; None: by `Scrypt`.

    Networks (`relay.network_of`) take turns: one that has many passwords waiting delays its own. The caller asks
    `refuses` before each call: the queue itself has no bound. All methods must be called on the event loop.
    """

    def __init__(self, passwords: Passwords | None, per_network: int = 0) -> None:
        self._passwords = passwords or Scrypt()
        count = min(4, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="password")
        self._free = count
        self._per_network = per_network
        self._waiting: OrderedDict[str, deque[_Job]] = OrderedDict()  # the network whose turn it is stands first
        self._pending: Tally[str] = Tally()  # by network: waiting, delayed or in a thread
        self._closed = False

    @property
    def pending(self) -> int:
        """How many passwords are being judged or wait for it."""
        return self._pending.total()

    def refuses(self, network: str, *, exempt: bool) -> str | None:
        """Which limit keeps the network from having one more password judged. `exempt`: it has no limit of its own."""
        own = self._pending[network]
        if self._per_network and own >= self._per_network and not exempt:
            return HASHES_PER_ADDRESS
        pending = self.pending
        if pending >= MAX_PENDING_PASSWORDS_IN_ALL or (own and pending >= MAX_PENDING_PASSWORDS):
            return MAX_HASHES
        return None

    def hash(self, password: str, network: str) -> asyncio.Future[bytes]:
        """The future of the password's stored form."""
        return self._add(network, lambda: self._passwords.hash(password), 0.0)

    def verify(self, password: str, stored: bytes, network: str, delay: float = 0.0) -> asyncio.Future[bool]:
        """The future of whether the password is the one in `stored`. It is looked at after `delay` seconds."""
        return self._add(network, lambda: self._passwords.verify(password, stored), delay)

    def close(self) -> None:
        """Cancel what no thread has begun. Does not wait for what has begun."""
        self._closed = True
        for jobs in self._waiting.values():
            for job in jobs:
                job.result.cancel()
        self._waiting.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _add(self, network: str, work: Callable[[], T], delay: float) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future())
        self._pending.add(network, 1)
        if delay:
            loop.call_later(delay, self._enqueue, network, job)
        else:
            self._enqueue(network, job)
        return job.result

    def _enqueue(self, network: str, job: _Job) -> None:
        if self._closed:
            job.result.cancel()
        else:
            self._waiting.setdefault(network, deque()).append(job)
            self._start_waiting()

    def _start_waiting(self) -> None:
        """Give the free threads work: of each network one password, then of each the next."""
        while self._free and self._waiting:
            network, jobs = self._waiting.popitem(last=False)
            job = jobs.popleft()
            if jobs:
                self._waiting[network] = jobs
            self._free -= 1
            done = asyncio.get_running_loop().run_in_executor(self._threads, job.work)
            done.add_done_callback(partial(self._finish, network, job))

    def _finish(self, network: str, job: _Job, done: asyncio.Future[Any]) -> None:
        self._free += 1
        self._pending.add(network, -1)
        if not job.result.done():
            if done.cancelled():
                job.result.cancel()
            elif (error := done.exception()) is not None:
                job.result.set_exception(error)
            else:
                job.result.set_result(done.result())
        self._start_waiting()
