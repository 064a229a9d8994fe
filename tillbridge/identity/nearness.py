"""How near two identifiers are: the keys that find candidates, and the score that ranks them. Pure.

A person who reviews wants to see whom the clerk may have meant. Comparing with everybody is out of the question, so
each stored identifier carries four plain keys, and only those who share one are compared:

- `head`, `tail` and `ends`: it without its last, first and middle third, each with the domain. One slip of the finger
  spoils one third, and what is left is long enough to be rare.
- `stem`: the letters of an e-mail's local part, for the same name at another domain or with another number.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import chain
from typing import Final, NamedTuple

from tillbridge.identity.model import NOUNS, Candidate, Customer, Heard, Identifier, Kind, Normal, Reason

LENGTH_MIN: Final = 3
"""What is shorter has no thirds."""

MENDED_MAX: Final = 40
"""What is longer is not mended letter by letter: it would cost a look-up for each."""

STEM_LETTERS_MIN: Final = 5
"""A shorter stem names too many people to be of use."""

ALIKE: Final = 80
"""From this score on a field is called similar; below it, different."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """The keys an identifier is found by when it is not typed quite right; blank where it has none."""

    head: str = ""
    tail: str = ""
    ends: str = ""
    stem: str = ""


class Probe(NamedTuple):
    """One key to look for candidates by: the column `value`, `head`, `tail`, `ends` or `stem`, and what it must be."""

    block: str
    kind: Kind
    key: str


def blocks(kind: Kind, value: str) -> Blocks:
    """The keys that a stored identifier carries."""
    body, scope = _parts(kind, value)
    stem = _stem(kind, body)
    if len(body) < LENGTH_MIN:
        return Blocks(stem=stem)
    cut = len(body) // 3
    return Blocks(f"{body[:-cut]}{scope}", f"{body[cut:]}{scope}", f"{body[:cut]}|{body[-cut:]}{scope}", stem)


def probes(normal: Normal) -> frozenset[Probe]:
    """The keys to look for when `normal` may have been mistyped: a letter too many, too few, wrong or in its
    neighbour's place. An account id has none: it is copied, not spelled."""
    if normal.kind is Kind.ACCOUNT:
        return frozenset()
    body, scope = _parts(normal.kind, normal.value)
    keys = ((block, f"{left}{scope}") for block, left in _left_whole(body))
    mended = (("value", _joined(normal.kind, other, scope)) for other in _mended(body))
    stem = (("stem", letters) for letters in [_stem(normal.kind, body)] if letters)
    return frozenset(Probe(block, normal.kind, key) for block, key in chain(keys, mended, stem))


def candidate(heard: Heard, customer: Customer) -> Candidate:
    """The customer beside what was given, field by field. The score is the mean of the fields both sides have."""
    reasons = tuple(_reason(normal, customer) for normal in heard.usable)
    scores = [reason.score for reason in reasons if reason.held]
    score = round(sum(scores) / len(scores)) if scores else 0
    return Candidate(customer.customer_id, customer.references, score, reasons)


def likeness(kind: Kind, one: str, other: str) -> int:
    """How alike two values are, 0 to 100; 100 only for the same value."""
    if one == other:
        return 100
    (body, scope), (other_body, other_scope) = _parts(kind, one), _parts(kind, other)
    ratio = _ratio(body, other_body)
    if scope or other_scope:
        # Everybody at a large provider shares the domain, so it weighs little.
        ratio = 0.8 * ratio + 0.2 * _ratio(scope, other_scope)
    return min(99, round(100 * ratio))


def _left_whole(body: str) -> Iterator[tuple[str, str]]:
    """What one slip leaves whole of a stored body that is one shorter, as long, or one longer."""
    for length in range(max(LENGTH_MIN, len(body) - 1), len(body) + 2):
        cut = length // 3
        yield "head", body[: length - cut]
        yield "tail", body[cut - length :]
        yield "ends", f"{body[:cut]}|{body[-cut:]}"


def _mended(body: str) -> Iterator[str]:
    """The body with one letter taken out, or two neighbours put back: what these slips came from is looked up as it is,
    so that it is found however many share its thirds."""
    if len(body) <= MENDED_MAX:
        for place in range(len(body)):
            yield body[:place] + body[place + 1 :]
            yield body[:place] + body[place : place + 2][::-1] + body[place + 2 :]


def _parts(kind: Kind, value: str) -> tuple[str, str]:
    """What was typed by hand, and what it stands in: local part and `@domain`, or digits and nothing."""
    if kind is not Kind.EMAIL:
        return value.removeprefix("+"), ""
    local, _, domain = value.rpartition("@")
    return local, f"@{domain}"


def _joined(kind: Kind, body: str, scope: str) -> str:
    """The value that `_parts` took apart."""
    return f"+{body}" if kind is Kind.PHONE else f"{body}{scope}"


def _stem(kind: Kind, body: str) -> str:
    """The letters of a local part without its tag: `wes.novak+shop@` and `wes_novak12@` are both `wesnovak`."""
    if kind is not Kind.EMAIL:
        return ""
    letters = "".join(filter(str.isalpha, body.partition("+")[0]))
    return letters if len(letters) >= STEM_LETTERS_MIN else ""


def _reason(normal: Normal, customer: Customer) -> Reason:
    """The given identifier beside the most alike of its kind that the customer holds."""
    noun = NOUNS[normal.kind]
    if normal.kind is Kind.ACCOUNT:
        return _account_reason(normal, customer)
    held = [
        (likeness(normal.kind, normal.value, own.value), own) for own in customer.identifiers if own.kind is normal.kind
    ]
    if not held:
        return Reason(normal.kind, normal.value, "", 0, f"no {noun} on file")
    score, own = max(held, key=lambda pair: (pair[0], pair[1].verified, pair[1].value))
    return Reason(normal.kind, normal.value, own.value, score, _compared(noun, score, own))


def _account_reason(normal: Normal, customer: Customer) -> Reason:
    """An account id is the same or it is not."""
    names = {str(customer.customer_id)}
    for reference in customer.references:
        names |= {reference.account_id, f"{reference.system}:{reference.account_id}"}
    if normal.value in names:
        return Reason(normal.kind, normal.value, normal.value, 100, "same account id")
    return Reason(normal.kind, normal.value, "", 0, "another account id")


def _compared(noun: str, score: int, own: Identifier) -> str:
    if score == 100:
        return f"same {noun}, {'verified' if own.verified else 'not verified'}"
    return f"{'similar' if score >= ALIKE else 'different'} {noun}"


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
