"""The spec sheet as a document: headings, sentences, tables and payloads in order. All three forms are made from it."""

from collections.abc import Iterator
from dataclasses import dataclass

from tillbridge.stack.draw import HopView
from tillbridge.stack.spec import HopSheet, Spec

TITLE = "Integration spec sheet"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the title."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A table. Without a head, the first column names what the second says. A cell may have several lines."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A payload, and what led to it."""

    led_by: str
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The path of a credit as a bridge."""

    path: tuple[HopView, ...]


Block = Heading | Prose | Rows | Code | Drawing


def document(spec: Spec) -> tuple[Block, ...]:
    """The sheet from top to bottom."""
    return tuple(_blocks(spec))


def _blocks(spec: Spec) -> Iterator[Block]:
    yield Heading(1, TITLE)
    yield Rows(
        (),
        (
            ("retailer", spec.retailer),
            ("authority", spec.authority),
            ("version", f"{spec.version}, print {spec.print}"),
            ("in force since", spec.date),
            ("printed", f"{spec.made_at:%Y-%m-%d %H:%M} UTC"),
        ),
    )
    yield Heading(2, "The path of a credit")
    yield Drawing(spec.path)
    yield from map(Prose, spec.about)
    yield Heading(2, "Systems")
    for system in spec.systems:
        yield Heading(3, system.name)
        fields = ("role", "connector", "address", "accepts", "pace", "capabilities", "owner", "contact")
        yield Rows((), tuple((field, str(getattr(system, field))) for field in fields))
    yield Heading(2, "Hops")
    for hop in spec.hops:
        yield from _hop(hop)
    yield Heading(2, "History of the map")
    if not spec.history:
        yield Prose("No hub has run on a map yet.")
        return
    rows = ((one.edition, one.recorded_at, one.recorded_by, "\n".join(one.changes)) for one in spec.history)
    yield Rows(("edition", "recorded", "by", "changes"), tuple(rows))


def _hop(hop: HopSheet) -> Iterator[Block]:
    yield Heading(3, f"{hop.source} to {hop.target}")
    facts = (("hop", hop.name), ("trigger", hop.trigger), ("SLA", hop.sla), ("checkpoint", hop.checkpoint))
    yield Rows((), facts)
    if hop.failure:
        yield Heading(4, "When it goes wrong")
        yield Rows((), hop.failure)
    yield Heading(4, "Payload")
    yield Prose(hop.example)
    yield from (Code(payload.led_by, payload.text) for payload in hop.payloads)
