"""What else is known of a person: name, address, birth date. It ranks candidates for a reviewer and never links.

One spelling for each, the keys by which somebody near is found among millions, and how alike two people are. Pure.
Many people share a name, and many a postcode; few share both. So each key joins two facts, and every fact stands in
several keys, so that a slip in one or two of them still leaves a key whole.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import combinations
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from tillbridge.identity.model import Particulars, Trait

TEXT_MAX: Final = 200
"""What is longer is cut: no name or street needs more."""

TOKENS_MAX: Final = 4
"""How many words of a name are looked at."""

HOME: Final = 85
"""From this likeness on two addresses are one home."""

GENERATIONS: Final[Mapping[str, str]] = {
    "jr": "jr",
    "jnr": "jr",
    "junior": "jr",
    "sr": "sr",
    "snr": "sr",
    "senior": "sr",
    "ii": "ii",
    "2nd": "ii",
    "iii": "iii",
    "3rd": "iii",
    "iv": "iv",
    "4th": "iv",
}
"""Words that tell parent and child of one name apart, in one spelling each."""

_NO_WORD: Final = re.compile(r"[^\w]+|_")
_SOUNDS: Final = str.maketrans("bfpvcgjkqsxzdtlmnrywh", "111122222222334556   ")
_VOWELS: Final = re.compile(r"[aeiou\s]+")


def particulars(name: str = "", street: str = "", place: str = "", postcode: str = "", born: str = "") -> Particulars:
    """Particulars in one spelling: small letters without accents and punctuation; a birth date as its eight digits,
    year first. What cannot be a birth date is left out; the rest is taken as it is."""
    digits = re.sub(r"\D", "", born)[:8]
    return Particulars(
        folded(name),
        folded(street),
        folded(place),
        folded(postcode).replace(" ", ""),
        digits if len(digits) == 8 else "",
    )


def folded(text: str) -> str:
    """Small letters and digits, words apart by one blank."""
    if text.isascii():
        plain = text[:TEXT_MAX].lower()
    else:
        decomposed = unicodedata.normalize("NFKD", text[:TEXT_MAX]).casefold()
        plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(_NO_WORD.sub(" ", plain).split())


@lru_cache(65_536)
def sound(word: str) -> str:
    """A word as it sounds, roughly: its first letter and the classes of the consonants after it, four signs at most."""
    classes = word[1:].translate(_SOUNDS)
    out = word[:1]
    for sign in _VOWELS.sub(" ", classes):
        if sign != " " and sign != out[-1:]:
            out += sign
    return out[:4]


def keys(one: Particulars) -> frozenset[str]:
    """The keys that somebody with these particulars is found by."""
    return frozenset(_keys(one))


def _keys(one: Particulars) -> Iterator[str]:
    names = sorted({sound(word) for word in one.name.split()[:TOKENS_MAX] if len(word) > 1})
    yield from (f"nn|{first}|{second}" for first, second in combinations(names, 2))
    words = one.street.split()
    number = next((word for word in words if word[0].isdigit()), "")
    road = next((sound(word) for word in words if word.isalpha() and len(word) > 2), "")
    place = sound(one.place.replace(" ", ""))
    facts = [
        (kind, fact)
        for kind, fact in (
            ("p", one.postcode),
            ("l", place),
            ("y", one.born[:6]),
            ("d", one.born[4:]),
            ("s", road),
        )
        if fact
    ]
    yield from (f"{kind}|{name}|{fact}" for name in names for kind, fact in facts)
    if one.born:
        yield from (f"b{kind}|{one.born}|{fact}" for kind, fact in facts if kind in "pl")
    if road:
        yield from (f"r{kind}|{number}|{road}|{fact}" for kind, fact in facts if kind in "pl" and number)


def likenesses(given: Particulars, held: Particulars) -> Iterator[tuple[Trait, int]]:
    """Each trait that was given beside the same of somebody, 0 to 100; -1 where they have none on file."""
    if given.name:
        yield Trait.NAME, _name_likeness(given.name, held.name) if held.name else -1
    here, there = _address(given), _address(held)
    if here:
        yield Trait.ADDRESS, _address_likeness(given, held) if there else -1
    if given.born:
        yield Trait.BIRTH, _birth_likeness(given.born, held.born) if held.born else -1


def shown(one: Particulars, trait: Trait) -> str:
    """A trait as a person reads it."""
    if trait is Trait.NAME:
        return one.name
    if trait is Trait.ADDRESS:
        return _address(one)
    return f"{one.born[:4]}-{one.born[4:6]}-{one.born[6:]}" if one.born else ""


def kin(one: Particulars, other: Particulars) -> bool:
    """Whether two look like one household: a name that sounds the same, or one address."""
    names, others = ({sound(word) for word in known.name.split() if len(word) > 1} for known in (one, other))
    same_home = bool(one.street and other.street) and _address_likeness(one, other) >= HOME
    return same_home or not names.isdisjoint(others)


def other_name(given: Particulars, held: Particulars) -> bool:
    """Whether the name that was given may be another one than that on file: each has a word that is none of the
    other's, or one of the two is a junior or senior. An initial, words turned round, or a part of the other is not
    another name. One letter makes one, as it does with Yara and Zara: a slip in a name costs a review.
    """
    some, others = given.name.split(), held.name.split()
    if not (some and others):
        return False
    (some, generation), (others, other_generation) = _generation(some), _generation(others)
    return generation != other_generation or (_left_over(some, others) and _left_over(others, some))


def sure_name(given: Particulars, held: Particulars) -> bool:
    """Whether two names agree in more than a family has in common: in the first word on file, or in two words. Initials
    agree with too many."""
    some, others = _generation(given.name.split())[0], _generation(held.name.split())[0]
    common = {word for word in some if len(word) > 1}.intersection(others)
    return bool(common) and (len(common) > 1 or others[0] in common)


def other_birth(given: Particulars, held: Particulars) -> bool:
    """Whether a birth date was given that is not the one on file. Day and month the wrong way round are the same."""
    if not (given.born and held.born) or given.born == held.born:
        return False
    return given.born != held.born[:4] + held.born[6:] + held.born[4:6]


def _generation(words: list[str]) -> tuple[list[str], frozenset[str]]:
    """The words of a name without those that tell parent and child apart, and those. The first word is never one: a
    Spanish Sr. stands there."""
    told = frozenset(GENERATIONS[word] for word in words[1:] if word in GENERATIONS)
    return [word for place, word in enumerate(words) if place == 0 or word not in GENERATIONS], told


def _left_over(some: list[str], others: list[str]) -> bool:
    """Whether one of the words is none of the others."""
    return any(not any(_one_word(word, other) for other in others) for word in some)


def _one_word(one: str, other: str) -> bool:
    if len(one) == 1 or len(other) == 1:
        return one[0] == other[0]
    return one == other


def _address(one: Particulars) -> str:
    return f"{one.street} {one.place} {one.postcode}".strip()


def _name_likeness(one: str, other: str) -> int:
    """Names, whatever the order of their words."""
    if one == other:
        return 100
    straight = fuzz.token_sort_ratio(one, other)
    # A name that was left out is no other name: what is there decides, but never as much as both.
    part = fuzz.token_set_ratio(one, other) - 12
    run = fuzz.ratio(one.replace(" ", ""), other.replace(" ", ""))
    return min(99, max(0, round(max(straight, part, run))))


def _address_likeness(one: Particulars, other: Particulars) -> int:
    """Street, place and postcode, of those that both have."""
    if one.street == other.street and one.place == other.place and one.postcode == other.postcode:
        return 100
    parts: list[tuple[float, int]] = []
    if one.street and other.street:
        parts.append((fuzz.token_sort_ratio(one.street, other.street), 3))
    if one.place and other.place:
        parts.append((fuzz.ratio(one.place.replace(" ", ""), other.place.replace(" ", "")), 2))
    if one.postcode and other.postcode:
        parts.append((100 * Levenshtein.normalized_similarity(one.postcode, other.postcode), 2))
    if not parts:
        return 0
    return min(99, round(sum(score * weight for score, weight in parts) / sum(weight for _, weight in parts)))


def _birth_likeness(one: str, other: str) -> int:
    """Birth dates, digit by digit; day and month the wrong way round are nearly the same."""
    if one == other:
        return 100
    if one[:4] == other[:4] and one[4:6] == other[6:] and one[6:] == other[4:6]:
        return 95
    return min(99, round(100 * Levenshtein.normalized_similarity(one, other)))
