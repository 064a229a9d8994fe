"""From a body to a command: who asks, with which key, about what. What is wrong is told before anything is posted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import structs

from tillbridge.api.bodies.credits import IssueBody
from tillbridge.api.bodies.fields import ExpectedBody
from tillbridge.api.bodies.reading import read_hold_end, read_id
from tillbridge.checkpoint.model import Sale
from tillbridge.credit.reading import (
    check_calendar,
    check_expiry,
    check_occurred,
    read_amount,
    read_code,
    read_moment,
    read_pin,
)
from tillbridge.identity import store as people
from tillbridge.identity.model import Given
from tillbridge.kernel.actor import Actor
from tillbridge.kernel.errors import BadInput, NotFound
from tillbridge.kernel.money import Money
from tillbridge.ledger import store as ledger
from tillbridge.ledger.model import Origin
from tillbridge.stack.model import Role
from tillbridge.wiring import Hub

_CUSTOMER_ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Intake:
    """Who asks, with which idempotency key, and about what: `about` is an id as a text, `field` the place where it
    stood. `trace` is the traceparent of the request, for what begins a credit; blank for none."""

    hub: Hub
    actor: Actor
    key: str
    about: str = ""
    field: str = "id"
    trace: str = ""

    def credit(self) -> UUID:
        """The credit that the command is about. Raises BadInput."""
        return read_id(self.about, "credit", self.field)

    def hold(self) -> UUID:
        """The hold that the command is about. Raises BadInput."""
        return read_id(self.about, "hold", self.field)

    def said(self, body: Any) -> dict[str, Any]:
        """What every command says. Raises BadInput."""
        return {
            "key": self.key,
            "actor": self.actor.name,
            "occurred_at": read_moment(body.occurred_at, "occurred_at"),
            "origin": self.origin(body),
        }

    def origin(self, body: Any) -> Origin:
        """Where it happened. A key that is for one place says what the body leaves blank."""
        return Origin(
            body.store or self.actor.store, body.register or self.actor.register, body.operator, body.transaction_id
        )

    async def answered(self) -> UUID | None:
        """The credit that the key was about, where the ledger has answered it before. Raises DatabaseError."""
        return await ledger.credit_of_key(self.hub.db, self.key)

    async def check_times(self, body: Any) -> None:
        """Raises BadInput for times that cannot be, unless the key was answered before: then its first answer stays,
        whatever the clock says by now. What no clock could ever have said is refused all the same."""
        now = self.hub.clock.now()
        occurred_at = read_moment(body.occurred_at, "occurred_at")
        check_calendar(occurred_at)
        try:
            check_occurred(occurred_at, now)
            check_expiry(moment_or_none(body, "expires_at"), now)
            if hasattr(body, "ends"):
                read_hold_end(body.ends, now)
        except BadInput:
            if await self.answered() is None:
                raise

    async def customer(self, name: str, field: str = "customer") -> UUID | None:
        """A customer by name; None for a blank one, and for one whom nobody knows any more where the key was answered
        before: what was typed then tells a repeat. Raises BadInput, NotFound."""
        try:
            return await customer_of(self.hub, name, field) if name else None
        except NotFound:
            if await self.answered() is None:
                raise
            return None

    async def expected(self, credit_id: UUID, expected: ExpectedBody | None) -> Money | None:
        """The balance that the caller looked at. Raises BadInput for one in a currency that is not the credit's."""
        if expected is None:
            return None
        money = read_amount(expected.amount, expected.currency, "expected")
        now = await ledger.credit_now(self.hub.db, credit_id)
        if now is not None and now.currency != money.currency:
            mend = f"Send {now.currency}."
            raise BadInput("expected.currency", f"the credit is in {now.currency}", mend)
        return money


async def sale_of(intake: Intake, body: IssueBody) -> Sale:
    """A credit to be issued. Raises BadInput."""
    await intake.check_times(body)
    if body.bearer and body.kind != "gift_card":
        mend = "Leave it out, or issue a gift card."
        raise BadInput("bearer", "only a gift card can belong to whoever has it", mend)
    customer = body.customer
    return Sale(
        **intake.said(body),
        kind=body.kind,
        bucket=body.bucket,
        amount=read_amount(body.amount, body.currency),
        given=replace(Given(**structs.asdict(customer)), account_id=_own_account(intake, customer.account_id)),
        code=read_code(body.code) if body.code else "",
        expires_at=moment_or_none(body, "expires_at"),
        pin=read_pin(body.pin),
        priority=body.priority,
        bearer=body.bearer,
        reason=body.reason,
        trace=intake.trace,
    )


def _own_account(intake: Intake, account_id: str) -> str:
    """An account id as it is looked up. A storefront means its own accounts; what a register's clerk typed without a
    system may be anybody's."""
    actor, text = intake.actor, account_id.strip()
    if not text or ":" in text or actor.system is None or _CUSTOMER_ID.fullmatch(text):
        return account_id
    role = intake.hub.stack.systems[actor.system].role if actor.system in intake.hub.stack.systems else None
    return f"{actor.system}:{text}" if role is Role.STOREFRONT else account_id


def moment_or_none(body: Any, field: str) -> datetime | None:
    """A moment of a body in UTC, None where it is left out or the body has none. Raises BadInput."""
    moment = getattr(body, field, None)
    return None if moment is None else read_moment(moment, field)


async def customer_of(hub: Hub, name: str, field: str) -> UUID:
    """A customer by our id or `system:account`. Raises BadInput, NotFound."""
    system, colon, account = name.partition(":")
    if not name.isprintable():
        raise BadInput(field, "it holds control characters", "Send our customer id, or system:account.")
    if colon:
        found = await people.customer_by_reference(hub.db, system, account)
        if found is None:
            raise NotFound("customer", name)
        return found
    try:
        customer_id = UUID(name)
    except ValueError:
        raise BadInput(field, f"{name!r} names no customer", "Send our customer id, or system:account.") from None
    if not await people.is_customer(hub.db, customer_id):
        raise NotFound("customer", name)
    return customer_id


def spelling(name: str) -> str:
    """What was typed of a customer, in one spelling: by it a repeat is told, whoever goes by that name by now."""
    try:
        return str(UUID(name))
    except ValueError:
        return name


def placed(body: Any) -> Mapping[str, str]:
    """The store and the register that a body names, for the check against what a key is narrowed to."""
    return {"place": getattr(body, "store", ""), "register": getattr(body, "register", "")}
