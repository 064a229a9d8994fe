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


class Trait(StrEnum):
    """What else a person is known by. A trait ranks candidates and never links."""

    NAME = "name"
    ADDRESS = "address"
    BIRTH = "birth_date"


NOUNS: Final[Mapping[Kind | Trait, str]] = {
    Kind.EMAIL: "e-mail",
    Kind.PHONE: "phone",
    Kind.LOYALTY: "loyalty id",
    Kind.ACCOUNT: "account id",
    Trait.NAME: "name",
    Trait.ADDRESS: "address",
    Trait.BIRTH: "birth date",
}
"""Each kind as people say it, in the middle of a sentence."""

Key = tuple[Kind, str]
"""An identifier to look up by: its kind and its normalised value."""

Cause = Literal["no-customer", "identifier-mismatch"]
"""Why nobody was linked: no usable identifier at all, or usable ones that do not point to one proven profile."""


@dataclass(frozen=True, slots=True)
class Particulars:
    """Name, address and birth date in one spelling (`particulars.py`), blank where there is none. `born` is eight
    digits, year first."""

    name: str = ""
    street: str = ""
    place: str = ""
    postcode: str = ""
    born: str = ""

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self.name or self.street or self.place or self.postcode or self.born)


NOTHING_KNOWN: Final = Particulars()


@dataclass(frozen=True, slots=True)
class Given:
    """The identifiers as a clerk typed them or a system sent them, raw; blank where there is none. So are name, address
    and birth date (year first), which never link.

    `account_id` is a channel's account (`A0001440`), an account with its system (`web:A0001440`), or our own customer
    id.
    """

    email: str = ""
    phone: str = ""
    loyalty_id: str = ""
    account_id: str = ""
    name: str = ""
    street: str = ""
    place: str = ""
    postcode: str = ""
    birth_date: str = ""


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
    particulars: Particulars = NOTHING_KNOWN


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
    """One account as its system describes it, all of it: what it does not name, that account no longer has.

    `stated_at` is of when it is so; None when it is told now.
    """

    reference: Reference
    identifiers: tuple[Identifier, ...]
    particulars: Particulars = NOTHING_KNOWN
    stated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a profile: whose it is, and whether that customer is `new` to us. A `stale` one was older than
    what is known, and changed nothing."""

    reference: Reference
    customer_id: UUID
    new: bool
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Customer:
    """A person as we know them: one id of ours, any number of channel references and identifiers, and what their
    accounts say of them. `merged` are the ids that a person found to be the same one."""

    customer_id: UUID
    created_at: datetime
    references: tuple[Reference, ...]
    identifiers: tuple[Identifier, ...]
    particulars: tuple[Particulars, ...] = ()
    merged: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """Someone who holds an identifier, and whether they proved it. `ended`: they proved it once, somebody else has
    proved it since, and they state it still. `moved_at` is when it came from somebody else, who had proved it until
    then. `shared`: a person decided that it is a household's."""

    customer_id: UUID
    verified: bool
    ended: bool = False
    moved_at: datetime | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """A value that several people have proved; it links nobody until a person has decided whose it is."""

    conflict_id: UUID
    kind: Kind
    value: str
    people: tuple[UUID, ...]
    opened_at: datetime
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what became of people. `what` is a word of `identity.history`; the rest as far as it applies.

    `since` is when what ended had been proved; `decision_id`, `decided_by` and `evidence` are those of a person.
    """

    line: int
    at: datetime
    what: str
    customer_id: UUID
    other_id: UUID | None
    kind: str
    value: str
    system: str
    account_id: str
    since: datetime | None
    decision_id: UUID | None
    decided_by: str
    evidence: str


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
    """How one given field compares with a candidate's. `held` is blank where the candidate has none of its kind;
    `score` goes from 0 to 100, and 100 is the same."""

    kind: Kind | Trait
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
