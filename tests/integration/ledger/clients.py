"""Clients that send random commands of every verb, and a log of what was committed in which order."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tests.integration.ledger.postings import IDS, OWNER, START, birth, issue, on
from tillbridge.kernel.db import Db, Query
from tillbridge.ledger import store
from tillbridge.ledger.gather import Gather
from tillbridge.ledger.model import Answer, Origin, Posted, Posting, State, Use, Verb

OTHER_OWNER = IDS.new()
_PLACE = Query("tests.place", "SELECT place FROM ledger.batch WHERE batch_id = currval('ledger.batch_id')")
_OFTEN = (Verb.ISSUE, Verb.IMPORT, Verb.REDEEM, Verb.REDEEM, Verb.HOLD, Verb.HOLD, Verb.CAPTURE, Verb.REFUND)
VERBS = (*Verb, *_OFTEN)


@dataclass(frozen=True)
class Committed:
    """A batch: its place in the chain (None when it wrote nothing), its moment, and what was asked and answered."""

    place: int | None
    at: datetime
    postings: Sequence[Posting]
    answers: Sequence[Answer]


@dataclass
class Shop:
    """What the clients of one run know, and what was committed for them."""

    db: Db
    chance: random.Random
    name: str
    credits: list[UUID] = field(default_factory=list)
    holds: list[tuple[UUID, UUID]] = field(default_factory=list)
    asked: dict[str, list[Posting]] = field(default_factory=dict)
    minutes: int = 0
    log: list[Committed] = field(default_factory=list)

    async def commit(self, postings: Sequence[Posting]) -> list[Answer]:
        """Post a batch at the next moment, and note its place."""
        self.minutes += 1
        at = START + timedelta(minutes=self.minutes)
        async with self.db.transaction() as tx:
            answers = await store.post(tx, at, postings)
            row = await tx.fetch_one(_PLACE)
        self.log.append(Committed(row["place"] if row else None, at, list(postings), answers))
        return answers

    def in_order(self) -> list[Committed]:
        """The batches that wrote something, in the order of the chain."""
        return sorted((one for one in self.log if one.place is not None), key=lambda one: one.place or 0)

    def learn(self, posting: Posting, answer: Answer) -> None:
        """What everybody knows once one was answered."""
        if not isinstance(answer.result, Posted) or answer.replay:
            return
        if posting.verb in (Verb.ISSUE, Verb.IMPORT):
            self.credits.append(answer.credit_id)
        if posting.verb is Verb.REISSUE and posting.other_id is not None:
            self.credits.append(posting.other_id)
        if posting.verb is Verb.HOLD and posting.hold_id is not None:
            self.holds.append((posting.hold_id, posting.credit_id))

    def posting(self, verb: Verb) -> Posting:
        """A command of a verb, mostly sensible; or one that was sent before; or another one with a key used before."""
        chance = self.chance
        if self.asked and chance.random() < 0.08:
            return chance.choice(chance.choice(list(self.asked.values())))
        again = self.asked and chance.random() < 0.03
        key = chance.choice(list(self.asked)) if again else f"{self.name}-{len(self.asked)}"
        made = self._birth(verb, key) if verb in (Verb.ISSUE, Verb.IMPORT) else self._on(verb, key)
        self.asked.setdefault(key, []).append(made)
        return made

    def minor(self) -> int:
        """An amount, now and then none."""
        return self.chance.choice([0, -1, 1, 5, 10, 20, 20, 50, 100, 400])

    def credit(self) -> UUID:
        """A credit that was issued lately, or now and then one that nobody knows."""
        return self.chance.choice(self.credits[-5:]) if self.credits and self.chance.random() < 0.97 else IDS.new()

    def hold(self) -> tuple[UUID, UUID]:
        """A hold that was placed lately with its credit, or now and then one that is none."""
        known = self.holds and self.chance.random() < 0.95
        return self.chance.choice(self.holds[-4:]) if known else (IDS.new(), self.credit())

    def ends(self, *minutes: int | None) -> datetime | None:
        """So many minutes from now."""
        chosen = self.chance.choice(minutes)
        return None if chosen is None else START + timedelta(minutes=self.minutes + chosen)

    def uses(self) -> tuple[Use, ...]:
        """Sometimes a limit, of two that all share."""
        if self.chance.random() < 0.7:
            return ()
        subject = f"{self.name}:{self.chance.randrange(2)}"
        return (Use(subject, START.date(), amount_max=self.chance.choice([None, 300]), count_max=6),)

    def code(self) -> str:
        """A code that another credit may have."""
        return f"{self.name}:{self.chance.randrange(60)}"

    def sale(self) -> str:
        """One of a few sales, so that refunds find what they answer to."""
        return f"T{self.chance.randrange(3)}"

    def _currency(self) -> str:
        return "USD" if self.chance.random() < 0.95 else "CAD"

    def _birth(self, verb: Verb, key: str) -> Posting:
        chance = self.chance
        imported = verb is Verb.IMPORT
        return issue(
            key,
            0 if imported else self.minor(),
            currency=self._currency(),
            state=State.PENDING if imported else chance.choice([State.ACTIVE] * 3 + [State.UNCLAIMED]),
            code=self.code(),
            expires_at=self.ends(None, None, 5, 30, 600),
            ceiling=chance.choice([None, 300]),
            bucket=chance.choice(["refund", "refund", "promo"]),
            owner=chance.choice([OWNER, OWNER, OTHER_OWNER, None]),
            verb=verb,
            uses=() if imported else self.uses(),
        )

    def _on(self, verb: Verb, key: str) -> Posting:
        said = {"credit_id": self.credit()} | (_SAID[verb](self) if verb in _SAID else {})
        currency = self._currency() if said.get("minor") is not None else "USD"
        return on(verb, key, said.pop("credit_id"), said.pop("minor", None), currency, **said)


def _activate(shop: Shop) -> dict[str, Any]:
    return _load(shop) | {"owner": shop.chance.choice([OWNER, None])}


def _load(shop: Shop) -> dict[str, Any]:
    ceiling = shop.chance.choice([None, 300])
    return {"minor": shop.minor(), "expires_at": shop.ends(None, 5, 600), "ceiling": ceiling, "uses": shop.uses()}


def _redeem(shop: Shop) -> dict[str, Any]:
    several = shop.chance.sample(shop.credits, min(2, len(shop.credits))) if shop.chance.random() < 0.3 else []
    events = tuple(IDS.new() for _ in several)
    origin = Origin(transaction_id=shop.sale())
    return {
        "minor": shop.minor(), "others": tuple(several), "other_events": events, "uses": shop.uses(), "origin": origin,
    }  # fmt: skip


def _hold(shop: Shop) -> dict[str, Any]:
    return {"minor": shop.minor(), "hold_id": IDS.new(), "hold_ends": shop.ends(2, 10, 500)}


def _capture(shop: Shop) -> dict[str, Any]:
    minor = shop.chance.choice([shop.minor(), None])
    return _release(shop) | {"minor": minor, "whole": shop.chance.random() < 0.5}


def _release(shop: Shop) -> dict[str, Any]:
    hold_id, credit_id = shop.hold()
    return {"credit_id": credit_id, "hold_id": hold_id, "origin": Origin(transaction_id=shop.sale())}


def _refund(shop: Shop) -> dict[str, Any]:
    return {"minor": shop.minor(), "cause": shop.sale()}


def _adjust(shop: Shop) -> dict[str, Any]:
    expected = shop.chance.choice([None, None, 20])
    return {"minor": shop.minor(), "down": shop.chance.random() < 0.5, "expected": expected}


def _transfer(shop: Shop) -> dict[str, Any]:
    minor = shop.chance.choice([shop.minor(), None])
    return {"minor": minor, "other_id": shop.credit(), "ceiling": shop.chance.choice([None, 300])}


def _reissue(shop: Shop) -> dict[str, Any]:
    state = shop.chance.choice([State.ACTIVE, State.ACTIVE, State.UNCLAIMED])
    expected = shop.chance.choice([None, None, 100])
    return {"other_id": IDS.new(), "birth": birth(shop.code(), state), "expected": expected}


def _cash_out(shop: Shop) -> dict[str, Any]:
    return {"ceiling": shop.chance.choice([None, 50, 1000]), "uses": shop.uses()}


def _claim(shop: Shop) -> dict[str, Any]:
    return {"owner": shop.chance.choice([OWNER, OTHER_OWNER])}


_SAID: Final[Mapping[Verb, Callable[[Shop], dict[str, Any]]]] = {
    Verb.ACTIVATE: _activate,
    Verb.LOAD: _load,
    Verb.REDEEM: _redeem,
    Verb.HOLD: _hold,
    Verb.CAPTURE: _capture,
    Verb.RELEASE: _release,
    Verb.LAPSE: _release,
    Verb.REFUND: _refund,
    Verb.ADJUST: _adjust,
    Verb.TRANSFER: _transfer,
    Verb.REISSUE: _reissue,
    Verb.CASH_OUT: _cash_out,
    Verb.CLAIM: _claim,
}
"""What a command of each verb says besides its credit; the others say nothing more."""


async def client(shop: Shop, hub: Gather[Posting, Answer], verbs: Sequence[Verb], size: int) -> None:
    """Sends commands, so many at a time, and waits for the answers before it sends more."""
    for start in range(0, len(verbs), size):
        postings = [shop.posting(verb) for verb in verbs[start : start + size]]
        for posting, answer in zip(postings, await hub.submit_all(postings), strict=True):
            assert not isinstance(answer, BaseException), (posting, answer)
            shop.learn(posting, answer)
