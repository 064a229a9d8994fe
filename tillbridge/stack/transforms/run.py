"""A hop's transformations on one event, in the order in which the map lists them."""

from collections.abc import Iterator, Mapping
from typing import Any

from tillbridge.stack.model import Hop
from tillbridge.stack.settings import ClassifyBalance, ConvertCurrency, RenameFields, ResolveCustomer, Transform
from tillbridge.stack.transforms.bucket import classify, route_bucket
from tillbridge.stack.transforms.currency import convert
from tillbridge.stack.transforms.customer import resolve
from tillbridge.stack.transforms.facts import Facts, Rejected
from tillbridge.stack.transforms.rename import rename


def apply(hop: Hop, body: Mapping[str, Any], facts: Facts) -> Mapping[str, Any] | Rejected:
    """The body as the hop's target is sent it, or why it is not sent. The body given is left as it is."""
    for _, after in _walk(hop, body, facts):
        if isinstance(after, Rejected):
            return after
        body = after
    return body


def steps(
    hop: Hop, body: Mapping[str, Any], facts: Facts
) -> tuple[tuple[Transform, Mapping[str, Any] | Rejected], ...]:
    """Each transformation with the body behind it; the last may be why there is none."""
    return tuple(_walk(hop, body, facts))


def _walk(hop: Hop, body: Mapping[str, Any], facts: Facts) -> Iterator[tuple[Transform, Mapping[str, Any] | Rejected]]:
    for transform in hop.transform:
        after = _one(transform, body, facts)
        yield transform, after
        if isinstance(after, Rejected):
            return
        body = after


def _one(transform: Transform, body: Mapping[str, Any], facts: Facts) -> Mapping[str, Any] | Rejected:
    match transform:
        case ResolveCustomer():
            return resolve(transform, body)
        case ConvertCurrency():
            return convert(transform, body, facts)
        case ClassifyBalance():
            return classify(transform, body, facts)
        case RenameFields():
            return rename(transform, body)
    return route_bucket(transform, body, facts)
