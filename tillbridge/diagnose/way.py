"""The way of a credit as the map has it, cut into legs at the systems that can be looked into. Pure.

Of four sides an export tells when a credit got there; of a payment system it does not. So a leg may hold several hops,
and what is promised for it is what they promise together.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tillbridge.diagnose.model import SIDES, Held, Sale, Side
from tillbridge.handoff.route import times, unaccepted_on
from tillbridge.kernel.money import Money
from tillbridge.stack.draw import place
from tillbridge.stack.model import Hop, Role, Stack, Trigger

ASSUMED: Final = timedelta(days=1)
"""What each leg is allowed where no map says what was promised."""


@dataclass(frozen=True, slots=True)
class Leg:
    """From one system that can be looked into to the next. `hops` are those between them, in order; empty where no map
    was given. `start` and `end` are the systems as people call them."""

    side: Side
    start: str
    end: str
    hops: tuple[Hop, ...]

    @property
    def name(self) -> str:
        """The hop by name, or the first and the last system of several."""
        if not self.hops:
            return f"{self.start} to {self.end}"
        if len(self.hops) == 1:
            return self.hops[0].name
        return f"{self.hops[0].source}-…-{self.hops[-1].target}"

    @property
    def waits(self) -> bool:
        """Whether something on it comes in a rhythm, rather than at once."""
        return not self.hops or any(hop.trigger is not Trigger.WEBHOOK for hop in self.hops)


@dataclass(frozen=True, slots=True)
class Way:
    """The legs of a stack: `entry` from the registers to the platform, `online` from the platform to the web store one
    after the other, `books` from the platform to the ERP; empty where the map has no such way."""

    stack: Stack | None
    entry: tuple[Leg, ...]
    online: tuple[Leg, ...]
    books: tuple[Leg, ...]

    @property
    def books_first(self) -> bool:
        """Whether the web store hears of a credit only once the books have it; also where no map says otherwise."""
        return self.stack is None or any(leg.side is Side.ERP for leg in self.online)

    def deadline(self, leg: Leg, since: datetime) -> datetime:
        """By when a leg is to have delivered what was at its start at `since`, each hop taking all its time."""
        if self.stack is None or not leg.hops:
            return since + ASSUMED
        for hop in leg.hops:
            since = times(self.stack, hop, since)[1]
        return since

    def next_run(self, leg: Leg, since: datetime) -> datetime | None:
        """When the last hop in a rhythm of a leg next takes over what was at its start at `since`, if each hop before
        it is quick; None where nothing comes in a rhythm that is known."""
        found = None
        if self.stack is None:
            return None
        for hop in leg.hops:
            since = times(self.stack, hop, since)[0]
            if hop.trigger is not Trigger.WEBHOOK:
                found = since
        return found

    def unaccepted(self, legs: Iterable[Leg], credit: Sale | Held) -> tuple[Hop, str] | None:
        """The first hop of the legs whose target does not accept the credit, with the sentence; None when all do."""
        if self.stack is None:
            return None
        amount = credit.amount if isinstance(credit, Sale) else credit.issued
        born_at = credit.occurred_at if isinstance(credit, Sale) else credit.issued_at
        home, zone = self.stack.retailer.currency, ZoneInfo(self.stack.retailer.time_zone)
        issued, born_on = Money(amount, credit.currency), born_at.astimezone(zone).date()
        for hop in (hop for leg in legs for hop in leg.hops):
            system = self.stack.systems[hop.target]
            problem = unaccepted_on(hop, system, home, credit.currency, credit.bucket, issued, born_on)
            if problem:
                return hop, problem
        return None


def way_of(stack: Stack | None, read: Collection[Side]) -> Way:
    """The way of a map, cut at the sides that were read."""
    if stack is None:
        return Way(
            None,
            (_unmapped(Side.POS, Side.PLATFORM),),
            (_unmapped(Side.PLATFORM, Side.STOREFRONT),),
            (_unmapped(Side.PLATFORM, Side.ERP),),
        )
    entry = next((hop for hop in stack.entries() if stack.systems[hop.source].role is Role.POS), None)
    cut = {Role.ERP} if Side.ERP in read else set()
    return Way(
        stack,
        (Leg(Side.PLATFORM, *_ends(stack, (entry,)), (entry,)),) if entry else (),
        _legs(stack, Role.STOREFRONT, cut),
        _legs(stack, Role.ERP, set()),
    )


_SIDE_OF: Final = {Role.ERP: Side.ERP, Role.STOREFRONT: Side.STOREFRONT}


def _legs(stack: Stack, role: Role, cut: Collection[Role]) -> tuple[Leg, ...]:
    """From the authority to the first system of a role, cut at systems of other roles."""
    last = next((hop for hop in stack.deliveries() if stack.systems[hop.target].role is role), None)
    hops: list[Hop] = []
    while last is not None:
        hops.insert(0, last)
        last = stack.upstream(last)
    legs: list[Leg] = []
    leg: list[Hop] = []
    for hop in hops:
        leg.append(hop)
        target = stack.systems[hop.target].role
        if target is role or target in cut:
            legs.append(Leg(_SIDE_OF[target], *_ends(stack, tuple(leg)), tuple(leg)))
            leg = []
    return tuple(legs)


def _ends(stack: Stack, hops: tuple[Hop, ...]) -> tuple[str, str]:
    return place(stack, hops[0].source).label, place(stack, hops[-1].target).label


def _unmapped(start: Side, end: Side) -> Leg:
    return Leg(end, SIDES[start], SIDES[end], ())
