"""Making up a retailer's credits, one after the other, and the truth about each."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from tillbridge.diagnose.model import Cause, Class
from tillbridge.simulate.exports.clerks import type_owner
from tillbridge.simulate.exports.differences import spent_at
from tillbridge.simulate.exports.draft import Draft, World, make_codes
from tillbridge.simulate.exports.faults import FAULTS, FRESH, SPENT, Fault, deal
from tillbridge.simulate.exports.hours import DAY, batch_after, open_before, poll_after, while_open
from tillbridge.simulate.exports.people import PEOPLE_MAX, People

CREDITS_MAX: Final = 20_000_000
DAYS_MAX: Final = 3_650

_OLDER_SHARE: Final = 0.15
_OLDER_DAYS: Final = 270
_PEOPLE_SHARE: Final = 0.8
_PEOPLE_MIN: Final = 20
_ONLINE_ORDER_SHARE: Final = 0.03
_OFFLINE_EVERY: Final = 50

_ROUND: Final = (5_00, 10_00, 15_00, 25_00, 50_00, 75_00)
_ROUND_SHARE: Final = 0.85
_AMOUNT_MIN: Final = 3_00
_AMOUNT_SPAN: Final = 197_00

_PART_SHARE: Final = 0.09
_ALL_SHARE: Final = 0.035
_VOID_SHARE: Final = 0.012
_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Order:
    """What to make: credits that came into being in the `days` before `as_of` (a moment of hours.py), of which the
    share `faults` goes wrong."""

    seed: int
    credits: int
    days: int
    faults: float
    as_of: int

    @property
    def since(self) -> int:
        """The first moment of the window."""
        return self.as_of - self.days * DAY

    @property
    def older(self) -> int:
        """How many credits from before the window there are besides."""
        return round(self.credits * _OLDER_SHARE)

    @property
    def people(self) -> int:
        """How many online accounts there are."""
        return min(max(round(self.credits * _PEOPLE_SHARE), _PEOPLE_MIN), PEOPLE_MAX)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a reconciliation must find of a credit."""

    kind: Class
    cause: Cause | None


class Maker:
    """Makes up one credit at a time; all chance comes from the one source that is handed in."""

    def __init__(self, order: Order, chance: Random) -> None:
        self._order = order
        self._chance = chance
        self.world = World(chance, People(chance, order.people), make_codes(chance), order.as_of)
        open_since = open_before(order.since)
        self._faults = tuple(fault for fault in FAULTS if open_before(order.as_of - fault.age) > open_since)

    def credits(self) -> Iterator[tuple[Draft, Truth | None]]:
        """Every credit of the window with its truth, then those from before it."""
        faults = deal(self._chance, self._faults)
        wrong = round(self._order.credits * self._order.faults)
        for left in range(self._order.credits, 0, -1):
            struck = self._chance.random() * left < wrong
            wrong -= struck
            yield self._in_window(self._order.credits - left + 1, next(faults) if struck else None)
        for number in range(self._order.credits + 1, self._order.credits + self._order.older + 1):
            yield self._before_window(number), None

    def _in_window(self, number: int, fault: Fault | None) -> tuple[Draft, Truth | None]:
        order, chance = self._order, self._chance
        until = order.as_of - (fault.age if fault else FRESH)
        draft = self._draft(number, while_open(chance, order.since, until))
        if fault:
            fault.strike(draft, self.world)
            return draft, Truth(fault.kind, fault.cause)
        if chance.random() < _ONLINE_ORDER_SHARE:
            _ordered_online(draft, number)
        if draft.occurred < order.as_of - SPENT:
            self._live(draft)
        on_its_way = draft.shown_at is None and draft.live
        return draft, Truth(Class.ORPHAN, Cause.POLLING_LAG) if on_its_way else None

    def _before_window(self, number: int) -> Draft:
        """A credit older than the window: no register export reaches back to it, and that is no difference."""
        chance, since = self._chance, self._order.since
        draft = self._draft(number, while_open(chance, since - _OLDER_DAYS * DAY, since - FRESH))
        draft.rung = False
        if chance.random() < _ONLINE_ORDER_SHARE:
            _ordered_online(draft, number)
        if draft.occurred < self._order.as_of - SPENT:
            self._live(draft)
        if number % _OFFLINE_EVERY == 0:
            draft.hide()
        return draft

    def _draft(self, number: int, occurred: int) -> Draft:
        """A credit with nothing wrong: in every system as far as it has come by now."""
        chance, as_of = self._chance, self._order.as_of
        store, register = f"{1 + int(chance.random() * 12):03}", str(1 + int(chance.random() * 6))
        draw = chance.random()
        bucket = "refund" if draw < 0.61 else "paid" if draw < 0.9 else "goodwill"
        cents = self._amount()
        person = self.world.people.somebody(chance)
        booked_at = batch_after(chance, occurred + 1)
        shown_at = poll_after(chance, booked_at)
        return Draft(
            transaction_id=f"T{store}{register}{number:07}",
            code=next(self.world.codes),
            store=store,
            register=register,
            operator=f"op{1 + int(chance.random() * 40):02}",
            occurred=occurred,
            kind="gift_card" if bucket == "paid" else "store_credit",
            bucket=bucket,
            amount=cents,
            currency="USD",
            person=person,
            typed=type_owner(chance, self.world.people.person(person)),
            rung=True,
            origin="register",
            held=True,
            resolved=True,
            state="active",
            issued=cents,
            balance=cents,
            active_at=occurred + 1,
            booked_at=booked_at if booked_at <= as_of else None,
            booked=cents,
            error="",
            shown_at=shown_at if shown_at <= as_of else None,
            shown=cents,
        )

    def _amount(self) -> int:
        chance = self._chance
        if chance.random() < _ROUND_SHARE:
            return _ROUND[int(chance.random() * len(_ROUND))]
        return _AMOUNT_MIN + int(chance.random() * _AMOUNT_SPAN)

    def _live(self, draft: Draft) -> None:
        """What becomes of a credit with nothing wrong: most wait, some are spent in part or whole, a few are void. The
        web store hears of it within a minute; what is spent or void leaves it sooner or later."""
        chance = self._chance
        draw = chance.random()
        if draw >= _PART_SHARE + _ALL_SHARE + _VOID_SHARE:
            return
        moment = spent_at(draft, self.world, 2 * _MINUTE)
        if draw < _PART_SHARE:
            draft.spend(self.world.part(draft.balance), moment)
        elif draw < _PART_SHARE + _ALL_SHARE:
            draft.spend(draft.balance, moment)
        else:
            draft.void(moment)
        draft.tell(moment + _MINUTE)
        if not draft.live and chance.random() < 0.5:
            draft.hide()


def _ordered_online(draft: Draft, number: int) -> None:
    draft.transaction_id, draft.origin, draft.rung = f"WEB{number:07}", "online_order", False
