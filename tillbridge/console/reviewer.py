"""The pages' reviews, answered by a running hub: what is shown of them, and what a person decides."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from tillbridge.checkpoint import store as checkpoint
from tillbridge.checkpoint.candidates import as_of_now
from tillbridge.checkpoint.decisions import Asked
from tillbridge.checkpoint.persons import Settling, named_customer
from tillbridge.console import standing
from tillbridge.console.views import CandidateView, ConflictLine, DecidedLine, ReviewLine, ReviewView, Said
from tillbridge.identity import store as people
from tillbridge.identity.masked import masked
from tillbridge.identity.model import NOUNS, Conflict
from tillbridge.identity.nearness import ALIKE
from tillbridge.kernel.errors import BadInput, Decided, NotAllowed, NotFound, Refusal
from tillbridge.kernel.errors import Conflict as KeyConflict
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import CreditNow
from tillbridge.stack.draw import Mark
from tillbridge.wiring import Hub

BESIDE_MAX: Final = 20
"""How many decisions are listed beside the queue."""

CONFLICTS_MAX: Final = 200
"""How many conflicts are listed beside the queue; more come when some of them are settled."""

LABELS: Final[Mapping[str, str]] = {
    "email": "E-mail",
    "phone": "Phone",
    "loyalty_id": "Loyalty id",
    "account_id": "Account",
    "name": "Name",
    "street": "Street",
    "place": "Place",
    "postcode": "Postcode",
    "birth_date": "Birth date",
}
_COMPARED: Final[Mapping[str, str]] = {
    "email": "E-mail",
    "phone": "Phone",
    "loyalty": "Loyalty id",
    "account": "Account",
    "name": "Name",
    "address": "Address",
    "birth_date": "Birth date",
}
_SETTLING: Final[Mapping[str, Settling]] = {
    "same-person": "same-person",
    "belongs-to": "belongs-to",
    "shared": "shared",
}


class Reviewer:
    """Shows reviews and carries out what is decided about them."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def beside(self) -> tuple[tuple[ConflictLine, ...], tuple[DecidedLine, ...]]:
        """What several people have proved, and what was linked lately."""
        conflicts = await people.open_conflicts(self._hub.db, CONFLICTS_MAX)
        decided = await checkpoint.lately_decided(self._hub.db, BESIDE_MAX)
        lines = [line for one in decided if (line := _decided(one)) is not None]
        return tuple([await self._conflict(one) for one in conflicts]), tuple(lines)

    async def view(self, review_id: UUID) -> ReviewView | ConflictLine | None:
        """One review with its candidates, or one conflict that is open; None when nobody knows it."""
        review = await checkpoint.review(self._hub.db, review_id)
        if review is None:
            conflict = await people.conflict(self._hub.db, review_id)
            known = conflict is not None and conflict.settled_at is None and len(conflict.people) > 1
            return await self._conflict(conflict) if conflict is not None and known else None
        now = await ledger.credit_now(self._hub.db, review.credit_id)
        if now is None:
            return None
        line = review_line(review, now)
        (live,) = await as_of_now(self._hub.db, [review])
        shown = tuple(map(_candidate, live))
        made = await checkpoint.decisions_of_review(self._hub.db, review_id)
        standing_one = made[0] if made and made[0].what == "link" else None
        sent = {label for label, _ in line.given} | ({"Address"} if _has_address(line) else set())
        fields = tuple(label for label in _COMPARED.values() if label in sent)
        if _has_address(line):
            line = _with_address(line)
        decided = _decided(standing_one) if standing_one else None
        return ReviewView(line, shown, fields, review.state == "open", decided)

    async def decide(self, review_id: UUID, decision: str, customer: str, said: Said) -> str:
        """Carry a decision out; blank, or a sentence why nothing was done."""
        asked = _asked(said)
        try:
            if decision == "leave":
                await self._hub.decisions.leave(review_id, asked)
                return ""
            if decision == "link":
                return _why(await self._hub.decisions.link(review_id, named_customer(customer), asked))
            conflict = await people.conflict(self._hub.db, review_id)
            if conflict is None:
                return "Nobody knows this conflict."
            whom = UUID(customer) if customer else None
            await self._hub.persons.settle(conflict, _SETTLING[decision], whom, asked)
        except (BadInput, Decided, KeyConflict, NotAllowed, NotFound) as error:
            return str(error)
        except (ValueError, KeyError):
            return "This is no decision that can be made here."
        return ""

    async def undo(self, review_id: UUID, said: Said) -> str:
        """Take the last decision about a review back; blank, or a sentence why nothing was done."""
        made = [one for one in await checkpoint.decisions_of_review(self._hub.db, review_id) if one.what != "undo"]
        if not made:
            return "Nothing was decided about this review."
        try:
            return _why(await self._hub.decisions.undo(made[0].decision_id, _asked(said)))
        except (BadInput, Decided, KeyConflict, NotAllowed, NotFound) as error:
            return str(error)

    async def _conflict(self, one: Conflict) -> ConflictLine:
        accounts = await people.references(self._hub.db, one.people)
        named = [
            (
                who,
                ", ".join(f"{name.system} {name.account_id}" for name in accounts.get(who, ())) or f"…{str(who)[-4:]}",
            )
            for who in one.people
        ]
        value = masked(one.kind.value, one.value)
        return ConflictLine(one.conflict_id, NOUNS[one.kind], value, tuple(named), one.opened_at)


def review_line(one: checkpoint.Review, now: CreditNow) -> ReviewLine:
    """A review as a line of the queue; what the register sent is masked."""
    origin = now.origin
    given = tuple((LABELS.get(name, name), masked(name, text)) for name, text in one.given.items())
    return ReviewLine(
        credit_id=one.credit_id,
        last4=now.code_last4,
        receipt=origin.transaction_id,
        store=origin.store,
        register=origin.register,
        operator=origin.operator,
        amount=standing.money(now.issued, now),
        why=one.sentence,
        given=given,
        opened_at=one.opened_at,
        review_id=one.review_id,
    )


_ADDRESS: Final = ("Street", "Place", "Postcode")


def _has_address(line: ReviewLine) -> bool:
    return any(label in _ADDRESS for label, _ in line.given)


def _with_address(line: ReviewLine) -> ReviewLine:
    """The line with its address as one field, as candidates have it."""
    whole = " ".join(value for label, value in line.given if label in _ADDRESS)
    rest = tuple((label, value) for label, value in line.given if label not in _ADDRESS)
    parts = {name: getattr(line, name) for name in line.__dataclass_fields__}
    return ReviewLine(**{**parts, "given": (*rest, ("Address", whole))})


def _candidate(kept: Mapping[str, Any]) -> CandidateView:
    fields = {
        _COMPARED.get(one["field"], one["field"]): (one["held"], one["sentence"], _mark(one["score"], one["held"]))
        for one in kept["reasons"]
    }
    names = ", ".join(name.replace(":", " ", 1) for name in kept["accounts"])
    return CandidateView(kept["accounts"][0], names, kept["score"], fields)


def _mark(score: int, held: str) -> Mark:
    if not held:
        return Mark.PENDING
    return Mark.CONFIRMED if score == 100 else Mark.PENDING if score >= ALIKE else Mark.LATE


def _decided(one: checkpoint.Decision) -> DecidedLine | None:
    if one.review_id is None or one.credit_id is None:
        return None
    return DecidedLine(one.review_id, one.credit_id, one.decided_by, one.evidence, one.decided_at)


def _asked(said: Said) -> Asked:
    return Asked(f"console:{said.key}", said.staff.name, said.evidence, said.staff.store)


def _why(done: object) -> str:
    return done.engineer if isinstance(done, Refusal) else ""
