"""Repair or rebuild: what the map declares and what was measured, held against criteria. Pure.

The rule, from criteria to verdict, for one hop:

- **rebuild** when what the target itself cannot do weighs `REBUILD_FROM` or more, or `REBUILD_WITH_LOSS` or more while
  events are lost there: no setting of the hop mends that;
- **repair** when anything else is not met that weighs `REPAIR_FROM` or more together;
- **keep** otherwise. What is not known counts for neither, and is listed, so that it can be found out.

The whole is a rebuild when half of its hops or more are; a repair when any hop is either; else it is kept.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import combinations, pairwise
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.stack.draw import span_words
from tillbridge.stack.model import Hop, Stack, System, Trigger
from tillbridge.stack.schedule import next_run

REBUILD_FROM: Final = 6
REBUILD_WITH_LOSS: Final = 3
REPAIR_FROM: Final = 2

PROMPT: Final = timedelta(hours=1)
"""A customer who was given a credit looks for it within the hour."""

LATE_MOST, LOST_MOST, REJECTED_MOST, UNLINKED_MOST = 0.01, 0.001, 0.001, 0.05
"""Shares of what was handed off that may be late, lost or rejected, and of what was issued that may be in nobody's
account."""

NOT_MEASURED: Final = "not measured"
_LOOK_AHEAD: Final = 40


class Met(StrEnum):
    """Whether a criterion is met."""

    YES = "met"
    NO = "not met"
    UNKNOWN = "not known"


class Verdict(StrEnum):
    """What to do with a hop, or with the whole."""

    KEEP = "keep"
    REPAIR = "repair"
    REBUILD = "rebuild"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one hop's handoffs came to in the time looked at. Of `total`, `late` have passed their deadline,
    arrived or not; `lost` are dead, parked, or unknown for too long; to `rejected` the map or the target said no."""

    total: int = 0
    late: int = 0
    lost: int = 0
    rejected: int = 0
    parked: int = 0
    p95: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What was measured on a map: per hop by name, and of the credits issued, how many had no owner.

    `at` is the moment of the assessment, `since` where the time looked at begins; None where nothing was measured.
    """

    at: datetime
    since: datetime | None = None
    hops: Mapping[str, Measured] | None = None
    issued: int = 0
    unlinked: int = 0


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is asked of a hop. `structural` is what only the system itself, or another way to it, can change.

    `mend` is what to do where it is not met, `find_out` where it is not known.
    """

    name: str
    asks: str
    weight: int
    structural: bool
    mend: str
    find_out: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A criterion held against one hop, with the figure or the line of the map that decides it."""

    criterion: Criterion
    met: Met
    evidence: str


@dataclass(frozen=True, slots=True)
class HopAssessment:
    """One hop's verdict. `first` is what to do first, blank where nothing is; `to_repair` is what would have to change
    for a rebuild to become a repair, empty for any other verdict."""

    hop: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    first: str
    to_repair: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdicts on a map's hops, and on the whole."""

    at: datetime
    since: datetime | None
    verdict: Verdict
    why: str
    first: str
    hops: tuple[HopAssessment, ...]


LIVE: Final = Criterion(
    "live",
    "Can events reach the target as they happen, and not by files alone?",
    5,
    True,
    "Give it a live way in: an address that takes events (docs/howto/connect-a-system.md).",
    "Write down its connector.",
)
API: Final = Criterion(
    "api",
    "Can it be told and asked over an API?",
    3,
    True,
    "Use its API if a newer version has one; else put a receiver in front of it.",
    "Ask its owner, and write its capabilities into the map.",
)
IDEMPOTENT: Final = Criterion(
    "idempotency",
    "Does it take the same key twice and act once?",
    3,
    True,
    "Have its receiver write each key down in the transaction of what it does.",
    "Ask its owner, and write its capabilities into the map.",
)
ASKABLE: Final = Criterion(
    "lookup",
    "Can it be asked by key whether it has applied an event?",
    2,
    False,
    "Have its receiver answer GET /tillbridge/events/{key}.",
    "Ask its owner; if it can, add the capability lookup to the map.",
)
REPORTS: Final = Criterion(
    "webhooks",
    "Does it report by itself what happened in it?",
    1,
    False,
    "Have it call the hub when it is done (POST /v1/events/{system}).",
    "Ask its owner, and write its capabilities into the map.",
)
RHYTHM: Final = Criterion(
    "rhythm",
    "Do its runs come often enough to keep the promise?",
    2,
    False,
    "Run it more often, or promise less.",
    "Write down its timetable.",
)
PROMPTNESS: Final = Criterion(
    "prompt",
    f"Is what it carries there within {span_words(PROMPT)}, as the customer expects?",
    2,
    False,
    'Use trigger = "webhook", or an interval of an hour at most.',
    "Write down its timetable.",
)
OWNED: Final = Criterion(
    "owner",
    "Is it written down who answers for the target, and how to reach them?",
    1,
    False,
    "Write owner and contact into the map.",
    "Write owner and contact into the map.",
)
IN_TIME: Final = Criterion(
    "late",
    f"Does at most {LATE_MOST:.0%} arrive late?",
    2,
    False,
    "Look at p95 against the promise: speed up the target, or promise what it can keep.",
    "Run the hub on this map for a week.",
)
NOTHING_LOST: Final = Criterion(
    "lost",
    f"Is at most {LOST_MOST:.1%} dead, parked, or unknown for too long?",
    3,
    False,
    "Open what is stuck on this hop, mend the cause, and replay it.",
    "Run the hub on this map for a week.",
)
ACCEPTED: Final = Criterion(
    "rejected",
    f"Is at most {REJECTED_MOST:.1%} rejected by the map or the target?",
    2,
    False,
    "Let the target take these currencies, buckets and amounts, or transform them on the way.",
    "Run the hub on this map for a week.",
)
LINKED: Final = Criterion(
    "unlinked",
    f"Is at most {UNLINKED_MOST:.0%} of what is issued in nobody's account?",
    2,
    False,
    "Ask for e-mail, phone or loyalty id at the register, and feed the directory of customers.",
    "Run the hub on this map for a week.",
)

CRITERIA: Final[tuple[Criterion, ...]] = (
    LIVE, API, IDEMPOTENT, ASKABLE, REPORTS, RHYTHM, PROMPTNESS, OWNED, IN_TIME, NOTHING_LOST, ACCEPTED, LINKED,
)  # fmt: skip
"""All criteria, in the order in which they are told."""


def assess(stack: Stack, facts: Facts) -> Assessment:
    """The verdict on every hop that the hub has a hand in, and on the whole."""
    judged = [hop for hop in stack.hops if hop in stack.entries() or hop in stack.deliveries()]
    hops = tuple(_assessed(hop.name, _findings(stack, hop, facts)) for hop in judged)
    rebuilt = [one for one in hops if one.verdict is Verdict.REBUILD]
    repaired = [one for one in hops if one.verdict is Verdict.REPAIR]
    verdict, why = _whole(len(hops), len(rebuilt), len(repaired))
    worst = next((one for one in (*rebuilt, *repaired, *hops) if one.first), None)
    first = f"{worst.hop}: {worst.first}" if worst else ""
    return Assessment(facts.at, facts.since, verdict, why, first, hops)


def decide(findings: Iterable[Finding]) -> Verdict:
    """The rule, from what was found on one hop to its verdict."""
    unmet = [one.criterion for one in findings if one.met is Met.NO]
    structural = sum(one.weight for one in unmet if one.structural)
    if structural >= REBUILD_FROM or (structural >= REBUILD_WITH_LOSS and NOTHING_LOST in unmet):
        return Verdict.REBUILD
    return Verdict.REPAIR if sum(one.weight for one in unmet) >= REPAIR_FROM else Verdict.KEEP


def way_to_repair(findings: tuple[Finding, ...]) -> tuple[Criterion, ...]:
    """The fewest criteria that would have to be met for a rebuild to become a repair, the lightest such few; empty
    when it is no rebuild."""
    if decide(findings) is not Verdict.REBUILD:
        return ()
    unmet = [one.criterion for one in findings if one.met is Met.NO]
    for count in range(1, len(unmet) + 1):
        enough = [few for few in combinations(unmet, count) if decide(_if_met(findings, few)) is not Verdict.REBUILD]
        if enough:
            return min(
                enough, key=lambda few: (any(one is NOTHING_LOST for one in few), sum(one.weight for one in few))
            )
    return tuple(unmet)


def _if_met(findings: Iterable[Finding], few: Iterable[Criterion]) -> tuple[Finding, ...]:
    return tuple(one for one in findings if one.criterion not in tuple(few))


def _assessed(hop: str, findings: tuple[Finding, ...]) -> HopAssessment:
    verdict = decide(findings)
    unmet = sorted((one.criterion for one in findings if one.met is Met.NO), key=lambda one: -one.weight)
    unknown = sorted((one.criterion for one in findings if one.met is Met.UNKNOWN), key=lambda one: -one.weight)
    way = way_to_repair(findings)
    leading = way or unmet
    first = leading[0].mend if leading else unknown[0].find_out if unknown else ""
    return HopAssessment(hop, verdict, findings, first, tuple(one.mend for one in way))


def _whole(hops: int, rebuilt: int, repaired: int) -> tuple[Verdict, str]:
    words = f"{rebuilt} of {hops} hops to be rebuilt, {repaired} to be repaired"
    if rebuilt and rebuilt * 2 >= hops:
        return Verdict.REBUILD, words
    return (Verdict.REPAIR if rebuilt or repaired else Verdict.KEEP), words


def _findings(stack: Stack, hop: Hop, facts: Facts) -> tuple[Finding, ...]:
    if hop.target == stack.authority:
        return (_owned(stack.systems[hop.source]), _linked(facts))
    target = stack.systems[hop.target]
    declared = (_live(target), *(_declared(one, word, target) for one, word in _BY_WORD))
    measured = (facts.hops or {}).get(hop.name)
    found = (*declared, *_timely(stack, hop, facts.at), _owned(target), *_measured(measured, target))
    return tuple(sorted(found, key=lambda one: CRITERIA.index(one.criterion)))


_BY_WORD: Final = ((API, "api"), (IDEMPOTENT, "idempotency"), (REPORTS, "webhooks"))


def _declared(criterion: Criterion, word: str, system: System) -> Finding:
    """By the map's capabilities alone: those it leaves out altogether are not known."""
    said = f"systems.{system.name}: capabilities"
    if not system.capabilities:
        return Finding(criterion, Met.UNKNOWN, f"{said} are left out")
    listed = ", ".join(sorted(system.capabilities))
    return Finding(criterion, Met.YES if word in system.capabilities else Met.NO, f"{said} = {listed}")


def _live(system: System) -> Finding:
    if system.connector == "csv":
        return Finding(LIVE, Met.NO, f'systems.{system.name}: connector = "csv"')
    if "flat_file" in system.capabilities and "api" not in system.capabilities:
        listed = ", ".join(sorted(system.capabilities))
        return Finding(LIVE, Met.NO, f"systems.{system.name}: capabilities = {listed}, and no api")
    return Finding(LIVE, Met.YES, f'systems.{system.name}: connector = "{system.connector}"')


def _timely(stack: Stack, hop: Hop, at: datetime) -> tuple[Finding, ...]:
    """Whether the runs keep the promise, and whether they come within the hour."""
    if hop.trigger is Trigger.WEBHOOK:
        evidence = f'{hop.name}: trigger = "webhook"'
        prompt = Met.YES if hop.sla <= PROMPT else Met.NO
        return Finding(RHYTHM, Met.YES, evidence), Finding(
            PROMPTNESS, prompt, f"{hop.name}: sla = {span_words(hop.sla)}"
        )
    wait = longest_wait(hop, at, ZoneInfo(stack.retailer.time_zone))
    runs = f"{hop.name}: {span_words(wait)} between two runs at most"
    kept, prompt = Met.YES if wait <= hop.sla else Met.NO, Met.YES if wait <= PROMPT else Met.NO
    return Finding(RHYTHM, kept, f"{runs}, sla = {span_words(hop.sla)}"), Finding(PROMPTNESS, prompt, runs)


def longest_wait(hop: Hop, at: datetime, zone: ZoneInfo) -> timedelta:
    """The longest time between two of a hop's next runs after `at`."""
    runs = [next_run(hop, at, zone)]
    for _ in range(_LOOK_AHEAD):
        runs.append(next_run(hop, runs[-1], zone))
    return max(later - earlier for earlier, later in pairwise(runs))


def _owned(system: System) -> Finding:
    missing = [name for name, value in (("owner", system.owner), ("contact", system.contact)) if not value]
    if missing:
        return Finding(OWNED, Met.NO, f"systems.{system.name}: no {' and no '.join(missing)}")
    return Finding(OWNED, Met.YES, f"systems.{system.name}: {system.owner}, {system.contact}")


def _measured(measured: Measured | None, target: System) -> tuple[Finding, ...]:
    found = (
        _share(IN_TIME, measured, LATE_MOST, "late", lambda one: one.late),
        _share(NOTHING_LOST, measured, LOST_MOST, "lost", lambda one: one.lost),
        _share(ACCEPTED, measured, REJECTED_MOST, "rejected", lambda one: one.rejected),
    )
    return (_askable(measured, target), *found)


def _askable(measured: Measured | None, target: System) -> Finding:
    if measured is not None and measured.parked:
        return Finding(ASKABLE, Met.NO, f"{measured.parked:,} parked: it could not be asked")
    if "lookup" in target.capabilities:
        return Finding(ASKABLE, Met.YES, f"systems.{target.name}: capabilities name lookup")
    return Finding(ASKABLE, Met.UNKNOWN, f"systems.{target.name}: capabilities do not name lookup, and none is parked")


def _share(
    criterion: Criterion, measured: Measured | None, most: float, word: str, part: Callable[[Measured], int]
) -> Finding:
    if measured is None or not measured.total:
        return Finding(criterion, Met.UNKNOWN, NOT_MEASURED)
    count, total = part(measured), measured.total
    evidence = f"{count:,} of {total:,} {word} ({count / total:.2%})"
    if criterion is IN_TIME and measured.p95 is not None:
        evidence += f", p95 {span_words(measured.p95)}"
    return Finding(criterion, Met.YES if count <= most * total else Met.NO, evidence)


def _linked(facts: Facts) -> Finding:
    if not facts.issued:
        return Finding(LINKED, Met.UNKNOWN, NOT_MEASURED)
    share = f"{facts.unlinked:,} of {facts.issued:,} issued without an owner ({facts.unlinked / facts.issued:.2%})"
    return Finding(LINKED, Met.YES if facts.unlinked <= UNLINKED_MOST * facts.issued else Met.NO, share)
