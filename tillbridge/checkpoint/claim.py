"""The claim: the customer proves control of an address by a one-time code, and the credit is linked to their account.

Asking for a code gives the same answer for every address, so that nobody learns whose addresses are known. Only whoever
answered the code is told whether an account has it.
"""

import hmac
import logging
import random
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from tillbridge.checkpoint import store
from tillbridge.checkpoint.ports import Notifier, NotSent
from tillbridge.checkpoint.tokens import ONE_TIME_DIGITS, token_hash
from tillbridge.checkpoint.voucher import amount_words, read_claim_code
from tillbridge.credit.codes import Codes
from tillbridge.credit.desk import Desk
from tillbridge.credit.keys import claim_key
from tillbridge.credit.model import Claim
from tillbridge.identity import normalise
from tillbridge.identity import store as people
from tillbridge.identity.model import Kind, Normal
from tillbridge.kernel.clock import Clock
from tillbridge.kernel.db import Db, Tx
from tillbridge.kernel.ids import Ids
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import CreditNow, Posted, State
from tillbridge.stack.model import Stack

_LOG: Final = logging.getLogger("tillbridge.checkpoint")

NOTHING: Final = bytes(32)
"""As long as a code's hash is."""

CODE_LIFE: Final = timedelta(minutes=10)
TRIES_MAX: Final = 5
WINDOW: Final = timedelta(hours=1)
CODES_PER_CREDIT: Final = 6
CODES_PER_CONTACT: Final = 6
CODES_PER_BOTH: Final = 3
"""Of one credit to one address: whoever has a voucher cannot use up what an address gets."""


class ClaimState(StrEnum):
    """What a claim address is good for."""

    OPEN = "open"
    CLAIMED = "claimed"
    GONE = "gone"
    UNKNOWN = "unknown"


_CLAIMABLE: Final = {State.UNCLAIMED: ClaimState.OPEN, State.ACTIVE: ClaimState.CLAIMED}


class Finish(StrEnum):
    """How a try to finish a claim ended."""

    LINKED = "linked"
    WRONG_CODE = "wrong-code"
    EXPIRED = "expired"
    LOCKED = "locked"
    NO_ACCOUNT = "no-account"
    UNSURE = "unsure"
    CLAIMED = "claimed"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Looked:
    """What stands behind a claim address; `credit` is None when it is unknown."""

    state: ClaimState
    credit: CreditNow | None


@dataclass(frozen=True, slots=True)
class Begun:
    """A code may be on its way. `challenge_id` binds the answer to it; None when the address cannot be one."""

    challenge_id: UUID | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a try ended, and how many are left after a wrong code."""

    finish: Finish
    tries_left: int = 0


class _Changed(Exception):
    """Whose address it is has changed since it was looked up: nothing is written."""


class Claims:
    """Looks, begins and finishes claims. Made once per hub."""

    def __init__(
        self,
        db: Db,
        desk: Desk,
        stack: Stack,
        clock: Clock,
        ids: Ids,
        chance: random.Random,
        codes: Codes,
        notifier: Notifier,
    ) -> None:
        self._db = db
        self._desk = desk
        self._stack = stack
        self._clock = clock
        self._ids = ids
        self._chance = chance
        self._codes = codes
        self._notifier = notifier

    async def look(self, typed: str) -> Looked:
        """What a claim code stands for, however it was typed."""
        code = read_claim_code(typed)
        voucher = await store.voucher_of_token(self._db, token_hash(self._codes, code)) if code else None
        credit = await ledger.credit_now(self._db, voucher.credit_id) if voucher else None
        if credit is None:
            return Looked(ClaimState.UNKNOWN, None)
        state = _CLAIMABLE.get(credit.state_at(self._clock.now()), ClaimState.GONE)
        return Looked(state, credit)

    async def begin(self, typed: str, contact: str) -> Begun:
        """Send a one-time code to an address. The answer is the same whether the address is known, throttled or
        cannot be reached; only one that is no address at all is told so."""
        looked = await self.look(typed)
        if looked.state is not ClaimState.OPEN or looked.credit is None:
            return Begun(None, "This voucher cannot be claimed.")
        normal = self._address(contact)
        if normal is None:
            return Begun(None, "Type an e-mail address or a phone number with its area code.")
        if normal.kind is Kind.PHONE and not self._notifier.phones:
            return Begun(None, "Codes go out by e-mail only. Type an e-mail address.")
        challenge_id = self._ids.new()
        one_time = f"{self._chance.randrange(10**ONE_TIME_DIGITS):0{ONE_TIME_DIGITS}d}"
        kept, allowed = await self._open_challenge(challenge_id, looked.credit.credit_id, normal, one_time)
        if allowed:
            await self._send(normal.value, one_time, looked.credit)
        return Begun(kept)

    async def _open_challenge(
        self, challenge_id: UUID, credit_id: UUID, normal: Normal, one_time: str
    ) -> tuple[UUID, bool]:  # fmt: skip
        """Keep a challenge; its id, and whether its code may go out. Past the limit one challenge is kept that no code
        answers: the page looks the same, and there is nothing to guess."""
        now = self._clock.now()
        async with self._db.transaction() as tx:
            await store.lock_voucher(tx, credit_id)
            await store.take_turn(tx, self._codes.token("contact", normal.value), now)
            sent = await store.recent_challenges(tx, credit_id, normal.value, now - WINDOW)
            most = (CODES_PER_CREDIT, CODES_PER_CONTACT, CODES_PER_BOTH)
            allowed = all(count < limit for count, limit in zip(sent, most, strict=True))
            answer = self._hash(challenge_id, one_time) if allowed else self._chance.randbytes(len(NOTHING))
            contact, times = (normal.kind.value, normal.value), (now, now + CODE_LIFE)
            kept = await store.keep_challenge(tx, challenge_id, credit_id, contact, answer, times, sent=allowed)
        return kept, allowed

    async def finish(self, typed: str, challenge_id: UUID, one_time: str) -> Finished:
        """Link and activate, if the code is right. Done twice, it is done once."""
        looked = await self.look(typed)
        if looked.credit is None:
            return Finished(Finish.UNKNOWN)
        if looked.state is ClaimState.GONE:
            return Finished(Finish.GONE)
        tried = await store.try_challenge(self._db, challenge_id, looked.credit.credit_id)
        if tried is None:
            return Finished(Finish.UNKNOWN)
        if tried.tries > TRIES_MAX:
            return Finished(Finish.LOCKED)
        if tried.used_at is not None or looked.state is ClaimState.CLAIMED:
            return Finished(Finish.CLAIMED)
        if tried.expires_at <= self._clock.now():
            return Finished(Finish.EXPIRED)
        if not hmac.compare_digest(tried.code_hash, self._hash(challenge_id, one_time.strip())):
            left = TRIES_MAX - tried.tries
            return Finished(Finish.WRONG_CODE if left else Finish.LOCKED, left)
        return await self._link(
            looked.credit, challenge_id, Normal(Kind(tried.contact_kind), tried.contact, tried.contact)
        )

    async def _link(self, credit: CreditNow, challenge_id: UUID, proved: Normal) -> Finished:
        """The code was right: whoever holds the address, and nobody else, gets the credit."""
        # Only a verified owner: a profile that merely states the address may be somebody else's.
        owner = await people.customer_for_claim(self._db, proved.key)
        if owner is None:
            # Whoever proved the address may know that accounts have it, and none can be told from the others.
            held = await people.owners_of(self._db, [proved.key])
            return Finished(Finish.UNSURE if held else Finish.NO_ACCOUNT)
        now = self._clock.now()
        command = Claim(
            key=claim_key(credit.credit_id, challenge_id),
            actor="claim",
            credit_id=credit.credit_id,
            owner=owner,
            occurred_at=now,
        )

        async def along(tx: Tx) -> None:
            if await people.customer_for_claim(tx, proved.key) != owner:
                raise _Changed
            await people.verify(tx, owner, proved, now)
            await store.finish_claim(tx, challenge_id, credit.credit_id, now, "claim")

        try:
            answer = await self._desk.claim(command, along)
        except _Changed:
            return Finished(Finish.UNSURE)
        if isinstance(answer.result, Posted):
            return Finished(Finish.LINKED)
        return Finished(Finish.CLAIMED if answer.result.code == "already-claimed" else Finish.GONE)

    def _address(self, contact: str) -> Normal | None:
        heard = normalise.email(contact) if "@" in contact else normalise.phone(contact, self._stack.retailer.country)
        return heard if isinstance(heard, Normal) else None

    def _hash(self, challenge_id: UUID, one_time: str) -> bytes:
        return self._codes.token("one-time", f"{challenge_id}:{one_time}")

    async def _send(self, to: str, one_time: str, credit: CreditNow) -> None:
        """Hand the code over. That it could not be sent is not told: the answer must be the same for every address."""
        amount = amount_words(Money(credit.balance, credit.currency), self._stack.retailer.country)
        text = (
            f"Your code is {one_time}.\n\nType it on the claim page to add {amount} to your account at "
            f"{self._stack.retailer.name}. It is good for ten minutes.\n\nIf you did not ask for it, do nothing: "
            "without the code nobody can claim.\n"
        )
        try:
            await self._notifier.send(to, f"{one_time} is your code for {self._stack.retailer.name}", text)
        except NotSent as error:
            # Neither address nor code: a log is read by many.
            _LOG.warning("a one-time code for the credit %s was not sent: %s", credit.credit_id, error)
