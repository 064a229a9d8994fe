"""Around every request: what is logged knows of it, it is counted, and it is a span where somebody collects them."""

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from aiohttp import hdrs, web

from tillbridge.api.metrics import METHODS, OTHER, Metrics
from tillbridge.api.problems import CODE
from tillbridge.api.requests import HUB, TRACE, Asked
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.trace import Record, Scope, Span, Trace, Written, read_trace, scope, span_of, trace_of
from tillbridge.kernel.db import Db
from tillbridge.kernel.errors import DatabaseError, NotFound
from tillbridge.wiring import Hub

METRICS: Final = web.AppKey("metrics", Metrics)
SPANS: Final = web.AppKey("spans", set[asyncio.Task[None]])
"""Spans that are still being put together."""

REQUEST_ID: Final = "X-Request-Id"
"""The header by which an answer is found in the log."""

_BROKEN_OFF: Final = 499
"""The status under which a request counts whose caller did not wait for the answer."""

_CHECKPOINT: Final = ("POST", "/v1/credits")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request a name, let it be answered, and take note of what came of it."""
    hub, metrics = request.app[HUB], request.app[METRICS]
    at, began, request_id = hub.clock.now(), time.perf_counter(), hub.ids.new()
    brought = _brought(request)
    here = Scope(request_id=str(request_id), trace_id=brought.trace_id if brought else "")
    if brought:
        request[TRACE] = brought.at(span_of(request_id)).text()
    status, route = _BROKEN_OFF, _route(request)
    with scope(here):
        try:
            response = await handler(request)
            status = response.status
            if not response.prepared:
                response.headers[REQUEST_ID] = here.request_id
        finally:
            metrics.answered(request.method, route, status, time.perf_counter() - began)
    if code := response.get(CODE):
        metrics.refused(code)
    if here.written and (request.method, route) == _CHECKPOINT:
        metrics.confirmed((here.written[0].ended - at).total_seconds())
    if hub.record is not None:
        own = Trace(request_id.hex, span_of(request_id))
        told = _Told(_name(request, route), brought, own, at, hub.clock.now(), status)
        _tell(request.app, hub.db, hub.record, told, here.written)
    return response


def _brought(request: web.Request) -> Trace | None:
    """The trace that the caller brought. Two headers are as good as none (W3C Trace Context)."""
    brought = request.headers.getall("traceparent", ())
    return read_trace(brought[0]) if len(brought) == 1 else None


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _name(request: web.Request, route: str) -> str:
    return f"{request.method if request.method in METHODS else OTHER} {route or OTHER}"


class _Told:
    """A request as a span: its name, the trace it was brought in, its own place, its times, and its status."""

    def __init__(
        self, name: str, brought: Trace | None, own: Trace, began: datetime, ended: datetime, status: int
    ) -> None:
        self.name = name
        self.brought = brought
        self.own = own
        self.began = began
        self.ended = ended
        self.status = status

    def spans(self, written: Sequence[tuple[Written, Trace]]) -> list[Span]:
        """The request, and each event it wrote. They are in one trace where they can be: in the one that the caller
        brought, or in that of the only credit it was about."""
        traces = {place.trace_id for _, place in written}
        if self.brought:
            place, parent = self.brought.at(self.own.span_id), self.brought.span_id
        else:
            (trace_id,) = traces if len(traces) == 1 else (self.own.trace_id,)
            place, parent = Trace(trace_id, self.own.span_id), ""
        facts: dict[str, str | int] = {"http.response.status_code": self.status}
        request = Span(self.name, place, parent, self.began, self.ended, "server", self.status >= 500, facts)
        return [request, *(_posting(one, at, place) for one, at in written)]


def _posting(one: Written, at: Trace, request: Trace) -> Span:
    facts: dict[str, str | int] = {
        "tillbridge.credit_id": str(one.credit_id),
        "tillbridge.event_id": str(one.event_id),
    }
    parent = request.span_id if request.trace_id == at.trace_id else ""
    return Span(f"post {one.verb}", at, parent, one.began, one.ended, facts=facts)


def _tell(app: web.Application, db: Db, record: Record, told: _Told, written: Sequence[Written]) -> None:
    """Record the spans of a request, after it has been answered where something has to be looked up first."""
    if all(one.first for one in written):
        places = [trace_of(one.credit_id, one.kept, one.event_id) for one in written]
        for span in told.spans(list(zip(written, places, strict=True))):
            record(span)
        return
    task = asyncio.create_task(_look_up_and_tell(db, record, told, written))
    app[SPANS].add(task)
    task.add_done_callback(app[SPANS].discard)


async def _look_up_and_tell(db: Db, record: Record, told: _Told, written: Sequence[Written]) -> None:
    """A later event of a credit is in the trace that its first one brought."""
    places = []
    for one in written:
        try:
            first = await handoffs.trace(db, one.credit_id)
        except DatabaseError:
            first = trace_of(one.credit_id, one.kept, one.event_id)
        places.append((one, first.at(span_of(one.event_id))))
    for span in told.spans(places):
        record(span)


def near(request: web.Request) -> bool:
    """Whether a request for metrics comes from this machine, where the settings let that be enough. One that a proxy
    passes on does not: it comes from somewhere else."""
    if request.app[HUB].settings.metrics != "loopback" or "X-Forwarded-For" in request.headers:
        return False
    if "Forwarded" in request.headers or "Via" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


async def get_metrics(asked: Asked) -> web.Response:
    """How the hub and its hops are doing, for Prometheus."""
    if asked.hub.settings.metrics == "off":
        raise NotFound("address", "/metrics")
    metrics = asked.request.app[METRICS]
    await metrics.signs.read()
    # Some hundred lines are written: not in the loop that registers wait for.
    text, content_type = await asyncio.to_thread(metrics.exposed, asked.request.headers.get(hdrs.ACCEPT, ""))
    return web.Response(body=text, headers={hdrs.CONTENT_TYPE: content_type, hdrs.CACHE_CONTROL: "no-store"})


def add_metrics(app: web.Application, hub: Hub, metrics: Metrics) -> None:
    """Count on this hub from now on."""
    app[METRICS] = metrics
    app[SPANS] = set()
    hub.desk.tell_batches(metrics.committed)


__all__ = ["METRICS", "REQUEST_ID", "add_metrics", "get_metrics", "near", "watched"]
