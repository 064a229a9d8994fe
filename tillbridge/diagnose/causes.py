"""Why something is missing: the closed list, an ordered tuple of rules. Each answers with what proves it, or None; the
first that does decides."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tillbridge.diagnose.model import Cause, Class, Evidence, Side
from tillbridge.diagnose.view import View
from tillbridge.diagnose.way import Leg

MAP: Final = "map"
"""Who says what was promised and what is accepted."""

REJECTION: Final = re.compile(
    r"\b(?:currency|currencies|bucket|denomination|mapping|mapped|unmapped|amount)\b", re.IGNORECASE
)
"""What an error says that is about this credit's currency, bucket or amount."""

LOCK_OR_SCHEMA: Final = re.compile(r"\b(?:lock|locked|deadlock|schema|column|constraint|time-?out)\b", re.IGNORECASE)
"""What an error says that is about the books themselves."""

EXPLAINED: Final = (Class.ORPHAN, Class.MISSING_ON_PLATFORM, Class.MISSING_IN_ERP, Class.UNBACKED)
"""The classes in which something is missing, and which have a cause therefore."""


@dataclass(frozen=True, slots=True)
class Question:
    """A case with the class it was found to be, and the legs on which it went missing."""

    view: View
    kind: Class

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The legs it should have gone."""
        way = self.view.scope.way
        match self.kind:
            case Class.MISSING_ON_PLATFORM:
                return way.entry
            case Class.MISSING_IN_ERP:
                return way.books
        return way.online if self.view.held else (*way.entry, *way.online)

    @property
    def stuck(self) -> tuple[Leg, datetime] | None:
        """The first leg whose end does not have it, and since when its start has."""
        return self.view.stuck(self.legs)


Proof = tuple[Evidence, ...]
Rule = Callable[[Question], Proof | None]


def manual_bypass(asked: Question) -> Proof | None:
    """It is in the books, on the platform or online, and nobody sold it."""
    if asked.kind is not Class.UNBACKED:
        return None
    held = asked.view.held
    if held is None:
        where = "posted to the books" if asked.view.posted else "put into the web store"
        return (Evidence(asked.view.born_at, _side(asked).value, f"{where} by hand, past the platform"),)
    return (Evidence(held.issued_at, Side.PLATFORM.value, "made on the platform by hand"),)


def _side(asked: Question) -> Side:
    return Side.ERP if asked.view.posted else Side.STOREFRONT


def no_customer(asked: Question) -> Proof | None:
    """No identifier at all, or none that can be used."""
    answer = asked.view.case.answer
    if answer is None or answer.usable or not _is_about_people(asked):
        return None
    return (_heard(asked, answer.sentence),)


def identifier_mismatch(asked: Question) -> Proof | None:
    """Identifiers that can be used, and that point to no online profile, or to several."""
    answer = asked.view.case.answer
    if answer is None or not answer.usable or len(answer.accounts) == 1 or not _is_about_people(asked):
        return None
    return (_heard(asked, answer.sentence),)


def _is_about_people(asked: Question) -> bool:
    """Whether a credit needs a customer to get there: online it does, in the books it does not. Where the platform
    names the account, whose it is was found out by other means."""
    known = asked.view.held is not None and asked.view.held.customer_id
    return asked.kind in (Class.ORPHAN, Class.MISSING_ON_PLATFORM) and not known


def _heard(asked: Question, sentence: str) -> Evidence:
    sale = asked.view.sale
    return Evidence(asked.view.born_at, (Side.POS if sale else Side.PLATFORM).value, sentence)


def mapping_rejected(asked: Question) -> Proof | None:
    """A system on the way does not accept it, by the map or by what it recorded."""
    credit = asked.view.held or asked.view.sale
    refused = asked.view.scope.way.unaccepted(asked.legs, credit) if credit else None
    if refused is not None:
        hop, sentence = refused
        return (Evidence(asked.view.born_at, f"{MAP}: {hop.name}", sentence),)
    failed = asked.view.failed
    if failed is None or not REJECTION.search(failed.error) or LOCK_OR_SCHEMA.search(failed.error):
        return None
    return (Evidence(failed.posted_at, Side.ERP.value, f"does not accept it: {failed.error}"),)


def write_back_failed(asked: Question) -> Proof | None:
    """The platform has it and the books do not: they recorded an error, or all that was promised is over."""
    view = asked.view
    online_needs_books = asked.kind is Class.ORPHAN and view.scope.way.books_first
    if view.posted or not (asked.kind is Class.MISSING_IN_ERP or online_needs_books):
        return None
    since = view.held.issued_at if view.held else view.born_at
    if since is None or (view.held is None and view.has(Side.PLATFORM)):
        return None
    if view.failed is not None:
        return (Evidence(view.failed.posted_at, Side.ERP.value, f"could not take it: {view.failed.error or 'error'}"),)
    if not view.has(Side.ERP) or not view.late(view.scope.way.books, since):
        return None
    due = since
    for leg in view.scope.way.books:
        due = view.scope.way.deadline(leg, due)
    return (Evidence(due, _hop(view.scope.way.books), "should have written it to the books by now"),)


def _hop(legs: tuple[Leg, ...]) -> str:
    return legs[-1].hops[-1].name if legs and legs[-1].hops else legs[-1].name


def polling_lag(asked: Question) -> Proof | None:
    """Everything before it has it, and the next run is still to come, or was promised to be done later than now."""
    stuck = asked.stuck
    if stuck is None:
        return None
    leg, since = stuck
    if not leg.waits or asked.view.scope.as_of > asked.view.scope.way.deadline(leg, since):
        return None
    return (Evidence(due(asked), leg.name, f"{leg.start} has it; {_when(leg)}"),)


def due(asked: Question) -> datetime | None:
    """When what is on its way will be there: the next run, or the end of what was promised where that run is over."""
    stuck = asked.stuck
    if stuck is None:
        return None
    leg, since = stuck
    run = asked.view.scope.way.next_run(leg, since)
    return run if run and run > asked.view.scope.as_of else asked.view.scope.way.deadline(leg, since)


def _when(leg: Leg) -> str:
    if not leg.hops:
        return "no map says when it is due, and a day is allowed"
    return f"{leg.end} takes it at the next run"


def lost_in_hop(asked: Question) -> Proof | None:
    """What remains: the hop that should have delivered it by now, and the last system that has it."""
    stuck = asked.stuck
    if stuck is None:
        leg = asked.legs[-1] if asked.legs else None
        name = leg.name if leg else "the way there"
        return (Evidence(asked.view.scope.as_of, name, "every system before it has it"),)
    leg, since = stuck
    deadline = asked.view.scope.way.deadline(leg, since)
    return (Evidence(deadline, leg.name, f"should have delivered it by now; {leg.start} is the last that has it"),)


RULES: Final[tuple[tuple[Cause, Rule], ...]] = (
    (Cause.MANUAL_BYPASS, manual_bypass),
    (Cause.NO_CUSTOMER, no_customer),
    (Cause.IDENTIFIER_MISMATCH, identifier_mismatch),
    (Cause.MAPPING_REJECTED, mapping_rejected),
    (Cause.WRITE_BACK_FAILED, write_back_failed),
    (Cause.POLLING_LAG, polling_lag),
    (Cause.LOST_IN_HOP, lost_in_hop),
)
"""Every cause with its rule, in the order of the closed list."""


def cause_of(view: View, kind: Class) -> tuple[Cause, Proof, datetime | None] | None:
    """The cause of a case of this class, what proves it, and when it will be there by itself where it will. None for a
    class in which nothing is missing."""
    if kind not in EXPLAINED:
        return None
    asked = Question(view, kind)
    for cause, rule in RULES:
        proof = rule(asked)
        if proof is not None:
            return cause, proof, due(asked) if cause is Cause.POLLING_LAG else None
    return None
