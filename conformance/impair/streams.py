"""The TCP side of the proxy: each connection of a client is carried by one to the server, bytes unchanged, delayed."""

import contextlib
import selectors
import socket
import struct
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial

from conformance.impair.impairment import NAT_BOTH, Impairment
from conformance.impair.schedule import Schedule

Address = tuple[str, int]
MOST_HELD = 1 << 20
"""Bytes of one direction of a connection that wait here; beyond it nothing more is read."""
MOST_CONNECTIONS = 256
MOST_NEWS = 1024
SIZE = 65_536


class Pipe:
    """One direction of a connection."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.waiting: deque[bytes] = deque()
        """What the sink has not taken yet, although its time has come."""
        self.held = 0
        self.ended = False
        """The source has ended, and that is on its way or has been told."""
        self.told = False


class Pair:
    """One client's connection and ours to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.connected = False
        self.up, self.down = Pipe(client, server), Pipe(server, client)
        self.open = True


class StreamRelay:
    """Carries connections. Whoever waits for `reached` learns whether the server took the connection."""

    def __init__(
        self, impairment: Impairment, host: str, schedule: Schedule, selector: selectors.BaseSelector
    ) -> None:  # fmt: skip
        self._impairment = impairment
        self._schedule = schedule
        self._selector = selector
        self.socket = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket.setblocking(False)
        self.server: Address | None = None
        self._pairs: list[Pair] = []
        self._news = threading.Condition()
        self._came: OrderedDict[Address, OSError | None] = OrderedDict()
        selector.register(self.socket, selectors.EVENT_READ, self._accept)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def reached(self, client: Address, patience: float) -> None:
        """Return once the connection of this client has reached the server. OSError if it was not taken; for any thread
        but the proxy's own.
        """
        with self._news:
            if not self._news.wait_for(lambda: client in self._came, patience):
                raise TimeoutError("timed out")
            error = self._came.pop(client)
        if error is not None:
            raise error

    def _tell(self, pair: Pair, error: OSError | None) -> None:
        with self._news, contextlib.suppress(OSError):
            self._came[pair.client.getpeername()[:2]] = error
            while len(self._came) > MOST_NEWS:
                self._came.popitem(last=False)
            self._news.notify_all()

    def _accept(self, _: int) -> None:
        with contextlib.suppress(OSError):
            client, address = self.socket.accept()
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if len(self._pairs) >= MOST_CONNECTIONS:
                self._reset(self._pairs[0])
            self._connect(client, address[:2])

    def _connect(self, client: socket.socket, address: Address, *, same_port: bool = True) -> None:
        server = self.server
        ours = socket.socket(self.socket.family, socket.SOCK_STREAM)
        ours.setblocking(False)
        pair = Pair(client, ours)
        self._pairs.append(pair)
        try:
            if server is None:
                raise ConnectionRefusedError("Connection refused")
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._impairment.nat != NAT_BOTH and (server[0].startswith("127.") or server[0] == "::1"):
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                ours.bind((address[0], address[1] if same_port else 0))
            with contextlib.suppress(BlockingIOError):
                ours.connect(server)
        except OSError as error:
            if same_port and server is not None:  # another connection has that port
                self._pairs.remove(pair)
                ours.close()
                return self._connect(client, address, same_port=False)
            self._tell(pair, error)
            return self._reset(pair)
        self._selector.register(ours, selectors.EVENT_WRITE, partial(self._ready, pair))
        return None

    def _ready(self, pair: Pair, mask: int) -> None:
        """Something has happened at our end towards the server."""
        if not pair.connected:
            error = pair.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self._tell(pair, OSError(error, "the server does not take the connection"))
                self._reset(pair)
                return
            pair.connected = True
            self._tell(pair, None)
            self._selector.register(pair.client, selectors.EVENT_READ, partial(self._at, pair, pair.up, pair.down))
            self._selector.modify(
                pair.server, selectors.EVENT_READ, partial(self._at, pair, pair.down, pair.up)
            )  # fmt: skip

    def _at(self, pair: Pair, incoming: Pipe, outgoing: Pipe, mask: int) -> None:
        """At one end bytes have come (`incoming` begins there), or there is room for what goes there (`outgoing`)."""
        if mask & selectors.EVENT_WRITE:
            self._flush(pair, outgoing)
        if not (pair.open and mask & selectors.EVENT_READ):
            return
        try:
            data = incoming.source.recv(SIZE)
        except BlockingIOError:
            return
        except OSError:
            self._schedule.after(self._impairment.delay, partial(self._reset, pair))
            self._watch(pair, read=None, end=incoming.source)
            return
        incoming.held += len(data)
        incoming.ended = not data
        self._interests(pair)
        self._later(partial(self._deliver, pair, incoming, data))

    def _later(self, call: Callable[[], None]) -> None:
        if self._impairment.delay:
            self._schedule.after(self._impairment.delay, call)
        else:
            call()

    def _deliver(self, pair: Pair, pipe: Pipe, data: bytes) -> None:
        if pair.open:
            pipe.waiting.append(data)
            self._flush(pair, pipe)

    def _flush(self, pair: Pair, pipe: Pipe) -> None:
        try:
            while pipe.waiting:
                data = pipe.waiting[0]
                if not data:
                    pipe.sink.shutdown(socket.SHUT_WR)
                    pipe.told = True
                    pipe.waiting.popleft()
                    continue
                sent = pipe.sink.send(data)
                pipe.held -= sent
                if sent < len(data):
                    pipe.waiting[0] = data[sent:]
                    break
                pipe.waiting.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self._reset(pair)
            return
        if pair.up.told and pair.down.told:
            self._close(pair)
        else:
            self._interests(pair)

    def _interests(self, pair: Pair) -> None:
        for incoming, outgoing in ((pair.up, pair.down), (pair.down, pair.up)):
            self._watch(pair, read=not incoming.ended and incoming.held < MOST_HELD, end=incoming.source,
                        write=bool(outgoing.waiting))  # fmt: skip

    def _watch(self, pair: Pair, *, read: bool | None, end: socket.socket, write: bool = False) -> None:
        """Wait for what may happen at one end of the pair. `read` None: for nothing any more."""
        mask = (selectors.EVENT_READ if read else 0) | (selectors.EVENT_WRITE if write else 0)
        watched = end in self._selector.get_map()
        pipes = (pair.up, pair.down) if end is pair.client else (pair.down, pair.up)
        if not mask:
            if watched:
                self._selector.unregister(end)
        elif watched:
            self._selector.modify(end, mask, partial(self._at, pair, *pipes))
        else:
            self._selector.register(end, mask, partial(self._at, pair, *pipes))

    def _reset(self, pair: Pair) -> None:
        """Close both ends by RST."""
        for end in (pair.client, pair.server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close(pair)

    def _close(self, pair: Pair) -> None:
        if not pair.open:
            return
        pair.open = False
        for end in (pair.client, pair.server):
            if end.fileno() >= 0 and end in self._selector.get_map():
                self._selector.unregister(end)
            end.close()
        self._pairs.remove(pair)

    def drop(self) -> None:
        """Close every connection by RST."""
        while self._pairs:
            self._reset(self._pairs[0])
