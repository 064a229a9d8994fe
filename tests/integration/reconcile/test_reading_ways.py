"""The quick way gives what the careful way gives, on any file; and what neither may be led astray by."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.reconcile.little_exports import duckdb
from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import AMOUNTS, COLUMNS, TIMES
from tillbridge.reconcile.sources import reading
from tillbridge.reconcile.sources.careful import take_text
from tillbridge.reconcile.sources.layout import Layout, canonical
from tillbridge.reconcile.sources.model import Loaded
from tillbridge.reconcile.sources.presets import PRESETS
from tillbridge.reconcile.sources.quick import regular, take_csv

EXAMPLES: Final = 40
AT_LEAST: Final = 4


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    with duckdb() as backend:
        yield backend


AMOUNT: Final = st.sampled_from(
    "0 5 5.0 5.00 5.000 5.001 05.10 12345678901.00 1,5 -1 .5 5. 1e3 +5 \uff11 \u0663 999999999999999 "
    "10000000000000.00".split()
)
MOMENT: Final = st.sampled_from(
    [
        "2026-11-05T10:27:10-05:00",
        "2026-11-05 10:27:10.123456Z",
        "2026-11-05T10:27:10.1234567Z",
        "2026-11-05T23:59:59+14:00",
        "2026-11-05T10:27:10+14:59",
        "2026-11-05T10:27:60Z",
        "2024-02-29T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "1970-01-01T00:00:00+14:00",
        "2199-12-31T23:59:59-14:00",
        "1969-12-31T23:59:59Z",
        "2026-11-05T10:27:10",
        "2026-11-05",
        "2026-11-05t10:27:10z",
        "2026-11-05T10:27:10-0500",
        "2026-11-05T10:27:10-00:00",
        "10:27",
    ]
)
WORD: Final = st.sampled_from(
    "USD usd JPY KWD CLF EUR XXX active ACTIVE Void posted error Error gift_card GIFT_CARD store_credit paid Promo "
    "6005-92 60/05 6.00592E+15 1E+5 kate+a@b.example ß \u017f \u0130 \u212a".split()
)
TEXT: Final = st.text(st.sampled_from("ab1 ,;\"\t\u00a0\u2003é\u00df😀.-+E'|"), max_size=6)
EVIL: Final = st.sampled_from(['"', '""', 'a"b', ' "a"', "\n", "a\r\nb", "\r", "\x00", "\x0b", "x" * 4001, "\ufeff"])
CELL: Final = st.one_of(st.just(""), AMOUNT, MOMENT, WORD, TEXT)


@st.composite
def files(draw: st.DrawFn, side: Side) -> bytes:
    """A file as exports are written, or nearly: most rows are good, some cells are anything."""
    columns = COLUMNS[side]
    rows = [draw(st.lists(_row(columns), max_size=6))][0]
    out = io.StringIO()
    writer = csv.writer(out, quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])))
    writer.writerow([draw(st.sampled_from([name, name.upper(), f" {name}"])) for name in columns])
    writer.writerows(rows)
    text = out.getvalue()
    end = draw(st.sampled_from(["\r\n", "\n", "\n", "\n", "\r\n", "\n\n", "\r"]))
    text = text.replace("\r\n", end)
    data = text.encode("utf-8", "surrogatepass")
    data = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + data
    # Spoiled as a whole are few: the quick way takes the others, and there the two are to be compared.
    cut = draw(st.sampled_from([False] * 7 + [True]))
    spliced = draw(st.sampled_from([b""] * 12 + [b'"', b"\n", b",", b"\xff", b",,,,\n", b"\x00"]))
    if cut:
        data = data[: len(data) - draw(st.integers(1, 40))]
    if spliced:
        place = draw(st.integers(0, len(data)))
        data = data[:place] + spliced + data[place:]
    return data


@st.composite
def _row(draw: st.DrawFn, columns: tuple[str, ...]) -> list[str]:
    row = [draw(_good(name)) for name in columns]
    for _ in range(draw(st.integers(0, 2))):
        row[draw(st.integers(0, len(columns) - 1))] = draw(CELL)
    if draw(st.integers(0, 30)) == 0:
        row[draw(st.integers(0, len(columns) - 1))] = draw(EVIL)
    if draw(st.integers(0, 30)) == 0:
        row = [draw(st.sampled_from(["", " "])) for _ in row]
    return row


def _good(name: str) -> st.SearchStrategy[str]:
    if name in TIMES:
        return st.sampled_from(["2026-11-05T10:27:10-05:00", "2026-11-05T10:27:10Z"])
    if name in AMOUNTS:
        return st.sampled_from(["5.00", "12", " 7.5"])
    special = {"currency": ["USD", "JPY"], "state": ["active"], "status": ["posted", "error"]}
    return st.sampled_from(special.get(name, ["a", "b 1", "60-05"]))


def both(side: Side, data: bytes, layout: Layout, folder: Path, con: Any) -> tuple[Any, Any] | None:
    """What the two ways say; None where the quick way leaves the file to the careful one."""
    path = folder / "side.csv"
    path.write_bytes(data)
    quick = take_csv(side, path, layout, folder / f"{side}.parquet", con)
    if quick is None:
        return None
    staged, rows = reading._with_doubtful(quick, side, path, layout, folder, con)
    loaded = Loaded(reading._said(side, path, rows, staged.tally), path, layout, staged)
    found = reading.table(loaded, con).order_by("row").to_pyarrow().to_pylist()
    careful = take_text(side, path, layout, folder / "careful.parquet")
    truth = [row for part in careful.typed for row in pq.read_table(part).to_pylist()]
    said = reading._said(side, path, len(truth), careful.tally)
    return (found, loaded.read), (truth, said)


@pytest.mark.parametrize("side", list(Side))
def test_both_ways_say_the_same(side: Side, tmp_path: Path, con: Any) -> None:
    quick = 0

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(files(side))
    def check(data: bytes) -> None:
        nonlocal quick
        told = both(side, data, canonical(side), tmp_path, con)
        if told:
            quick += 1
            assert told[0] == told[1]

    check()
    # Else the property would be one of nothing.
    assert quick >= AT_LEAST


def test_fixed_columns_and_other_names_take_the_quick_way(tmp_path: Path, con: Any) -> None:
    columns = {name: (name.upper(),) for name in COLUMNS[Side.STOREFRONT] if name not in ("currency", "phone")}
    layout = Layout(columns, fixed={"currency": "EUR"})
    data = b"Note,ACCOUNT_ID,EMAIL,LOYALTY_ID,CODE,AVAILABLE,UPDATED_AT\n\xff,A1,a,,1-2,5.5,\nx,,,,,,\ny,A2,,,,,\n"
    told = both(Side.STOREFRONT, data, layout, tmp_path, con)
    assert told
    assert told[0] == told[1]
    assert [(row["row"], row["available"], row["currency"], row["code"]) for row in told[0][0]] == [
        (2, 550, "EUR", "12"),
        (4, None, "EUR", ""),
    ]


@pytest.mark.parametrize(
    ("data", "ended"),
    [
        (b"a,b\n1,2\n", True),
        (b"a,b\n1,2", False),
        (b'a,b\r\n"1","x ""y"", z"\r\n\r\n', True),
        (b'a,b\n"","""a"""\n', True),
        (b'a,b\n1,x"y\n', None),
        (b'a,b\n1,"x"y\n', None),
        (b'a,b\n1, "x"\n', None),
        (b'a,b\n1,"x\ny"\n', None),
        (b'a,b\n1,"x\n', None),
        (b"a,b\n\n1,2\n", None),
        (b"a,b\r\n\r\n1,2\r\n", None),
        (b"a,b\r1,2\r", None),
        (b"a,b\n1,\x00\n", None),
    ],
)
@pytest.mark.parametrize("window", [1, 2, 3, 1 << 23])
def test_what_every_reader_of_csv_understands_alike(
    data: bytes, ended: bool | None, window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillbridge.reconcile.sources.quick._WINDOW", window)
    (tmp_path / "a.csv").write_bytes(data)
    assert regular(tmp_path / "a.csv", 0, b",") is ended


def test_decimal_commas_and_local_times_over_a_change_of_clocks(tmp_path: Path, con: Any) -> None:
    header = "Receipt;Location;Device;Staff;Date;Time;Item;Reason;Amount;Currency;Card Number;Customer Email;"
    header += "Customer Phone;Loyalty Number"
    rows = [
        "R1;1;1;op;25.10.2026;01:59:59;Gift Card;Sale;1.234,50;EUR;60 05;;;",
        "R2;1;1;op;25.10.2026;02:30;e-gift card;Return;12;EUR;2;;;",
        "R3;1;1;op;25.10.2026;03:00:00;Store Credit;Promotion;0,5;EUR;3;;;",
        "R4;1;1;op;29.03.2026;02:30:00;Gift Card;Sale;5,00;EUR;4;;;",
        "R5;1;1;op;29.03.2026;03:00:00;Gift Card;Sale;5.00;EUR;5;;;",
        "R6;1;1;op;29.03.2026;03:00:00;Gift Card;Müller;5,00;EUR;6;;;",
    ]
    (tmp_path / "till.csv").write_bytes("\r\n".join([header, *rows, ""]).encode("cp1252"))
    preset = PRESETS[Side.POS]["till-report"].layout
    layout = replace(
        preset, decimal=",", thousands=".", time_zone="Europe/Berlin", dates="dmy", encoding="cp1252", delimiter=";"
    )
    loaded = reading.read(Side.POS, tmp_path / "till.csv", layout, tmp_path, con)
    found = reading.table(loaded, con).order_by("row").to_pyarrow().to_pylist()
    assert [(row["transaction_id"], row["amount"], str(row["occurred_at"])) for row in found] == [
        ("R1", 123450, "2026-10-24 23:59:59+00:00"),
        ("R2", 1200, "2026-10-25 00:30:00+00:00"),
        ("R3", 50, "2026-10-25 02:00:00+00:00"),
        ("R6", 500, "2026-03-29 01:00:00+00:00"),
    ]
    assert [row["kind"] for row in found] == ["gift_card", "gift_card", "store_credit", "gift_card"]
    assert [row["bucket"] for row in found] == ["paid", "refund", "promo", "Müller"]
    assert [(bad.row, bad.field, bad.problem, bad.mend) for bad in loaded.read.bad] == [
        (
            5,
            "occurred_at",
            "29.03.2026 02:30:00 does not exist in Europe/Berlin: the clocks were put forward over it",
            "Export times with their offset from UTC.",
        ),
        (
            6,
            "amount",
            '"5.00" is not written with decimal = "," and thousands = "."',
            "Write all amounts of the file in one way, and say which in the mapping file.",
        ),
    ]
    assert loaded.read.remarks == (
        "1 times are of an hour that the clocks of Europe/Berlin showed twice: the first is taken.",
        "Its cells are separated by semicolons.",
        '1 rows have the bucket "Müller", which is none of paid, refund, goodwill, promo.',
    )
