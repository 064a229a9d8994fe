"""What is wrong with a credit, and why: the lists of the page on causes, made from the rules themselves."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from tests.docs.books import table
from tillbridge.diagnose import causes as by_sides
from tillbridge.diagnose import classes as classing
from tillbridge.diagnose import inquiry
from tillbridge.diagnose.mends import BY_CAUSE, BY_CLASS, risk_of
from tillbridge.diagnose.model import CAUSES, CLASSES, RISKS, Cause, Class, Side
from tillbridge.reconcile.live.told import ROW_OF, fields_of


def _said(rule: Callable[..., Any]) -> str:
    """What a rule says that it looks for: the first paragraph of its docstring, in one line."""
    first = (inspect.getdoc(rule) or "").split("\n\n")[0]
    return " ".join(first.split())


def classes() -> str:
    """Every class in the order in which it is asked for, with what proves it, what mends it, and its risk."""
    rules = dict(classing.RULES)
    assert set(rules) == set(CLASSES) == set(Class)
    parts = [
        f"### `{kind.value}`\n\n"
        f"{CLASSES[kind]}\n\n"
        f"- **Proven by:** {_said(rule)}\n"
        f"- **Mend:** {BY_CLASS[kind]}\n"
        f"- **Risk:** {RISKS[risk_of(kind, None, spent_less_online=False)]}"
        for kind, rule in classing.RULES
    ]
    return "\n\n".join(parts)


def causes() -> str:
    """Every cause in the order in which it is asked for: what proves it in four sides and live, and the mends."""
    sides: Mapping[Cause, Callable[..., Any]] = dict(by_sides.RULES)
    live: Mapping[Cause, Callable[..., Any]] = dict(inquiry.RULES)
    assert list(sides) == list(live) == list(CAUSES) == list(Cause)
    parts = []
    for place, cause in enumerate(CAUSES, start=1):
        mends = [f"- **Mend** of `{kind.value}`: {said}" for (kind, of), said in BY_CAUSE.items() if of is cause]
        lines = [
            f"### {place}. `{cause.value}`\n",
            f"{CAUSES[cause]}\n",
            f"- **Proven by the four sides:** {_said(sides[cause])}",
            f"- **Proven by live facts:** {_said(live[cause])}",
            *(mends or ["- **Mend:** as its [class](#classes) says."]),
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def listing_fields() -> str:
    """The fields that a system tells of its side."""
    rows = [(f"`{_ROLES[side]}`", ", ".join(f"`{field}`" for field in fields_of(side))) for side in ROW_OF]
    return table(("role", "fields of a row"), rows)


_ROLES = {Side.STOREFRONT: "storefront", Side.ERP: "erp"}


def complaints() -> str:
    """What a complaint is about where nothing failed on the way, in the order in which it is asked."""
    rules = dict(inquiry.OTHERWISE)
    assert set(rules) == set(inquiry.COMPLAINTS)
    rows = [
        (f"`{complaint.value}`", inquiry.COMPLAINTS[complaint], _said(rule)) for complaint, rule in inquiry.OTHERWISE
    ]
    return table(("a complaint about", "what it is", "proven by"), rows)


def risks() -> str:
    """What can go wrong while a finding is not mended, the gravest first."""
    return table(("risk", "what it is"), [(f"`{risk}`", said) for risk, said in RISKS.items()])
