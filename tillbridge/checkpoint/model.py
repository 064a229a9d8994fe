"""What a register asks of the checkpoint, and the receipt it gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from tillbridge.credit.burn import PRIORITY
from tillbridge.credit.model import Issue
from tillbridge.identity.masked import masked
from tillbridge.identity.model import Candidate, Given, Resolution
from tillbridge.kernel.errors import Refusal
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Origin, Posted

LineState = Literal["confirmed", "pending", "failed"]


@dataclass(frozen=True, slots=True)
class Sale:
    """A credit to be issued, as the register rang it. `code` and `pin` are plain; a blank code is made, a blank PIN is
    none. `bearer` says that without a customer it belongs to whoever has it. `approver` agreed, where somebody had
    to. `trace` is the traceparent that came with it, or blank."""

    key: str
    actor: str
    kind: str
    bucket: str
    amount: Money
    occurred_at: datetime
    origin: Origin
    given: Given
    code: str
    expires_at: datetime | None
    pin: str = ""
    priority: int = PRIORITY
    bearer: bool = False
    reason: str = ""
    approver: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sale on its way to the ledger: who the customer is, and the command that it is. `began` is when it came."""

    sale: Sale
    resolution: Resolution
    command: Issue
    began: datetime


@dataclass(frozen=True, slots=True)
class HopLine:
    """One line of the receipt: how far the credit is on one hop.

    `took` is set when it is confirmed, `deadline` while it is pending and its time is known, `reason` where there is
    one.
    """

    hop: str
    source: str
    target: str
    state: LineState
    sla: timedelta
    took: timedelta | None = None
    deadline: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VoucherLink:
    """Where the customer claims, and where the voucher is printed from."""

    claim_code: str
    claim_url: str
    page_url: str
    pdf_url: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the register is told: the credit as it was issued, each hop, and a voucher when nobody owns it."""

    key: str
    posted: Posted
    kind: str
    bucket: str
    currency: str
    code: str
    transaction_id: str
    hops: tuple[HopLine, ...]
    voucher: VoucherLink | None
    sentence: str
    replay: bool


@dataclass(frozen=True, slots=True)
class Turned:
    """The register is told no: why, and whether this is the first answer again."""

    refusal: Refusal
    replay: bool


def personal(given: Given) -> Mapping[str, str]:
    """What was typed about the customer, by field name as the register sends it; only what is not blank."""
    fields = {
        "email": given.email,
        "phone": given.phone,
        "loyalty_id": given.loyalty_id,
        "account_id": given.account_id,
        "name": given.name,
        "street": given.street,
        "place": given.place,
        "postcode": given.postcode,
        "birth_date": given.birth_date,
    }
    return {name: text for name, text in fields.items() if text}


def kept_candidate(one: Candidate) -> Mapping[str, Any]:
    """A candidate as it is kept with a review: its accounts, and field by field how it compares. What it holds is
    masked: the review outlives the profile, and a look is enough to compare."""
    return {
        "customer_id": str(one.customer_id),
        "accounts": [f"{account.system}:{account.account_id}" for account in one.accounts],
        "score": one.score,
        "reasons": [
            {
                "field": reason.kind.value,
                "held": masked(reason.kind.value, reason.held),
                "score": reason.score,
                "sentence": reason.sentence,
            }
            for reason in one.reasons
        ],
    }
