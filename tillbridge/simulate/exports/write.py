"""Writing the exports: rows as they are made up, shuffled, and put in their place when all are whole."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from tillbridge.diagnose.model import Side
from tillbridge.simulate.exports.draft import Draft
from tillbridge.simulate.exports.hours import text_of
from tillbridge.simulate.exports.make import Maker, Order, Truth
from tillbridge.simulate.exports.pile import Pile
from tillbridge.simulate.exports.rows import HEADERS, TRUTH_HEADER, Rows, truth_line

MAP: Final = "stack.toml"
TRUTH: Final = "truth.csv"
FILES: Final = (*(f"{side}.csv" for side in Side), MAP, TRUTH)
"""What is written into the folder."""

_TOLD_EVERY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: rows by side, and how many differences there are of each class and cause."""

    rows: Mapping[Side, int]
    truth: Mapping[Truth, int]


def write_exports(order: Order, folder: Path, watch: Callable[[int], None] = lambda _: None) -> Written:
    """Write the exports, the map and the truth into a folder that is there; `watch` hears how many more credits were
    made. Files of these names are replaced, all at the end; nothing is left behind when it breaks off."""
    chance = Random(order.seed)
    maker = Maker(order, chance)
    with TemporaryDirectory(dir=folder, prefix=".simulate-") as name:
        draft = Path(name)
        side_by_side = _Sides(order, maker, draft, chance)
        with (draft / TRUTH).open("w", encoding="utf-8", newline="") as truths:
            truths.write(TRUTH_HEADER)
            truth = side_by_side.fill(truths.write, watch)
        rows = side_by_side.write()
        template = (Path(__file__).parent / MAP).read_text("utf-8")
        (draft / MAP).write_text(template.replace("{as_of}", text_of(order.as_of)), "utf-8")
        for file in FILES:
            shutil.move(draft / file, folder / file)
    return Written(rows, truth)


class _Sides:
    """The four files as they fill."""

    def __init__(self, order: Order, maker: Maker, folder: Path, chance: Random) -> None:
        self._maker = maker
        self._folder = folder
        self._rows = Rows(maker.world.people)
        self._piles = {side: Pile(chance, folder, side, order.credits + order.older) for side in Side}
        self._seen = bytearray(order.people + 1)

    def fill(self, tell_truth: Callable[[str], object], watch: Callable[[int], None]) -> Counter[Truth]:
        """Make up every credit, and throw in its rows."""
        told: Counter[Truth] = Counter()
        for made, (draft, truth) in enumerate(self._maker.credits(), start=1):
            self._add(draft)
            if truth is not None:
                tell_truth(truth_line(draft, truth))
                told[truth] += 1
            if made % _TOLD_EVERY == 0:
                watch(_TOLD_EVERY)
        for number in range(1, len(self._seen)):
            if not self._seen[number]:
                self._piles[Side.STOREFRONT].add(self._rows.account(number))
        return told

    def write(self) -> dict[Side, int]:
        """Write the four files; how many rows each has."""
        for side, pile in self._piles.items():
            pile.write(self._folder / f"{side}.csv", HEADERS[side])
        return {side: pile.lines for side, pile in self._piles.items()}

    def _add(self, draft: Draft) -> None:
        rows, piles = self._rows, self._piles
        if draft.rung:
            piles[Side.POS].add(rows.pos(draft))
        if draft.held:
            for line in rows.platform(draft):
                piles[Side.PLATFORM].add(line)
        if draft.booked_at is not None:
            piles[Side.ERP].add(rows.erp(draft, draft.booked_at))
        if draft.shown_at is not None:
            piles[Side.STOREFRONT].add(rows.storefront(draft, draft.shown_at))
            self._seen[draft.person] = 1
