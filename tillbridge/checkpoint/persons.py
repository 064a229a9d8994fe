"""What a person decides about people: two customers are one, an account or identifier is somebody else's, a value that
two have proved is settled; and taking that back. Nothing is deleted, and no money moves by it: a credit that was linked
wrongly is moved by a decision of its own (`decisions.py`)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Literal
from uuid import UUID

from tillbridge.checkpoint import store
from tillbridge.checkpoint.decisions import AT_ONCE, Asked, Decisions, Done
from tillbridge.checkpoint.store import Decision
from tillbridge.identity import ruling
from tillbridge.identity import store as people
from tillbridge.identity.model import Conflict, Key, Kind, Line, Reference
from tillbridge.identity.ruling import WHY_NOT, Ruling
from tillbridge.kernel.db import Db, Tx
from tillbridge.kernel.errors import BadInput, DatabaseFault, Decided, NotFound
from tillbridge.kernel.ids import Ids
from tillbridge.ledger import store as ledger

Settling = Literal["same-person", "belongs-to", "shared"]
"""How a conflict is settled: the people are one; the value is one person's; it is shared and stays unused."""

SEVERAL: Final = 2
"""How many have to have proved a value for a conflict."""

OVER: Final = "Nothing is left to settle: no two people have proved it any more."
MOVED_ON: Final = "What this decided about is elsewhere by now. Take back what was decided after it first."


class Persons:
    """Decides about people. Made once per hub."""

    def __init__(self, db: Db, decisions: Decisions, ids: Ids) -> None:
        self._db = db
        self._decisions = decisions
        self._ids = ids

    async def merge(self, customer_id: UUID, into: UUID, asked: Asked) -> Done:
        """Two customers are one person: both ids stay valid, and are looked up as one. Raises NotFound, BadInput,
        Conflict, DatabaseError."""
        request = {"decision": "merge", "customer": str(customer_id), "into": str(into)}
        if kept := await self._decisions.kept(asked, request):
            return kept
        decision = replace(self._decisions.new("merge", asked, request), customer_id=into)

        async def work(tx: Tx) -> None:
            await self._merge(tx, customer_id, into, _ruling(decision))

        return await self._carry_out(decision, asked, work)

    async def unlink_account(
        self, account: Reference, to: UUID | None, asked: Asked, of: UUID | None = None
    ) -> Done:  # fmt: skip
        """An account is not whose it was taken for: it goes to a customer, or to a new one of its own. `of` is whose it
        has to be now, None for anybody. Raises NotFound, BadInput, Conflict, DatabaseError."""
        name = f"{account.system}:{account.account_id}"
        request = {"decision": "unlink-account", "account": name, "to": str(to) if to else ""}
        if kept := await self._decisions.kept(asked, request):
            return kept
        if to is not None and not await people.is_customer(self._db, to):
            raise NotFound("customer", str(to))
        now = await people.customer_by_reference(self._db, account.system, account.account_id)
        if now is None:
            raise NotFound("account", name)
        decision = replace(self._decisions.new("unlink-account", asked, request), customer_id=to or self._ids.new())
        whom = decision.customer_id
        assert whom is not None  # noqa: S101 - for the type checker

        async def work(tx: Tx) -> None:
            _check(await ruling.move_account(tx, account, whom, _ruling(decision)), "account")
            # What it was moved from is read where nobody can move it any more.
            (line,) = await people.lines_of_decision(tx, decision.decision_id)
            if of is not None and line.customer_id not in await people.same_person(tx, of):
                raise NotFound("account of this customer", name)

        return await self._carry_out(decision, asked, work)

    async def unlink_identifier(self, customer_id: UUID, key: Key, asked: Asked) -> Done:
        """An identifier is not this person's, whatever their accounts state. Raises NotFound, Conflict,
        DatabaseError."""
        kind, value = key
        request = {"decision": "unlink-identifier", "customer": str(customer_id), "kind": kind.value, "value": value}
        if kept := await self._decisions.kept(asked, request):
            return kept
        decision = replace(self._decisions.new("unlink-identifier", asked, request), customer_id=customer_id)

        async def work(tx: Tx) -> None:
            ids = await people.same_person(tx, customer_id)
            if not any([await ruling.deny(tx, one, key, _ruling(decision)) for one in ids]):
                raise NotFound(f"{kind.value} of this customer", "what was sent")

        return await self._carry_out(decision, asked, work)

    async def settle(self, conflict: Conflict, how: Settling, customer_id: UUID | None, asked: Asked) -> Done:
        """Settle a conflict: the others are merged into the customer, or the value is theirs alone, or it is shared.
        Raises NotFound, BadInput, Decided, Conflict, DatabaseError."""
        request = {"decision": how, "review": str(conflict.conflict_id), "customer": str(customer_id or "")}
        if kept := await self._decisions.kept(asked, request):
            return kept
        favoured = _favoured(conflict, how, customer_id)
        about = {"review_id": conflict.conflict_id, "customer_id": favoured}
        decision = self._decisions.new(how, asked, request, **about)
        said = _ruling(decision)

        async def work(tx: Tx) -> None:
            now = await people.conflict(tx, conflict.conflict_id)
            if now is None or set(now.people) != set(conflict.people):
                raise Decided("already-decided", AT_ONCE)
            for one in sorted(set(conflict.people) - {favoured}):
                if how == "same-person":
                    await self._merge(tx, one, favoured, said)
                if how == "belongs-to":
                    for same in await people.same_person(tx, one):
                        await ruling.deny(tx, same, (conflict.kind, conflict.value), said)
            # The row of the conflict lets one of two through that decide at the same moment.
            if not await ruling.settle(tx, conflict.conflict_id, favoured, said):
                raise Decided("already-decided", AT_ONCE)

        return await self._carry_out(decision, asked, work)

    async def undo(self, decision_id: UUID, asked: Asked) -> Done:
        """Take back a decision about people: all is as it was before. Only while things are where the decision put
        them: what was decided after it is taken back first. Raises NotFound, Decided, Conflict, DatabaseError."""
        request = {"decision": "undo", "undoes": str(decision_id)}
        if kept := await self._decisions.kept(asked, request):
            return kept
        first = await store.decision(self._db, decision_id)
        if first is None or first.what in ("link", "leave", "move", "undo"):
            raise NotFound("decision about people", str(decision_id))
        await self._decisions.not_undone(decision_id)
        undo = self._decisions.new("undo", asked, request, review_id=first.review_id, undoes=decision_id)
        said = _ruling(undo)

        async def work(tx: Tx) -> None:
            lines = await people.lines_of_decision(tx, decision_id)
            whats = {line.what for line in lines}
            if "merged" in whats:
                _check(await ruling.unmerge(tx, decision_id, said), "decision")
            if "identifier-unlinked" in whats and not await ruling.allow(tx, decision_id, said):
                raise Decided("already-decided", MOVED_ON)
            for line in lines:
                if line.what == "account-unlinked":
                    await _move_back(tx, line, replace(said, decision_id=decision_id))
            if first.review_id is not None:
                await people.reopen_conflict(tx, first.review_id)

        return await self._carry_out(undo, asked, work)

    async def left(self, decision: Decision) -> list[UUID]:
        """The credits on which something is left that a decision leaves with a person who may not be theirs any more:
        those of whom an account was taken from, and those that came to a person while two were one, or had an account,
        by a decision that is taken back. They are looked at, and moved by a decision of their own. Raises
        DatabaseError."""
        told = decision.undoes or decision.decision_id
        if decision.what not in ("unlink-account", "undo"):
            return []
        found: dict[UUID, None] = {}
        for line in await people.lines_of_decision(self._db, told):
            if line.what == "account-unlinked" and decision.undoes is None:
                ids = await people.same_person(self._db, line.customer_id)
                found |= dict.fromkeys(await ledger.left_with(self._db, ids))
            elif line.what in ("account-unlinked", "merged"):
                whose = line.customer_id if line.what == "merged" else line.other_id
                ids = (whose,) if whose else ()
                found |= dict.fromkeys(await ledger.left_with(self._db, ids, line.at))
        return list(found)

    async def _carry_out(self, decision: Decision, asked: Asked, work: Callable[[Tx], Awaitable[None]]) -> Done:
        """Keep a decision and do it, in one transaction. What was decided under the same key at the same moment is the
        answer of both."""
        try:
            async with self._db.transaction() as tx:
                await store.keep_decision(tx, decision)
                await work(tx)
        except (DatabaseFault, Decided, BadInput, NotFound) as problem:
            return await self._decisions.kept_at_once(asked, decision.request, problem)
        return Done(decision)

    async def _merge(self, tx: Tx, customer_id: UUID, into: UUID, said: Ruling) -> None:
        _check(await ruling.merge(tx, customer_id, into, said), "into")


def _favoured(conflict: Conflict, how: Settling, customer_id: UUID | None) -> UUID:
    """In whose favour a conflict is settled; of one that is shared the first. Raises Decided when nothing is open,
    BadInput for somebody who proved nothing."""
    if conflict.settled_at is not None:
        raise Decided("already-decided", f"This conflict is settled since {conflict.settled_at}.")
    if len(conflict.people) < SEVERAL:
        raise Decided("already-decided", OVER)
    if how != "shared" and customer_id not in conflict.people:
        mend = f"Name one of {', '.join(str(one) for one in conflict.people)}."
        raise BadInput("customer", "this is none of those who proved it", mend)
    return customer_id or conflict.people[0]


async def _move_back(tx: Tx, line: Line, said: Ruling) -> None:
    """An account goes back to whom it was taken from. Raises Decided when it is not where it was put then."""
    account = Reference(line.system, line.account_id)
    if await people.customer_by_reference(tx, *_names(account)) != line.other_id:
        raise Decided("already-decided", MOVED_ON)
    _check(await ruling.move_account(tx, account, line.customer_id, said, back=True), "account")
    lines = await people.lines_of_decision(tx, said.decision_id)
    # Read again where nobody can move it any more.
    if [one.customer_id for one in lines if one.what == "account-relinked"][-1:] != [line.other_id]:
        raise Decided("already-decided", MOVED_ON)


def _names(account: Reference) -> tuple[str, str]:
    return account.system, account.account_id


def account_of(name: str) -> Reference:
    """An account as `system:account`. Raises BadInput."""
    system, _, account_id = name.partition(":")
    if not (system and account_id):
        raise BadInput("account", f"{name!r} is no account", "Send system:account, such as web:A1.")
    return Reference(system, account_id)


def named_customer(name: str) -> UUID | Reference:
    """A customer as they were named: our id, or an account as `system:account`. Raises BadInput."""
    mend = "Send our customer id, or system:account."
    if not name:
        raise BadInput("customer", "it is blank", mend)
    if not name.isprintable():
        raise BadInput("customer", "it holds control characters", mend)
    system, _, account_id = name.partition(":")
    if system and account_id:
        return Reference(system, account_id)
    try:
        return UUID(name)
    except ValueError:
        raise BadInput("customer", f"{name!r} names no customer", mend) from None


def kind_of(word: str) -> Kind:
    """The kind of an identifier that can be unlinked. Raises BadInput."""
    if word not in ("email", "phone", "loyalty"):
        raise BadInput("kind", f"{word!r} is no kind of identifier", "Send email, phone or loyalty.")
    return Kind(word)


def _ruling(decision: Decision) -> Ruling:
    return Ruling(decision.decision_id, decision.decided_at, decision.decided_by, decision.evidence)


def _check(word: str, field: str) -> None:
    """Raises NotFound, Decided or BadInput for a ruling that did nothing."""
    if not word:
        return
    if word == "unknown":
        raise NotFound("customer or account", "what was sent")
    if word == "undone":
        raise Decided("already-decided", WHY_NOT[word])
    raise BadInput(field, WHY_NOT[word].rstrip(".").lower(), "Look at both again.")
