"""The fast path for large rooms: one message to a whole room in one system call, `sendmmsg`, which only Linux has.

For each room there is an array of message headers that point at the members' socket addresses. The array holds every
member twice, 0 1 2 3 0 1 2 3, so "all but member 1" is one slice of it: 2 3 0. All headers share one iovec, so a
message costs two assignments and the call. The array is an attribute of the room's `Hearers`, which never change: a
join or a leave makes new `Hearers`, and the old array is freed with the old ones.
"""

import ctypes
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, cast

from reference_server.asked import AskedAddresses, has_asked
from relay import Hearers
from tcrp.messages import Address

Sendmmsg: TypeAlias = Callable[[int, int, int, int], int]
"""`sendmmsg(fd, headers, count, flags)`: sends `count` datagrams, and returns how many it sent, or -1."""


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
    """struct mmsghdr. The kernel writes `sent`, and nobody reads it."""

    _fields_ = (("message", _Msghdr), ("sent", ctypes.c_uint))


_HEADER_SIZE = ctypes.sizeof(_Header)
_WORD_SIZE = ctypes.sizeof(ctypes.c_void_p)
_CONTROL_WORD = _Msghdr.control.offset // _WORD_SIZE  # `control_size` is the next one


def find_sendmmsg() -> Sendmmsg | None:
    """`sendmmsg` of the C library, or None where it does not exist.

    It is loaded by PyDLL, which keeps the GIL during the call: to release it and take it again would cost more than
    other threads could gain.
    """
    if sys.platform != "linux":
        return None
    try:
        sendmmsg: Any = ctypes.PyDLL(None).sendmmsg
    except (OSError, AttributeError):
        return None
    sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    sendmmsg.restype = ctypes.c_int
    found: Sendmmsg = sendmmsg
    return found


class Fanout:
    """Sends a room's messages from one socket.

    `send_one(payload, address)` is called for each datagram that `sendmmsg` did not send. It sends the datagram and
    handles the error. `asked`: writes the control messages for addresses that have the local address that was asked.
    """

    def __init__(
        self,
        sock: socket.socket,
        sendmmsg: Sendmmsg,
        send_one: Callable[[bytes, Address], None],
        asked: AskedAddresses | None = None,
    ) -> None:
        self._sock = sock
        self._sendmmsg = sendmmsg
        self._send_one = send_one
        self._asked = asked
        self._iovec = _Iovec()

    def send(self, payload: bytes, hearers: Hearers, skip: int | None) -> bool:
        """Send to all hearers except the one at index `skip`; the hearers after it come first.

        False: nothing was sent, because one address has a form that only `sendto` understands.
        """
        prepared = hearers.prepared
        if not isinstance(prepared, _PreparedHeaders) or prepared.fanout is not self:
            prepared = hearers.prepared = self._prepare(hearers)
        if not prepared.start:
            return False
        self._iovec.base, self._iovec.size = payload, len(payload)
        count = len(hearers)
        first, end = (0, count) if skip is None else (skip + 1, skip + count)
        while first < end:
            sent = self._sendmmsg(self._sock.fileno(), prepared.start + first * _HEADER_SIZE, end - first, 0)
            first += max(sent, 0)
            if first < end:  # `sendmmsg` stops at a datagram that it cannot send, and does not always say why
                self._send_one(payload, hearers[first % count])
                first += 1
        return True

    def _prepare(self, hearers: Hearers) -> "_PreparedHeaders":
        try:
            names = [socket_address(self._sock.family, address) for address in hearers]
        except OSError:
            return _PreparedHeaders(self, 0, ())
        count, size = len(names), len(names[0])
        stored = ctypes.create_string_buffer(b"".join(names))
        header = bytes(_Header(_Msghdr(None, size, ctypes.pointer(self._iovec), 1)))
        headers = ctypes.create_string_buffer(header * (2 * count), 2 * count * _HEADER_SIZE)
        first = ctypes.addressof(stored)
        pointers = struct.pack(f"{2 * count}P", *(2 * [*range(first, first + count * size, size)]))
        words = memoryview(headers).cast("B").cast("P")
        words[:: _HEADER_SIZE // _WORD_SIZE] = memoryview(pointers).cast("P")  # `name` is the first word of a header
        keep = (stored, headers, self._write_controls(words, hearers)) if self._asked else (stored, headers)
        return _PreparedHeaders(self, ctypes.addressof(headers), keep)

    def _write_controls(self, words: memoryview, hearers: Hearers) -> object:
        """Point each header at the control message of its hearer. Returns the memory of the messages."""
        assert self._asked is not None
        locals_ = [cast(str, address[-1]) if has_asked(address) else "" for address in hearers]
        messages = {local: self._asked.control(local) for local in dict.fromkeys(locals_) if local}
        stored = ctypes.create_string_buffer(b"".join(messages.values()))
        start, places = ctypes.addressof(stored), {"": (0, 0)}
        for local, message in messages.items():
            places[local] = start, len(message)
            start += len(message)
        for index, local in enumerate(2 * locals_):
            first = index * _HEADER_SIZE // _WORD_SIZE + _CONTROL_WORD
            words[first], words[first + 1] = places[local]
        return stored


class _PreparedHeaders(NamedTuple):
    """The headers for a room.

    `start`: their memory address, two headers for each hearer; 0: there are none, because an address cannot be written
    as a socket address. `keep`: the blocks of memory that must live as long as the headers.
    """

    fanout: Fanout
    start: int
    keep: tuple[object, ...]


def socket_address(family: int, address: Address) -> bytes:
    """The bytes of struct sockaddr_in or sockaddr_in6. OSError if `address` is not numeric or not of this family.

    `address` may end with the local address that was asked, which is left out.
    """
    start = struct.pack("=H", family) + struct.pack(">H", address[1])
    if family == socket.AF_INET:
        return start + socket.inet_pton(family, address[0]) + bytes(8)
    host = address[0] if ":" in address[0] else f"::ffff:{address[0]}"
    flow, scope = address[2:4] if len(address) >= 4 else (0, 0)
    return start + struct.pack(">I", flow) + socket.inet_pton(family, host) + struct.pack("=I", scope)
