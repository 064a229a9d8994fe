"""What a transformation does, in words for a person."""

from collections.abc import Iterable

from tillbridge.stack.settings import (
    ClassifyBalance,
    ConvertCurrency,
    RenameFields,
    ResolveCustomer,
    Transform,
)


def words_of(transform: Transform) -> str:
    """`convert-currency: to USD, rounded down, rates from CAD and EUR`; one line."""
    match transform:
        case ResolveCustomer(system, reject):
            missing = "refused" if reject else "sent without a name"
            said = f"the customer's account in {system}; one without is {missing}"
        case ConvertCurrency(to, rounding, rates):
            known = f"rates from {_listed(sorted(rates))}" if rates else "no rates"
            said = f"to {to}, rounded {rounding.value}, {known}"
        case ClassifyBalance(classes):
            said = _pairs(classes.items())
        case RenameFields(names, drop):
            said = _pairs(names) + (f"{'; ' if names else ''}without {_listed(drop)}" if drop else "")
        case _:
            others = "any other is refused" if transform.reject else "any other as it is"
            said = "; ".join(part for part in (_pairs(transform.words.items()), others) if part)
    return f"{transform.name}: {said}" if said else transform.name


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{ours} as {theirs}" for ours, theirs in pairs)


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
