"""The fast path: one message to a whole room in one system call, `sendmmsg`, which only Linux has.

For each room that it sends to, it keeps an array of message headers that point at the members' socket addresses. The
array holds everyone twice, 0 1 2 3 0 1 2 3, so "all but member 1" is one slice of it: 2 3 0. All headers share one
iovec, so a message costs two assignments and the call. The array hangs on the room's `Hearers`, which never change:
whoever joins or leaves makes new ones, and the old array goes with the old ones.
"""

import ctypes
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from relay import Hearers
from tcrp.messages import Address


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_char_p), ("size", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_size", ctypes.c_uint32),
        ("iovecs", ctypes.POINTER(_Iovec)),
        ("iovec_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_size", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Header(ctypes.Structure):
    """struct mmsghdr. `sent` is the kernel's, and not looked at."""

    _fields_ = (("message", _Msghdr), ("sent", ctypes.c_uint))


_SIZE = ctypes.sizeof(_Header)
_WORD = ctypes.sizeof(ctypes.c_void_p)


def find_sendmmsg() -> Callable[[int, int, int, int], int] | None:
    """`sendmmsg(fd, headers, count, flags)` of the C library, or None where there is none.

    PyDLL keeps the GIL: nobody else is to run meanwhile, and to give it away and get it back costs more than it gives.
    """
    if sys.platform != "linux":
        return None
    try:
        sendmmsg: Any = ctypes.PyDLL(None).sendmmsg
    except (OSError, AttributeError):
        return None
    sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    sendmmsg.restype = ctypes.c_int
    found: Callable[[int, int, int, int], int] = sendmmsg
    return found


class Fanout:
    """Sends from one socket. `again(payload, address)` sends what `sendmmsg` would not, and deals with errors."""

    def __init__(
        self,
        sock: socket.socket,
        sendmmsg: Callable[[int, int, int, int], int],
        again: Callable[[bytes, Address], None],
    ) -> None:
        self._sock = sock
        self._sendmmsg = sendmmsg
        self._again = again
        self._iovec = _Iovec()

    def send(self, payload: bytes, hearers: Hearers, skip: int | None) -> bool:
        """Send to all hearers but the one at index `skip`, those behind it first. False: nothing was sent, as an
        address is of a form that only `sendto` reads.
        """
        prepared = hearers.prepared
        if not isinstance(prepared, _Prepared) or prepared.fanout is not self:
            prepared = hearers.prepared = self._prepare(hearers)
        if not prepared.start:
            return False
        self._iovec.base, self._iovec.size = payload, len(payload)
        count = len(hearers)
        first, end = (0, count) if skip is None else (skip + 1, skip + count)
        while first < end:
            sent = self._sendmmsg(self._sock.fileno(), prepared.start + first * _SIZE, end - first, 0)
            first += max(sent, 0)
            if first < end:  # it stops where one cannot be sent, and does not always say why
                self._again(payload, hearers[first % count])
                first += 1
        return True

    def _prepare(self, hearers: Hearers) -> "_Prepared":
        try:
            names = [socket_address(self._sock.family, address) for address in hearers]
        except OSError:
            return _Prepared(self, 0, ())
        count, size = len(names), len(names[0])
        stored = ctypes.create_string_buffer(b"".join(names))
        header = bytes(_Header(_Msghdr(None, size, ctypes.pointer(self._iovec), 1)))
        headers = ctypes.create_string_buffer(header * (2 * count), 2 * count * _SIZE)
        first = ctypes.addressof(stored)
        pointers = struct.pack(f"{2 * count}P", *(2 * [*range(first, first + count * size, size)]))
        words = memoryview(headers).cast("B").cast("P")
        words[:: _SIZE // _WORD] = memoryview(pointers).cast("P")  # `name` is the first word of each header
        return _Prepared(self, ctypes.addressof(headers), (stored, headers))


class _Prepared(NamedTuple):
    """`start`: the memory address of the headers, two for each hearer; 0: there are none, as an address cannot be
    written. `keep`: what must stay in memory.
    """

    fanout: Fanout
    start: int
    keep: tuple[object, ...]


def socket_address(family: int, address: Address) -> bytes:
    """struct sockaddr_in or sockaddr_in6. OSError for what is no address of this family."""
    start = struct.pack("=H", family) + struct.pack(">H", address[1])
    if family == socket.AF_INET:
        return start + socket.inet_pton(family, address[0]) + bytes(8)
    host = address[0] if ":" in address[0] else f"::ffff:{address[0]}"
    flow, scope = address[2:] if len(address) == 4 else (0, 0)
    return start + struct.pack(">I", flow) + socket.inet_pton(family, host) + struct.pack("=I", scope)
