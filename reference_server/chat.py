"""The UDP half: datagrams to the relay, its decisions to the socket and to the log."""

import asyncio
import errno
import logging
import os
import select
import socket
import sys
from collections.abc import Sequence

from reference_server.fanout import Fanout, find_sendmmsg
from reference_server.limits import FANOUT_FROM, RECEIVE_BUFFER, WORK_PER_WAKE_UP
from reference_server.sockets import IP_RECVERR, IPV6_RECVERR, dropped, granted, show
from relay import Decision, Dropped, MemberJoined, MemberLeft, Notice, Relay, Relayed, RoomClosed
from tcrp.messages import Address

logger = logging.getLogger("reference_server")

_BUFFER_SIZE = 65_535  # any datagram: one that is cut would not be seen to be too long (TCRP-4.2a)
_ATTEMPTS = 3
_FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)
_COST_OF_READING = 8  # a datagram read and judged, in datagrams sent
_ERROR_MESSAGES = (IP_RECVERR, IPV6_RECVERR)
_STOP_MILLISECONDS = 1000
_DROPS_SECONDS = 1.0


class Chat:
    """`unsent`: datagrams that the system did not take; `lost`: those it had no room to hold until we read them.

    `portable`: sends as everywhere, also where there is a faster way.
    """

    def __init__(self, sock: socket.socket, relay: Relay, *, portable: bool = False) -> None:
        self._sock = sock
        self._relay = relay
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(_BUFFER_SIZE)
        sendmmsg = None if portable else find_sendmmsg()
        self._fanout = Fanout(sock, sendmmsg, self._send_carefully) if sendmmsg else None
        self._failed: list[Address] = []
        self._debug = logger.isEnabledFor(logging.DEBUG)
        self._expiry: asyncio.TimerHandle | None = None
        self._drops: asyncio.TimerHandle | None = None
        self._may_wait = False
        self.unsent = 0
        self.lost = 0
        self._loop.add_reader(sock, self._readable)

    def perform(self, decisions: Sequence[Decision]) -> None:
        """Act on what the relay decided, and on what comes of that."""
        self._perform(decisions)
        self._tell_failures()
        if self._expiry is None and (deadline := self._relay.next_deadline()) is not None:
            self._expiry = self._loop.call_at(deadline, self._expire)

    def _tell_failures(self) -> None:
        while self._failed:
            self._perform(self._relay.delivery_failed(self._failed.pop()))

    def close(self) -> None:
        """Tell every member that the server stops (TCRP-5.7), and end."""
        self._loop.remove_reader(self._sock)
        if self._expiry is not None:
            self._expiry.cancel()
        self._may_wait = True  # nobody is served any more
        self._perform(self._relay.stop())
        if self._drops is not None:
            self._drops.cancel()
        self._look_for_drops()
        self._sock.close()
        if self.unsent:
            logger.warning("%d datagrams were not taken by the system", self.unsent)
        if self.lost:
            logger.warning("%d datagrams were lost before they were read", self.lost)

    def _expire(self) -> None:
        self._expiry = None
        self.perform(self._relay.expire(self._loop.time()))

    def _look_for_drops(self) -> None:
        """One line for all that was lost since the last look, and nothing where nothing comes: see `_readable`."""
        self._drops = None
        lost, self.lost = self.lost, dropped(self._sock)
        if self.lost > lost:
            logger.warning(
                "%d datagrams came faster than they were read and were lost: the system holds %d bytes of them for us, "
                "%d were asked for; net.core.rmem_max limits it",
                self.lost - lost,
                granted(self._sock),
                RECEIVE_BUFFER,
            )

    def _readable(self) -> None:
        """Read until nothing is left or TCP must have its turn; the loop calls again if something is left.

        Failures are told after each datagram: under load one wake-up may last long.
        """
        now = self._loop.time()
        receive, buffer, judge = self._sock.recvfrom_into, self._buffer, self._relay.receive_datagram
        view = memoryview(buffer)
        work = 0
        while work < WORK_PER_WAKE_UP:
            try:
                size, source = receive(buffer)
            except BlockingIOError:
                if not work:  # woken by an error alone: if it stayed queued, the loop would call again at once
                    self._read_errors()
                break
            except OSError as error:  # an ICMP error of an earlier send, which says nothing about this socket
                logger.debug("udp: %s", error.strerror or error)
                self._read_errors()
                self._tell_failures()
                work += _COST_OF_READING
                continue
            work += _COST_OF_READING + self._perform(judge(bytes(view[:size]), source, now), source)
            if self._failed:
                self._tell_failures()
        self.perform(())
        if self._drops is None:
            self._drops = self._loop.call_later(_DROPS_SECONDS, self._look_for_drops)

    def _perform(self, decisions: Sequence[Decision], source: Address | None = None) -> int:
        """The number of datagrams sent, or tried."""
        count = 0
        for decision in decisions:
            if isinstance(decision, Relayed):  # nearly always
                payload, hearers, skip = decision
                size, fanout = len(hearers), self._fanout
                count += size
                if size < FANOUT_FROM or fanout is None or not fanout.send(payload, hearers, skip):
                    for index, address in enumerate(hearers):
                        if index != skip:
                            self._send(payload, address)
                if self._debug:
                    logger.debug(
                        "udp %s: %d bytes relayed to %d", show(source), len(payload), size - (skip is not None)
                    )
                continue
            match decision:
                case Notice(payload, addresses):
                    for address in addresses:
                        self._send(payload, address)
                    count += len(addresses)
                    if self._debug:
                        logger.debug("notice to %s: %r", ", ".join(map(show, addresses)), payload)
                case MemberJoined(room, user, host):
                    logger.info("%s room=%r user=%r", "created" if host else "joined", room, user)
                case MemberLeft(room, user, why):
                    logger.info("left room=%r user=%r why=%r", room, user, why.value)
                case RoomClosed(room, why, members):
                    logger.info("closed room=%r members=%d why=%r", room, members, why.value)
                case Dropped(reason):
                    if self._debug:
                        logger.debug("udp %s: dropped: %s", show(source), reason)
        return count

    def _send(self, payload: bytes, address: Address) -> None:
        try:
            self._sock.sendto(payload, address)
        except OSError:
            self._send_carefully(payload, address)

    def _send_carefully(self, payload: bytes, address: Address) -> None:
        """Send what a quicker way did not. The error it met may have been about an earlier datagram."""
        self._read_errors()
        for _ in range(_ATTEMPTS):
            try:
                self._sock.sendto(payload, address)
                return
            except socket.gaierror:  # an IPv4 address, where the socket takes it only as IPv6
                if self._sock.family != socket.AF_INET6 or ":" in address[0]:
                    break
                address = (f"::ffff:{address[0]}", address[1])
            except OSError as error:
                if error.errno in _FULL:
                    if self._may_wait and self._writable():
                        continue
                    break
                if self._read_errors() or error.errno == errno.ECONNREFUSED:
                    continue  # it was about an earlier datagram, and this one did not leave
                if error.errno != errno.EMSGSIZE:
                    self._failed.append(address)
                break
        self.unsent += 1

    def _writable(self) -> bool:
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        self._may_wait = bool(poll.poll(_STOP_MILLISECONDS))  # once in vain is enough
        return self._may_wait

    def _read_errors(self) -> bool:
        """Empty the queue of ICMP errors, which name the address that was not reached; whether there were any."""
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
                    logger.debug("udp %s: not delivered: %s", show(address), os.strerror(number))
