"""What a transformation knows besides the body, and what it says when it lets an event through not."""

from dataclasses import dataclass
from datetime import date
from typing import Final

MAPPING_REJECTED: Final = "mapping-rejected"
"""The code of every event that a map does not let through."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Of the event and its credit.

    `born_on` is the day the credit is of, in the retailer's zone: it decides on the rate. `change` is what the event
    did to the balance, in minor units. `bucket` is the credit's own, whatever a body calls it by now.
    """

    born_on: date
    change: int
    bucket: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The event cannot go over the hop. `sentence` is for a person."""

    code: str
    sentence: str


def rejected(sentence: str) -> Rejected:
    """An event that the map does not let through."""
    return Rejected(MAPPING_REJECTED, sentence)
