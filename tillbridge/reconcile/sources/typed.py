"""The quick way in columns: the same expressions for CSV and Parquet, on DuckDB and on Spark.

They know one narrow spelling of everything, which is how a system writes it. A row that is spelled so all through is
`plain`, and its values are those that the careful way would give. Of every other row nothing is claimed: the careful
way reads it.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, reduce
from operator import and_
from typing import Final

import ibis
import ibis.expr.datatypes as dt
from ibis.expr.types import BooleanValue, IntegerValue, StringValue, Table, Value

from tillbridge.diagnose.model import Side
from tillbridge.kernel.money import exponents
from tillbridge.reconcile.columns import AMOUNTS, COLUMNS, NEEDED, SCHEMAS, TIMES
from tillbridge.reconcile.sources.layout import Layout
from tillbridge.reconcile.sources.model import LONGEST
from tillbridge.reconcile.sources.words import CLOSED, IDS, USUAL

PLAIN: Final = "plain"
BLANK: Final = "blank"
RAW: Final = "raw_"
"""What stands before our column for its text as it came."""

_ODD: Final = r"[\x00\t\n\x0b\x0c\r]"
_SAID: Final = r"[^ ]"
_CODE: Final = r"^[0-9A-Za-z -]*$"
_AMOUNT: Final = r"^[0-9]{1,10}(\.[0-9]{1,4})?$"
_MOMENT: Final = (
    r"^(19[7-9][0-9]|2[01][0-9][0-9])-[0-1][0-9]-[0-3][0-9][T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"
)
_UTC: Final = dt.Timestamp(timezone="UTC", scale=6)
_NARROW: Final = dt.Decimal(14, 4)
_WHOLE: Final = dt.Decimal(18, 4)
_WIDE: Final = dt.Decimal(38, 9)
_POWERS: Final = (1, 10, 100, 1000)


@cache
def schema_of(side: Side) -> ibis.Schema:
    """The typed columns of a side, as Ibis says it."""
    return ibis.Schema.from_pyarrow(SCHEMAS[side])


def columns_of(table: Table, side: Side, layout: Layout) -> Mapping[str, Value]:
    """What stands for each of our columns in a table that has theirs under our names; blank where they have none."""
    given = {name: table[name] for name in COLUMNS[side] if name in table.columns}
    blank = ibis.literal("")
    return {
        name: ibis.literal(layout.fixed[name]) if name in layout.fixed else given.get(name, blank)
        for name in COLUMNS[side]
    }


def typed(table: Table, side: Side, layout: Layout) -> Table:
    """The rows with their values, `plain`, `blank` (it says nothing at all), and what was read as `raw_` columns.

    `table` has `row` and columns under our names: texts, and in a Parquet file whole numbers, decimals and moments.
    """
    raw = columns_of(table, side, layout)
    read = [name for name in COLUMNS[side] if name in table.columns and name not in layout.fixed]
    texts = {name: _text(value) for name, value in raw.items() if isinstance(value, StringValue)}
    texts_read = [name for name in read if name in texts]
    cleaned = table.select(
        row=table.row.cast("int64"),
        **{name: texts.get(name, value) for name, value in raw.items()},
        **{f"{RAW}{name}": raw[name] for name in read},
    )
    return _valued(_prepared(cleaned, texts_read), side, read)


def _text(value: StringValue) -> StringValue:
    # Hardly a cell needs it. Other space than blanks makes a row doubtful anyway; Ibis' own strip() is not used, as on
    # Spark it takes the letters f and v for spaces.
    value = value.fill_null("")
    return (value.startswith(" ") | value.endswith(" ")).ifelse(value.re_replace("^ +| +$", ""), value)


def _prepared(table: Table, read: Sequence[str]) -> Table:
    """Codes and currencies as they are compared; whole numbers as texts where texts are expected."""
    texts = {
        name: table[name].cast("string").fill_null("")
        for name in table.columns
        if name not in TIMES | AMOUNTS | {"row"} and not name.startswith(RAW) and not table[name].type().is_string()
    }
    table = table.mutate(**texts) if texts else table
    code, currency = table.code, table.currency.upper()
    # What several expressions need is a column of its own, so that it is worked out once.
    table = table.mutate(
        currency=currency,
        decimals=_decimals(currency),
        code_plain=code.re_search(_CODE),
        code=code.upper().replace(" ", "").replace("-", ""),
        whole=ibis.literal("").join([table[f"{RAW}{name}"] for name in read]),
    )
    whole = table.whole
    return table.mutate(
        said=whole.re_search(_SAID),
        orderly=(whole.length() <= LONGEST) & ~whole.re_search(_ODD),
        **{
            f"power_{name}": _power(table.decimals - _after_point(table[name])) for name in AMOUNTS & set(table.columns)
        },
    )


def _after_point(value: Value) -> IntegerValue:
    """How many digits stand behind the point of a text; none of a number."""
    if not isinstance(value, StringValue):
        return ibis.literal(0)
    return ibis.greatest(value.length() - value.concat(".").find(".") - 1, 0)


def _valued(table: Table, side: Side, read: Sequence[str]) -> Table:
    values: dict[str, Value] = {}
    plain: list[BooleanValue] = [table.code_plain, table.currency.isin(sorted(exponents())) | (table.currency == "")]
    for name in COLUMNS[side]:
        value, sure = _value(table, name)
        values[name] = value
        plain += sure
    plain += _rules(table, values, side)
    numbers = [raw for name in read if not (raw := table[f"{RAW}{name}"]).type().is_string()]
    plain.append(table.orderly)
    blank = reduce(and_, (raw.isnull() for raw in numbers), ~table.said)
    kept = {f"{RAW}{name}": table[f"{RAW}{name}"] for name in read}
    return table.select(
        "row",
        **{PLAIN: reduce(and_, plain).fill_null(False), BLANK: blank},
        **values,
        **kept,
    )


def _value(table: Table, name: str) -> tuple[Value, list[BooleanValue]]:
    """A column's values, and when they are sure."""
    value = table[name]
    if name in AMOUNTS:
        return _minor(value, table[f"power_{name}"], table.currency)
    if name in TIMES:
        return _moment(value)
    if name in CLOSED:
        word = value.lower()
        return word, [word.isin(CLOSED[name])]
    if name in USUAL:
        word = value.lower()
        return word.isin(USUAL[name]).ifelse(word, value), []
    if name in IDS:
        return value, [~(value.contains("E+") | value.contains("e+"))]
    return value, []


def _minor(value: Value, power: IntegerValue, currency: StringValue) -> tuple[Value, list[BooleanValue]]:
    """Minor units: the digits of a text, or a number, times a power of ten; it is null where the text is too fine."""
    if not isinstance(value, StringValue):
        # As narrow as can be: up to 18 digits the engine reckons in whole numbers of the machine.
        exact = value.try_cast(_NARROW)
        scaled = exact * power.cast("decimal(4, 0)")
        whole = scaled.try_cast("int64")
        sure = (exact >= 0) & (scaled == whole.try_cast(_WHOLE)) & (currency != "")
        if value.type().is_decimal() and value.type().scale > _NARROW.scale:
            sure &= exact.cast(_WIDE) == value.try_cast(_WIDE)
        return whole, [value.isnull() | sure]
    whole = value.replace(".", "").try_cast("int64") * power
    return whole, [(value == "") | (value.re_search(_AMOUNT) & power.notnull() & (currency != ""))]


def _decimals(currency: StringValue) -> IntegerValue:
    """How many decimals a currency has: two, but for those that are named."""
    of = {exponent: sorted(code for code, one in exponents().items() if one == exponent) for exponent in (0, 3, 4)}
    return ibis.cases(*((currency.isin(codes), exponent) for exponent, codes in of.items()), else_=2)


def _power(shift: IntegerValue) -> IntegerValue:
    """Ten to the power of 0 to 3; null of anything else."""
    powers = ((shift == place, ibis.literal(power, "int64")) for place, power in enumerate(_POWERS))
    return ibis.cases(*powers, else_=ibis.null("int64"))


def _moment(value: Value) -> tuple[Value, list[BooleanValue]]:
    if isinstance(value, StringValue):
        at = value.try_cast(_UTC)
        return at, [(value == "") | (value.re_search(_MOMENT) & at.notnull())]
    at = value.cast(_UTC)
    early, late = (ibis.literal(text).cast(_UTC) for text in ("1970-01-02T00:00:00Z", "2199-12-31T00:00:00Z"))
    return at, [at.isnull() | ((at >= early) & (at < late))]


def _rules(table: Table, values: Mapping[str, Value], side: Side) -> Iterable[BooleanValue]:
    """What a row may not leave blank."""

    def filled(name: str) -> BooleanValue:
        value = values[name] if name in TIMES | AMOUNTS else table[name]
        return value != "" if isinstance(value, StringValue) else value.notnull()

    yield from (filled(name) for name in sorted(NEEDED[side]))
    if side is Side.STOREFRONT:
        held = filled("code") & filled("available") & filled("currency")
        yield held | (~filled("code") & (values["available"].fill_null(0) == 0))
    if side is Side.ERP:
        yield filled("transaction_id") | filled("code")
        posted = filled("posted_at") & filled("amount") & filled("currency")
        yield (values["status"] == "error") | posted
