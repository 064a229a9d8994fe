"""The pages' port, answered by a running hub from its books."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from tillbridge.checkpoint import store as checkpoint
from tillbridge.checkpoint.claim import ClaimState as Claimable
from tillbridge.checkpoint.facts import whole_trail
from tillbridge.checkpoint.tokens import claim_code, voucher_link
from tillbridge.checkpoint.voucher import Voucher, amount_words
from tillbridge.connectors.inbox import Message
from tillbridge.console import map_standing, standing
from tillbridge.console.map_views import MapView
from tillbridge.console.reviewer import Reviewer, review_line
from tillbridge.console.views import (
    Badge,
    ClaimBegun,
    ClaimOutcome,
    ConflictLine,
    CreditLine,
    CreditView,
    HandoffLine,
    HandoffPage,
    Need,
    Replayable,
    ReviewPage,
    ReviewView,
    Said,
    Shop,
    Staff,
    TodayView,
    VoucherView,
)
from tillbridge.credit.codes import plain_code
from tillbridge.diagnose.lookup import credits_named
from tillbridge.handoff import conclude, replay
from tillbridge.handoff import store as handoffs
from tillbridge.handoff.model import HandoffView, HopCount, State
from tillbridge.identity import normalise
from tillbridge.identity import store as people
from tillbridge.identity.model import Normal
from tillbridge.kernel.actor import Actor, Right
from tillbridge.kernel.errors import BadInput, NotAllowed
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import CreditNow
from tillbridge.ledger.model import State as CreditState
from tillbridge.stack.draw import Mark
from tillbridge.stack.model import Role
from tillbridge.wiring import Hub

NEEDS_MAX: Final = 10
STUCK_MAX: Final = 5
FOUND_MAX: Final = 50
PAGE: Final = 50


class KeyBook(Protocol):
    """Who holds which API key."""

    async def holder(self, key: str) -> Actor:
        """Who holds this key. Raises NotAllowed."""

    async def named(self, name: str) -> Actor | None:
        """The holder of the key of this name, as long as it is in force."""


class HubConsole:
    """Answers the pages."""

    def __init__(self, hub: Hub, keys: KeyBook) -> None:
        self._hub = hub
        self._keys = keys
        retailer = hub.stack.retailer
        self._reviewer = Reviewer(hub)
        self._shop = Shop(retailer.name, retailer.country, ZoneInfo(retailer.time_zone))

    @property
    def shop(self) -> Shop:
        """Whose pages these are."""
        return self._shop

    def inbox(self) -> Sequence[Message] | None:
        """What the demo's inbox was sent; None when messages really go out."""
        return self._hub.inbox.messages() if self._hub.inbox else None

    # Vouchers and claims: for customers.

    async def voucher(self, token: str) -> VoucherView | None:
        """The voucher a claim address stands for."""
        looked = await self._hub.claims.look(token)
        if looked.credit is None:
            return None
        return VoucherView(self._voucher(looked.credit), standing.voucher_state(looked))

    async def claim_token(self, code: str) -> str | None:
        """The token behind a claim code: the code itself, when it is one of ours."""
        return code if (await self._hub.claims.look(code)).credit else None

    async def begin_claim(self, token: str, contact: str) -> ClaimBegun | ClaimOutcome:
        """Open a challenge. Raises BadInput for a contact that is no address."""
        looked = await self._hub.claims.look(token)
        if looked.state is not Claimable.OPEN:
            return standing.outcome(looked)
        begun = await self._hub.claims.begin(token, contact)
        if begun.challenge_id is None:
            raise BadInput("contact", "this is no address", begun.problem)
        return ClaimBegun(str(begun.challenge_id))

    async def finish_claim(self, token: str, challenge: str, code: str) -> ClaimOutcome:
        """Try the six digits of a code."""
        looked = await self._hub.claims.look(token)
        if looked.state is not Claimable.OPEN:
            return standing.outcome(looked)
        try:
            challenge_id = UUID(challenge)
        except ValueError:
            challenge_id = UUID(int=0)
        finished = await self._hub.claims.finish(token, challenge_id, code)
        return ClaimOutcome(standing.FINISHED[finished.finish], finished.tries_left)

    def _voucher(self, now: CreditNow) -> Voucher:
        code = claim_code(self._hub.codes, now.credit_id)
        link = voucher_link(self._hub.public_url, code)
        origin = now.origin
        return Voucher(
            retailer=self._shop.name,
            store=origin.store,
            register=origin.register,
            operator=origin.operator,
            receipt=origin.transaction_id,
            issued_at=now.occurred_at.astimezone(self._shop.zone),
            amount=amount_words(Money(now.issued, now.currency), self._shop.country),
            claim_url=link.claim_url,
            claim_code=code,
            kind=now.kind,
        )

    # Staff.

    async def sign_in(self, key: str) -> Staff | None:
        """Who holds this API key, when it may look at the console."""
        try:
            return _staff(await self._keys.holder(key))
        except NotAllowed:
            return None

    async def staff(self, key_id: str) -> Staff | None:
        """Who signed in with this key, as of now."""
        actor = await self._keys.named(key_id)
        return _staff(actor) if actor else None

    async def today(self) -> TodayView:
        """The day so far."""
        hub, at = self._hub, self._hub.clock.now()
        begun = standing.midnight(at, self._shop.zone)
        (issued, stores), totals, counts, latencies, (made, claimed), reviews = await asyncio.gather(
            ledger.issued_since(hub.db, begun),
            ledger.totals(hub.db),
            handoffs.counts(hub.db, at, begun),
            handoffs.latencies(hub.db, begun),
            checkpoint.count_vouchers(hub.db),
            checkpoint.count_open_reviews(hub.db),
        )
        online, due = self._online(counts)
        needs, more = await self._needs(reviews, counts)
        owed: dict[str, int] = {}
        for one in totals:
            if one.account.startswith("owed:"):
                owed[one.currency] = owed.get(one.currency, 0) + one.amount
        return TodayView(
            at=at,
            stores=stores,
            issued=issued,
            online=online,
            due_online=due,
            vouchers=made,
            claimed=claimed,
            reviews=reviews,
            owed=tuple(Money(minor, currency) for currency, minor in sorted(owed.items())),
            hops=standing.live_path(hub.stack, counts, latencies, at),
            needs=needs,
            more=more,
            refused=map_standing.refused_words(hub.refused_map()),
        )

    def _online(self, counts: Sequence[HopCount]) -> tuple[int, int]:
        """Handoffs to web stores that arrived in time, of those that should have arrived by now."""
        stack = self._hub.stack
        stores = {hop.name for hop in stack.deliveries() if stack.systems[hop.target].role is Role.STOREFRONT}
        ours = [one for one in counts if one.hop in stores]
        arrived = sum(one.count for one in ours if one.state is State.CONFIRMED)
        in_time = arrived - sum(one.late for one in ours if one.state is State.CONFIRMED)
        missing = sum(one.late for one in ours if one.state is not State.CONFIRMED)
        dead = sum(one.count - one.late for one in ours if one.state is State.DEAD)
        return in_time, arrived + missing + dead

    async def _needs(self, reviews: int, counts: Sequence[HopCount]) -> tuple[tuple[Need, ...], int]:
        """What needs a person: what is stuck first, then the oldest reviews; and how many more there are."""
        hub, at = self._hub, self._hub.clock.now()
        stuck: list[HandoffView] = []
        for state in (State.DEAD, State.PARKED, None):
            page, _ = await handoffs.page(hub.db, at, state, limit=STUCK_MAX)
            stuck += [one for one in page if key_not_in(one, stuck)]
        stuck = stuck[:STUCK_MAX]
        queue = await checkpoint.open_reviews(hub.db, None, NEEDS_MAX - len(stuck))
        credits_now = await self._credits({*(one.credit_id for one in queue), *(one.credit_id for one in stuck)})
        needs = [
            _need(credits_now[one.credit_id], self._why(one), _stuck_badge(one), one.recorded_at)
            for one in stuck
            if one.credit_id in credits_now
        ]
        needs += [
            _need(credits_now[one.credit_id], one.sentence, Badge(Mark.PENDING, "review"), one.opened_at)
            for one in queue
            if one.credit_id in credits_now
        ]
        numbers = _numbers(counts)
        waiting = reviews + numbers["late"] + numbers.get("dead", 0) + numbers.get("parked", 0)
        return tuple(needs), max(0, waiting - len(needs))

    def _why(self, one: HandoffView) -> str:
        hop = standing.hop_words(one.hop, self._hub.stack)
        return f"{hop}: {one.reason or one.reason_code or 'past its deadline'}"

    async def _credits(self, ids: set[UUID]) -> Mapping[UUID, CreditNow]:
        found = [await ledger.credit_now(self._hub.db, credit_id) for credit_id in ids]
        return {now.credit_id: now for now in found if now}

    async def credit(self, credit_id: UUID) -> CreditView | None:
        """One credit and its trail."""
        hub, at = self._hub, self._hub.clock.now()
        now = await ledger.credit_now(hub.db, credit_id)
        if now is None:
            return None
        kept = await handoffs.of_credit(hub.db, credit_id)
        trail = await whole_trail(hub.db, hub.stack, now, at)
        unclaimed = now.state is CreditState.UNCLAIMED
        return CreditView(
            credit_id=credit_id,
            kind=now.kind,
            bucket=now.bucket,
            last4=now.code_last4,
            issued=standing.money(now.issued, now),
            available=standing.money(now.available(at), now),
            store=now.origin.store,
            register=now.origin.register,
            operator=now.origin.operator,
            receipt=now.origin.transaction_id,
            owner=await self._owner(now.owner),
            badge=standing.badge(now, at),
            facts=tuple(map(standing.fact, trail.facts)),
            explanation=standing.explanation(trail),
            hops=standing.credit_path(hub.stack, kept, at),
            replayable=tuple(
                Replayable(standing.key_of(one), standing.hop_words(one.hop, hub.stack))
                for one in kept
                if one.state in (State.DEAD, State.PARKED)
            ),
            voucher_token=claim_code(hub.codes, credit_id) if unclaimed else None,
        )

    async def _owner(self, owner: UUID | None) -> str:
        """An owner for people: the accounts they have."""
        if owner is None:
            return ""
        accounts = (await people.references(self._hub.db, [owner])).get(owner, ())
        return ", ".join(f"{one.system} {one.account_id}" for one in accounts) or f"customer …{str(owner)[-4:]}"

    async def find(self, text: str) -> Sequence[CreditLine]:
        """Credits by code, receipt, id, e-mail or phone."""
        ids = await self._named(text.strip())
        found = [await ledger.credit_now(self._hub.db, credit_id) for credit_id in ids[:FOUND_MAX]]
        return [standing.credit_line(now, self._hub.clock.now()) for now in found if now]

    async def _named(self, text: str) -> list[UUID]:
        hub = self._hub
        try:
            code_hash = hub.codes.hash(plain_code(text))
        except ValueError:
            code_hash = None
        found = await credits_named(hub.db, text, code_hash)
        if found:
            return found
        heard = normalise.email(text) if "@" in text else normalise.phone(text, hub.stack.retailer.country)
        if not isinstance(heard, Normal):
            return []
        owners = (await people.owners_of(hub.db, [heard.key])).get(heard.key, ())
        ids = [one for owner in owners for one in await people.same_person(hub.db, owner.customer_id)]
        return [now.credit_id for now in await ledger.credits_of_owner(hub.db, *ids)]

    async def handoffs(self, state: str, cursor: str) -> HandoffPage:
        """A page of handoffs in a state. Raises BadInput for a cursor that is none of ours."""
        hub, at = self._hub, self._hub.clock.now()
        wanted = None if state == "late" else State(state)
        page, following = await handoffs.page(hub.db, at, wanted, cursor=cursor, limit=PAGE)
        counts = await handoffs.counts(hub.db, at, standing.midnight(at, self._shop.zone))
        credits_now = await self._credits({one.credit_id for one in page})
        lines = [
            standing.handoff_line(one, credits_now[one.credit_id], hub.stack, at)
            for one in page
            if one.credit_id in credits_now
        ]
        return HandoffPage(tuple(lines), following or None, _numbers(counts))

    async def handoff(self, key: str) -> HandoffLine | None:
        """One handoff by its name between page and port."""
        kept = await self._kept(key)
        now = await ledger.credit_now(self._hub.db, kept.credit_id) if kept else None
        if kept is None or now is None:
            return None
        return standing.handoff_line(kept, now, self._hub.stack, self._hub.clock.now())

    async def _kept(self, key: str) -> HandoffView | None:
        try:
            credit_id, hop, version = handoffs.read_cursor(key)
        except BadInput:
            return None
        kept = await handoffs.of_credit(self._hub.db, credit_id)
        return next((one for one in kept if one.hop == hop and one.version == version), None)

    async def replay(self, key: str, staff: Staff) -> bool:
        """Set a dead or parked handoff going again."""
        kept = await self._kept(key)
        if kept is None or not staff.may_replay:
            return False
        hub = self._hub
        done = await replay.replay_one(hub.db, hub.clock.now(), kept.credit_id, kept.hop, kept.version)
        hub.deliverer.wake([kept.hop])
        return done

    async def map(self) -> MapView:
        """The map that is in force."""
        return await map_standing.map_view(self._hub)

    async def map_svg(self) -> bytes:
        """The live drawing as a file."""
        return await map_standing.map_svg(self._hub)

    async def map_spec(self, form: str) -> bytes:
        """The spec sheet, as `html` or `pdf`."""
        return await map_standing.map_spec(self._hub, form)

    async def conclude(self, key: str, staff: Staff, there: bool, reference: str) -> bool:
        """Write down what a person found out about a parked handoff."""
        kept = await self._kept(key)
        if kept is None or not staff.may_replay or kept.state is not State.PARKED:
            return False
        hub, at = self._hub, self._hub.clock.now()
        if there:
            said = await conclude.confirm_by_hand(hub.db, hub.stack, kept.event_id, kept.hop, at, staff.name, reference)
        else:
            said = await conclude.give_up_by_hand(hub.db, kept.event_id, kept.hop, at, staff.name)
        if said is None:
            return False
        hub.deliverer.note(said)
        return said.changed

    async def reviews(self, cursor: str) -> ReviewPage:
        """A page of what waits for a person."""
        found = await checkpoint.open_reviews(self._hub.db, checkpoint.read_place(cursor), PAGE)
        credits_now = await self._credits({one.credit_id for one in found})
        lines = [review_line(one, credits_now[one.credit_id]) for one in found if one.credit_id in credits_now]
        following = checkpoint.write_place(found[-1].opened_at, found[-1].review_id) if len(found) == PAGE else None
        if cursor:
            return ReviewPage(tuple(lines), following)
        conflicts, decided = await self._reviewer.beside()
        return ReviewPage(tuple(lines), following, conflicts, decided)

    async def review(self, review_id: UUID) -> ReviewView | ConflictLine | None:
        """One review with its candidates, or one value that several people have proved."""
        return await self._reviewer.view(review_id)

    async def decide(self, review_id: UUID, decision: str, customer: str, said: Said) -> str:
        """Carry a decision out; blank, or why nothing was done."""
        return await self._reviewer.decide(review_id, decision, customer, said)

    async def undo(self, review_id: UUID, said: Said) -> str:
        """Take the last decision about a review back; blank, or why nothing was done."""
        return await self._reviewer.undo(review_id, said)


def _staff(actor: Actor) -> Staff | None:
    """An actor as staff; None without the right."""
    if not actor.may(Right.CONSOLE):
        return None
    return Staff(actor.name, actor.name, actor.may(Right.REPLAY), actor.may(Right.REVIEW), actor.store)


def key_not_in(one: HandoffView, others: Sequence[HandoffView]) -> bool:
    """Whether a handoff is not listed yet."""
    return all(one.key != other.key for other in others)


def _stuck_badge(one: HandoffView) -> Badge:
    if one.state is State.DEAD:
        return Badge(Mark.DEAD, "dead")
    return Badge(Mark.UNKNOWN, "unknown") if one.state is State.PARKED else Badge(Mark.LATE, "late")


def _need(now: CreditNow, why: str, badge: Badge, since: datetime) -> Need:
    origin = now.origin
    amount = standing.money(now.issued, now)
    return Need(
        now.credit_id, now.code_last4, origin.transaction_id, origin.store, origin.operator, amount, why, badge, since
    )


def _numbers(counts: Sequence[HopCount]) -> dict[str, int]:
    numbers: dict[str, int] = {"late": 0}
    for one in counts:
        numbers[one.state.value] = numbers.get(one.state.value, 0) + one.count
        if one.state not in (State.CONFIRMED, State.DEAD):
            numbers["late"] += one.late
    return numbers
