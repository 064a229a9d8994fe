"""`route-bucket` and `classify-balance`: where a target keeps each bucket, and what it is in the books."""

from collections.abc import Mapping
from typing import Any

from tillbridge.stack.settings import ClassifyBalance, RouteBucket
from tillbridge.stack.transforms.facts import Facts, Rejected, rejected


def routed(settings: RouteBucket, bucket: str) -> str | Rejected:
    """The target's word for a bucket."""
    word = settings.words.get(bucket)
    if word is None and settings.reject:
        return rejected(f"The map says of the bucket {bucket} no place where the target keeps it.")
    return bucket if word is None else word


def route_bucket(settings: RouteBucket, body: Mapping[str, Any], facts: Facts) -> Mapping[str, Any] | Rejected:
    """The credit's bucket in the target's word."""
    word = routed(settings, facts.bucket)
    return word if isinstance(word, Rejected) else {**body, "credit": {**body["credit"], "bucket": word}}


def classify(settings: ClassifyBalance, body: Mapping[str, Any], facts: Facts) -> Mapping[str, Any]:
    """The kind of balance under `balance_class`. It goes by the credit's own bucket: what a target calls the bucket
    changes nothing about what is owed."""
    return {**body, "balance_class": settings.classes[facts.bucket]}
