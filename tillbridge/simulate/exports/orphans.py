"""What keeps a credit from the web store: one function for each way, striking a draft that nothing is wrong with.

Whoever strikes also takes it off the web store; what the cause needs in the other systems is done here, no more.
"""

from typing import Final

from tillbridge.simulate.exports.clerks import type_amiss, type_elsewhere, type_family, type_nothing, type_two
from tillbridge.simulate.exports.draft import Draft, Typed, World

LOCKS: Final = (
    "deadlock detected",
    "hard lock on GL 2110",
    "period locked",
    "schema: field balance_type unknown",
)
"""What the books say when they take nothing."""

_AMOUNT_MAX: Final = 500_00
_UNFIT_SHARE: Final = 0.25
_RECORDED_SHARE: Final = 0.4


def no_customer(draft: Draft, world: World) -> None:
    """The clerk typed nothing of use. Some of these credits would not be taken by the web store either."""
    _unknown(draft, type_nothing(world.chance, world.people.person(draft.person)))
    _perhaps_unfit(draft, world)


def mistyped(draft: Draft, world: World) -> None:
    """The e-mail has a typing error."""
    _unknown(draft, type_amiss(world.chance, world.people.person(draft.person), world.people))
    _perhaps_unfit(draft, world)


def elsewhere(draft: Draft, world: World) -> None:
    """The customer has no account by what they gave."""
    _unknown(draft, type_elsewhere(world.chance))


def two_people(draft: Draft, world: World) -> None:
    """What the customer gave points to two accounts."""
    chance, people = world.chance, world.people
    family = people.family_near(draft.person) if chance.random() < 0.2 else None
    if family is not None:
        draft.person = family
        _unknown(draft, type_family(chance, people.person(family)))
        return
    _unknown(draft, type_two(chance, people.person(draft.person), people.other(chance, draft.person)))


def promo(draft: Draft, world: World) -> None:
    """The web store takes no credit of this bucket."""
    draft.kind, draft.bucket = "store_credit", "promo"
    _refused(draft, world, "bucket promo not mapped")


def foreign(draft: Draft, world: World) -> None:
    """The web store takes no credit in this currency."""
    draft.currency = "CAD"
    _refused(draft, world, "currency CAD not accepted")


def too_much(draft: Draft, world: World) -> None:
    """The web store takes no credit of this amount."""
    cents = _AMOUNT_MAX + 1 + int(world.chance.random() * _AMOUNT_MAX * 0.8)
    draft.amount = draft.issued = draft.balance = draft.booked = cents
    _refused(draft, world, f"amount {cents // 100}.{cents % 100:02} not accepted")


def unmapped(draft: Draft, world: World) -> None:
    """The web store would take it, but the books have no account for its bucket."""
    del world
    draft.kind, draft.bucket = "store_credit", "goodwill"
    draft.hide()
    draft.error = "bucket goodwill not mapped"


def locked(draft: Draft, world: World) -> None:
    """The books refused it, so that the web store never heard of it."""
    draft.hide()
    draft.error = world.chance.choice(LOCKS)


def unbooked(draft: Draft, world: World) -> None:
    """The books never had it, long past their time, so that the web store never heard of it."""
    del world
    draft.hide()
    draft.booked_at = None


def lost(draft: Draft, world: World) -> None:
    """The books have it; the way from them to the web store lost it."""
    del world
    draft.hide()


def never_held(draft: Draft, world: World) -> None:
    """The register issued it, and the platform never had it."""
    del world
    draft.held = False
    draft.hide()
    draft.booked_at = None


def _unknown(draft: Draft, typed: Typed) -> None:
    draft.typed, draft.resolved = typed, False
    draft.hide()


def _perhaps_unfit(draft: Draft, world: World) -> None:
    """An earlier cause hides a later one: what has no customer may be of no use to the web store as well."""
    if world.chance.random() < _UNFIT_SHARE:
        world.chance.choice((promo, foreign, too_much))(draft, world)


def _refused(draft: Draft, world: World, error: str) -> None:
    draft.hide()
    if draft.booked_at is not None and world.chance.random() < _RECORDED_SHARE:
        draft.error = error
