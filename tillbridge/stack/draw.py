"""The path of a credit as a bridge: systems stand on the ground, hops are its arcs, with promise and truth above each.

One drawing serves the console, the credit's own page and `map draw`. Everything here is text made from values.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from html import escape
from typing import Final

from tillbridge.stack.model import Hop, Role, Stack, System, Trigger


class Mark(StrEnum):
    """How it stands with a hop or a fact. Shown as a word with a sign, never by its colour alone."""

    CONFIRMED = "confirmed"
    PENDING = "pending"
    LATE = "late"
    DEAD = "dead"
    UNKNOWN = "unknown"
    QUIET = "quiet"


SIGNS: Final[Mapping[Mark, str]] = {
    Mark.CONFIRMED: "✓",
    Mark.PENDING: "◔",
    Mark.LATE: "!",
    Mark.DEAD: "✕",
    Mark.UNKNOWN: "?",
    Mark.QUIET: "",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A system as it stands in the drawing. `name` tells systems apart, `label` and `note` are written in the box."""

    name: str
    label: str
    note: str = ""
    authority: bool = False


@dataclass(frozen=True, slots=True)
class Truth:
    """What was measured on a hop, in a few words: `0.14 s`, `5 late, oldest 14 min`."""

    mark: Mark = Mark.QUIET
    words: str = ""


@dataclass(frozen=True, slots=True)
class HopView:
    """One arc: from, to, what was promised (`webhook · 30 s`) and what was measured. `notes` are further short lines:
    what is changed on the way, the figures."""

    source: Place
    target: Place
    promise: str
    truth: Truth = field(default_factory=Truth)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counts of one hop's handoffs. `typical` is the usual time from confirmed at the source to confirmed at the
    target, None before anything went over, and `p95` what 95 of 100 keep below; `oldest` is how long the oldest late
    one has been late. `waiting` is what is on its way, `confirmed` what arrived in the time looked at."""

    typical: timedelta | None = None
    p95: timedelta | None = None
    confirmed: int = 0
    waiting: int = 0
    late: int = 0
    dead: int = 0
    unknown: int = 0
    oldest: timedelta | None = None


_ROLE_LABELS: Final[Mapping[Role, str]] = {
    Role.POS: "Registers",
    Role.PLATFORM: "Platform",
    Role.PAYMENTS: "Payments",
    Role.ERP: "ERP",
    Role.STOREFRONT: "Web store",
}
_DAYS: Final = ("Sundays", "Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_FIXED_TIME: Final = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* (\*|[0-7])")


def span_words(span: timedelta) -> str:
    """A length of time for people: `0.14 s`, `1.1 s`, `30 s`, `14 min`, `2 h 10 min`, `26 h`, `3 d 4 h`."""
    seconds = max(span, timedelta(0)).total_seconds()
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    if seconds < 600:
        return _two_units(round(seconds), 60, "min", 1, "s")
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return _two_units(minutes, 60, "h", 1, "min")
    return _two_units(minutes, 24 * 60, "d", 60, "h")


def _two_units(amount: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = amount % large // small
    return f"{amount // large} {large_name}" + (f" {rest} {small_name}" if rest else "")


def schedule_words(schedule: str) -> str:
    """A cron line for people where it is a plain one (`daily 02:00`, `Mondays 06:00`), else as it is written."""
    plain = _FIXED_TIME.fullmatch(schedule.strip())
    if plain is None:
        return f"cron {schedule.strip()}"
    minute, hour, day = plain.groups()
    when = "daily" if day == "*" else _DAYS[int(day)]
    return f"{when} {int(hour):02}:{int(minute):02}"


def promise(hop: Hop) -> str:
    """What a hop promises: its trigger and its SLA, such as `daily 02:00 · 26 h`."""
    trigger = "checkpoint" if hop.checkpoint else hop.trigger.value
    if hop.trigger is Trigger.POLL and hop.interval is not None:
        trigger = f"every {span_words(hop.interval)}"
    elif hop.trigger is Trigger.BATCH:
        trigger = schedule_words(hop.schedule)
    return f"{trigger} · {span_words(hop.sla)}"


def truth_of(hop: Hop, traffic: Traffic) -> Truth:
    """The one thing about a hop's traffic that matters most: dead before late, late before unknown, then the rest.

    What is on its way over a webhook is no news beside the usual time; on a poll or batch hop it is.
    """
    if traffic.dead:
        return Truth(Mark.DEAD, f"{traffic.dead:,} dead")
    if traffic.late:
        oldest = f", oldest {span_words(traffic.oldest)}" if traffic.oldest else ""
        return Truth(Mark.LATE, f"{traffic.late:,} late{oldest}")
    if traffic.unknown:
        return Truth(Mark.UNKNOWN, f"{traffic.unknown:,} unknown")
    if traffic.waiting and (traffic.typical is None or hop.trigger is not Trigger.WEBHOOK):
        return Truth(Mark.PENDING, f"{traffic.waiting:,} waiting")
    if traffic.typical is not None:
        return Truth(Mark.CONFIRMED, span_words(traffic.typical))
    return Truth(Mark.QUIET, "nothing yet")


def place_of_loss(traffic: Mapping[str, Traffic]) -> str:
    """The hop at which things get lost: the one with the most dead, else the most late; blank when there is none."""
    counted = {hop: (one.dead > 0, one.dead or one.late) for hop, one in traffic.items()}
    worst = max(counted, key=lambda hop: counted[hop], default="")
    return worst if worst and counted[worst][1] else ""


def figures_words(hop: Hop, traffic: Traffic) -> tuple[str, ...]:
    """The p95 against the promise, and what is on its way: `p95 1.1 s of 30 s`, `12 in flight · 0 late · 0 dead`."""
    measured = "p95 not measured" if traffic.p95 is None else f"p95 {span_words(traffic.p95)} of {span_words(hop.sla)}"
    return measured, f"{traffic.waiting:,} in flight · {traffic.late:,} late · {traffic.dead:,} dead"


def changes_words(hop: Hop) -> str:
    """The hop's transformations by name: `route-bucket, convert-currency`; blank when it has none."""
    return ", ".join(transform.name for transform in hop.transform)


def still_views(stack: Stack) -> tuple[HopView, ...]:
    """Every hop with what the map alone says of it."""
    return tuple(
        HopView(place(stack, hop.source), place(stack, hop.target), promise(hop), Truth(), _notes(hop))
        for hop in stack.hops
    )


def live_views(stack: Stack, traffic: Mapping[str, Traffic]) -> tuple[HopView, ...]:
    """Every hop with its figures by hop name. The place where things get lost says so, in words."""
    lost, carried = place_of_loss(traffic), {hop.name for hop in stack.deliveries()}
    return tuple(
        _live_view(stack, hop, traffic.get(hop.name, Traffic()), hop.name == lost, carried) for hop in stack.hops
    )


def _live_view(stack: Stack, hop: Hop, traffic: Traffic, lost: bool, carried: Collection[str]) -> HopView:
    ends = place(stack, hop.source), place(stack, hop.target)
    if hop.target == stack.authority:
        return HopView(*ends, promise(hop), Truth(Mark.CONFIRMED, "confirmed at once"), _notes(hop))
    if hop.name not in carried:
        return HopView(*ends, promise(hop), Truth(Mark.QUIET, "not carried by the hub"), _notes(hop))
    truth = truth_of(hop, traffic)
    if lost:
        count = f"{traffic.dead:,} dead" if traffic.dead else f"{traffic.late:,} late"
        truth = Truth(Mark.DEAD if traffic.dead else Mark.LATE, f"{count} · lost here")
    return HopView(*ends, promise(hop), truth, (*figures_words(hop, traffic), *_notes(hop)))


def _notes(hop: Hop) -> tuple[str, ...]:
    return (changes_words(hop),) if hop.transform else ()


def place(stack: Stack, name: str) -> Place:
    """A system of the stack for the drawing: by its role where it is the only one of it, else by its name."""
    system = stack.systems[name]
    alone = sum(other.role is system.role for other in stack.systems.values()) == 1
    label = _ROLE_LABELS[system.role] if alone else name
    authority = name == stack.authority
    return Place(name, label, "source of truth" if authority else _note(system, alone), authority)


def _note(system: System, alone: bool) -> str:
    role = _ROLE_LABELS[system.role]
    if alone:
        return system.name if system.name.lower() != role.lower() else ""
    return role if role.isupper() else role.lower()


def hop_views(stack: Stack, truths: Mapping[str, Truth]) -> tuple[HopView, ...]:
    """Every hop of a stack for the drawing, with what is known of it by hop name."""
    return tuple(
        HopView(place(stack, hop.source), place(stack, hop.target), promise(hop), truths.get(hop.name, Truth()))
        for hop in stack.hops
    )


def path_words(hops: Sequence[HopView]) -> str:
    """The drawing as one sentence per hop, for those who cannot see it."""
    return " ".join(
        f"{hop.source.label} to {hop.target.label}, {'; '.join((hop.promise, *hop.notes))}: {truth_words(hop)}."
        for hop in hops
    )


def truth_words(hop: HopView) -> str:
    """A hop's state as a word, with what was measured: `confirmed, 0.14 s`; `5 late, oldest 14 min`."""
    truth = hop.truth
    if truth.mark is Mark.QUIET:
        return truth.words or "nothing measured"
    said = truth.mark.value in truth.words or (truth.mark is Mark.PENDING and "waiting" in truth.words)
    return truth.words if said else ", ".join(filter(None, (truth.mark.value, truth.words)))


_STEP, _BOX, _HEIGHT, _EDGE = 240, 140, 56, 30  # columns, width and height of a box, air left and right
_RISE, _LEVEL, _SHOULDER = 36, 80, 70  # the lowest arc, what each further level adds, how round a wide arc is
_NOTE = 17  # what each further line above an arc takes
LABEL_MAX, NOTE_MAX, _TRUTH_MAX, _SMALL_MAX = 17, 20, 30, 34  # characters that fit a box, and between two

STYLE: Final = """\
text{font:600 14px system-ui,sans-serif;fill:#1b2430}text.s{font-weight:400;font-size:12px;fill:#5d6673}
.arc{fill:none;stroke-width:3;stroke:#5d6673}.box{fill:#fffdf8;stroke:#ddd6c8;stroke-width:1.5}
.box.authority{stroke:#0b6e6e;stroke-width:3}text.said{paint-order:stroke;stroke:#fffdf8;stroke-width:5px}
.arc.confirmed{stroke:#1d7a43}.arc.pending{stroke:#8a5a00;stroke-dasharray:7 5}.arc.late,.arc.dead{stroke:#b3261e}
.arc.quiet,.arc.unknown{stroke-dasharray:2 5}.arc.unknown{stroke:#6a3fb5}text.late,text.dead{fill:#b3261e}
"""
"""The drawing's colours on light paper, for a file of its own; the console's style sheet says the same and more."""


@dataclass(frozen=True, slots=True)
class Arc:
    """Where one hop's arc stands: from foot to foot along the ground, its crown at height `top`. `level` 1 is a plain
    bow; higher ones are wide and flat."""

    hop: HopView
    start: int
    end: int
    top: int
    level: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The drawing as places, in pixels from the top left: boxes by their left edge, all standing at `ground`."""

    width: int
    height: int
    ground: int
    boxes: tuple[tuple[Place, int], ...]
    arcs: tuple[Arc, ...]


BOX_WIDTH: Final = _BOX
BOX_HEIGHT: Final = _HEIGHT


def layout(hops: Sequence[HopView]) -> Layout:
    """Where everything stands. Raises ValueError without hops.

    Systems stand in the order in which the hops name them; an arc that spans others rises above them, so that a chain,
    a star and a mix of both are drawn alike.
    """
    columns = _columns(hops)
    levels = _levels(hops, columns)
    lines = _NOTE * max(len(hop.notes) for hop in hops)
    rise = _LEVEL + lines
    ground = 60 + lines + _RISE + (max(levels) - 1) * rise
    arcs = (
        Arc(hop, start, end, ground - _RISE - (level - 1) * rise, level)
        for hop, level, (start, end) in zip(hops, levels, _feet(hops, columns), strict=True)
    )
    boxes = tuple((place, _EDGE + column * _STEP) for place, column in columns.items())
    width = 2 * _EDGE + (len(columns) - 1) * _STEP + _BOX
    return Layout(width, ground + _HEIGHT + 12, ground, boxes, tuple(arcs))


def path_svg(hops: Sequence[HopView], style: str = "") -> str:
    """The bridge as an SVG element; empty text without hops.

    `style` is put inside, for a drawing that stands alone (`STYLE`).
    """
    if not hops:
        return ""
    drawn = layout(hops)
    arcs = [f'<path class="arc {arc.hop.truth.mark}" d="{_arc(arc, drawn.ground)}"/>' for arc in drawn.arcs]
    texts = [_said(arc.hop, (arc.start + arc.end) // 2, arc.top) for arc in drawn.arcs]
    boxes = [_box(place, left, drawn.ground) for place, left in drawn.boxes]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawn.width} {drawn.height}" width="{drawn.width}"'
        f' height="{drawn.height}" role="img" aria-label="{escape(path_words(hops))}">'
        + (f"<style>{style}</style>" if style else "")
        + "".join((*arcs, *boxes, *texts))
        + "</svg>"
    )


def _columns(hops: Sequence[HopView]) -> dict[Place, int]:
    """Where each system stands: sources before targets, else in the order in which they are named."""
    waiting = list(dict.fromkeys(place for hop in hops for place in (hop.source, hop.target)))
    columns: dict[Place, int] = {}
    while waiting:
        fed = {hop.target for hop in hops if hop.source in waiting and hop.source != hop.target}
        # In a ring nobody is first; the map refuses rings, a drawing only has to come to an end.
        first = next((place for place in waiting if place not in fed), waiting[0])
        columns[first] = len(columns)
        waiting.remove(first)
    return columns


def _levels(hops: Sequence[HopView], columns: Mapping[Place, int]) -> list[int]:
    """How high each arc rises: above all shorter arcs that it stands over."""
    ends = [sorted((columns[hop.source], columns[hop.target])) for hop in hops]
    levels = [0] * len(hops)
    for index in sorted(range(len(hops)), key=lambda index: ends[index][1] - ends[index][0]):
        left, right = ends[index]
        below = (levels[other] for other, (start, end) in enumerate(ends) if start < right and end > left)
        levels[index] = 1 + max(below, default=0)
    return levels


def _feet(hops: Sequence[HopView], columns: Mapping[Place, int]) -> list[tuple[int, int]]:
    """Where each arc starts and ends: shorter arcs nearer to the edge of the box, so that they do not cross."""
    by_length = sorted(range(len(hops)), key=lambda i: columns[hops[i].target] - columns[hops[i].source])
    starts, ends, out, into = [0] * len(hops), [0] * len(hops), dict.fromkeys(columns, 0), dict.fromkeys(columns, 0)
    for index in by_length:
        source, target = hops[index].source, hops[index].target
        starts[index] = _EDGE + columns[source] * _STEP + _BOX - 10 - min(out[source] * 26, _BOX // 2 - 14)
        ends[index] = _EDGE + columns[target] * _STEP + 10 + min(into[target] * 26, _BOX // 2 - 14)
        out[source] += 1
        into[target] += 1
    return list(zip(starts, ends, strict=True))


def _arc(arc: Arc, ground: int) -> str:
    start, end, top = arc.start, arc.end, arc.top
    if arc.level == 1:
        return f"M{start} {ground}Q{(start + end) // 2} {2 * top - ground} {end} {ground}"
    round_by = shoulder(arc)
    return (
        f"M{start} {ground}C{start} {top} {start} {top} {start + round_by} {top}"
        f"H{end - round_by}C{end} {top} {end} {top} {end} {ground}"
    )


def shoulder(arc: Arc) -> int:
    """How far a wide arc's bends reach inwards; negative where it leads back."""
    return min(_SHOULDER, abs(arc.end - arc.start) // 2) * (1 if arc.end > arc.start else -1)


def lines_above(hop: HopView) -> tuple[str, ...]:
    """What is written above an arc, from the top: promise, notes, and the truth with its sign, cut to their room."""
    truth = f"{SIGNS[hop.truth.mark]} {hop.truth.words}".strip()
    small = (cut(text, _SMALL_MAX) for text in (hop.promise, *hop.notes))
    return (*small, cut(truth, _TRUTH_MAX))


def _said(hop: HopView, middle: int, top: int) -> str:
    *small, truth = lines_above(hop)
    lowest = top - (29 if truth else 12)
    rows = [
        f'<text class="said s" text-anchor="middle" x="{middle}" y="{lowest - _NOTE * place}">{escape(text)}</text>'
        for place, text in enumerate(reversed(small))
    ]
    rows.append(
        f'<text class="said {hop.truth.mark}" text-anchor="middle" x="{middle}" y="{top - 10}">{escape(truth)}</text>'
    )
    return "".join(rows)


def _box(place: Place, left: int, ground: int) -> str:
    middle, note = left + _BOX // 2, place.note
    return (
        f'<g><title>{escape(f"{place.label} ({place.name})")}</title><rect class="box'
        f'{" authority" if place.authority else ""}" x="{left}" y="{ground}" width="{_BOX}" height="{_HEIGHT}" rx="6"/>'
        f'<text text-anchor="middle" x="{middle}" y="{ground + (25 if note else 33)}">'
        f"{escape(cut(place.label, LABEL_MAX))}</text>"
        + (
            f'<text class="s" text-anchor="middle" x="{middle}" y="{ground + 43}">{escape(cut(note, NOTE_MAX))}</text>'
            if note
            else ""
        )
        + "</g>"
    )


def cut(text: str, most: int) -> str:
    """The text, cut where it would run out of its place."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
