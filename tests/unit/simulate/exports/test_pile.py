"""Lines in an order of chance, most of them on disk until the end."""

from pathlib import Path
from random import Random

import pytest

from tillbridge.simulate.exports import pile
from tillbridge.simulate.exports.pile import Pile


@pytest.mark.parametrize("expected", [0, 50, 1_000])
def test_every_line_is_written_once(expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pile, "HEAP", 100)
    monkeypatch.setattr(pile, "KEPT", 7)
    heap = Pile(Random(1), tmp_path, "side", expected)
    lines = [f"{number}\n" for number in range(1_000)]
    for line in lines:
        heap.add(line)
    heap.write(tmp_path / "out", "header\n")
    header, *read = (tmp_path / "out").read_text("utf-8").splitlines(keepends=True)
    assert (header, heap.lines) == ("header\n", 1_000)
    assert sorted(read) == sorted(lines)
    assert read != lines


def test_no_place_is_likelier_than_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first line comes out, over many piles: every quarter about as often."""
    monkeypatch.setattr(pile, "HEAP", 10)
    monkeypatch.setattr(pile, "KEPT", 3)
    chance, quarters = Random(2), [0, 0, 0, 0]
    for run in range(200):
        heap = Pile(chance, tmp_path, f"run{run}", 40)
        for number in range(40):
            heap.add(f"{number}\n")
        heap.write(tmp_path / "out", "")
        quarters[(tmp_path / "out").read_text("utf-8").split().index("0") // 10] += 1
    assert min(quarters) > 30, quarters
