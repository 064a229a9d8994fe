"""The integration spec sheet as one frozen value: what HTML, PDF and Markdown are all made from. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tillbridge.stack.describe import accepted_words, checkpoint_words, pace_words, remarks, rule_words, trigger_words
from tillbridge.stack.draw import HopView, span_words, still_views
from tillbridge.stack.edition import Edition, canonical, plain, print_of
from tillbridge.stack.example import Example, Mask, register_example, worked_example
from tillbridge.stack.model import Hop, Stack, System
from tillbridge.stack.steps import Step, steps_of
from tillbridge.stack.terms import CONNECTORS, ROLES

PRINT_SHOWN: Final = 12
_HISTORY_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class SystemSheet:
    """One system, each field as it is read."""

    name: str
    role: str
    connector: str
    address: str
    accepts: str
    pace: str
    capabilities: str
    owner: str
    contact: str


@dataclass(frozen=True, slots=True)
class Payload:
    """A body as text, and what led to it: `as the hub has it`, or a transformation with its settings."""

    led_by: str
    text: str


@dataclass(frozen=True, slots=True)
class HopSheet:
    """One hop. `example` says whose the payloads are; `failure` says of each way to go wrong what happens then."""

    name: str
    source: str
    target: str
    trigger: str
    sla: str
    checkpoint: str
    failure: tuple[tuple[str, str], ...]
    example: str
    payloads: tuple[Payload, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the map's history."""

    edition: str
    recorded_at: str
    recorded_by: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spec:
    """The whole sheet. `version` and `date` are the map's."""

    retailer: str
    authority: str
    version: str
    date: str
    print: str
    made_at: datetime
    about: tuple[str, ...]
    path: tuple[HopView, ...]
    systems: tuple[SystemSheet, ...]
    hops: tuple[HopSheet, ...]
    history: tuple[Change, ...]


def spec_of(
    stack: Stack,
    at: datetime,
    editions: Sequence[Edition],
    examples: Mapping[str, Example],
    failures_to_open: int,
) -> Spec:
    """The sheet of a map as of `at`. `editions` is its history, newest first; `examples` has the newest event of each
    hop that has one; `failures_to_open` is after how many failures in a row a hop rests."""
    print_ = print_of(canonical(stack))
    kept = next((one for one in editions[:1] if one.print == print_), None)
    retailer = stack.retailer
    return Spec(
        retailer=f"{retailer.name} · {retailer.country} · {retailer.currency} · {retailer.time_zone}",
        authority=f"{stack.authority} is the single source of truth for balances; all others are read-only for them.",
        version=f"edition {kept.number}" if kept else "not recorded yet: no hub has run on this map",
        date=_time(kept.recorded_at) if kept else "–",
        print=print_[:PRINT_SHOWN],
        made_at=at,
        about=(checkpoint_words(stack), *rule_words(stack), *(f"Note: {remark}" for remark in remarks(stack))),
        path=still_views(stack),
        systems=tuple(_system(system, retailer.currency) for system in stack.systems.values()),
        hops=tuple(_hop(stack, hop, at, examples.get(hop.name), failures_to_open) for hop in stack.hops),
        history=tuple(
            Change(str(one.number), _time(one.recorded_at), one.recorded_by, one.changes)
            for one in editions[:_HISTORY_SHOWN]
        ),
    )


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _system(system: System, currency: str) -> SystemSheet:
    data = plain(system)
    signed = "signed" if system.secret else "not signed"
    return SystemSheet(
        name=system.name,
        role=f"{system.role.value}: {ROLES[system.role.value]}",
        connector=f"{system.connector}: {CONNECTORS[system.connector].replace('`', '')}",
        address=f"{data['url']}, {signed}" if system.url else "–",
        accepts=accepted_words(system, currency),
        pace=pace_words(system),
        capabilities=", ".join(sorted(system.capabilities)) or "not said",
        owner=system.owner or "not said",
        contact=system.contact or "not said",
    )


def _hop(stack: Stack, hop: Hop, at: datetime, real: Example | None, failures_to_open: int) -> HopSheet:
    waits = (
        "the register waits for it before the customer leaves" if hop.checkpoint else "no: the register does not wait"
    )
    entry, carried = hop.target == stack.authority, hop in stack.deliveries()
    example = real or worked_example(stack, hop, at)
    if entry:
        said, payloads = _WORKED, _at_the_register(stack, hop, at)
    elif carried:
        said, payloads = (
            _REAL.format(_time(example.recorded_at)) if example.real else _WORKED,
            _payloads(hop, example),
        )
    else:
        said, payloads = "The hub does not carry this hop: it knows nothing of what goes over it.", ()
    return HopSheet(
        name=hop.name,
        source=hop.source,
        target=hop.target,
        trigger=f"{hop.trigger.value}, {trigger_words(hop)}",
        sla=f"within {span_words(hop.sla)} of being confirmed at {hop.source}",
        checkpoint=waits,
        failure=_at_the_till() if entry else _failure(stack, hop, failures_to_open) if carried else (),
        example=said,
        payloads=payloads,
    )


_REAL: Final = "A real example: the newest event of this hop, recorded {}. People and codes are masked."
_WORKED: Final = "A worked example: this hop has no event in the database. People and codes are masked."


def _at_the_register(stack: Stack, hop: Hop, at: datetime) -> tuple[Payload, ...]:
    body = register_example(stack, at)
    names = [f"Handled by {transform.name} in the hub" for transform in hop.transform]
    return (
        Payload("POST /v1/credits, as the register sends it", _text(Mask(body).of(body))),
        *(
            Payload(name, "The hub finds the credit's owner; the answer carries the credit, or a voucher.")
            for name in names
        ),
    )


def _payloads(hop: Hop, example: Example) -> tuple[Payload, ...]:
    mask = Mask(example.body)
    first = Payload("As the hub has it", _text(mask.of(example.body)))
    return (first, *(_after(step, mask) for step in steps_of(hop, example)))


def _after(step: Step, mask: Mask) -> Payload:
    led_by = f"After {step.words}"
    if step.after is None:
        return Payload(led_by, f"Not sent: {mask.of(step.rejected)}")
    return Payload(led_by, _text(mask.of(step.after)))


def _text(body: Any) -> str:
    return json.dumps(plain(body), indent=2, ensure_ascii=False)


def _at_the_till() -> tuple[tuple[str, str], ...]:
    return (
        ("no 200 or 201", "The register takes it as not issued, and tries again with the same key."),
        ("answer lost", "It is found again by that key: the credit is issued once."),
        ("no confirmation", "The cashier gets one plain sentence, and the customer leaves with no dead ticket."),
    )


def _failure(stack: Stack, hop: Hop, failures_to_open: int) -> tuple[tuple[str, str], ...]:
    target = stack.systems[hop.target]
    if target.connector == "csv":
        return (("always", f"The hub has no live connection to {target.name}: nothing is sent to it."),)
    tries = "once" if hop.attempts == 1 else f"{hop.attempts:,} times"
    pause, longest = span_words(hop.backoff), span_words(hop.backoff_max)
    breaks = f"After {failures_to_open} failures in a row that say {target.name} as a whole does not work"
    return (
        ("attempts", f"Tried at most {tries}, always with the same key, event:{hop.name}."),
        ("pauses", f"Up to {pause} before the second attempt, doubling up to {longest}; a Retry-After is waited for."),
        ("timeout", f"One attempt waits {span_words(hop.timeout)} for its answer."),
        ("unknown", f"The answer was lost after sending: {target.name} is asked by key before anything is sent again."),
        ("parked", f"The answer is missing and {target.name} cannot be asked: a person looks there and decides."),
        ("dead", "Refused for good, or the last attempt is used: the trail has the reason; mend it, then replay."),
        ("breaker", f"{breaks}, the hop rests, uses up no attempts, and then tries one."),
    )
