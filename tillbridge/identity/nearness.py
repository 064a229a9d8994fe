"""How near somebody is to what was given: the keys that find candidates, and the score that ranks them. Pure.

A person who reviews wants to see whom the clerk may have meant. Comparing with everybody is out of the question, so
each account carries a few plain keys, and only those who share one with the request are compared. The keys of its
particulars are in `particulars.py`; an identifier has up to four:

- `head`, `tail` and `ends`: it without its last, first and middle third, each with the domain. One slip of the finger
  spoils one third, and what is left is long enough to be rare.
- `stem`: the letters of an e-mail's local part, for the same name at another domain or with another number.

A key is kept as a number of 32 bits: two that clash cost a comparison and nothing else.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from rapidfuzz import fuzz

from tillbridge.identity import particulars
from tillbridge.identity.model import (
    NOUNS,
    Candidate,
    Customer,
    Heard,
    Identifier,
    Kind,
    Normal,
    Particulars,
    Reason,
    Trait,
)

LENGTH_MIN: Final = 3
"""What is shorter has no thirds."""

MENDED_MAX: Final = 40
"""What is longer is not mended letter by letter: it would cost a look-up for each."""

STEM_LETTERS_MIN: Final = 5
"""A shorter stem names too many people to be of use."""

ALIKE: Final = 80
"""From this score on a field is called similar; below it, different."""

BLANK: Final = 45
"""What a field counts that was given and that somebody has nothing of on file: it tells little either way."""

WEIGHT: Final[Mapping[Kind | Trait, int]] = {
    Kind.ACCOUNT: 6,
    Kind.LOYALTY: 5,
    Kind.EMAIL: 5,
    Kind.PHONE: 5,
    Trait.NAME: 4,
    Trait.ADDRESS: 4,
    Trait.BIRTH: 3,
}
"""How much a field counts. Families share phones and addresses, hardly ever a name and a birth date."""


def block_keys(identifiers: Iterable[Identifier], known: Particulars) -> frozenset[int]:
    """All keys that an account carries, as they are kept."""
    texts = [f"{one.kind}|{key}" for one in identifiers for key in blocks(one.kind, one.value)]
    return frozenset(map(_number, (*texts, *particulars.keys(known))))


def request_keys(heard: Heard) -> frozenset[int]:
    """All keys to look for, as they are kept."""
    texts = [f"{normal.kind}|{key}" for normal in heard.usable for key in probes(normal)]
    return frozenset(map(_number, (*texts, *particulars.keys(heard.particulars))))


def blocks(kind: Kind, value: str) -> frozenset[str]:
    """The keys that a stored identifier carries."""
    body, scope = _parts(kind, value)
    stem = frozenset(f"stem|{letters}" for letters in [_stem(kind, body)] if letters)
    if len(body) < LENGTH_MIN:
        return stem
    cut = len(body) // 3
    thirds = (f"head|{body[:-cut]}{scope}", f"tail|{body[cut:]}{scope}", f"ends|{body[:cut]}|{body[-cut:]}{scope}")
    return stem.union(thirds)


def probes(normal: Normal) -> frozenset[str]:
    """The keys to look for when `normal` may have been mistyped: a letter too many, too few, wrong or in its
    neighbour's place. An account id has none: it is copied, not spelled."""
    if normal.kind is Kind.ACCOUNT:
        return frozenset()
    body, scope = _parts(normal.kind, normal.value)
    stem = [f"stem|{letters}" for letters in [_stem(normal.kind, body)] if letters]
    return frozenset((*(f"{left}{scope}" for left in _left_whole(body)), *stem))


def mended(normal: Normal) -> frozenset[str]:
    """The values that `normal` may have been before a letter too many was typed, or two changed places: they are looked
    up as they are, so that such a slip is found however many share its thirds."""
    if normal.kind is Kind.ACCOUNT:
        return frozenset()
    body, scope = _parts(normal.kind, normal.value)
    return frozenset(_joined(normal.kind, other, scope) for other in _mended(body))


def candidate(heard: Heard, customer: Customer) -> Candidate:
    """The customer beside what was given, field by field. The score is the mean of the fields by their weight."""
    reasons = (*(_reason(normal, customer) for normal in heard.usable), *_trait_reasons(heard.particulars, customer))
    weight = sum(WEIGHT[reason.kind] for reason in reasons)
    counted = sum(WEIGHT[reason.kind] * (reason.score if _compared_with(reason) else BLANK) for reason in reasons)
    known = any(map(_compared_with, reasons))
    return Candidate(customer.customer_id, customer.references, round(counted / weight) if known else 0, reasons)


def likeness(kind: Kind, one: str, other: str) -> int:
    """How alike two values are, 0 to 100; 100 only for the same value."""
    if one == other:
        return 100
    (body, scope), (other_body, other_scope) = _parts(kind, one), _parts(kind, other)
    ratio = fuzz.ratio(body, other_body)
    if scope or other_scope:
        # Everybody at a large provider shares the domain, so it weighs little.
        ratio = 0.8 * ratio + 0.2 * fuzz.ratio(scope, other_scope)
    return min(99, round(ratio))


def _number(key: str) -> int:
    """A key as it is kept: 32 bits with a sign, as the database has them."""
    return zlib.crc32(key.encode()) - 0x8000_0000


def _compared_with(reason: Reason) -> bool:
    """Whether there was something to compare with. Another account id is an answer, and no blank."""
    return bool(reason.held) or reason.kind is Kind.ACCOUNT


def _left_whole(body: str) -> Iterator[str]:
    """What one slip leaves whole of a stored body that is one shorter, as long, or one longer."""
    for length in range(max(LENGTH_MIN, len(body) - 1), len(body) + 2):
        cut = length // 3
        yield f"head|{body[: length - cut]}"
        yield f"tail|{body[cut - length :]}"
        yield f"ends|{body[:cut]}|{body[-cut:]}"


def _mended(body: str) -> Iterator[str]:
    """The body with one letter taken out, or two neighbours put back."""
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
    sentence = _compared(noun, score)
    if score == 100:
        sentence += ", verified" if own.verified else ", not verified"
    return Reason(normal.kind, normal.value, own.value, score, sentence)


def _account_reason(normal: Normal, customer: Customer) -> Reason:
    """An account id is the same or it is not."""
    names = {str(customer.customer_id)}
    for reference in customer.references:
        names |= {reference.account_id, f"{reference.system}:{reference.account_id}"}
    if normal.value in names:
        return Reason(normal.kind, normal.value, normal.value, 100, "same account id")
    return Reason(normal.kind, normal.value, "", 0, "another account id")


def _trait_reasons(given: Particulars, customer: Customer) -> Iterator[Reason]:
    """Name, address and birth date beside those of the account that fits best."""
    if not given:
        return
    on_file = customer.particulars or (Particulars(),)
    compared = [(list(particulars.likenesses(given, held)), held) for held in on_file]
    best, held = max(compared, key=lambda pair: sum(WEIGHT[trait] * score for trait, score in pair[0]))
    for trait, score in best:
        mine, theirs = particulars.shown(given, trait), particulars.shown(held, trait)
        if score < 0:
            yield Reason(trait, mine, "", 0, f"no {NOUNS[trait]} on file")
        else:
            yield Reason(trait, mine, theirs, score, _compared(NOUNS[trait], score))


def _compared(noun: str, score: int) -> str:
    if score == 100:
        return f"same {noun}"
    return f"{'similar' if score >= ALIKE else 'different'} {noun}"
