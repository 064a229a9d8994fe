"""Lines in an order of chance, in bounded memory: thrown into heaps at random, and each heap shuffled at the end."""

from pathlib import Path
from random import Random
from typing import Final

HEAP: Final = 200_000
"""Lines in a heap, about; as many are in memory when it is shuffled."""

KEPT: Final = 2_000
"""Lines of a heap that are in memory before they go to disk."""


class Pile:
    """The lines of one file to be. `expected` is about how many will come; more only take more memory."""

    def __init__(self, chance: Random, folder: Path, name: str, expected: int) -> None:
        self._chance = chance
        self._random = chance.random
        self._heaps: list[list[str]] = [[] for _ in range(1 + expected // HEAP)]
        self._spilled = [folder / f"{name}.{number}" for number in range(len(self._heaps))]
        self._kept = KEPT if len(self._heaps) > 1 else 2 * HEAP
        self.lines = 0

    def add(self, line: str) -> None:
        """Throw a line in."""
        self.lines += 1
        place = int(self._random() * len(self._heaps))
        heap = self._heaps[place]
        heap.append(line)
        if len(heap) >= self._kept:
            self._spill(place)

    def write(self, path: Path, header: str) -> None:
        """Write all lines under the header. The pile is empty then."""
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(header)
            for place, heap in enumerate(self._heaps):
                lines = [*self._spilled_lines(place), *heap]
                heap.clear()
                self._chance.shuffle(lines)
                file.writelines(lines)

    def _spill(self, place: int) -> None:
        with self._spilled[place].open("a", encoding="utf-8", newline="") as file:
            file.writelines(self._heaps[place])
        self._heaps[place].clear()

    def _spilled_lines(self, place: int) -> list[str]:
        if not self._spilled[place].exists():
            return []
        with self._spilled[place].open(encoding="utf-8", newline="") as file:
            return file.readlines()
