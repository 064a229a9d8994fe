"""What the pages show, as frozen values: aware times, Money, and sentences ready to be read."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tillbridge.checkpoint.voucher import Voucher
from tillbridge.kernel.money import Money
from tillbridge.stack.draw import HopView, Mark


@dataclass(frozen=True, slots=True)
class Shop:
    """Whose pages these are: name, country (ISO 3166-1) and zone of the retailer."""

    name: str
    country: str
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Badge:
    """A state as it is shown: a mark and a word (`late`, `not online`, `0.14 s of 2 s`)."""

    mark: Mark
    word: str


class VoucherState(StrEnum):
    """Whether the credit behind a voucher can still be claimed."""

    WAITING = "waiting"
    USED = "used"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class VoucherView:
    """A voucher, and whether it still waits to be claimed."""

    voucher: Voucher
    state: VoucherState


@dataclass(frozen=True, slots=True)
class ClaimBegun:
    """A challenge was opened, whether or not a code went out to the contact: the page must look the same."""

    challenge: str


class ClaimState(StrEnum):
    """How a claim went.

    `expired`, `used` and `unknown` are about the voucher; `wrong_code`, `code_expired` and `locked` about the code;
    `no_account` means that the code was right and no online account has the address, `unsure` that several do or
    that nobody has confirmed it there.
    """

    LINKED = "linked"
    WRONG_CODE = "wrong_code"
    CODE_EXPIRED = "code_expired"
    LOCKED = "locked"
    NO_ACCOUNT = "no_account"
    UNSURE = "unsure"
    EXPIRED = "expired"
    USED = "used"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ClaimOutcome:
    """How a claim went. `tries_left` counts for `wrong_code`; `wait` says for how long it is `locked`, where known."""

    state: ClaimState
    tries_left: int = 0
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who signed in. `key_id` is the public id of the key, never the key; `may_replay` and `may_review` its
    rights, `store` the one that it is for, blank for all."""

    key_id: str
    name: str
    may_replay: bool
    may_review: bool = False
    store: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """One line of what needs a person. `why` is a sentence; `hop` is blank for a review."""

    credit_id: UUID
    last4: str
    receipt: str
    store: str
    operator: str
    amount: Money
    why: str
    badge: Badge
    since: datetime


@dataclass(frozen=True, slots=True)
class TodayView:
    """The day so far. `online` and `due_online` count today's credits that are online in time, and that should be by
    now; `owed` has one amount per currency; `hops` is the live path; `more` counts the needs that are not listed;
    `refused` says why a newer text of the map is not in force, blank where it is."""

    at: datetime
    stores: int
    issued: int
    online: int
    due_online: int
    vouchers: int
    claimed: int
    reviews: int
    owed: tuple[Money, ...]
    hops: tuple[HopView, ...]
    needs: tuple[Need, ...]
    more: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a credit's trail: when, what happened, what of it was measured, and what else is known."""

    at: datetime
    what: str
    detail: str = ""
    badge: Badge | None = None
    more: str = ""
    mark: Mark = Mark.CONFIRMED


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where the credit is, in words: what happened, whether the money is safe, what to do."""

    title: str
    heading: str
    sentences: tuple[str, ...]
    mark: Mark = Mark.CONFIRMED


@dataclass(frozen=True, slots=True)
class Replayable:
    """A handoff that a person can set going again. `key` names it to the port, `hop` to the person."""

    key: str
    hop: str


@dataclass(frozen=True, slots=True)
class CreditView:
    """One credit and its trail. `kind` and `bucket` are the wire's words; `owner` is a masked name or blank;
    `voucher_token` is set while its voucher waits to be claimed."""

    credit_id: UUID
    kind: str
    bucket: str
    last4: str
    issued: Money
    available: Money
    store: str
    register: str
    operator: str
    receipt: str
    owner: str
    badge: Badge
    facts: tuple[Fact, ...]
    explanation: Explanation
    hops: tuple[HopView, ...] = ()
    replayable: tuple[Replayable, ...] = ()
    voucher_token: str | None = None


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A credit as a line of a list."""

    credit_id: UUID
    kind: str
    last4: str
    receipt: str
    store: str
    issued: Money
    available: Money
    issued_at: datetime
    badge: Badge


@dataclass(frozen=True, slots=True)
class HandoffLine:
    """A handoff as a line of a list. `key` names it to the port, `hop` to people (`platform to web`); `state` is one
    of the handoff's states; `replayable` when a person can set it going again."""

    key: str
    credit_id: UUID
    last4: str
    receipt: str
    hop: str
    amount: Money
    state: str
    late: bool
    reason: str
    attempts: int
    replay: int
    recorded_at: datetime
    deadline: datetime | None
    replayable: bool


@dataclass(frozen=True, slots=True)
class HandoffPage:
    """A page of handoffs, and the cursor of the next one. `counts` has what is known: a number per filter."""

    lines: tuple[HandoffLine, ...]
    next_cursor: str | None = None
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """An item of the review queue. `given` is what the register sent, as label and masked value."""

    credit_id: UUID
    last4: str
    receipt: str
    store: str
    register: str
    operator: str
    amount: Money
    why: str
    given: tuple[tuple[str, str], ...]
    opened_at: datetime
    review_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ConflictLine:
    """A value that several people have proved, masked; `kind` is a word for people (`e-mail`), `people` are their ids
    with the accounts that they have."""

    review_id: UUID
    kind: str
    value: str
    people: tuple[tuple[UUID, str], ...]
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class DecidedLine:
    """A link that a person decided and that stands."""

    review_id: UUID
    credit_id: UUID
    by: str
    evidence: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """A page of reviews, oldest first, and the cursor of the next one; on the first page also the values that several
    people have proved, and what was decided lately."""

    lines: tuple[ReviewLine, ...]
    next_cursor: str | None = None
    conflicts: tuple[ConflictLine, ...] = ()
    decided: tuple[DecidedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class CandidateView:
    """Somebody whose credit it may be: the account that names them, all their accounts in words, a score from 0 to 100,
    and by the name of each field that was given what they hold (masked), how it compares (`same e-mail, verified`), and
    a mark."""

    account: str
    accounts: str
    score: int
    fields: dict[str, tuple[str, str, Mark]]


@dataclass(frozen=True, slots=True)
class ReviewView:
    """One review: what was sent beside the candidates. `decided` is the decision that stands, None while it is open."""

    line: ReviewLine
    candidates: tuple[CandidateView, ...]
    fields: tuple[str, ...]
    open: bool
    decided: DecidedLine | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """Who decides, on what evidence; `key` belongs to the form, so that it does nothing when it is sent twice."""

    key: str
    evidence: str
    staff: Staff


HANDOFF_FILTERS: Final = (
    ("dead", "dead"),
    ("parked", "parked"),
    ("unknown", "unknown"),
    ("late", "late"),
    ("due", "due"),
    ("sending", "sending"),
    ("waiting", "waiting"),
    ("confirmed", "confirmed"),
)
"""The lists of handoffs: the states, and `late` (past its deadline and not confirmed), each with its word."""
