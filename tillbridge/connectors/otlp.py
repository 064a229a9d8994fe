"""Spans to a collector of traces: OTLP over HTTP, by opentelemetry-sdk, in a thread of its own.

Nothing of `opentelemetry` is imported unless an address is set: it comes with the extra `otel`.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from tillbridge.handoff.trace import Record, Span
from tillbridge.kernel.errors import SettingFault

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

EXPORT_SECONDS: Final = 3.0
"""How long one try to send spans may take, and how long the end of a hub waits for the last of them."""

QUEUE_MAX: Final = 8192
"""Spans that wait at most; what comes on top is dropped: a collector that is away must not fill the memory."""

DELAY_MS: Final = 1000

_LOG: Final = logging.getLogger("tillbridge.otlp")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def open_otlp(url: str) -> AsyncIterator[Record]:
    """What takes spans and sends them to `url`, until the block ends. Raises SettingFault without the extra `otel`."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra
    except ImportError as error:
        mend = "Install tillbridge[otel], or leave it blank."
        raise SettingFault("TILLBRIDGE_OTLP_URL", "the packages that send traces are missing", mend) from error
    exporter = OTLPSpanExporter(endpoint=url, timeout=EXPORT_SECONDS)
    sending = BatchSpanProcessor(exporter, max_queue_size=QUEUE_MAX, schedule_delay_millis=DELAY_MS)
    written = _writer()

    def record(span: Span) -> None:
        if span.place.sampled:
            sending.on_end(written(span))

    try:
        yield record
    finally:
        await _ended(sending.shutdown)


def _writer() -> "Callable[[Span], ReadableSpan]":
    """What writes our spans as those of the SDK."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415 - an extra
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags  # noqa: PLC0415 - an extra

    ours = version("tillbridge")
    resource = Resource({"service.name": "tillbridge", "service.version": ours})
    scope = InstrumentationScope("tillbridge", ours)
    kinds = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT}
    sampled = TraceFlags(TraceFlags.SAMPLED)

    def write(span: Span) -> ReadableSpan:
        trace_id = int(span.place.trace_id, 16)
        parent = SpanContext(trace_id, int(span.parent or "0", 16), is_remote=True, trace_flags=sampled)
        return ReadableSpan(
            name=span.name,
            context=SpanContext(trace_id, int(span.place.span_id, 16), is_remote=False, trace_flags=sampled),
            parent=parent if parent.is_valid else None,
            resource=resource,
            attributes=dict(span.facts),
            kind=kinds.get(span.kind, SpanKind.INTERNAL),
            status=Status(StatusCode.ERROR if span.failed else StatusCode.OK),
            start_time=_nanoseconds(span.began),
            end_time=_nanoseconds(span.ended),
            instrumentation_scope=scope,
        )

    return write


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


async def _ended(shutdown: Callable[[], None]) -> None:
    """Send what is left, for a while; a collector that does not answer must not keep the hub from ending."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        shutdown()
        if not loop.is_closed():
            loop.call_soon_threadsafe(over.set)

    threading.Thread(target=work, name="tillbridge-otlp", daemon=True).start()
    try:
        async with asyncio.timeout(EXPORT_SECONDS):
            await over.wait()
    except TimeoutError:
        _LOG.warning("the last spans were not sent in time")
