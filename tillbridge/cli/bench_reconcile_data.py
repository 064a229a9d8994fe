"""Exports of any size for the benchmark of reconciling, made by the engine itself: four sides, with a known share of
faults. Every number follows from the number of the credit, so that the same size gives the same files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import ibis
from ibis.expr.types import IntegerValue, StringValue, Table, TimestampValue

from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import COLUMNS, TIMES

Form = Literal["csv", "parquet"]

AS_OF: Final = datetime(2026, 11, 21, 16, tzinfo=UTC)
DAYS: Final = 30
_SPREAD: Final = 98_765_432_101
_CODES: Final = 10**15
_AREAS: Final = 12
_FIRST_SECOND: Final = 3 * 86_400
"""No credit is younger: all of them have had the time to get everywhere."""


@dataclass(frozen=True, slots=True)
class Made:
    """The files by side, and how many differences were put into them."""

    files: Mapping[Side, Path]
    faults: int


def make(con: Any, folder: Path, credits: int, one_in: int, form: Form) -> None:
    """`credits` on each side, of which one in `one_in` has a fault: in turn lost on the way to the web store, refused
    by the books, missing on the platform, shown with another amount, and known to nobody by its identifiers."""
    numbers = ibis.range(ibis.literal(credits, "int64")).unnest().cast("int64").name("n").as_table()
    base = con.create_table("credits", numbers, overwrite=True)
    fault = (base.n % one_in == 0).ifelse((base.n // one_in) % 5, -1)
    facts = base.mutate(fault=fault)
    files = made_in(folder, credits, one_in, form).files
    for side, make_side in _SIDES.items():
        table = make_side(facts)
        # Each side has an order of its own, as exports of different systems have.
        table = table.order_by(table.n.hash() if side in (Side.STOREFRONT, Side.ERP) else table.n)
        _write(con, table.select(*COLUMNS[side]), files[side], form)
    con.drop_table("credits")


def made_in(folder: Path, credits: int, one_in: int, form: Form) -> Made:
    """What `make` leaves in a folder."""
    files = {side: folder / f"{side.value}.{form}" for side in Side}
    return Made(files, (credits + one_in - 1) // one_in)


def _write(con: Any, table: Table, path: Path, form: Form) -> None:
    if form == "parquet":
        con.to_parquet(table, str(path))
        return
    # As texts: decimals as they are, times as ISO 8601 with their offset.
    texts = {name: _time_text(table[name]) for name in table.columns if name in TIMES}
    con.to_csv(table.mutate(**texts), str(path), header=True)


def _time_text(moment: TimestampValue) -> StringValue:
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + "+00:00"


def _moment(n: IntegerValue) -> TimestampValue:
    seconds = _FIRST_SECOND + (n * 7919) % ((DAYS - 4) * 86_400)
    return (ibis.literal(int(AS_OF.timestamp())) - seconds).cast("int64").as_timestamp("s").cast("timestamp('UTC')")


def _money(n: IntegerValue) -> Any:
    cents = (n % 400 + 1) * 125
    text = (cents // 100).cast("string") + "." + (cents % 100).cast("string").lpad(2, "0")
    return text.cast("decimal(18,2)")


def _sides_common(facts: Table) -> Mapping[str, Any]:
    n = facts.n
    code = ibis.literal("6") + ((n * _SPREAD) % _CODES).cast("string").lpad(15, "0")
    return {
        "code": code,
        "transaction_id": ibis.literal("T") + n.cast("string").lpad(10, "0"),
        "currency": ibis.literal("USD"),
    }


def _email(n: IntegerValue) -> StringValue:
    return ibis.literal("person") + n.cast("string") + "@mail.example.com"


def _digits(n: IntegerValue) -> tuple[StringValue, StringValue, StringValue]:
    """A phone number of the United States in its three parts."""
    area = ibis.array(["212", "213", "214", "303", "305", "312", "404", "415", "503", "512", "602", "617"])[n % _AREAS]
    return area, ((n // 10_000) % 800 + 200).cast("string"), (n % 10_000).cast("string").lpad(4, "0")


def _pos(facts: Table) -> Table:
    n = facts.n
    area, office, line = _digits(n)
    typed = ibis.cases(
        (n % 4 == 0, ibis.literal("(") + area + ") " + office + "-" + line),
        (n % 4 == 1, area + "." + office + "." + line),
        (n % 4 == 2, ibis.literal("+1") + area + office + line),
        else_=ibis.literal("1-") + area + "-" + office + "-" + line,
    )
    email = (n % 3 == 0).ifelse(_email(n).upper(), (n % 3 == 1).ifelse(ibis.literal(" ") + _email(n), _email(n)))
    strange = facts.fault == 4
    return facts.mutate(
        **_sides_common(facts),
        store=(n % 40 + 1).cast("string").lpad(3, "0"),
        register=(n % 6 + 1).cast("string"),
        operator=ibis.literal("op") + (n % 90 + 10).cast("string"),
        occurred_at=_moment(n),
        kind=(n % 3 == 0).ifelse("gift_card", "store_credit"),
        bucket=(n % 3 == 0).ifelse("paid", "refund"),
        amount=_money(n),
        email=strange.ifelse(_email(n).replace("person", "persom"), email),
        phone=strange.ifelse("", typed),
        loyalty_id=ibis.literal(""),
    )


def _platform(facts: Table) -> Table:
    n = facts.n
    area, office, line = _digits(n)
    strange = facts.fault == 4
    return facts.filter(facts.fault != 2).mutate(
        **_sides_common(facts),
        credit_id=ibis.literal("C") + n.cast("string").lpad(10, "0"),
        origin=ibis.literal("register"),
        issued_at=_moment(n),
        state=ibis.literal("active"),
        issued=_money(n),
        balance=_money(n),
        bucket=(n % 3 == 0).ifelse("paid", "refund"),
        customer_id=strange.ifelse("", _account(n)),
        email=strange.ifelse("", _email(n)),
        phone=strange.ifelse("", ibis.literal("+1") + area + office + line),
        loyalty_id=ibis.literal(""),
        last_activity_at=_moment(n),
    )


def _storefront(facts: Table) -> Table:
    n = facts.n
    area, office, line = _digits(n)
    # Whose credit is not online has an account all the same.
    there = ~facts.fault.isin([0, 1, 2, 4])
    return facts.mutate(
        **{**_sides_common(facts), "code": there.ifelse(_sides_common(facts)["code"], "")},
        account_id=_account(n),
        email=_email(n),
        phone=ibis.literal("+1") + area + office + line,
        loyalty_id=ibis.literal(""),
        available=there.ifelse((facts.fault == 3).ifelse(_money(n + 1), _money(n)), ibis.null("decimal(18,2)")),
        updated_at=_moment(n) + ibis.interval(hours=11),
    ).mutate(currency=there.ifelse("USD", ""))


def _erp(facts: Table) -> Table:
    n = facts.n
    refused = facts.fault == 1
    return facts.filter(facts.fault != 2).mutate(
        **_sides_common(facts),
        document_id=ibis.literal("JE") + n.cast("string").lpad(10, "0"),
        posted_at=_moment(n) + ibis.interval(hours=9),
        amount=_money(n),
        status=refused.ifelse("error", "posted"),
        error=refused.ifelse("period locked", ""),
    )


def _account(n: IntegerValue) -> StringValue:
    return ibis.literal("A") + n.cast("string").lpad(9, "0")


_SIDES: Final[Mapping[Side, Callable[[Table], Table]]] = {
    Side.POS: _pos,
    Side.PLATFORM: _platform,
    Side.STOREFRONT: _storefront,
    Side.ERP: _erp,
}
