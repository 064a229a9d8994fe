"""The tills of the benchmark: what they send, what they take for an answer, and what they count."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tillbridge.cli.tills import NO_ANSWER, request_bytes, ring, whole_answer

ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nyes!"


@pytest.mark.parametrize(
    ("got", "status"),
    [
        (ANSWER, 201),
        (ANSWER[:-1], None),
        (ANSWER[:30], None),
        (b"", None),
        (b"HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\nX-Y: z\r\n\r\n{}", 409),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
    ],
)
def test_an_answer_is_whole_or_not(got: bytes, status: int | None) -> None:
    assert whole_answer(got) == status


def test_a_request_is_ready_to_be_sent() -> None:
    request = request_bytes("http://127.0.0.1:8080", "/v1/credits", "tb_key", "001-1-2026-11-21T14:02:11Z", b"{}")
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v1/credits HTTP/1.1"
    assert {"Host: 127.0.0.1:8080", "Authorization: Bearer tb_key", "Content-Length: 2"} <= set(lines)
    assert "Idempotency-Key: 001-1-2026-11-21T14:02:11Z" in lines
    assert body == b"{}"


@pytest.fixture
async def shop() -> AsyncIterator[str]:
    """A server that answers in two pieces; `refuse` with 409, and `hang-up` not at all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            if b"hang-up" in head:
                break
            writer.write(ANSWER.replace(b"201", b"409" if b"refuse" in head else b"201")[:-2])
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(ANSWER[-2:])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def requests_for(url: str, *paths: str) -> list[bytes]:
    return [request_bytes(url, path, "key", str(number), b"") for number, path in enumerate(paths)]


async def test_every_request_is_sent_once_and_every_status_counted(shop: str) -> None:
    rung = await ring(shop, requests_for(shop, *["/ok"] * 40, "/refuse", "/refuse"), 8, 10)
    assert rung.statuses == {201: 40, 409: 2}
    assert (rung.good, rung.failed(), rung.answer_ms.count) == (40, 2, 40)
    assert rung.per_second > 0


async def test_a_broken_connection_is_a_failure_and_the_others_go_on(shop: str) -> None:
    rung = await ring(shop, requests_for(shop, "/hang-up", *["/ok"] * 10), 2, 10)
    assert rung.statuses == {201: 10, NO_ANSWER: 1}
    assert rung.failed() == 1


async def test_no_longer_than_asked(shop: str) -> None:
    rung = await ring(shop, requests_for(shop, *["/ok"] * 1_000), 2, 0)
    assert rung.good == 0
