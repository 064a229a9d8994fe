"""One credit is one trace: the W3C trace context of everything that is done about it. Pure, but for the scope.

A register may bring a `traceparent` with the request that issues a credit: then that trace goes on. Otherwise the
credit's own id is the trace id, so that whoever has one has the other, and nothing need be kept. What comes later on
the credit is in the same trace. Span ids are made from what the span is about: the one in a header and the one that is
exported are the same, without either knowing of the other.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

KEY: Final = "trace"
"""The name under which a message's payload holds the traceparent of its credit. It never leaves in a body."""

_TRACEPARENT: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?",
    re.ASCII,
)
_HEADER_MAX: Final = 200
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


@dataclass(frozen=True, slots=True)
class Trace:
    """A place in a trace: 32 and 16 hexadecimal digits, and whether whoever began it wants it kept."""

    trace_id: str
    span_id: str
    sampled: bool = True

    def text(self) -> str:
        """As the header `traceparent` has it."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def at(self, span_id: str) -> "Trace":
        """Another place in the same trace."""
        return Trace(self.trace_id, span_id, self.sampled)


def read_trace(text: str) -> Trace | None:
    """A `traceparent`, read as strictly as W3C Trace Context wants it; None for what is none, which is as if there were
    no header. Versions to come are read by the parts that this one knows."""
    found = _TRACEPARENT.fullmatch(text) if len(text) <= _HEADER_MAX else None
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
        return None
    if found["trace"] == _NO_TRACE or found["span"] == _NO_SPAN:
        return None
    return Trace(found["trace"], found["span"], bool(int(found["flags"], 16) & 1))


def span_of(*about: object) -> str:
    """The id of the span that is about this: always the same, 16 hexadecimal digits, never all zeros."""
    named = "\0".join(map(str, about))
    digest = hashlib.blake2b(named.encode(), digest_size=8).hexdigest()
    return digest if digest != _NO_SPAN else "1".rjust(16, "0")


def trace_of(credit_id: UUID, kept: object, event_id: UUID) -> Trace:
    """The trace of a credit at one of its events: what was `kept` of the request that issued it, or the credit's id."""
    brought = read_trace(kept) if isinstance(kept, str) else None
    return (brought or Trace(credit_id.hex, _NO_SPAN)).at(span_of(event_id))


def header_of(credit_id: UUID, kept: object, span_id: str) -> str:
    """The traceparent of a span that is about a credit; `kept` as in `trace_of`."""
    brought = read_trace(kept) if isinstance(kept, str) else None
    return brought.at(span_id).text() if brought else f"00-{credit_id.hex}-{span_id}-01"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that was done, from when to when, and what came of it. `parent` is a span id or blank."""

    name: str
    place: Trace
    parent: str
    began: datetime
    ended: datetime
    kind: str = "internal"
    """`server`, `client` or `internal`."""
    failed: bool = False
    facts: Mapping[str, str | int] = field(default_factory=dict)


Record = Callable[[Span], None]
"""Takes a span that has ended; never waits and never raises."""


@dataclass(frozen=True, slots=True)
class Written:
    """An event that the ledger has confirmed, as a request comes to know of it. The `first` of a credit has its trace:
    `kept` is what was brought with it."""

    verb: str
    credit_id: UUID
    event_id: UUID
    kept: str
    began: datetime
    ended: datetime
    first: bool


@dataclass(slots=True)
class Scope:
    """What is known of the work at hand, for log lines and spans. Blank is not known."""

    request_id: str = ""
    trace_id: str = ""
    credit_id: str = ""
    event_id: str = ""
    hop: str = ""
    written: list[Written] = field(default_factory=list)

    def write(self, one: Written) -> None:
        """Take note of an event of a credit."""
        self.written.append(one)
        self.credit_id, self.event_id = str(one.credit_id), str(one.event_id)
        if one.first:
            self.trace_id = trace_of(one.credit_id, one.kept, one.event_id).trace_id


SCOPE: Final[ContextVar[Scope | None]] = ContextVar("scope", default=None)
"""The scope of the task at hand. A task takes over the one of whoever starts it."""


@contextmanager
def scope(known: Scope) -> Iterator[Scope]:
    """Work within a scope until the block ends."""
    token = SCOPE.set(known)
    try:
        yield known
    finally:
        SCOPE.reset(token)
