"""A book kept in plain Python, written from the sentences of states.py, refusals.py and model.py, not from the SQL.

It collects every reason against a command; the answer is the one that stands first in REFUSALS.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tillbridge.ledger.model import REFUSALS, Posted, Posting, State, Verb
from tillbridge.ledger.states import becomes

_ORDER = [refusal.code for refusal in REFUSALS]
_TAKES_ALL = (Verb.VOID, Verb.CHARGEBACK, Verb.EXPIRE, Verb.REISSUE)
_WHENEVER = (Verb.EXPIRE, Verb.LAPSE, Verb.RELEASE, Verb.CAPTURE, Verb.CHARGEBACK, Verb.FREEZE, Verb.UNFREEZE)
_IN = (Verb.ISSUE, Verb.ACTIVATE, Verb.LOAD, Verb.REFUND)
_OUT = (Verb.REDEEM, Verb.CAPTURE, Verb.CASH_OUT, Verb.VOID, Verb.CHARGEBACK, Verb.EXPIRE)


@dataclass(frozen=True)
class Done:
    """What a command did to one credit."""

    credit_id: UUID
    version: int
    amount: int
    change: int
    balance: int
    held: int
    state: State
    owner: UUID | None
    expires_at: datetime | None
    hold_left: int | None


def done_of(posted: Posted) -> tuple[Done, ...]:
    """What the ledger says that it did, part by part."""
    return tuple(
        Done(one.credit_id, one.version, one.amount, one.change, one.balance, one.held, one.state, one.owner,
             one.expires_at, one.hold_left)
        for one in (posted, *posted.parts)
    )  # fmt: skip


@dataclass
class Card:
    """A credit: what it is, what it holds, and what was spent of it in which transaction."""

    currency: str
    bucket: str
    state: State
    owner: UUID | None
    expires_at: datetime | None
    balance: int = 0
    version: int = 0
    thaw: State | None = None
    holds: dict[UUID, tuple[int, datetime]] = field(default_factory=dict)
    past_holds: set[UUID] = field(default_factory=set)
    spent: dict[str, int] = field(default_factory=dict)

    @property
    def held(self) -> int:
        return sum(left for left, _ in self.holds.values())

    @property
    def free(self) -> int:
        return self.balance - self.held

    def over(self, at: datetime) -> bool:
        """Whether its last moment has passed."""
        return self.expires_at is not None and self.expires_at <= at


@dataclass
class Book:
    """Cards, codes, counters, what stands on each house account, and the first answer to every key."""

    cards: dict[UUID, Card] = field(default_factory=dict)
    codes: set[bytes] = field(default_factory=set)
    used: dict[str, tuple[int, int]] = field(default_factory=dict)
    house: dict[str, int] = field(default_factory=dict)
    answers: dict[str, str | tuple[Done, ...]] = field(default_factory=dict)

    def batch(self, at: datetime, postings: Iterable[Posting]) -> Iterator[tuple[bool, str | tuple[Done, ...]]]:
        """Whether each is a repeat, and its answer: a refusal's code, or what was done."""
        postings = list(postings)
        lapsing = {one.hold_id for one in postings if one.verb is Verb.LAPSE}
        for credit_id in {one for posting in postings for one in posting.subjects()}:
            self._let_go(credit_id, at, lapsing)
        for posting in postings:
            repeat = posting.key in self.answers
            if not repeat:
                self.answers[posting.key] = self._decide(posting, at)
            yield repeat, self.answers[posting.key]

    def _let_go(self, credit_id: UUID, at: datetime, lapsing: set[UUID | None]) -> None:
        """Whoever touches a credit finds its holds gone whose time is up."""
        card = self.cards.get(credit_id)
        if card is None:
            return
        for hold_id in sorted(one for one, (_, ends) in card.holds.items() if ends <= at and one not in lapsing):
            left, _ = card.holds.pop(hold_id)
            self.answers[f"expiry:hold:{hold_id}"] = (self._book(credit_id, card, left, 0, card.state, 0),)

    def _decide(self, p: Posting, at: datetime) -> str | tuple[Done, ...]:
        reasons = set(self._over_several(p, at) if p.others else self._reasons(p, at))
        if not reasons & set(_ORDER[: _ORDER.index("over-limit")]):
            amount = self._amount(p) or 0
            for use in p.uses:
                spent, count = self.used.get(use.subject, (0, 0))
                if use.amount_max is not None and spent + amount > use.amount_max:
                    reasons.add("over-limit")
                if use.count_max is not None and count + 1 > use.count_max:
                    reasons.add("over-limit")
        if reasons:
            return min(reasons, key=_ORDER.index)
        for use in p.uses:
            spent, count = self.used.get(use.subject, (0, 0))
            self.used[use.subject] = (spent + (self._amount(p) or 0), count + 1)
        return tuple(self._spread(p, at) if p.others else self._apply(p))

    def _amount(self, p: Posting) -> int | None:
        """What a command is about, in minor units: what it says, or what there is."""
        card = self.cards.get(p.credit_id)
        if card is not None and p.verb in _TAKES_ALL:
            return card.balance
        if p.amount is not None or card is None:
            return None if p.amount is None else p.amount.minor
        if p.verb in (Verb.CASH_OUT, Verb.TRANSFER):
            return card.free
        if p.hold_id is not None and p.hold_id in card.holds:
            return card.holds[p.hold_id][0]
        return None

    def _sources(self, p: Posting, at: datetime) -> list[tuple[UUID, Card]]:
        """The cards that a redemption over several can take from, each once."""
        named = dict.fromkeys((p.credit_id, *p.others))
        cards = [(one, self.cards[one]) for one in named if one in self.cards]
        assert p.amount is not None
        return [
            (one, card)
            for one, card in cards
            if card.state is State.ACTIVE and not card.over(at) and card.currency == p.amount.currency and card.free > 0
        ]

    def _over_several(self, p: Posting, at: datetime) -> Iterator[str]:
        assert p.amount is not None
        if p.amount.minor <= 0:
            yield "amount-not-positive"
        if not any(one in self.cards for one in (p.credit_id, *p.others)):
            yield "unknown-credit"
        if sum(card.free for _, card in self._sources(p, at)) < p.amount.minor:
            yield "not-enough-available"

    def _spread(self, p: Posting, at: datetime) -> Iterator[Done]:
        assert p.amount is not None
        rest = p.amount.minor
        for credit_id, card in self._sources(p, at):
            part = min(rest, card.free)
            if part > 0:
                rest -= part
                card.spent[p.origin.transaction_id] = card.spent.get(p.origin.transaction_id, 0) + part
                self.house[p.house] = self.house.get(p.house, 0) + part
                yield self._book(credit_id, card, part, -part, card.state, None)

    def _reasons(self, p: Posting, at: datetime) -> Iterator[str]:
        """Every reason against a command on one credit, or on one and its counterpart, in no order."""
        if p.amount is not None and p.amount.minor <= 0 and not (p.verb is Verb.IMPORT and p.amount.minor == 0):
            yield "amount-not-positive"
        if p.verb in (Verb.ISSUE, Verb.IMPORT):
            yield from self._birth_reasons(p)
            return
        card, amount = self.cards.get(p.credit_id), self._amount(p)
        other = self.cards.get(p.other_id) if p.other_id else None
        if card is None or (p.verb is Verb.TRANSFER and other is None):
            # A hold comes without its credit: nobody named one that could be unknown.
            yield "unknown-hold" if p.verb in (Verb.CAPTURE, Verb.RELEASE, Verb.LAPSE) else "unknown-credit"
            return
        if p.verb is Verb.REISSUE and (other is not None or (p.birth and p.birth.code_hash in self.codes)):
            yield "code-taken"
        if p.amount is not None and p.amount.currency != card.currency:
            yield "other-currency"
        yield from self._state_reasons(p, card, at)
        if p.verb in (Verb.CAPTURE, Verb.RELEASE, Verb.LAPSE):
            yield from self._hold_reasons(p, card, at)
        if p.verb is Verb.TRANSFER and other is not None:
            yield from self._transfer_reasons(p, card, other, at)
        yield from self._money_reasons(p, card, other, amount or 0, at)

    def _birth_reasons(self, p: Posting) -> Iterator[str]:
        assert p.birth is not None
        assert p.amount is not None
        if p.credit_id in self.cards or p.birth.code_hash in self.codes:
            yield "code-taken"
        if p.verb is Verb.ISSUE and p.ceiling is not None and p.amount.minor > p.ceiling:
            yield "over-limit"

    def _state_reasons(self, p: Posting, card: Card, at: datetime) -> Iterator[str]:
        if becomes(p.verb, card.state, card.thaw) is None:
            yield why_not(p.verb, card.state)
        if card.over(at) and p.verb not in _WHENEVER:
            yield "credit-expired"

    def _hold_reasons(self, p: Posting, card: Card, at: datetime) -> Iterator[str]:
        assert p.hold_id is not None
        if p.hold_id not in card.past_holds:
            yield "unknown-hold"
            return
        left, ends = card.holds.get(p.hold_id, (None, at))
        if left is None or (p.verb is not Verb.LAPSE and ends <= at):
            yield "hold-over"
        if p.verb is Verb.LAPSE and ends > at:
            yield "not-expired-yet"
        if p.verb is Verb.CAPTURE and left is not None and p.amount is not None and p.amount.minor > left:
            yield "not-enough-available"

    def _transfer_reasons(self, p: Posting, card: Card, other: Card, at: datetime) -> Iterator[str]:
        if card.currency != other.currency:
            yield "other-currency"
        if other.state is not State.ACTIVE:
            yield why_not(p.verb, other.state)
        if other.over(at):
            yield "credit-expired"
        sooner = other.expires_at is not None and (card.expires_at is None or other.expires_at < card.expires_at)
        strangers = card.owner is not None and card.owner != other.owner
        if card is other or card.bucket != other.bucket or strangers or sooner:
            yield "cannot-merge"

    def _money_reasons(self, p: Posting, card: Card, other: Card | None, amount: int, at: datetime) -> Iterator[str]:
        verb = p.verb
        after = {Verb.ACTIVATE: amount, Verb.LOAD: card.balance + amount}.get(verb)
        if verb is Verb.TRANSFER and other is not None:
            after = other.balance + amount
        if after is not None and p.ceiling is not None and after > p.ceiling:
            yield "over-limit"
        if verb is Verb.CASH_OUT and (p.ceiling is None or card.balance > p.ceiling):
            yield "cash-out-not-due"
        if verb is Verb.EXPIRE and not card.over(at):
            yield "not-expired-yet"
        if verb is Verb.REFUND and amount > card.spent.get(p.cause, 0):
            yield "more-than-redeemed"
        if verb in (Verb.VOID, Verb.REISSUE, Verb.EXPIRE, Verb.CASH_OUT) and card.held:
            yield "credit-held"
        if p.expected is not None and p.expected != card.balance:
            yield "not-as-expected"
        if verb in (Verb.REISSUE, Verb.CASH_OUT, Verb.TRANSFER) and amount <= 0:
            yield "not-enough-available"
        if (verb in (Verb.REDEEM, Verb.HOLD, Verb.TRANSFER) or p.down) and amount > card.free:
            yield "not-enough-available"

    def _apply(self, p: Posting) -> Iterator[Done]:
        amount = self._amount(p) or 0
        if p.verb in (Verb.ISSUE, Verb.IMPORT):
            assert p.birth is not None
            assert p.amount is not None
            assert p.birth.state is not None
            yield self._born(p, Card(p.amount.currency, p.birth.bucket, p.birth.state, p.birth.owner, p.expires_at))
            return
        card = self.cards[p.credit_id]
        change = amount if p.verb in _IN else -amount if p.verb in _OUT else 0
        if p.verb is Verb.ADJUST:
            change = -amount if p.down else amount
        if p.verb in (Verb.TRANSFER, Verb.REISSUE):
            yield from self._move(p, card, amount)
            return
        left = self._hold(p, card, amount)
        if p.verb in (Verb.REDEEM, Verb.CAPTURE):
            card.spent[p.origin.transaction_id] = card.spent.get(p.origin.transaction_id, 0) + amount
        if p.verb is Verb.REFUND:
            card.spent[p.cause] -= amount
        if p.verb in (Verb.CLAIM, Verb.ACTIVATE):
            card.owner = p.owner or card.owner
        if p.verb is Verb.ACTIVATE:
            card.expires_at = p.expires_at or card.expires_at
        if p.verb is Verb.LOAD and card.expires_at and p.expires_at:
            card.expires_at = max(card.expires_at, p.expires_at)
        after = becomes(p.verb, card.state, card.thaw)
        assert after is not None
        if p.verb is Verb.FREEZE:
            card.thaw = card.state
        self.house[p.house] = self.house.get(p.house, 0) - change
        yield self._book(p.credit_id, card, amount, change, after, left)

    def _born(self, p: Posting, card: Card) -> Done:
        assert p.birth is not None
        assert p.amount is not None
        self.cards[p.credit_id] = card
        self.codes.add(p.birth.code_hash)
        change = p.amount.minor if p.verb is Verb.ISSUE else 0
        self.house[p.house] = self.house.get(p.house, 0) - change
        return self._book(p.credit_id, card, p.amount.minor, change, card.state, None)

    def _move(self, p: Posting, card: Card, amount: int) -> Iterator[Done]:
        assert p.other_id is not None
        if p.verb is Verb.REISSUE:
            assert p.birth is not None
            assert p.birth.state is not None
            new = Card(card.currency, card.bucket, p.birth.state, p.birth.owner, card.expires_at)
            # What was paid with the old one can be given back to the new one.
            new.spent = dict(card.spent)
            self.codes.add(p.birth.code_hash)
            self.cards[p.other_id] = new
        other = self.cards[p.other_id]
        gone = State.VOID if p.verb is Verb.REISSUE else card.state
        yield self._book(p.credit_id, card, amount, -amount, gone, None)
        yield self._book(p.other_id, other, amount, amount, other.state, None)

    @staticmethod
    def _hold(p: Posting, card: Card, amount: int) -> int | None:
        """Do to the holds of a card what a command does; what is left of the one that it is about."""
        if p.verb is Verb.CHARGEBACK:
            card.holds.clear()
        if p.hold_id is None:
            return None
        if p.verb is Verb.HOLD:
            assert p.hold_ends is not None
            card.holds[p.hold_id] = (amount, p.hold_ends)
            card.past_holds.add(p.hold_id)
            return amount
        left, ends = card.holds.pop(p.hold_id)
        rest = left - amount if p.verb is Verb.CAPTURE and not p.whole else 0
        if rest:
            card.holds[p.hold_id] = (rest, ends)
        return rest

    @staticmethod
    def _book(credit_id: UUID, card: Card, amount: int, change: int, state: State, left: int | None) -> Done:
        card.version += 1
        card.balance += change
        card.state = state
        return Done(
            credit_id, card.version, amount, change, card.balance, card.held, state, card.owner, card.expires_at, left
        )


def why_not(verb: Verb, state: State) -> str:
    """Why a verb does not apply in a state."""
    if state in (State.FROZEN, State.VOID, State.EXPIRED):
        return f"credit-{state.value}"
    if verb is Verb.UNFREEZE:
        return "not-frozen"
    if state in (State.PENDING, State.UNCLAIMED):
        return "credit-pending"
    return "already-claimed" if verb is Verb.CLAIM else "already-active"
