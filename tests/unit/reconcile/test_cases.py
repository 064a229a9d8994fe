"""What believable retailers' rows come to: receipts with two cards, codes that differ, numbers used again, reissues."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.reconcile.worlds import AS_OF, SINCE, UNTIL, Row, agreeing, joined, row, scope, tables
from tillbridge.diagnose.model import Class, Finding, Side
from tillbridge.reconcile.engine import open_engine
from tillbridge.reconcile.run import Home, find
from tillbridge.stack.load import load

STACK = load(Path(__file__).parents[2] / "data" / "sample" / "stack.toml", {})
AT = SINCE + timedelta(days=10)
Sides = Mapping[Side, Sequence[Row]]


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with open_engine("duckdb", tmp_path_factory.mktemp("engine")) as opened:
        yield opened


@pytest.fixture
def ask(con: Any) -> Any:
    def asked(world: Sides, read: frozenset[Side] = frozenset(Side)) -> list[Finding]:
        given = {side: con.create_table(side.value, one, overwrite=True) for side, one in tables(world, read).items()}
        return find(given, scope(STACK, read), Home(), con)

    return asked


def said(findings: list[Finding]) -> list[tuple[Class, str]]:
    return [(one.kind, one.code) for one in findings]


def without(world: Sides, *sides: Side) -> dict[Side, list[Row]]:
    return {side: [] if side in sides else list(rows) for side, rows in world.items()}


def changed(world: Sides, side: Side, **values: Any) -> dict[Side, list[Row]]:
    """All rows of a side with these values."""
    return {one: [{**each, **values} for each in rows] if one is side else list(rows) for one, rows in world.items()}


TWO = joined(agreeing("A", "T1", 2500, AT), agreeing("B", "T1", 5000, AT))
"""One receipt, two gift cards."""


def test_two_cards_of_one_receipt_are_two_credits(ask: Any) -> None:
    assert ask(TWO) == []


@pytest.mark.parametrize("side", [Side.POS, Side.ERP])
@pytest.mark.parametrize("backwards", [False, True])
def test_without_codes_the_same_money_goes_together(ask: Any, side: Side, backwards: bool) -> None:
    blank = changed(TWO, side, code="")
    if backwards:
        blank[side].reverse()
    assert ask(blank) == []


@pytest.mark.parametrize("backwards", [False, True])
def test_codes_of_the_registers_own_are_looked_up_by_receipt_and_money(ask: Any, backwards: bool) -> None:
    own = joined(TWO)
    own[Side.POS] = [{**one, "code": code} for one, code in zip(own[Side.POS], ("Y", "X"), strict=True)]
    if backwards:
        own[Side.POS].reverse()
    assert ask(own) == []
    own[Side.ERP] = [{**one, "code": f"E{n}"} for n, one in enumerate(reversed(own[Side.ERP]))]
    assert ask(own) == []


def test_neither_of_two_cards_without_codes_arrived(ask: Any) -> None:
    [one] = ask(without(changed(TWO, Side.POS, code=""), Side.PLATFORM, Side.STOREFRONT, Side.ERP))
    assert (one.kind, one.transaction_id, one.amount) == (Class.MISSING_ON_PLATFORM, "T1", 7500)


def test_one_of_two_cards_without_codes_arrived(ask: Any) -> None:
    world = changed(joined(agreeing("A", "T1", 2500, AT)), Side.POS, code="")
    world[Side.POS].append({**world[Side.POS][0], "amount": 5000})
    [one] = ask(world)
    assert (one.kind, one.amount) == (Class.MISSING_ON_PLATFORM, 5000)


def reissue(after: timedelta, amount: int = 5000, **values: Any) -> dict[Side, list[Row]]:
    """A further credit of receipt T1 on the platform, with its place online and in the books."""
    return without(
        changed(agreeing("N", "T1", amount, AT + after), Side.PLATFORM, last_activity_at=AT + after, **values), Side.POS
    )


VOID = {"state": "void", "balance": 0, "last_activity_at": AT + timedelta(days=2)}


def test_a_reissued_credit_is_no_duplicate(ask: Any) -> None:
    gone = without(changed(agreeing("A", "T1", 5000, AT), Side.PLATFORM, **VOID), Side.STOREFRONT)
    assert ask(joined(gone, reissue(timedelta(days=2)))) == []
    assert ask(joined(gone, reissue(timedelta(days=2), 3000))) == [], "what was left is less than what was sold"
    # The other card of the receipt is none of its business, whatever it is worth.
    for worth in (2500, 5000, 3000):
        other = agreeing("B", "T1", worth, AT)
        assert ask(joined(gone, other, reissue(timedelta(days=2), 3000))) == []
        assert ask(joined(gone, other, reissue(timedelta(days=2)))) == []


def test_a_second_reissue_of_one_credit_is_a_duplicate(ask: Any) -> None:
    gone = without(changed(agreeing("A", "T1", 5000, AT), Side.PLATFORM, **VOID), Side.STOREFRONT)
    twice = {side: [{**one, "code": "M"} for one in rows] for side, rows in reissue(timedelta(days=3)).items()}
    twice[Side.PLATFORM][0]["credit_id"] = "C-M"
    assert said(ask(joined(gone, reissue(timedelta(days=2)), twice))) == [(Class.DUPLICATE_ISSUE, "M")]


def test_a_duplicate_of_which_one_was_taken_back_is_none(ask: Any) -> None:
    first, second = agreeing("A", "T1", 5000, AT), reissue(timedelta(seconds=2))
    assert said(ask(joined(first, without(second, Side.STOREFRONT, Side.ERP)))) == [(Class.DUPLICATE_ISSUE, "N")]
    assert ask(joined(first, without(changed(second, Side.PLATFORM, **VOID), Side.STOREFRONT, Side.ERP))) == []
    assert ask(joined(without(changed(first, Side.PLATFORM, **VOID), Side.STOREFRONT), second)) == []


def test_a_duplicate_is_of_the_card_that_is_like_it(ask: Any) -> None:
    again = without(reissue(timedelta(seconds=2), 5000), Side.STOREFRONT, Side.ERP)
    [one] = ask(joined(TWO, again))
    assert (one.kind, one.code, one.amount) == (Class.DUPLICATE_ISSUE, "N", 5000)
    assert any("first credit of the sale C-B is" in fact.fact for fact in one.evidence)


def test_a_receipt_number_that_was_used_before(ask: Any) -> None:
    old = without(agreeing("O", "T1", 2500, AT - timedelta(days=365)), Side.POS)
    new = agreeing("A", "T1", 2500, AT)
    assert ask(joined(old, new)) == []
    assert ask(joined(old, changed(new, Side.POS, code=""))) == []
    assert ask(joined(old, changed(new, Side.ERP, code=""))) == []
    touched = changed(old, Side.PLATFORM, balance=1000, last_activity_at=AT)
    assert ask(joined(changed(touched, Side.STOREFRONT, available=1000, updated_at=AT), new)) == []
    assert said(ask(joined(old, without(new, Side.PLATFORM)))) == [(Class.MISSING_ON_PLATFORM, "A")]


def test_an_order_number_like_a_receipt(ask: Any) -> None:
    order = without(changed(agreeing("W", "T1", 2500, AT), Side.PLATFORM, origin="online_order"), Side.POS)
    assert ask(joined(order, agreeing("A", "T1", 2500, AT))) == []
    assert ask(joined(order, agreeing("A", "T1", 5000, AT + timedelta(days=3)))) == []


def test_one_code_in_two_currencies_is_two_credits(ask: Any) -> None:
    euros = agreeing("A", "T2", 2500, AT, "EUR")
    euros[Side.PLATFORM][0]["credit_id"] = "C-E"
    both = joined(agreeing("A", "T1", 2500, AT), euros)
    assert ask(both) == []
    both[Side.STOREFRONT].pop()
    found = ask(both)
    assert [(one.kind, one.currency, one.transaction_id) for one in found] == [(Class.ORPHAN, "EUR", "T2")]


def test_the_same_credit_in_another_currency_is_a_mismatch(ask: Any) -> None:
    assert said(ask(changed(agreeing("A", "T1", 2500, AT), Side.POS, currency="EUR"))) == [(Class.AMOUNT_MISMATCH, "A")]


def test_documents_by_receipt_alone(ask: Any) -> None:
    assert ask(changed(agreeing("A", "T1", 2500, AT), Side.ERP, code="")) == []
    first = changed(agreeing("A", "T1", 5000, AT), Side.ERP, code="")
    gone = without(changed(first, Side.PLATFORM, **VOID), Side.STOREFRONT)
    assert ask(joined(gone, without(reissue(timedelta(days=2)), Side.ERP))) == [], "the receipt is in the books"
    wrong = changed(agreeing("A", "T1", 2500, AT), Side.ERP, code="", amount=2600)
    assert said(ask(wrong)) == [(Class.AMOUNT_MISMATCH, "A")]


def test_nothing_is_invented_before_the_window_or_after_it(ask: Any) -> None:
    for at in (SINCE - timedelta(days=40), UNTIL + timedelta(hours=1), AS_OF + timedelta(days=2)):
        whole = agreeing("A", "T1", 2500, at)
        whole[Side.ERP][0]["posted_at"] = whole[Side.STOREFRONT][0]["updated_at"] = at
        for side in Side:
            assert ask(without(whole, side)) == [], side
        for side, field in (
            (Side.POS, "amount"),
            (Side.PLATFORM, "issued"),
            (Side.STOREFRONT, "available"),
            (Side.ERP, "amount"),
        ):
            assert ask(changed(whole, side, **{field: 1})) == [], side
            assert ask({**without(whole, *Side), side: whole[side]}) == [], side


def test_candidates_are_those_of_the_credit_itself(ask: Any) -> None:
    shop = joined(agreeing("A", "T1", 2500, AT), agreeing("B", "T2", 2600, AT))
    lost = without(changed(shop, Side.POS, code=""), Side.PLATFORM, Side.ERP)
    for place, (one, email) in enumerate(zip(lost[Side.POS], ("ava.rede@x.org", "hugo.nagi@x.org"), strict=True)):
        lost[Side.POS][place] = {**one, "email": email}
    lost[Side.STOREFRONT] = [
        row(Side.STOREFRONT, account_id="A1", email="ava.reed@x.org"),
        row(Side.STOREFRONT, account_id="A2", email="hugo.nagy@x.org"),
    ]
    found = ask(lost)
    assert [one.candidates[0].account_id for one in found] == ["A1", "A2"]
