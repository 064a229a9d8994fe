"""What is known about people, as frozen values: identifiers, profiles, and the answer to "whose credit is this?".

Three words are kept apart. *Given* is what a clerk typed, raw. *Heard* is the same after normalising: what can be used,
and what cannot with the reason. A *resolution* is the decision: linked to one customer, or not, with the cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID


class Kind(StrEnum):
    """What an identifier is. The same words stand in the CHECK of `schema.sql`, but for `account`: an account is a
    channel reference and has a table of its own."""

    EMAIL = "email"
    PHONE = "phone"
    LOYALTY = "loyalty"
    ACCOUNT = "account"


NOUNS: Final[Mapping[Kind, str]] = {
    Kind.EMAIL: "e-mail",
    Kind.PHONE: "phone",
    Kind.LOYALTY: "loyalty id",
    Kind.ACCOUNT: "account id",
}
"""Each kind as people say it, in the middle of a sentence."""

Key = tuple[Kind, str]
"""An identifier to look up by: its kind and its normalised value."""

Cause = Literal["no-customer", "identifier-mismatch"]
"""Why nobody was linked: no usable identifier at all, or usable ones that do not point to one proven profile."""


@dataclass(frozen=True, slots=True)
class Given:
    """The identifiers as a clerk typed them or a system sent them, raw; blank where there is none.

    `account_id` is a channel's account (`A0001440`), an account with its system (`web:A0001440`), or our own customer
    id.
    """

    email: str = ""
    phone: str = ""
    loyalty_id: str = ""
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class Normal:
    """An identifier that can be used. `value` is the one spelling of it, `raw` what was typed."""

    kind: Kind
    raw: str
    value: str

    @property
    def key(self) -> Key:
        """What it is looked up by."""
        return self.kind, self.value


@dataclass(frozen=True, slots=True)
class Unusable:
    """An identifier that is no evidence: `blank` when nothing was meant (`n/a`), else it cannot be right.

    `sentence` says which and why, and has no full stop.
    """

    kind: Kind
    raw: str
    blank: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was given, after normalising."""

    usable: tuple[Normal, ...]
    unusable: tuple[Unusable, ...]


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier as a profile holds it. `verified` means that the person proved control of it: the storefront's
    directory says so, or a one-time code did. What a clerk typed is not."""

    kind: Kind
    value: str
    raw: str
    verified: bool

    @property
    def key(self) -> Key:
        """What it is looked up by."""
        return self.kind, self.value


@dataclass(frozen=True, slots=True)
class Reference:
    """A channel's name for a person: the system and its account id."""

    system: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One account as its system describes it, all of it: what it does not name, that account no longer has."""

    reference: Reference
    identifiers: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a profile: whose it is, and whether that customer is `new` to us."""

    reference: Reference
    customer_id: UUID
    new: bool


@dataclass(frozen=True, slots=True)
class Customer:
    """A person as we know them: one id of ours, any number of channel references and identifiers."""

    customer_id: UUID
    created_at: datetime
    references: tuple[Reference, ...]
    identifiers: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    """Someone who holds an identifier, and whether they proved it."""

    customer_id: UUID
    verified: bool


Owners = Mapping[Key, tuple[Owner, ...]]
"""Who holds each identifier asked for; one that nobody holds is not in it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One identifier that proves a link by itself."""

    kind: Kind
    value: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Reason:
    """How one given identifier compares with a candidate's. `held` is blank where the candidate has none of its kind;
    `score` goes from 0 to 100, and 100 is the same identifier."""

    kind: Kind
    given: str
    held: str
    score: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Someone a reviewer may want to look at. `score` (0 to 100) ranks candidates; it never links."""

    customer_id: UUID
    accounts: tuple[Reference, ...]
    score: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Linked:
    """The credit is this customer's, `by` at least one proof. `ignored` could not be used, `unowned` nobody holds."""

    customer_id: UUID
    by: tuple[Evidence, ...]
    ignored: tuple[Unusable, ...] = ()
    unowned: tuple[Normal, ...] = ()


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Nobody is linked. `sentence` tells a reviewer why; `candidates` are ranked, the likeliest first."""

    cause: Cause
    sentence: str
    candidates: tuple[Candidate, ...] = ()
    ignored: tuple[Unusable, ...] = ()
    unowned: tuple[Normal, ...] = ()


Resolution = Linked | Unresolved
