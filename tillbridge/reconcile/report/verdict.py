"""What a run comes to, in sentences that a store manager understands. Pure."""

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.diagnose.model import RISKS, SIDES, Risk, Side
from tillbridge.reconcile.model import Run, SideRead
from tillbridge.reconcile.report.tally import Counts
from tillbridge.reconcile.report.words import counted, listed, moneys, shown, window

NOT_ALL: Final = (
    "What follows is only what could be compared: more may have fallen through, and what is listed may have its other "
    "half in a row that is missing. Mend the rows and run it again before anything is reissued."
)
"""What an incomplete run is worth."""

_SAFETY: Final[Mapping[Risk, tuple[str, str]]] = {
    "double-redemption": ("credit can be spent twice", "credits can be spent twice"),
    "overstated": ("credit can be spent that nobody paid for", "credits can be spent that nobody paid for"),
    "customer": (
        "credit is there, and its customer cannot spend it",
        "credits are there, and their customers cannot spend them",
    ),
    "books": (
        "credit can be spent as it should, and the books lack it",
        "credits can be spent, and the books lack them",
    ),
    "none": ("credit is on its way and needs nobody", "credits are on their way and need nobody"),
}


def title(run: Run) -> str:
    """`What fell through, 22 Oct to 21 Nov`."""
    when = window(run.cut.since, run.cut.until, ZoneInfo(run.time_zone))
    match run.status:
        case "incomplete":
            return f"Incomplete: what fell through, {when}"
        case "clean":
            return f"Nothing fell through, {when}" if run.looked_at else f"Nothing to compare, {when}"
    return f"What fell through, {when}"


def headline(run: Run, counts: Counts) -> str:
    """The answer to the first question: how many need something, and how much customers cannot spend."""
    if not run.findings:
        return _without_findings(run)
    among = f"{run.looked_at:,} credits" if run.looked_at >= len(run.findings) else ""
    waiting = _of(counts.waiting, among)
    if not counts.needing:
        return f"Nobody is needed: {waiting} on {'its' if counts.waiting == 1 else 'their'} way."
    said = f"{_of(counts.needing, among, 'needs', 'need')} something"
    if counts.waiting:
        said += f", {counts.waiting:,} more {'is on its' if counts.waiting == 1 else 'are on their'} way"
    stuck = counts.by_risk["customer"]
    if stuck.findings:
        said += f"; customers cannot spend {counted(stuck.findings, 'credit')}, {moneys(stuck.sums)}"
    return f"{said}."


def _of(number: int, among: str, one: str = "is", many: str = "are") -> str:
    noun = f"{number:,} of {among}" if among else counted(number, "credit")
    return f"{noun} {one if number == 1 else many}"


def _without_findings(run: Run) -> str:
    if run.status == "incomplete":
        return "Among the rows that could be read, no difference was found. That does not say that there is none."
    if not run.looked_at:
        return "There was nothing to compare: no credit came into being in this window."
    if run.matched >= run.looked_at:
        return f"No difference was found: {_agree(run.matched)} {compared(run)}."
    return f"No difference was found: of {counted(run.looked_at, 'credit')}, {run.matched:,} agree {compared(run)}."


def _agree(number: int) -> str:
    return "the one credit agrees" if number == 1 else f"all {number:,} credits agree"


def compared(run: Run) -> str:
    """`on the registers, the platform and the books`: the sides that were read."""
    return f"on {listed(SIDES[side] for side in Side if any(read.side is side for read in run.sides))}"


def unread_sides(run: Run) -> str:
    """A sentence on the sides that were not given; blank where all were."""
    missing = [SIDES[side] for side in Side if all(read.side is not side for read in run.sides)]
    if not missing:
        return ""
    return f"Not compared, because not given: {listed(missing)}. What only they could tell is not in here."


def incomplete(run: Run) -> str:
    """The sentence that comes before all others, where a side could not be read whole; blank otherwise."""
    broken = [side for side in run.sides if side.bad_rows]
    return f"Incomplete: {listed(map(_broken, broken))} could not be read." if broken else ""


def _broken(side: SideRead) -> str:
    where = f"{SIDES[side.side]} ({shown(side.origin)})"
    if not side.rows and len({bad.row for bad in side.bad}) == 1:
        return where
    return f"{counted(side.bad_rows, 'row')} of {where}"


def safety(counts: Counts) -> tuple[tuple[Risk, str], ...]:
    """Whether the money is safe: a sentence for each risk that there is, the gravest first."""
    return tuple(
        (risk, f"{tally.findings:,} {_SAFETY[risk][tally.findings != 1]}: {moneys(tally.sums)}.")
        for risk in RISKS
        if (tally := counts.by_risk[risk]).findings
    )


def safe(run: Run, counts: Counts) -> str:
    """The answer to `Is the money safe?` in a sentence."""
    if run.status == "incomplete":
        return "That cannot be said yet: not every row could be read."
    risky = counts.by_risk["double-redemption"].findings + counts.by_risk["overstated"].findings
    if risky:
        return f"Not all of it. Look at {'this one' if risky == 1 else f'these {risky:,}'} first: they can cost money."
    if counts.by_risk["customer"].findings:
        return "Yes, but not where it should be: customers hold credits that they cannot spend."
    if counts.by_risk["books"].findings:
        return "Yes. Customers can spend what they hold; the books have to catch up."
    if counts.waiting:
        return "Yes. What is missing is on its way."
    return f"Yes, as far as was compared: what was read agrees {compared(run)}."
