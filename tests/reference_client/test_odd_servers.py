"""ChatClient against servers that refuse, trickle, close early, send garbage or send nothing."""

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from reference_client import ChatClient, Refused, Unreachable
from reference_client.errors import STATUS_SENTENCES
from tcrp import Join, RemoteProtocolError, Status
from tests.reference_client.odd_server import TOKEN, WELCOME, OddServer, StartOdd, ack, answering, drain
from tests.reference_client.processes import PATIENCE

WANT = Join("r", "alice")


def connect(server: OddServer, **options: Any) -> ChatClient:
    """Connect and leave again."""

    async def go() -> ChatClient:
        async with asyncio.timeout(PATIENCE), await ChatClient.connect(server.endpoint, WANT, **options) as chat:
            return chat

    return asyncio.run(go())


@pytest.mark.parametrize("status", [1, 2, 3, 4, 5, 6, 7, 255])
def test_every_status_has_a_sentence(odd: StartOdd, status: int) -> None:
    with pytest.raises(Refused) as refused:
        connect(odd(answering(ack(status))))
    assert refused.value.status == status
    sentence = str(refused.value)
    sentences = {int(known): text for known, text in STATUS_SENTENCES.items()}
    assert sentence == sentences.get(status, f"the server refused with status {status}")


def test_there_is_a_sentence_for_every_status() -> None:
    assert set(STATUS_SENTENCES) == set(Status)
    assert str(Refused(400, "no\x1b")) == r"the server refused with status 400 (it says: no\x1b)"
    assert (
        str(Refused(3)) == "the server refused with status 3"
    )  # 3 is not a Status here: a dialect may give it another meaning


def test_an_answer_that_trickles(odd: StartOdd) -> None:
    connect(odd(answering(*(WELCOME[i : i + 1] for i in range(len(WELCOME))))))


def test_an_answer_in_one_segment(odd: StartOdd) -> None:
    connect(odd(answering(WELCOME)))


def test_an_answer_before_the_request_and_a_reset(odd: StartOdd) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(ack(6))
        connection.close()  # the request is unread, so this resets

    with pytest.raises(Refused):
        connect(odd(serve))


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\nServer: a web server of some kind\r\n\r\n", b"\xff" * 64, b"\0" * 64],
)
def test_garbage(odd: StartOdd, answer: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as error:
        connect(odd(answering(answer)))
    assert error.value.clause.startswith("TCRP-")


def test_a_close_without_a_whole_answer(odd: StartOdd) -> None:
    for answer in (b"", ack(0), WELCOME[:-1]):
        with pytest.raises(Unreachable, match="without a whole answer"):
            connect(odd(answering(answer)))


def test_no_answer_at_all(odd: StartOdd) -> None:
    with pytest.raises(Unreachable, match=r"does not answer within 0\.2 s"):
        connect(odd(drain), timeout=0.2)


def test_an_answer_that_stops_in_the_middle(odd: StartOdd) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(ack(0))
        drain(connection)

    with pytest.raises(Unreachable, match="does not answer"):
        connect(odd(serve), timeout=0.2)


def test_nobody_listens(odd: StartOdd) -> None:
    server = odd(drain)
    server.close()
    with pytest.raises(Unreachable, match=r"tcp 127\.0\.0\.1:\d+: connection refused"):
        connect(server)


def test_registers_as_soon_as_complete_has_come_and_leaves_once(odd: StartOdd) -> None:
    """The server never closes, so a client that waits for the close before it registers would wait forever."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(WELCOME)
        drain(connection)

    server = odd(serve)
    connect(server, keepalive=None)
    (first, source), (second, same_source) = server.packet(), server.packet()
    assert [first, second] == [("r", TOKEN, b""), ("r", TOKEN, b"exit")]
    assert source == same_source
    server.udp.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.packet()


def test_keeps_alive_and_a_lost_registration_does_not_matter(odd: StartOdd) -> None:
    server = odd(answering(WELCOME))

    async def stay() -> None:
        async with asyncio.timeout(PATIENCE), await ChatClient.connect(server.endpoint, WANT, keepalive=0.01):
            packets = [await asyncio.to_thread(server.packet) for _ in range(5)]
            assert {packet for packet, _ in packets} == {("r", TOKEN, b"")}
            assert len({source for _, source in packets}) == 1

    asyncio.run(stay())


def test_no_keepalive_if_none_is_wanted(odd: StartOdd) -> None:
    """The keep-alives of another client show that there was time for one."""
    silent, lively = odd(answering(WELCOME)), odd(answering(WELCOME))

    async def stay() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            await ChatClient.connect(silent.endpoint, WANT, keepalive=None) as chat,
            await ChatClient.connect(lively.endpoint, WANT, keepalive=0.01),
        ):
            for _ in range(5):
                await asyncio.to_thread(lively.packet)
            await chat.send("now")
            assert [(await asyncio.to_thread(silent.packet))[0].message for _ in range(2)] == [b"", b"now"]

    asyncio.run(stay())


def test_datagrams_from_elsewhere_are_dropped(odd: StartOdd) -> None:
    server = odd(answering(WELCOME))

    async def listen() -> None:
        async with asyncio.timeout(PATIENCE), await ChatClient.connect(server.endpoint, WANT) as chat:
            _, source = await asyncio.to_thread(server.packet)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"mallory: forged", source)
                stranger.sendto(b"\x04the room is closed", source)
            server.udp.sendto(b"bob: real", source)
            assert (await anext(chat)).body == b"real"

    asyncio.run(listen())


def test_datagrams_of_every_kind(odd: StartOdd) -> None:
    server = odd(answering(WELCOME))

    async def listen() -> None:
        async with asyncio.timeout(PATIENCE), await ChatClient.connect(server.endpoint, WANT) as chat:
            _, source = await asyncio.to_thread(server.packet)
            for data in (b"", b"\xff\xfe", b"bob: \xff", b"\x05news", b"bob: " + b"x" * 60000, b"\x04bye \xf0"):
                server.udp.sendto(data, source)
            server.udp.sendto(b"\x04bye", source)
            server.udp.sendto(b"bob: after the end", source)
            downs = [down async for down in chat]
            assert [down.kind.value for down in downs] == ["unknown", "unknown", "chat", "info", "unknown", "unknown"]
            assert [down.body for down in downs[:4]] == [b"", b"\xff\xfe", b"\xff", b"news"]
            assert chat.closed == "bye"

    asyncio.run(listen())


def test_a_chat_port_that_is_closed(odd: StartOdd) -> None:
    server = odd(answering(WELCOME))
    server.udp.close()

    async def listen() -> None:
        async with asyncio.timeout(PATIENCE), await ChatClient.connect(server.endpoint, WANT, keepalive=0.01) as chat:
            with pytest.raises(Unreachable, match="connection refused"):
                await anext(chat)
            with pytest.raises(Unreachable):
                await chat.send("hello")

    asyncio.run(listen())


def test_one_delivery_failure_loses_no_message(odd: StartOdd) -> None:
    """The system reports a failure on the next send, which then sends nothing."""
    server = odd(answering(WELCOME))
    port = server.udp.getsockname()
    server.udp.close()

    async def talk() -> None:
        async with asyncio.timeout(PATIENCE), await ChatClient.connect(server.endpoint, WANT, keepalive=None) as chat:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reopened:
                reopened.bind(port)
                reopened.settimeout(PATIENCE)
                await chat.send("hello")
                assert (await asyncio.to_thread(reopened.recv, 4096)).endswith(b"hello")
                with contextlib.suppress(Unreachable):
                    await chat.leave()

    asyncio.run(talk())
