"""What each transformation of a hop makes of a body: the one place where the spec sheet meets the transformations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tillbridge.stack.example import Example
from tillbridge.stack.model import Hop
from tillbridge.stack.transforms import Facts, Rejected, steps, words_of


@dataclass(frozen=True, slots=True)
class Step:
    """One transformation carried out, with its settings in words. `after` is None where it does not let the event
    through, and `rejected` says why."""

    words: str
    after: Mapping[str, Any] | None
    rejected: str = ""


def steps_of(hop: Hop, example: Example) -> tuple[Step, ...]:
    """The hop's transformations on an event, in their order, up to one that does not let it through."""
    facts = Facts(example.born_on, example.change, example.bucket)
    return tuple(
        Step(words_of(transform), None, after.sentence)
        if isinstance(after, Rejected)
        else Step(words_of(transform), after)
        for transform, after in steps(hop, example.body, facts)
    )
