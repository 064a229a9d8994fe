"""The mapping file: what it says, and what is refused with file, line and mend."""

from pathlib import Path

import pytest

from tillbridge.diagnose.model import Side
from tillbridge.kernel.errors import StackFault
from tillbridge.reconcile.columns import COLUMNS, NEEDED
from tillbridge.reconcile.sources.layout import canonical
from tillbridge.reconcile.sources.mapping import parse_mapping, read_mapping
from tillbridge.reconcile.sources.presets import CANONICAL, PRESETS

GERMAN = """
[pos]
preset = "till-report"
columns = {email = [], occurred_at = ["Datum", "Zeit"]}
fixed = {currency = "EUR"}
values = {bucket = {Verkauf = "paid"}}
delimiter = "tab"
encoding = "cp1252"
decimal = ","
thousands = " "
time_zone = "Europe/Berlin"
dates = "dmy"
sheet = "November"

[erp]
columns = {error = []}
"""


def test_a_mapping_goes_before_its_preset() -> None:
    mapping = parse_mapping(GERMAN, "m.toml")
    assert set(mapping) == {Side.POS, Side.ERP}
    pos = mapping[Side.POS]
    assert pos.columns["occurred_at"] == ("Datum", "Zeit")
    assert pos.columns["amount"] == ("Amount",)
    assert "email" not in pos.columns
    assert "currency" not in pos.columns
    assert pos.fixed == {"currency": "EUR"}
    assert pos.values["bucket"] == {"verkauf": "paid"}
    assert pos.values["kind"]["gift card"] == "gift_card"
    assert (pos.delimiter, pos.encoding, pos.decimal, pos.thousands) == ("\t", "cp1252", ",", " ")
    assert (pos.time_zone, pos.dates, pos.sheet) == ("Europe/Berlin", "dmy", "November")
    assert not pos.plain
    assert mapping[Side.ERP].plain
    assert "error" not in mapping[Side.ERP].columns


def test_an_empty_table_is_the_canonical_export() -> None:
    assert parse_mapping("[storefront]\n", "m.toml") == {Side.STOREFRONT: canonical(Side.STOREFRONT)}


@pytest.mark.parametrize(
    ("text", "line", "problem", "mend"),
    [
        ("[pso]\n", 1, '"pso" is no side of a reconciliation', 'Did you mean "pos"?'),
        ("\n[pos]\ndelimeter = ';'\n", 3, '"delimeter" is no key of [pos]', 'Did you mean "delimiter"?'),
        ("pos = 3\n", 1, '"pos" of the map must be a table, and is a whole number', "Write it as a table."),
        ("[pos]\ncolumns = {amuont = 'x'}\n", 2, '"amuont" is no column of pos', 'Did you mean "amount"?'),
        ("[erp.fixed]\nstore = 'x'\n", 2, '"store" is no column of erp', "Use "),
        ("[erp.values.state]\nx = 'y'\n", 1, '"state" is no column of erp', 'Did you mean "status"?'),
        ("[pos]\npreset = 'journal'\n", 2, '"journal" is not known as a "preset" of [pos]', "Use "),
        (
            "[pos]\nfixed = {currency = 'EUR'}\ncolumns = {currency = 'C'}\n",
            3,
            '"currency" is fixed, and has a column as well',
            "Leave one of them out.",
        ),
        (
            "[pos]\ncolumns = {amount = []}\n",
            2,
            'every row needs "amount", and nothing says where it is',
            "Name their column under columns, or write it into fixed.",
        ),
        ("[pos]\ncolumns = {email = ['']}\n", 2, 'a column for "email" is blank', "Name it, or write [] if"),
        ("[pos]\ncolumns = {email = 3}\n", 2, '"email" of [pos.columns] must be a list of texts', "Write it as"),
        ("[pos]\ndelimiter = '::'\n", 2, '"::" is not known as a "delimiter" of [pos]', "Use "),
        ("[pos]\ntime_zone = 'Europe/Berln'\n", 2, '"Europe/Berln" is not known', 'Did you mean "Europe/Berlin"?'),
        ("[pos]\nencoding = 'latin'\n", 2, '"latin" is not known as a "encoding" of [pos]', ""),
        ("[pos]\ndecimal = ';'\n", 2, '";" is not known as a "decimal" of [pos]', 'Use "." or ",".'),
        ("[pos]\nthousands = '_'\n", 2, '"thousands" is none that is known', "Use "),
        ("[pos]\nthousands = '.'\n", 2, '"thousands" and the decimals are both separated by "."', "Say which"),
        ("[pos]\ndates = 'iso'\n", 2, '"iso" is not known as a "dates" of [pos]', "Use "),
        ("[pos]\npreset = \n", 2, "this is not TOML (Invalid value)", "Mend the line"),
        ("[pos\n", 1, "this is not TOML", "Mend the line"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, problem: str, mend: str) -> None:
    with pytest.raises(StackFault) as caught:
        parse_mapping(text, "m.toml")
    assert (caught.value.file, caught.value.line) == ("m.toml", line)
    assert problem in caught.value.problem
    assert mend in caught.value.mend


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StackFault, match=r"there is no such file\. Look at how"):
        read_mapping(tmp_path / "m.toml")
    with pytest.raises(StackFault, match="the file cannot be read"):
        read_mapping(tmp_path)
    (tmp_path / "m.toml").write_bytes("\n[pos]\n# é".encode("latin-1"))
    with pytest.raises(StackFault, match="the file is not in UTF-8") as caught:
        read_mapping(tmp_path / "m.toml")
    assert caught.value.line == 3
    (tmp_path / "m.toml").write_text("[erp]\n", encoding="utf-8-sig")
    assert read_mapping(tmp_path / "m.toml") == {Side.ERP: canonical(Side.ERP)}


@pytest.mark.parametrize("side", list(Side))
def test_presets_read_what_a_row_needs(side: Side) -> None:
    assert next(iter(PRESETS[side])) == CANONICAL
    for preset in PRESETS[side].values():
        given = {*preset.layout.columns, *preset.layout.fixed}
        assert NEEDED[side] <= given <= set(COLUMNS[side])
        assert all(word == word.casefold() for words in preset.layout.values.values() for word in words)
        assert preset.sentence
