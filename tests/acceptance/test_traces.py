"""One credit is one trace, from the register's request to the last system, and to a collector of traces."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.acceptance.asking import amount, ask, done, read
from tests.acceptance.conftest import Door, sale
from tests.acceptance.test_metrics import hub_on
from tests.integration.handoff import parts
from tests.integration.handoff.target import Target, serve
from tillbridge.handoff.trace import read_trace

BROUGHT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Heard(Target):
    """A system that keeps the traceparent of every delivery, by hop."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, str, dict[str, Any]]] = []

    async def post(self, request: web.Request) -> web.Response:
        """Note what came, then do as before."""
        body = await request.json()
        self.heard.append((body["hop"], request.headers["traceparent"], body))
        return await super().post(request)


async def refuse_for_now(_target: Target, _key: str, _body: dict[str, Any], _: web.Request) -> web.Response:
    """Locked, for a moment."""
    return web.json_response({"code": "locked", "message": "Locked."}, status=423)


class Collector:
    """A collector of traces: real HTTP, and OTLP as it is."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.service = ""
        self.url = ""

    async def post(self, request: web.Request) -> web.Response:
        """Take spans in."""
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for resource in sent.resource_spans:
            self.service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")

    def of(self, trace_id: str) -> list[Span]:
        """The spans of one trace, as they began."""
        found = [span for span in self.spans if span.trace_id.hex() == trace_id]
        return sorted(found, key=lambda span: span.start_time_unix_nano)


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector on a free port of loopback."""
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.post)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    collector.url = f"http://{host}:{port}/v1/traces"
    try:
        yield collector
    finally:
        await runner.cleanup()


async def issue(door: Door, key: str, traceparent: str = "") -> Any:
    """Issue a credit, with a trace where there is one; its receipt."""
    headers = {"Idempotency-Key": key, **({"traceparent": traceparent} if traceparent else {})}
    async with door.till.post("/v1/credits", json=sale(), headers=headers) as response:
        assert response.status == 201, await response.text()
        assert response.headers["X-Request-Id"]
        return await response.json(content_type=None)


async def until_heard(target: Heard, count: int) -> None:
    """Wait until so many deliveries have come."""

    async def there() -> bool:
        return len(target.heard) >= count

    await parts.until(there)


def attributes(span: Span) -> Mapping[str, Any]:
    """What a span says."""
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


async def test_request_posting_and_three_deliveries_are_one_trace(db_url: str, tmp_path: Path) -> None:
    async with (
        collecting() as collector,
        serve(Heard()) as target,
        hub_on(parts.chain(target.url), db_url, tmp_path, otlp_url=collector.url) as door,
    ):
        assert isinstance(target, Heard)
        brought = (await issue(door, "k1", BROUGHT))["credit"]["id"]
        plain = (await issue(door, "k2"))["credit"]["id"]
        await until_heard(target, 6)
        for credit_id in (brought, plain):
            await done(door, f"/v1/credits/{credit_id}/redemptions", amount("1.00"), f"r-{credit_id}")
        await until_heard(target, 12)
        trail = await read(door.ops, f"/v1/credits/{brought}/trail")
        assert trail["trace_id"] == TRACE
        # The end of the hub sends what is left.
    assert collector.service == "tillbridge"
    for trace_id, credit_id, parent in ((TRACE, brought, "00f067aa0ba902b7"), (plain.replace("-", ""), plain, "")):
        spans = collector.of(trace_id)
        named = {span.name: span for span in spans}
        deliveries = [f"deliver {hop}" for hop in ("platform-pay", "pay-erp", "erp-web")]
        own = [span.name for span in spans if attributes(span).get("tillbridge.credit_id") == credit_id]
        assert sorted(own) == sorted(["post issue", "post redeem", *deliveries, *deliveries])
        assert named["POST /v1/credits"].parent_span_id.hex() == parent
        assert named["POST /v1/credits"].kind == Span.SPAN_KIND_SERVER
        assert named["post issue"].parent_span_id == named["POST /v1/credits"].span_id
        first = [span for span in spans if span.parent_span_id == named["post issue"].span_id]
        assert [span.name for span in first] == deliveries
        assert {span.kind for span in first} == {Span.SPAN_KIND_CLIENT}
        assert {attributes(span)["tillbridge.outcome"] for span in first} == {"confirmed"}
        heard = {text.split("-")[2] for _, text, _ in target.heard if read_trace(text) and trace_id in text}
        assert {span.span_id.hex() for span in spans if span.name in deliveries} == heard
        assert len(heard) == 6
    assert not any("trace" in body for _, _, body in target.heard)


async def test_every_attempt_is_a_span_of_its_own_with_its_outcome(db_url: str, tmp_path: Path) -> None:
    async with (
        collecting() as collector,
        serve(Heard()) as target,
        hub_on(parts.one_hop(target.url), db_url, tmp_path, otlp_url=collector.url) as door,
    ):
        assert isinstance(target, Heard)
        target.script = [refuse_for_now, refuse_for_now]
        credit_id = (await issue(door, "k1"))["credit"]["id"]
        await until_heard(target, 3)
    spans = [span for span in collector.of(credit_id.replace("-", "")) if span.name.startswith("deliver")]
    said = [(attributes(span)["tillbridge.outcome"], attributes(span)["tillbridge.attempt"]) for span in spans]
    assert said == [("refused", 1), ("refused", 2), ("confirmed", 3)]
    assert [span.status.code for span in spans] == [
        Status.STATUS_CODE_ERROR,
        Status.STATUS_CODE_ERROR,
        Status.STATUS_CODE_OK,
    ]
    assert len({text for _, text, _ in target.heard}) == 3


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
    ],
)
async def test_a_header_that_is_none_is_as_if_there_were_none(db_url: str, tmp_path: Path, header: str) -> None:
    async with serve(Heard()) as target, hub_on(parts.one_hop(target.url), db_url, tmp_path) as door:
        assert isinstance(target, Heard)
        credit_id = (await issue(door, "k1", header))["credit"]["id"]
        await until_heard(target, 1)
        assert target.heard[0][1].split("-")[1] == credit_id.replace("-", "")


async def test_a_trace_that_is_not_kept_is_passed_on_and_not_sent(db_url: str, tmp_path: Path) -> None:
    async with (
        collecting() as collector,
        serve(Heard()) as target,
        hub_on(parts.one_hop(target.url), db_url, tmp_path, otlp_url=collector.url) as door,
    ):
        assert isinstance(target, Heard)
        await issue(door, "k1", BROUGHT[:-1] + "0")
        await until_heard(target, 1)
        assert target.heard[0][1].startswith(f"00-{TRACE}-")
        assert target.heard[0][1].endswith("-00")
    assert not collector.of(TRACE)


async def test_a_collector_that_is_away_holds_nobody_up(db_url: str, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with (
        serve(Heard()) as target,
        hub_on(parts.one_hop(target.url), db_url, tmp_path, otlp_url="http://127.0.0.1:9/v1/traces") as door,
    ):
        assert isinstance(target, Heard)
        for number in range(20):
            began = loop.time()
            assert (await ask(door.till, "/v1/credits", sale(), key=f"k{number}"))[0] == 201
            assert loop.time() - began < 2
        await until_heard(target, 20)
        ended = loop.time()
    assert loop.time() - ended < 10
