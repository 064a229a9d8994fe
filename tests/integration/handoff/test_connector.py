"""The connector on the wire: what it sends, and what it makes of servers that misbehave."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiohttp import web

from tests.integration.handoff.parts import CLOCK, IDS, SECRET, payload
from tests.integration.handoff.target import Target, confirm, serve
from tillbridge.connectors.http import HttpConnector
from tillbridge.handoff.ports import (
    CannotTell,
    Confirmed,
    Delivery,
    NotSent,
    NotThere,
    There,
    Unknown,
)
from tillbridge.simulate.signature import Verifier

Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def delivery(timeout: float = 2.0) -> Delivery:
    event, credit = IDS.new(), IDS.new()
    body = {
        **payload(),
        "event_id": str(event),
        "credit": {"id": str(credit)},
        "customer": None,
        "hop": "platform-erp",
        "version": 1,
        "state": "active",
        "balance": "88.00",
    }
    return Delivery(credit, 1, event, "platform-erp", f"{event}:platform-erp", "credit.issued", body, 1, 0, timeout)


@asynccontextmanager
async def raw(answer: Raw) -> AsyncIterator[str]:
    """A server below HTTP, that writes what it likes, until the block ends."""
    under_way: set[asyncio.Task[None]] = set()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            await answer(reader, writer)
        except (asyncio.CancelledError, OSError, EOFError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
    await asyncio.sleep(0)


def saying(data: bytes, then: float = 0.0) -> Raw:
    """Read the head of a request, say something, and hang up after a while."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(then)

    return answer


async def test_a_delivery_is_signed_and_keyed() -> None:
    seen: dict[str, object] = {}

    async def look(target: Target, key: str, body: dict[str, Any], request: web.Request) -> web.Response:
        seen["fault"] = Verifier(SECRET).fault(request.headers, await request.read(), CLOCK.now())
        seen["headers"] = {name: request.headers[name] for name in ("Idempotency-Key", "webhook-id", "Content-Type")}
        return await confirm(target, key, body, request)

    async with serve() as target, HttpConnector(target.url + "/", SECRET, CLOCK) as connector:
        target.always = look
        one = delivery()
        assert await connector.deliver(one) == Confirmed(f"ref-{one.key[:8]}")
        assert seen["fault"] is None
        assert seen["headers"] == {
            "Idempotency-Key": one.key,
            "webhook-id": one.key,
            "Content-Type": "application/json",
        }
        assert target.book[one.key] == msgspec.json.decode(msgspec.json.encode(one.body))
        assert await connector.probe(one) == There(f"ref-{one.key[:8]}")
        assert await connector.probe(delivery()) == NotThere()
        target.can_be_asked = False
        assert isinstance(await connector.probe(one), CannotTell)


async def test_a_key_is_asked_for_as_it_is_whatever_signs_it_has() -> None:
    async with serve() as target, HttpConnector(target.url, SECRET) as connector:
        odd = replace(delivery(), key="event:a/b ?#%41é")
        target.book[odd.key] = {}
        assert isinstance(await connector.probe(odd), There)


async def test_no_connection_is_not_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # Bound, and nobody listens.
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with HttpConnector(url, SECRET) as connector:
            assert isinstance(await connector.deliver(delivery()), NotSent)
            assert isinstance(await connector.probe(delivery()), NotSent)


@pytest.mark.parametrize(
    "url", ["http://no-such-host.invalid", "http://127.0.0.1:99999", "http:///x", "ftp://127.0.0.1", "nonsense", ""]
)
async def test_an_address_that_leads_nowhere_is_not_sent(url: str) -> None:
    async with HttpConnector(url, SECRET) as connector:
        assert isinstance(await connector.deliver(delivery()), NotSent)
        assert isinstance(await connector.probe(delivery()), NotSent)


async def test_a_server_without_the_tls_it_should_have_is_not_sent() -> None:
    async with (
        raw(saying(b"HTTP/1.1 400 No TLS here\r\n\r\n")) as url,
        HttpConnector(url.replace("http:", "https:"), SECRET) as connector,
    ):
        assert isinstance(await connector.deliver(delivery()), NotSent)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"reference\": \"doc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b" " * 70_000 + b'{"reference": "doc-1"}',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
    ],
)  # fmt: skip
async def test_a_broken_answer_is_unknown(said: bytes) -> None:
    async with raw(saying(said)) as url, HttpConnector(url, SECRET) as connector:
        assert isinstance(await connector.deliver(delivery()), Unknown)
        assert isinstance(await connector.probe(delivery()), NotSent)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"])
async def test_an_answer_that_takes_too_long_is_unknown(said: bytes) -> None:
    async with raw(saying(said, then=3)) as url, HttpConnector(url, SECRET) as connector:
        assert isinstance(await connector.deliver(delivery(0.2)), Unknown)
        assert isinstance(await connector.probe(delivery(0.2)), NotSent)


async def test_a_connection_that_the_server_closed_while_idle_is_opened_again() -> None:
    first = Target()
    async with serve(first) as target:
        port = int(target.url.rpartition(":")[2])
        async with HttpConnector(target.url, SECRET) as connector:
            assert isinstance(await connector.deliver(delivery()), Confirmed)
            await target.stop()
            async with serve(port=port) as again:
                await asyncio.sleep(0.05)
                assert isinstance(await connector.deliver(delivery()), Confirmed)
                assert len(again.book) == 1
