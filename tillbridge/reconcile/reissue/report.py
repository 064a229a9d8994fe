"""What became of a plan: rows for lists, and sums in sentences. Pure. Codes are masked to their last four signs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tillbridge.kernel.clock import time_text
from tillbridge.kernel.money import Money
from tillbridge.reconcile.reissue.model import (
    REASONS,
    STATES,
    Item,
    Plan,
    Reason,
    State,
    Step,
    needs_second_person,
)

_MASK: Final = "…"

HEADINGS: Final[Mapping[State, str]] = {
    State.CONFIRMED: "reissued, and shown in the web store",
    State.HANDED: "reissued, and on the way to the web store",
    State.REISSUED: "reissued, and on the way to the web store",
    State.PLANNED: "to be reissued",
    State.FROZEN: "begun: run the plan again",
    State.PROVED: "begun: run the plan again",
    State.RELEASING: "begun: run the plan again",
    State.VOIDED: "void, with the new credit owed: run the plan again",
    State.PERSON: "waiting for a person",
    State.LEFT: "left alone",
}
"""How an item is counted, in the order of the report."""


WHYS_SHOWN: Final = 25
"""How many reasons are told under one sum: there are no more reasons than that, but each hop has its own words."""


def row(item: Item) -> dict[str, str]:
    """An item as a row of a list. The sentence says what was seen last."""
    return {
        "item": str(item.number),
        "state": item.state.value,
        "amount": item.money.text(),
        "currency": item.currency,
        "transaction_id": item.transaction_id,
        "store": item.store,
        "old_code": masked(item.last4),
        "new_code": masked(item.new_last4),
        "account": f"{item.system}:{item.account_id}" if item.account_id else "",
        "reason": item.reason,
        "sentence": item.sentence,
    }


def in_full(item: Item, steps: Iterable[Step]) -> dict[str, Any]:
    """An item with its evidence, its candidates and every step, for machines."""
    told: list[dict[str, str]] = [
        {"what": step.what, "at": time_text(step.at), "by": step.by, "seen": step.seen} for step in steps
    ]
    return {
        **row(item),
        "finding_id": item.finding_id,
        "class": item.kind,
        "cause": item.cause,
        "credit": item.credit,
        "new_credit": item.new_credit,
        "planned_by": item.planned_by,
        "decided_by": item.decided_by,
        "approved_by": item.approved_by,
        "evidence": list(item.evidence),
        "candidates": list(item.candidates),
        "steps": told,
    }


def whole(plan: Plan, items: Sequence[Item], steps: Sequence[Step]) -> dict[str, Any]:
    """A plan with all its items, for machines."""
    by_item: dict[int, list[Step]] = defaultdict(list)
    for step in steps:
        by_item[step.number].append(step)
    return {
        "plan": plan.plan_id,
        "made_by": plan.made_by,
        "made_at": time_text(plan.made_at),
        "source": plan.source,
        "source_sha256": plan.source_print,
        "limit": Money(plan.above, plan.currency).text(),
        "currency": plan.currency,
        "second_person": needs_second_person(plan, items),
        "states": {state.value: count for state, count in counted(items).items()},
        "items": [in_full(item, by_item[item.number]) for item in items],
    }


def counted(items: Iterable[Item]) -> dict[State, int]:
    """How many stand how, in the order of STATES; none where there are none."""
    counts = dict.fromkeys(STATES, 0)
    for item in items:
        counts[item.state] += 1
    return {state: count for state, count in counts.items() if count}


def sums(items: Sequence[Item]) -> list[str]:
    """How many stand how and how much money that is, as sentences, and under each of them why: the reasons of what is
    left or waits; of what is begun or under way, what was seen of it last."""
    lines: list[str] = []
    by_heading: dict[str, list[Item]] = {heading: [] for heading in HEADINGS.values()}
    for item in items:
        by_heading[HEADINGS[item.state]].append(item)
    for heading, some in by_heading.items():
        if some:
            lines.append(f"{len(some):,} {heading}: {_money(some)}.")
            lines += _why(some)
    return lines


def all_done(items: Iterable[Item]) -> bool:
    """Whether every item was reissued, and the web store has confirmed it."""
    return all(item.state is State.CONFIRMED for item in items)


def _why(some: Sequence[Item]) -> list[str]:
    """Why some items stand as they do, the most frequent first."""
    counts: dict[str, int] = defaultdict(int)
    for item in some:
        if item.state in (State.LEFT, State.PERSON):
            counts[REASONS[Reason(item.reason)] if item.reason else ""] += 1
        elif item.state not in (State.PLANNED, State.CONFIRMED):
            counts[item.sentence] += 1
    told = sorted(((why, count) for why, count in counts.items() if why), key=_most_first)
    more = sum(count for _, count in told[WHYS_SHOWN:])
    lines = [f"    {count:,} × {why}" for why, count in told[:WHYS_SHOWN]]
    return [*lines, f"    {more:,} × for other reasons: see --format json."] if more else lines


def _most_first(reason: tuple[str, int]) -> tuple[int, str]:
    return -reason[1], reason[0]


def _money(items: Iterable[Item]) -> str:
    by_currency: dict[str, int] = defaultdict(int)
    for item in items:
        by_currency[item.currency] += item.amount
    return ", ".join(str(Money(minor, currency)) for currency, minor in sorted(by_currency.items()))


def masked(last4: str) -> str:
    """A code by its last four signs; blank where nobody knows them."""
    return f"{_MASK}{last4}" if last4 else ""
