"""Rows of files and feeds as values: what is read, what is kept, and what a file is called where it is put away."""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.integration.intake.parts import a_map, as_csv, folder_source, sale_row
from tillbridge.checkpoint.intake.model import BadRow, Row
from tillbridge.checkpoint.intake.names import is_meant, other_names
from tillbridge.checkpoint.intake.pages import Walk, walk_of
from tillbridge.checkpoint.intake.rows import sale_of
from tillbridge.checkpoint.intake.table import kept, print_of, read
from tillbridge.connectors import pos_csv
from tillbridge.kernel.errors import BadInput
from tillbridge.stack.model import Source


def source_of(**more: str) -> Source:
    return a_map(folder_source(Path("drop"), **more)).sources()["registers"]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n\x00", exclude_categories=["Cs"])), min_size=13))
def test_any_cells_come_back_as_they_were_written(cells: list[str]) -> None:
    row = dict(zip(sale_row(1), (cell.strip() for cell in cells), strict=False))
    lines = as_csv([row]).split("\r\n")
    if any(len(line.splitlines()) > 1 for line in lines):
        return  # what other readers would take for the end of a line
    came = list(read(lines, source_of()))
    assert [one.cells if isinstance(one, Row) else one for one in came] == ([row] if any(row.values()) else [])


def test_the_key_is_that_of_a_replay() -> None:
    for at in ("2026-11-21T14:02:11-05:00", "2026-11-21 19:02:11+00:00", "2026-11-21T19:02:11.5Z"):
        row = sale_row(1, occurred_at=at)
        (replayed,) = pos_csv.read(as_csv([row]).splitlines())
        (fetched,) = read(as_csv([row]).splitlines(), source_of())
        assert isinstance(replayed, pos_csv.PosRow)
        assert isinstance(fetched, Row)
        assert sale_of(fetched.cells, source_of(), "registers").key == replayed.key


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-11-21 14:02:11 -0500", "", datetime(2026, 11, 21, 19, 2, 11, tzinfo=UTC)),
        ("2026-11-21 14:02:11", "America/New_York", datetime(2026, 11, 21, 19, 2, 11, tzinfo=UTC)),
        ("2026-11-01 01:30:00", "America/New_York", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("2026-03-08 02:30:00", "America/New_York", None),
        ("2026-11-21 14:02:11", "", None),
        ("11/21/2026", "America/New_York", None),
        ("9999-12-31T23:59:59-12:00", "", None),
    ],
)
def test_times_are_read_in_the_zone_of_the_source(text: str, zone: str, moment: datetime | None) -> None:
    source = source_of(**({"time_zone": f'"{zone}"'} if zone else {}))
    cells = sale_row(1, occurred_at=text)
    if moment is None:
        with pytest.raises(BadInput, match="occurred_at"):
            sale_of(cells, source, "registers")
    else:
        assert sale_of(cells, source, "registers").occurred_at == moment


@given(st.dictionaries(st.text(), st.text() | st.none() | st.integers() | st.lists(st.text())))
@example({"": "\\u0000", "\x00": "\\\x00"})
def test_whatever_is_kept_can_be_kept_by_the_database(raw: dict[str, object]) -> None:
    text = str(kept(raw))
    assert "\x00" not in text
    text.encode()
    assert print_of(raw) == print_of(dict(reversed(raw.items())))


def test_a_row_that_is_too_long_is_cut() -> None:
    assert len(str(kept({"a": "x" * 100_000}))) < 20_000


@given(st.binary(max_size=400))
def test_no_bytes_are_more_than_bad_rows(junk: bytes) -> None:
    header = as_csv([]).encode()
    lines = (header + junk).decode("utf-8", "surrogateescape").split("\n")
    for row in read(lines, source_of()):
        assert isinstance(row, Row | BadRow)
        assert kept(row.raw)


def test_names() -> None:
    assert list(islice(other_names("pos.csv"), 3)) == ["pos.csv", "pos-2.csv", "pos-3.csv"]
    assert list(islice(other_names(".pos"), 2)) == [".pos", ".pos-2"]
    assert is_meant("pos.csv", "*.csv", "")
    for name in (".pos.csv", "~pos.csv", "pos.csv.part", "pos.csv.TMP", "pos.txt", "a/pos.csv"):
        assert not is_meant(name, "*", "") or name == "pos.txt"
    assert not is_meant("pos.csv.done", "*", ".done")


def test_a_cursor_moves_at_the_end_of_a_walk_and_never_back() -> None:
    early, late = (datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2))
    walk = Walk("f", late)
    walk = walk.onward("p2", early)
    assert walk == Walk("f", late, "p2", early)
    assert walk_of(walk.kept(), "f") == walk
    assert walk.onward("", early) == Walk("f", late)
    assert Walk("f", early).onward("", late) == Walk("f", late)
    assert Walk("f").onward("", None) == Walk("f")
    assert walk_of({}, "f") == Walk("f")
    assert walk_of(walk.kept(), "another") == Walk("another")
