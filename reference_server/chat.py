"""The UDP half: gives datagrams to the relay, and its decisions to the socket and to the log."""

import asyncio
import errno
import logging
import os
import select
import socket
import sys
from collections.abc import Callable, Sequence
from typing import cast

from reference_server.asked import AskedAddresses, has_asked
from reference_server.fanout import Fanout, find_sendmmsg
from reference_server.figures import Traffic
from reference_server.limits import FANOUT_MIN_MEMBERS, RECEIVE_BUFFER, WORK_PER_WAKE_UP
from reference_server.refusals import Refusals
from reference_server.sockets import IP_RECVERR, IPV6_RECVERR, dropped_datagrams, receive_buffer_size, show_address
from relay import Decision, Dropped, MemberJoined, MemberLeft, Notice, Relay, Relayed, RoomClosed
from relay.addresses import ip_of
from tcrp.messages import Address

logger = logging.getLogger("reference_server")

_BUFFER_SIZE = 65_535  # holds any datagram, so that one that is too long is seen to be (TCRP-4.2a)
_SEND_ATTEMPTS = 3
_BUFFER_FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)
_NO_SUCH_SOURCE = (errno.ENETUNREACH, errno.EINVAL)  # what IPv4 and IPv6 say of a source that is not the machine's
_READING_COST = 8  # to read and judge a datagram costs as much as to send so many
_ERROR_MESSAGES = (IP_RECVERR, IPV6_RECVERR)
_CREATED, _JOINED = "created room=%r user=%r peer=%s", "joined room=%r user=%r peer=%s"  # two kinds for `RateLimit`
_STOP_WAIT_MILLISECONDS = 1000
_DROP_CHECK_SECONDS = 1.0


class ChatSocket:
    """The server's UDP socket, read and written on the running event loop.

    `sock`: bound and non-blocking; `close` closes it. `refusals`: is told which messages were beyond a limit.
    `traffic`: is told what comes and goes. `portable`: use only `sendto`, also where `sendmmsg` exists.
    `unsent`: datagrams that the system did not accept so far. `lost`: received datagrams that the system threw away
    because its buffer was full.
    """

    def __init__(
        self,
        sock: socket.socket,
        relay: Relay,
        refusals: Refusals | None = None,
        traffic: Traffic | None = None,
        *,
        portable: bool = False,
    ) -> None:
        self._sock = sock
        self._traffic = Traffic() if traffic is None else traffic
        self._refusals = Refusals() if refusals is None else refusals
        self._relay = relay
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(_BUFFER_SIZE)
        self._asked = asked = AskedAddresses.on(sock)
        self._receive_into = asked.receive_into if asked else sock.recvfrom_into
        self._send_to: Callable[[bytes, Address], object] = asked.send if asked else sock.sendto
        sendmmsg = None if portable else find_sendmmsg()
        self._fanout = Fanout(sock, sendmmsg, self._send_with_retries, asked) if sendmmsg else None
        self._failed: list[Address] = []
        self._debug = logger.isEnabledFor(logging.DEBUG)
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._drop_timer: asyncio.TimerHandle | None = None
        self._may_wait = False
        self.unsent = 0
        self.lost = 0
        self._loop.add_reader(sock, self._readable)

    @property
    def answers_as_asked(self) -> bool:
        """Whether answers go from the local address that was asked: the socket is on a wildcard address."""
        return self._asked is not None

    @property
    def dropped_by_system(self) -> int:
        """Received datagrams that the system has thrown away so far, because its buffer was full."""
        return dropped_datagrams(self._sock)

    def perform(self, decisions: Sequence[Decision]) -> None:
        """Act on decisions of the relay, report failed sends to it, and re-arm its timer."""
        self._perform(decisions)
        self._report_failures()
        if self._expiry_timer is None and (deadline := self._relay.next_deadline()) is not None:
            self._expiry_timer = self._loop.call_at(deadline, self._expire)

    def _report_failures(self) -> None:
        while self._failed:
            self._perform(self._relay.delivery_failed(self._failed.pop()))

    def close(self) -> None:
        """Tell every member that the server stops (TCRP-5.7), and close the socket."""
        self._loop.remove_reader(self._sock)
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
        self._may_wait = True  # no member is served any more, so waiting delays nobody
        self._perform(self._relay.stop())
        if self._drop_timer is not None:
            self._drop_timer.cancel()
        self._log_drops()
        self._sock.close()
        if self.unsent:
            logger.warning("%d datagrams were not taken by the system", self.unsent)
        if self.lost:
            logger.warning("%d datagrams were lost before they were read", self.lost)

    def _expire(self) -> None:
        self._expiry_timer = None
        self.perform(self._relay.expire(self._loop.time()))

    def _log_drops(self) -> None:
        """Log in one line what the system threw away since the last call. `_readable` schedules the calls."""
        self._drop_timer = None
        lost, self.lost = self.lost, dropped_datagrams(self._sock)
        if self.lost > lost:
            logger.warning(
                "%d datagrams came faster than they were read and were lost: the system holds %d bytes of them for us, "
                "%d were asked for; net.core.rmem_max limits it",
                self.lost - lost,
                receive_buffer_size(self._sock),
                RECEIVE_BUFFER,
            )

    def _readable(self) -> None:
        """Read until no datagram is left or TCP must get its turn. The loop calls again if a datagram is left.

        Failed sends are reported after each datagram, because one wake-up may last long under load.
        """
        now = self._loop.time()
        receive, buffer, judge = self._receive_into, self._buffer, self._relay.receive_datagram
        view = memoryview(buffer)
        work = 0
        while work < WORK_PER_WAKE_UP:
            try:
                size, source = receive(buffer)
            except BlockingIOError:
                if not work:  # only an error woke us: if it stayed in the queue, the loop would call again at once
                    self._read_error_queue()
                break
            except OSError as error:  # an ICMP error of an earlier send; the socket itself is usable
                logger.debug("udp: %s", error.strerror or error)
                self._read_error_queue()
                self._report_failures()
                work += _READING_COST
                continue
            self._traffic.received += 1
            work += _READING_COST + self._perform(judge(bytes(view[:size]), source, now), source)
            if self._failed:
                self._report_failures()
        self.perform(())
        if self._drop_timer is None:
            self._drop_timer = self._loop.call_later(_DROP_CHECK_SECONDS, self._log_drops)

    def _perform(self, decisions: Sequence[Decision], source: Address | None = None) -> int:
        """Act on decisions. Returns the number of datagrams sent, failed ones included. `source`: for the log."""
        count, traffic = 0, self._traffic
        for decision in decisions:
            if isinstance(decision, Relayed):  # by far the most frequent one, so it stands before the match
                payload, hearers, skip = decision
                size, fanout = len(hearers), self._fanout
                heard = size if skip is None else size - 1
                count += heard
                traffic.messages += 1
                traffic.delivered += heard
                if size < FANOUT_MIN_MEMBERS or fanout is None or not fanout.send(payload, hearers, skip):
                    for index, address in enumerate(hearers):
                        if index != skip:
                            self._send(payload, address)
                if self._debug:
                    logger.debug("udp %s: %d bytes relayed to %d", show_address(source), len(payload), heard)
                continue
            match decision:
                case Notice(payload, addresses):
                    for address in addresses:
                        self._send(payload, address)
                    count += len(addresses)
                    if self._debug:
                        logger.debug("notice to %s: %r", ", ".join(map(show_address, addresses)), payload)
                case MemberJoined(room, user, host, ip):
                    logger.info(_CREATED if host else _JOINED, room, user, ip)
                case MemberLeft(room, user, why, ip):
                    logger.info("left room=%r user=%r why=%r peer=%s", room, user, why.value, ip)
                case RoomClosed(room, why, members):
                    logger.info("closed room=%r members=%d why=%r", room, members, why.value)
                case Dropped(reason, limit, kind):
                    traffic.dropped[kind] += 1
                    if limit is not None and source is not None:
                        self._refusals.note(limit, ip_of(source), self._loop.time())
                    if self._debug:
                        logger.debug("udp %s: dropped: %s", show_address(source), reason)
        traffic.sent += count
        return count

    def _send(self, payload: bytes, address: Address) -> None:
        try:
            self._send_to(payload, address)
        except (OSError, TypeError):
            self._send_with_retries(payload, address)

    def _send_with_retries(self, payload: bytes, address: Address) -> None:
        """Send a datagram whose first send failed. That error may have been about an earlier datagram."""
        self._read_error_queue()
        if self._asked is None and has_asked(address):  # kept from a run of the server on all addresses
            address = cast(Address, address[:-1])
        for _ in range(_SEND_ATTEMPTS):
            try:
                self._send_to(payload, address)
                return
            except socket.gaierror:  # an IPv4 address, and the socket accepts it only as an IPv6 one
                if self._sock.family != socket.AF_INET6 or ":" in address[0]:
                    break
                address = cast(Address, (f"::ffff:{address[0]}", *address[1:]))
            except OSError as error:
                if error.errno in _BUFFER_FULL:
                    if self._may_wait and self._wait_until_writable():
                        continue
                    break
                if self._read_error_queue() or error.errno == errno.ECONNREFUSED:
                    continue  # the error was about an earlier datagram, and this one was not sent
                if error.errno in _NO_SUCH_SOURCE and has_asked(address):
                    address = cast(Address, address[:-1])  # the machine has lost the address that was asked
                    continue
                if error.errno != errno.EMSGSIZE:
                    self._failed.append(address)
                break
        self.unsent += 1

    def _wait_until_writable(self) -> bool:
        """Whether the socket can be written to now. After one wait without success there is no further one."""
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        self._may_wait = bool(poll.poll(_STOP_WAIT_MILLISECONDS))
        return self._may_wait

    def _read_error_queue(self) -> bool:
        """Note the addresses that ICMP errors say were not reached. Returns whether the queue held any errors."""
        if sys.platform != "linux":
            return False
        found = False
        while True:
            try:
                _, extended, _, address = self._sock.recvmsg(1, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
            except OSError:
                return found
            found = True
            for _, kind, error in extended:
                number = int.from_bytes(error[:4], sys.byteorder)  # sock_extended_err.ee_errno
                if kind in _ERROR_MESSAGES and number != errno.EMSGSIZE and address:
                    self._failed.append(address)
                    logger.debug("udp %s: not delivered: %s", show_address(address), os.strerror(number))
