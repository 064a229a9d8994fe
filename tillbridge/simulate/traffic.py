"""Customers at the registers: rings the planned sales, and then lets some redeem online, void, or claim a voucher."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from tillbridge.kernel.money import Money
from tillbridge.simulate.checkout import OrderStanding
from tillbridge.simulate.claims import claim_voucher
from tillbridge.simulate.hub import Answer
from tillbridge.simulate.plan import Plan, Planner, Then
from tillbridge.simulate.receipt import Receipt, Standing
from tillbridge.simulate.servers import Retailer

_AGAIN: Final = 5
_AGAIN_SECONDS: Final = 0.5


@dataclass(slots=True)
class Progress:
    """How far the traffic is. `total` is None for traffic without end; the object handed out is the live one."""

    total: int | None
    rung: int = 0
    confirmed: int = 0
    vouchers: int = 0
    refused: int = 0
    open: int = 0
    redeemed: int = 0
    voided: int = 0
    claimed: int = 0
    claims_failed: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How much at once: `clients` registers busy at most, `rate` sales a second at most (None: as fast as it goes)."""

    clients: int = 16
    rate: float | None = None


async def run(
    retailer: Retailer,
    *,
    credits: int | None,
    seed: int,
    pace: Pace | None = None,
    operations_bearer: str = "",
    first_ticket: int = 1,
    report: Callable[[Progress], None] | None = None,
) -> Progress:
    """Ring `credits` sales (None: until cancelled); how they went. `report` is called after each.

    Voids need the key of somebody who may void: without `operations_bearer` there are none. Transaction ids are made of
    store, register and a number from `first_ticket` on; a second run on the same hub wants another.
    """
    traffic = _Traffic(retailer, operations_bearer, Progress(credits), report)
    planner = Planner(Random(f"{seed}:traffic"), retailer.web.directory, first_ticket)
    await traffic.ring_all(planner.plans(credits), pace or Pace())
    await traffic.close_open()
    return traffic.progress


class _Traffic:
    def __init__(
        self, retailer: Retailer, bearer: str, progress: Progress, report: Callable[[Progress], None] | None
    ) -> None:
        self.progress = progress
        self._retailer = retailer
        self._bearer = bearer
        self._report = report

    async def ring_all(self, plans: Iterator[Plan], pace: Pace) -> None:
        """Ring all plans with as many clients as the pace allows."""
        started = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for _ in range(pace.clients):
                group.create_task(self._client(plans, pace, started))

    async def _client(self, plans: Iterator[Plan], pace: Pace, started: float) -> None:
        for plan in plans:
            if pace.rate is not None:
                due = started + (plan.number - 1) / pace.rate
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            receipt = await self._retailer.registers.ring(plan.sale)
            self._count(receipt)
            if receipt.standing is Standing.CONFIRMED:
                await self._next(plan, receipt)
            if self._report is not None:
                self._report(self.progress)

    def _count(self, receipt: Receipt) -> None:
        progress = self.progress
        progress.rung += 1
        progress.confirmed += receipt.standing is Standing.CONFIRMED
        progress.refused += receipt.standing is Standing.REFUSED
        progress.open += receipt.standing is Standing.OPEN
        progress.vouchers += receipt.voucher is not None

    async def close_open(self) -> None:
        """Ask once more for what is still open: a sale without an answer must not stay a question."""
        for _ in range(_AGAIN):
            before = {receipt.key for receipt in self._retailer.registers.open_receipts()}
            if not before:
                return
            await self._retailer.registers.ask_again()
            for receipt in self._retailer.registers.journal:
                if receipt.key in before and receipt.standing is not Standing.OPEN:
                    self.progress.rung -= 1
                    self.progress.open -= 1
                    self._count(receipt)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _next(self, plan: Plan, receipt: Receipt) -> None:
        if receipt.voucher is not None:
            if plan.then is Then.CLAIM and receipt.voucher.claim_url:
                await self._claim(plan, receipt, receipt.voucher.claim_url)
        elif plan.then is Then.REDEEM:
            await self._redeem(plan, receipt)
        elif plan.then is Then.VOID and self._bearer:
            await self._void(receipt)

    async def _redeem(self, plan: Plan, receipt: Receipt) -> None:
        minor = max(1, receipt.amount.minor * plan.spend_percent // 100)
        amount = Money(minor, receipt.amount.currency)
        order = await self._retailer.web.checkout.order(plan.account.account_id, amount)
        self.progress.redeemed += order.standing in {OrderStanding.PAID, OrderStanding.PART}

    async def _void(self, receipt: Receipt) -> None:
        body = {"occurred_at": receipt.occurred_at.isoformat(), "reason": "The customer changed their mind."}
        path, headers = f"/v1/credits/{receipt.credit_id}/void", {"Idempotency-Key": f"void-{receipt.key}"}
        answer = await self._retailer.hub.call("POST", path, self._bearer, body=body, headers=headers)
        self.progress.voided += isinstance(answer, Answer) and answer.good

    async def _claim(self, plan: Plan, receipt: Receipt, claim_url: str) -> None:
        claimed = await claim_voucher(self._retailer.hub.url, claim_url, plan.account.email)
        if claimed.done:
            self._retailer.registers.mark_claimed(receipt.key)
            self.progress.claimed += 1
        else:
            self.progress.claims_failed += 1
