"""What is wrong with a credit, and why, as frozen values: the facts of four sides, and what is found in them.

The four sides are what the registers sold (`Sale`), what the platform holds (`Held`), what the web store shows
(`Shown`) and what the books say (`Booked`). Money is in minor units of the row's currency, times are aware.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from tillbridge.identity.model import Given


class Side(StrEnum):
    """Who says so. The words are the names of the exports as well."""

    POS = "pos"
    PLATFORM = "platform"
    STOREFRONT = "storefront"
    ERP = "erp"


SIDES: Final[Mapping[Side, str]] = {
    Side.POS: "the registers",
    Side.PLATFORM: "the platform",
    Side.STOREFRONT: "the web store",
    Side.ERP: "the books",
}
"""Each side as people say it, in the middle of a sentence."""


class Class(StrEnum):
    """What kind of difference it is. CLASSES has a sentence for each."""

    ORPHAN = "orphan"
    MISSING_ON_PLATFORM = "missing-on-platform"
    MISSING_IN_ERP = "missing-in-erp"
    UNBACKED = "unbacked"
    AMOUNT_MISMATCH = "amount-mismatch"
    DUPLICATE_ISSUE = "duplicate-issue"
    STALE_AFTER_REDEEM = "stale-after-redeem"
    VOID_NOT_PROPAGATED = "void-not-propagated"
    DOUBLE_REDEMPTION = "double-redemption"


CLASSES: Final[Mapping[Class, str]] = {
    Class.ORPHAN: "The credit exists, and no online account can reach it.",
    Class.MISSING_ON_PLATFORM: "The register issued it, and the platform does not have it.",
    Class.MISSING_IN_ERP: "It can be spent, and the books lack it.",
    Class.UNBACKED: "It exists, and no register transaction or online order stands behind it.",
    Class.AMOUNT_MISMATCH: "Two systems say different amounts.",
    Class.DUPLICATE_ISSUE: "One sale was issued twice: this is the second credit.",
    Class.STALE_AFTER_REDEEM: "The web store still shows what was spent.",
    Class.VOID_NOT_PROPAGATED: "It was taken back, and the web store still shows it.",
    Class.DOUBLE_REDEMPTION: "More was spent of it than it was issued for.",
}


class Cause(StrEnum):
    """Why something is missing: a closed list, in the order in which it is asked. CAUSES has a sentence for each."""

    MANUAL_BYPASS = "manual-bypass"
    NO_CUSTOMER = "no-customer"
    IDENTIFIER_MISMATCH = "identifier-mismatch"
    MAPPING_REJECTED = "mapping-rejected"
    WRITE_BACK_FAILED = "write-back-failed"
    POLLING_LAG = "polling-lag"
    LOST_IN_HOP = "lost-in-hop"


CAUSES: Final[Mapping[Cause, str]] = {
    Cause.MANUAL_BYPASS: "Somebody made it by hand, past the registers and the web store's orders.",
    Cause.NO_CUSTOMER: "The register had no usable identifier of the customer.",
    Cause.IDENTIFIER_MISMATCH: "What the register was given fits no online profile, or several.",
    Cause.MAPPING_REJECTED: "A system does not take this currency, bucket or amount.",
    Cause.WRITE_BACK_FAILED: "The books did not take it.",
    Cause.POLLING_LAG: "It is on its way: the next run has not taken it yet.",
    Cause.LOST_IN_HOP: "A hop that should have delivered it by now lost it.",
}

Risk = Literal["double-redemption", "overstated", "customer", "books", "none"]
"""What can go wrong while it is not mended, the gravest first: the same money spent twice; money that nobody paid for;
a customer who cannot spend; books that do not add up; nothing but waiting."""

RISKS: Final[Mapping[Risk, str]] = {
    "double-redemption": "The same money can be spent twice.",
    "overstated": "Money can be spent that nobody paid for.",
    "customer": "The customer cannot spend what they hold.",
    "books": "The books do not add up.",
    "none": "Nothing but waiting.",
}


@dataclass(frozen=True, slots=True)
class Sale:
    """A credit as a register issued it. `given` are the identifiers as the clerk typed them."""

    transaction_id: str
    store: str
    register: str
    operator: str
    occurred_at: datetime
    kind: str
    bucket: str
    amount: int
    currency: str
    code: str
    given: Given


@dataclass(frozen=True, slots=True)
class Held:
    """A credit as the platform holds it. `state` is one of `pending unclaimed active frozen redeemed void expired`;
    `origin` is `register`, `online_order`, or whatever else the platform says; blank where it says nothing."""

    credit_id: str
    code: str
    transaction_id: str
    origin: str
    issued_at: datetime
    state: str
    issued: int
    balance: int
    currency: str
    bucket: str
    customer_id: str
    given: Given
    last_activity_at: datetime | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A credit as an account of the web store shows it."""

    account_id: str
    code: str
    available: int
    currency: str
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Booked:
    """A credit as the books have it. `amount` is None where an error left none; `status` is `posted` or `error`."""

    document_id: str
    transaction_id: str
    code: str
    posted_at: datetime | None
    amount: int | None
    currency: str
    status: str
    error: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the web store's directory says to the identifiers of a credit.

    `accounts` are the accounts that every usable identifier which anybody has points to: one, when it is clear whose
    credit it is. `usable` is how many identifiers could be used; `sentence` says what was heard and whose it is.
    """

    usable: int
    accounts: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Case:
    """All that the four sides say of one credit, under one code. `first` is the credit of the same sale that the
    register's code names, where this one is a further credit of it; `answer` is None until the directory was asked."""

    code: str
    sales: tuple[Sale, ...] = ()
    held: tuple[Held, ...] = ()
    shown: tuple[Shown, ...] = ()
    booked: tuple[Booked, ...] = ()
    first: Held | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that proves it: who says so, when it happened (None where nobody says), and what. `source` is a side, a
    hop of the map, or `map`."""

    at: datetime | None
    source: str
    fact: str


@dataclass(frozen=True, slots=True)
class Nearest:
    """An account that the customer may have meant: `score` from 0 to 100, and why, field by field. It never links."""

    account_id: str
    score: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference, explained. `amount` is in minor units of `currency`: what is at stake. `at` is when the credit
    came into being; `account_id` the one account that its identifiers prove, blank where there is none; `due` when
    it will be there by itself, of what is on its way."""

    finding_id: str
    kind: Class
    cause: Cause | None
    code: str
    transaction_id: str
    store: str
    register: str
    operator: str
    amount: int
    currency: str
    at: datetime | None
    evidence: tuple[Evidence, ...]
    action: str
    risk: Risk
    account_id: str = ""
    due: datetime | None = None
    candidates: tuple[Nearest, ...] = field(default=())
