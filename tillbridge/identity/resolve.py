"""Whose credit is it? A pure decision on what was heard and who holds it.

Crediting nobody costs a voucher and a claim; crediting the wrong person costs the money and the trust. So a link needs
a proof, and nothing may speak against it:

- a proof is an account id or loyalty id of ours, an e-mail or a phone, held by exactly one person who is verified, that
  did not just come from somebody else, and that is no household's;
- every other usable identifier that anybody holds must be held by the same person;
- a name that was given must not be plainly another one, and where a phone is all the proof there is, it must agree in
  more than the family name;
- a birth date that was given must not be another one, but for our own ids: a card has its check digit.

What nobody holds says nothing. How alike two spellings are ranks candidates, may speak against a link, never for one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tillbridge.identity.model import (
    NOUNS,
    Candidate,
    Customer,
    Evidence,
    Heard,
    Kind,
    Linked,
    Normal,
    Owner,
    Owners,
    Particulars,
    Resolution,
    Unresolved,
)
from tillbridge.identity.nearness import candidate
from tillbridge.identity.particulars import kin, other_birth, other_name, sure_name

CANDIDATES_MAX: Final = 5
"""How many candidates a reviewer is shown."""

QUARANTINE: Final[Mapping[Kind, timedelta]] = {Kind.PHONE: timedelta(days=90), Kind.EMAIL: timedelta(days=365)}
"""For how long a value that moved from one person to another does not link by itself.

Phone companies hand a number out again after 45 to 90 days; a register, a receipt or an address book that still has the
old owner's is of no more use after as long again. An e-mail address hardly ever changes hands, and where it does, mail
for its old owner goes on coming for a year.
"""

Known = Mapping[UUID, Sequence[Particulars]]
"""What the directory says of the people whose names or homes may speak against a link."""

_OUR_IDS: Final = frozenset({Kind.LOYALTY, Kind.ACCOUNT})
"""What nobody but the person has a reason to know, and no slip of the finger makes."""

_PROOFS: Final = {
    Kind.EMAIL: "exact e-mail with one verified owner",
    Kind.PHONE: "exact phone with one verified owner",
    Kind.LOYALTY: "loyalty id of one customer",
    Kind.ACCOUNT: "account id of one customer",
}


def decide(heard: Heard, owners: Owners, at: datetime, known: Known | None = None) -> Resolution:
    """Link by proof, or say why not. The answer has no candidates yet: `rank` finds them an order.

    `at` is the moment of asking; `known` is wanted of those whom `to_know` names.
    """
    told = known or {}
    if not heard.usable:
        sentence = f"No usable identifier: {', '.join(one.sentence for one in heard.unusable)}."
        return Unresolved("no-customer", sentence, ignored=heard.unusable)
    held = {normal: owners[normal.key] for normal in heard.usable if owners.get(normal.key)}
    unowned = tuple(normal for normal in heard.usable if normal not in held)
    against = {normal: _against(normal, who, at, told) for normal, who in held.items()}
    pointed = {normal: points_to(who, shared=bool(against[normal])) for normal, who in held.items()}
    proofs = tuple(normal for normal, who in held.items() if _proves(who) and not against[normal])
    common = frozenset.intersection(*pointed.values()) if pointed else frozenset()
    if proofs and common:
        (customer_id,) = pointed[proofs[0]]
        sentence = _contradicted(heard, {one.kind for one in proofs}, told.get(customer_id, ()))
        if not sentence:
            return Linked(customer_id, tuple(map(_evidence, proofs)), heard.unusable, unowned)
        return Unresolved("identifier-mismatch", sentence, ignored=heard.unusable, unowned=unowned)
    sentence = _why_not(heard.usable, pointed, against, bool(common))
    return Unresolved("identifier-mismatch", sentence, ignored=heard.unusable, unowned=unowned)


def to_know(heard: Heard, owners: Owners) -> frozenset[UUID]:
    """Of whom the directory has to be asked before the decision: everybody who holds something that one of them proved
    and others merely state, and whoever may be linked where a name or a birth date was given."""
    wanted: set[UUID] = set()
    for normal in heard.usable:
        who = owners.get(normal.key, ())
        if _proves(who) and (len(who) > 1 or heard.particulars.name or heard.particulars.born):
            wanted.update(owner.customer_id for owner in who)
    return frozenset(wanted)


def points_to(who: Iterable[Owner], *, shared: bool = False) -> frozenset[UUID]:
    """Whom an identifier points to: its verified owners, and only where there are none, those who merely state it. One
    that is `shared` by a household, or on its way from one to another, points to all of them."""
    owners = tuple(who)
    verified = frozenset(owner.customer_id for owner in owners if owner.verified)
    return verified if verified and not shared else frozenset(owner.customer_id for owner in owners)


def holders(heard: Heard, owners: Owners) -> frozenset[UUID]:
    """Everybody who holds any of what was heard."""
    return frozenset(owner.customer_id for normal in heard.usable for owner in owners.get(normal.key, ()))


def rank(heard: Heard, customers: Iterable[Customer]) -> tuple[Candidate, ...]:
    """The candidates with reasons field by field, the likeliest first, at most CANDIDATES_MAX. Whoever holds one of the
    identifiers stands before those who are merely like it, unless a crowd holds it."""
    found = [candidate(heard, customer) for customer in customers]
    crowds = Counter(kind for one in found for kind in _same(one))

    def place(one: Candidate) -> tuple[bool, int, UUID]:
        rare = any(crowds[kind] < CANDIDATES_MAX for kind in _same(one))
        return not rare, -one.score, one.customer_id

    return tuple(sorted(found, key=place))[:CANDIDATES_MAX]


def _same(one: Candidate) -> list[Kind]:
    """The kinds of identifiers that are the very same."""
    return [reason.kind for reason in one.reasons if isinstance(reason.kind, Kind) and reason.score == 100]


def _proves(who: Sequence[Owner]) -> bool:
    """Exactly one person proved control of it."""
    return len({owner.customer_id for owner in who if owner.verified}) == 1


def _against(normal: Normal, who: Sequence[Owner], at: datetime, known: Known) -> str:
    """What keeps a value that one person proved from proving anything by itself; blank where nothing does."""
    if not _proves(who):
        return ""
    owner = next(one for one in who if one.verified)
    if owner.shared:
        return "is shared, as a person has found"
    others = [one for one in who if one.customer_id != owner.customer_id]
    if any(one.ended for one in others):
        return "changed hands, and both state it"
    wait = QUARANTINE.get(normal.kind)
    if wait is not None and owner.moved_at is not None and at < owner.moved_at + wait:
        return "changed hands not long ago"
    if normal.kind is Kind.PHONE and others:
        # Numbers are shared and handed out again: whoever else has it on file may be the one who stands at the till.
        return "is on other profiles as well"
    if any(_of_one_home(known.get(owner.customer_id, ()), known.get(one.customer_id, ())) for one in others):
        return "is a household's"
    return ""


def _of_one_home(some: Sequence[Particulars], others: Sequence[Particulars]) -> bool:
    return any(kin(one, other) for one in some for other in others)


def _contradicted(heard: Heard, proofs: Set[Kind], on_file: Sequence[Particulars]) -> str:
    """What name and birth date say against the person whom these kinds of proof point to; blank where nothing."""
    said = heard.particulars
    named = [one for one in on_file if one.name] if said.name else []
    if named and all(other_name(said, one) for one in named):
        return "The name is another one than that of the profile."
    if named and proofs == {Kind.PHONE} and not any(sure_name(said, one) for one in named):
        return "A phone and a family name may be another of the family."
    born = [one for one in on_file if one.born] if said.born else []
    if born and proofs.isdisjoint(_OUR_IDS) and all(other_birth(said, one) for one in born):
        return "The birth date is another one than that of the profile."
    return ""


def _evidence(normal: Normal) -> Evidence:
    return Evidence(normal.kind, normal.value, _PROOFS[normal.kind])


def _why_not(
    usable: Sequence[Normal], pointed: Mapping[Normal, frozenset[UUID]], against: Mapping[Normal, str], agree: bool
) -> str:
    """One sentence for the reviewer. It names kinds and no values, so that it can be shown and logged anywhere."""
    if not pointed:
        return f"No online profile has this {_kinds(usable, 'or')}."
    if not agree:
        return f"The {_kinds(pointed, 'and')} point to different profiles."
    doubted = next((normal for normal in pointed if against[normal]), None)
    if doubted is not None:
        return f"This {NOUNS[doubted.kind]} {against[doubted]}."
    shared = [normal for normal, customers in pointed.items() if len(customers) > 1]
    if shared:
        return f"More than one profile has this {_kinds(shared, 'and')}."
    return f"Nobody has proved control of this {_kinds(pointed, 'or')}."


def _kinds(normals: Iterable[Normal], word: str) -> str:
    nouns = [NOUNS[normal.kind] for normal in normals]
    return nouns[0] if len(nouns) == 1 else f"{', '.join(nouns[:-1])} {word} {nouns[-1]}"
