"""A server made of asyncio's streams and DatagramProtocol. With --uvloop it runs on uvloop."""

import asyncio
import socket
import sys
from typing import cast

from benchmarks.contestants.rooms import HEADER_SIZE, PlainRooms, body_size


async def answer_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        header = await reader.readexactly(HEADER_SIZE)
        body = await reader.readexactly(body_size(header))
        writer.write(rooms.request(header, body, writer.get_extra_info("peername")[0]))
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


class ChatProtocol(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)  # it behaves as one, but is not a subclass

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        relayed = rooms.datagram(data, source)
        if relayed is not None:
            payload, addresses = relayed
            for address in addresses:
                self.transport.sendto(payload, address)


async def main() -> None:
    loop = asyncio.get_running_loop()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    udp.bind(("127.0.0.1", 0))
    await loop.create_datagram_endpoint(ChatProtocol, sock=udp)
    listener = await asyncio.start_server(answer_request, "127.0.0.1", 0, backlog=512)
    tcp = listener.sockets[0].getsockname()
    print(f"ready tcp=127.0.0.1:{tcp[1]} udp=127.0.0.1:{udp.getsockname()[1]}", flush=True)
    await listener.serve_forever()


rooms = PlainRooms()
if "--uvloop" in sys.argv:
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
