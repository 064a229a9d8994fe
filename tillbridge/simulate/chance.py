"""All chance of one server comes from its seed, and does not depend on the order in which requests happen to arrive.

One generator drawn from by concurrent requests would give another run each time: who comes first decides who is hit.
So each request gets a generator of its own, made from the seed, the server's name, what the request is about, and how
often that has been asked before.
"""

from collections import Counter
from random import Random


class Chance:
    """Hands out generators for one server."""

    def __init__(self, seed: int, name: str) -> None:
        self._root = f"{seed}:{name}"
        self._asked: Counter[str] = Counter()

    def about(self, subject: str) -> Random:
        """The generator for the next time something happens to `subject` (a transaction, a key)."""
        self._asked[subject] += 1
        return Random(f"{self._root}:{subject}:{self._asked[subject]}")
