"""Right but unusual in 2.4 to 2.6: limits of a payload, and bytes after a request."""

import contextlib

from tests.faults.plain import LIMIT_REACHED, MALFORMED, UNREAD, Header, Refused, Request, Server, Stream
from tests.faults.registry import odd

# 2.4d: a lower payload limit of the server's own is refused by 4, 6 or close ----------------------


class Payload1024(Server):
    """Takes payloads of up to 1024 bytes, and refuses others with status `over`."""

    over = LIMIT_REACHED

    def check_sizes(self, header: Header) -> None:
        if header.payload_size > 1024:
            raise Refused(self.over)


@odd("payload-1024-else-6", "TCRP-2.4d", note="a payload over 1024 bytes gets 6")
class Payload1024Else6(Payload1024):
    over = LIMIT_REACHED


@odd("payload-1024-else-4", "TCRP-2.4d", note="a payload over 1024 bytes gets 4")
class Payload1024Else4(Payload1024):
    over = MALFORMED


@odd("payload-1024-else-close", "TCRP-2.4d", note="a payload over 1024 bytes sees the connection close")
class Payload1024ElseClose(Payload1024):
    def refuse(self, stream: Stream, request: Request, status: int) -> None:
        if request is not UNREAD:
            super().refuse(stream, request, status)


@odd("payload-of-any-size", "TCRP-2.4d", note="payloads are taken up to the 2^29 bytes of the protocol")
class PayloadOfAnySize(Server):
    max_payload = 2**29


# 2.6b: bytes after the request are drained before the close ---------------------------------------


@odd("drains-first", "TCRP-2.6b", note="what follows a request is read for 200 ms before the FIN, not after it")
class DrainsFirst(Server):
    def finish(self, stream: Stream) -> None:
        self.forget_connection(stream)
        with contextlib.suppress(TimeoutError):
            stream.drain(0.2)
        stream.end()
