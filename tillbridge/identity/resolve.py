"""Whose credit is it? A pure decision on what was heard and who holds it.

Crediting nobody costs a voucher and a claim; crediting the wrong person costs the money and the trust. So a link needs
a proof, and nothing may speak against it:

- a proof is an account id or loyalty id of ours, an e-mail or a phone, held by exactly one customer who is verified;
- every other usable identifier that anybody holds must be held by the same customer.

What nobody holds says nothing. How alike two spellings are ranks candidates and never links.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    Resolution,
    Unresolved,
)
from tillbridge.identity.nearness import candidate

CANDIDATES_MAX: Final = 5
"""How many candidates a reviewer is shown."""

_PROOFS: Final = {
    Kind.EMAIL: "exact e-mail with one verified owner",
    Kind.PHONE: "exact phone with one verified owner",
    Kind.LOYALTY: "loyalty id of one customer",
    Kind.ACCOUNT: "account id of one customer",
}


def decide(heard: Heard, owners: Owners) -> Resolution:
    """Link by proof, or say why not. The answer has no candidates yet: `rank` finds them an order."""
    if not heard.usable:
        sentence = f"No usable identifier: {', '.join(one.sentence for one in heard.unusable)}."
        return Unresolved("no-customer", sentence, ignored=heard.unusable)
    held = {normal: owners[normal.key] for normal in heard.usable if owners.get(normal.key)}
    unowned = tuple(normal for normal in heard.usable if normal not in held)
    pointed = {normal: points_to(who) for normal, who in held.items()}
    proofs = tuple(normal for normal in held if _proves(held[normal]))
    common = frozenset.intersection(*pointed.values()) if pointed else frozenset()
    if proofs and common:
        (customer_id,) = pointed[proofs[0]]
        return Linked(customer_id, tuple(map(_evidence, proofs)), heard.unusable, unowned)
    sentence = _why_not(heard.usable, pointed, bool(common))
    return Unresolved("identifier-mismatch", sentence, ignored=heard.unusable, unowned=unowned)


def points_to(who: Iterable[Owner]) -> frozenset[UUID]:
    """Whom an identifier points to: its verified owners, and only where there are none, those who merely state it."""
    owners = tuple(who)
    verified = frozenset(owner.customer_id for owner in owners if owner.verified)
    return verified or frozenset(owner.customer_id for owner in owners)


def holders(heard: Heard, owners: Owners) -> frozenset[UUID]:
    """Everybody who holds any of what was heard."""
    return frozenset(owner.customer_id for normal in heard.usable for owner in owners.get(normal.key, ()))


def rank(heard: Heard, customers: Iterable[Customer]) -> tuple[Candidate, ...]:
    """The candidates with reasons field by field, the likeliest first, at most CANDIDATES_MAX."""
    found = (candidate(heard, customer) for customer in customers)
    return tuple(sorted(found, key=lambda one: (-one.score, one.customer_id)))[:CANDIDATES_MAX]


def _proves(who: Sequence[Owner]) -> bool:
    """Exactly one customer proved control of it. Others may state it as well: stating proves nothing."""
    return len({owner.customer_id for owner in who if owner.verified}) == 1


def _evidence(normal: Normal) -> Evidence:
    return Evidence(normal.kind, normal.value, _PROOFS[normal.kind])


def _why_not(usable: Sequence[Normal], pointed: Mapping[Normal, frozenset[UUID]], agree: bool) -> str:
    """One sentence for the reviewer. It names kinds and no values, so that it can be shown and logged anywhere."""
    if not pointed:
        return f"No online profile has this {_kinds(usable, 'or')}."
    if not agree:
        return f"The {_kinds(pointed, 'and')} point to different profiles."
    shared = [normal for normal, customers in pointed.items() if len(customers) > 1]
    if shared:
        return f"More than one profile has this {_kinds(shared, 'and')}."
    return f"Nobody has proved control of this {_kinds(pointed, 'or')}."


def _kinds(normals: Iterable[Normal], word: str) -> str:
    nouns = [NOUNS[normal.kind] for normal in normals]
    return nouns[0] if len(nouns) == 1 else f"{', '.join(nouns[:-1])} {word} {nouns[-1]}"
