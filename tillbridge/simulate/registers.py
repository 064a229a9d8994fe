"""The registers: ring a sale, keep its key before anything is sent, and ask the checkpoint until there is an answer."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from tillbridge.kernel.clock import Clock
from tillbridge.kernel.errors import BadInput
from tillbridge.kernel.money import AmountFault, parse
from tillbridge.simulate.chance import Chance
from tillbridge.simulate.faults import Faults, Mishap, draw
from tillbridge.simulate.hub import Answer, Hub, NoAnswer, Problem
from tillbridge.simulate.receipt import Receipt, Sale, Standing, Voucher
from tillbridge.simulate.ticks import Ticks

ATTEMPTS: Final = 8
_BACKOFF_SECONDS: Final = 0.1
_BACKOFF_MAX_SECONDS: Final = 3.0
_OFF: Final = Faults()
_CALM: Final = Mishap()
_ASK_LATER: Final = "Not confirmed yet. Do not hand out the credit; try this sale again in a moment."
_REFUSED: Final = "The credit was not issued. Call a supervisor."


class _Credit(msgspec.Struct, frozen=True):
    id: str
    last4: str = ""


class _Hop(msgspec.Struct, frozen=True):
    hop: str
    state: str


class Issued(msgspec.Struct, frozen=True):
    """What the register reads of a confirmed checkpoint."""

    credit: _Credit
    hops: Sequence[_Hop] = ()
    voucher: Voucher | None = None
    sentence: str = ""


class Journal:
    """The registers' book: one receipt per key, in the order of ringing."""

    def __init__(self) -> None:
        self._receipts: dict[str, Receipt] = {}

    def __len__(self) -> int:
        return len(self._receipts)

    def __iter__(self) -> Iterator[Receipt]:
        return iter(self._receipts.values())

    def put(self, receipt: Receipt) -> Receipt:
        """Write down a receipt, or how it stands now."""
        self._receipts[receipt.key] = receipt
        return receipt

    def find(self, key: str) -> Receipt | None:
        """The receipt of this key."""
        return self._receipts.get(key)

    def latest(self, count: int) -> Sequence[Receipt]:
        """The last receipts, the newest first."""
        newest = reversed(self._receipts.values())
        return [receipt for receipt, _ in zip(newest, range(count), strict=False)]


class Registers:
    """All registers of the retailer, behind one server."""

    def __init__(self, bearer: str, hub: Hub, clock: Clock, zone: ZoneInfo, chance: Chance) -> None:
        self.journal = Journal()
        self.faults = Faults()
        self.attempts = ATTEMPTS
        self.wait_seconds: int | None = None
        self._bearer = bearer
        self._hub = hub
        self._clock = clock
        self._zone = zone
        self._chance = chance
        self._ticks = Ticks(clock)
        self._numbers: dict[tuple[str, str], int] = {}

    async def ring(self, sale: Sale) -> Receipt:
        """Ring one sale and ask the checkpoint; the receipt says how it stands. Raises BadInput for no such amount."""
        try:
            amount = parse(sale.amount, sale.currency)
        except AmountFault as error:
            raise BadInput("amount", str(error), "Send a decimal text such as 88.00.") from None
        moment = self._ticks.next(f"{sale.store}-{sale.register}").astimezone(self._zone)
        receipt = Receipt(
            key=f"{sale.store}-{sale.register}-{moment.isoformat(timespec='milliseconds')}",
            transaction_id=sale.transaction_id or self._number(sale),
            sale=sale,
            amount=amount,
            occurred_at=moment,
            rung_at=self._clock.now(),
        )
        # The key is in the book before anything is sent: whatever happens then, the same key is asked again.
        self.journal.put(receipt)
        return await self._ask(receipt)

    async def ask_again(self) -> Sequence[Receipt]:
        """Ask for every sale that is still open, with its key; those that are open even now."""
        still = [await self._ask(receipt) for receipt in self.open_receipts()]
        return [receipt for receipt in still if receipt.standing is Standing.OPEN]

    def open_receipts(self) -> Sequence[Receipt]:
        """The sales without an answer."""
        return [receipt for receipt in self.journal if receipt.standing is Standing.OPEN]

    def mark_claimed(self, key: str) -> None:
        """Note that the customer has claimed the voucher."""
        receipt = self.journal.find(key)
        if receipt is not None:
            self.journal.put(replace(receipt, claimed=True))

    def _number(self, sale: Sale) -> str:
        number = self._numbers.get((sale.store, sale.register), 0) + 1
        self._numbers[sale.store, sale.register] = number
        return f"T{sale.store}{sale.register}-{number:03}"

    async def _ask(self, receipt: Receipt) -> Receipt:
        """Ask until there is an answer, at most `attempts` times."""
        headers = {"Idempotency-Key": receipt.key}
        if self.wait_seconds is not None:
            headers["Prefer"] = f"wait={self.wait_seconds}"
        body = receipt.request()
        for attempt in range(1, self.attempts + 1):
            mishap = await self._mishap(receipt)
            answer = await self._hub.call(
                "POST", "/v1/credits", self._bearer, body=body, headers=headers, lose=mishap.lose_answer
            )
            elapsed = self._clock.now() - receipt.rung_at
            receipt = self.journal.put(settle(receipt, answer, elapsed / timedelta(milliseconds=1)))
            if receipt.standing is not Standing.OPEN:
                break
            if attempt < self.attempts:
                chance = self._chance.about(f"{receipt.transaction_id}:pause")
                await asyncio.sleep(pause_seconds(attempt, answer, chance))
        return receipt

    async def _mishap(self, receipt: Receipt) -> Mishap:
        """What chance has in store for this attempt; a delay is over when this returns."""
        if self.faults == _OFF:
            return _CALM
        mishap = draw(self.faults, self._chance.about(receipt.transaction_id))
        if mishap.delay_seconds:
            await asyncio.sleep(mishap.delay_seconds)
        return mishap


def settle(receipt: Receipt, answer: Answer | NoAnswer, elapsed_ms: float) -> Receipt:
    """How a receipt stands after an answer. Only 200 and 201 with a credit are a yes; a no for good is a no."""
    asked = replace(receipt, attempts=receipt.attempts + 1, sentence=_ASK_LATER)
    if isinstance(answer, NoAnswer):
        return replace(asked, code="no-answer")
    issued = answer.read(Issued) if answer.status in {200, 201} else None
    if issued is not None:
        return replace(
            asked,
            standing=Standing.CONFIRMED,
            replayed=answer.replayed,
            confirm_ms=elapsed_ms,
            credit_id=issued.credit.id,
            last4=issued.credit.last4,
            hops={hop.hop: hop.state for hop in issued.hops},
            voucher=issued.voucher,
            code="",
            sentence=issued.sentence,
        )
    problem = answer.read(Problem) or Problem()
    code = problem.code or f"status-{answer.status}"
    if answer.status >= 500 or answer.status in {408, 429} or problem.retry == "safe":
        return replace(asked, code=code, sentence=problem.cashier or _ASK_LATER)
    return replace(asked, standing=Standing.REFUSED, code=code, sentence=problem.cashier or _REFUSED)


def pause_seconds(attempt: int, answer: Answer | NoAnswer, chance: Random) -> float:
    """How long to wait after this attempt: doubling with full jitter, and no less than the hub asked for."""
    most = min(_BACKOFF_SECONDS * 2 ** (attempt - 1), _BACKOFF_MAX_SECONDS)
    asked = answer.retry_after if isinstance(answer, Answer) else None
    return max(chance.uniform(0, most), min(asked or 0.0, _BACKOFF_MAX_SECONDS))


def journal_json(journal: Journal, start: int, limit: int) -> Mapping[str, object]:
    """The registers' book for whoever asks."""
    receipts = list(journal)
    standings = [receipt.standing for receipt in receipts]
    return {
        "system": "registers",
        "receipts": [receipt.as_json() for receipt in receipts[start : start + limit]],
        "counts": {standing: standings.count(standing) for standing in Standing},
        "vouchers": sum(receipt.voucher is not None for receipt in receipts),
    }
