"""How plans to void and reissue are listed: what goes, what needs a person and why, and the rest as sums."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tillbridge.cli.listing import FORMAT, print_rows
from tillbridge.reconcile.reissue import report as told
from tillbridge.reconcile.reissue.model import (
    GOES,
    Item,
    Plan,
    State,
    Step,
    needs_second_person,
    unapproved,
    why_second_person,
)

_ALL: Final = click.option("--all", "everything", is_flag=True, help="List what is left alone as well, in the table.")

_GOING: Final = ("item", "state", "amount", "transaction_id", "old_code", "new_code", "account")
_WAITING: Final = ("item", "amount", "transaction_id", "why")
_EVERY: Final = ("item", "state", "amount", "transaction_id", "why")
_NUMBERS: Final = frozenset({"item", "amount"})
_NAMES: Final = frozenset({"transaction_id", "account"})
_GAP: Final = 2
_WORDS_WIDTH: Final = 24
"""What is left for sentences at least: no word of them is broken then."""

_NAME_WIDTH: Final = 8
"""What is left of a name at least."""

_CUT: Final = "…"


@dataclass(frozen=True, slots=True)
class View:
    """How a plan is to be listed: JSON and CSV have every item; the table has what is left alone only with
    `everything`."""

    form: str
    everything: bool


def with_view(command: Callable[..., None]) -> Callable[..., None]:
    """A command that lists a plan, with the options of how, which it is handed as `view`."""

    @_ALL
    @FORMAT
    @wraps(command)
    def viewed(*args: Any, form: str, everything: bool, **options: Any) -> None:
        command(*args, view=View(form, everything), **options)

    return viewed


def show_plan(plan: Plan, items: Sequence[Item], steps: Sequence[Step], view: View) -> None:
    """Print a plan."""
    if view.form == "json":
        click.echo(json.dumps(told.whole(plan, items, steps), indent=2, ensure_ascii=False))
        return
    if view.form == "csv":
        print_rows([told.row(item) for item in items], "csv")
        return
    click.echo(f"Plan {plan.plan_id} of {plan.source}, by {plan.made_by}.")
    if view.everything:
        _print_fitted([_row(item) for item in items], _EVERY)
    else:
        _print_fitted([_row(item) for item in items if item.state in GOES], _GOING)
        waiting = [_row(item) for item in items if item.state is State.PERSON]
        if waiting:
            click.echo("These need a person:")
        _print_fitted(waiting, _WAITING)
    for sentence in told.sums(items):
        click.echo(sentence)
    if not view.everything and any(item.state is State.LEFT for item in items):
        click.echo("What is left alone is listed with --all.")


def next_step(plan: Plan, items: Sequence[Item]) -> str:
    """What to do next with a plan that was made."""
    if not any(item.state is State.PLANNED for item in items):
        return "Nothing of it can be run as it is."
    if needs_second_person(plan, items) and unapproved(plan, items):
        return (
            f"It needs a second person: {why_second_person(plan, items)}. "
            f"'tillbridge reissue approve {plan.plan_id} --by NAME'"
        )
    return f"Run it with 'tillbridge reissue run {plan.plan_id} --by NAME'."


def _row(item: Item) -> dict[str, str]:
    row = told.row(item)
    return {**row, "amount": f"{row['amount']} {row['currency']}", "why": row["sentence"]}


def _print_fitted(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> None:
    """Print columns of rows so that they fit: names are cut at their beginning, sentences broken between words, and
    what no row has is left out."""
    shown = [name for name in columns if any(row[name] for row in rows)]
    if not shown:
        return
    console = Console()
    width = fitting(rows, shown, console.width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in shown:
        table.add_column(
            _title(name), justify="right" if name in _NUMBERS else "left", no_wrap=name != "why", overflow="fold"
        )
    for row in rows:
        table.add_row(*(escape(cut(row[name], width) if name in _NAMES else row[name]) for name in shown))
    console.print(table)


def fitting(rows: Sequence[Mapping[str, str]], columns: Sequence[str], room: int) -> int:
    """How wide a name may be where all columns together have `room` signs. Pure."""
    names = [name for name in columns if name in _NAMES]
    fixed = sum(_widest(rows, name) for name in columns if name not in _NAMES and name != "why")
    words = min(_WORDS_WIDTH, _widest(rows, "why")) if "why" in columns else 0
    left = room - fixed - words - _GAP * (len(columns) - 1)
    # A short name leaves what it does not need to the long one.
    widths = sorted(_widest(rows, name) for name in names)
    for place, width in enumerate(widths):
        share = left // (len(widths) - place)
        if width > share:
            return max(share, _NAME_WIDTH)
        left -= width
    return max(widths, default=_NAME_WIDTH)


def cut(name: str, width: int) -> str:
    """A name by its end, which tells it from others, where it is too long. Pure."""
    return name if len(name) <= width else _CUT + name[1 - width :]


def _widest(rows: Sequence[Mapping[str, str]], name: str) -> int:
    return max((len(text) for text in (_title(name), *(row[name] for row in rows))), default=0)


def _title(name: str) -> str:
    return {"transaction_id": "receipt"}.get(name, name.replace("_", " "))
