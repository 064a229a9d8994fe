"""The report of a plan as one file for a screen and for paper. It loads nothing and runs nothing, and all that is put
in is escaped. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from tillbridge.reconcile.reissue.model import Item, Plan, Step
from tillbridge.reconcile.reissue.report import HEADINGS, masked, sums

_PAGES: Final = Environment(
    loader=PackageLoader("tillbridge.reconcile.reissue"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(plan: Plan, items: Sequence[Item], steps: Sequence[Step], at: datetime) -> str:
    """The page of a plan as it stands at a moment."""
    by_item: dict[int, list[Step]] = defaultdict(list)
    for step in steps:
        by_item[step.number].append(step)
    groups: dict[str, list[Item]] = {heading: [] for heading in HEADINGS.values()}
    for item in items:
        groups[HEADINGS[item.state]].append(item)
    return _PAGES.get_template("plan.html").render(
        plan=plan,
        at=at,
        sums=sums(items),
        groups=[(heading, some) for heading, some in groups.items() if some],
        steps=by_item,
        minute=_minute,
        masked=masked,
    )


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
