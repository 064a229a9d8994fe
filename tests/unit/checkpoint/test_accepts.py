"""What the authority takes at the register, and what a receipt says of the hops behind it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from tests.unit.stack.transforms.hops import stack_of, text_of
from tillbridge.checkpoint.accepts import not_taken
from tillbridge.checkpoint.receipt import routed_lines
from tillbridge.kernel.money import Money
from tillbridge.ledger.model import Posted, State, Verb
from tillbridge.stack.load import parse


@pytest.mark.parametrize(
    ("amount", "wrong"),
    [
        (Money(2500, "USD"), None),
        (Money(5000, "USD"), None),
        (Money(2501, "USD"), ("amount", "25.01 USD is not taken, only 25.00, 50.00")),
        (Money(400, "USD"), ("amount", "4.00 USD is below the least that is taken, 5.00 USD")),
        (Money(2501, "EUR"), None),
        # The ledger refuses what is no amount, and a card that is only imported has none yet.
        (Money(0, "USD"), None),
    ],
)
def test_the_authority_has_denominations_too(amount: Money, wrong: tuple[str, str] | None) -> None:
    platform = 'connector = "built-in"\n'
    limits = 'denominations = ["25", "50"]\namount = { min = "5" }\n'
    stack = parse(text_of("").replace(platform, platform + limits), "stack.toml", {})
    assert not_taken(stack, amount, "paid") == wrong


def test_the_receipt_says_at_once_that_there_is_no_rate() -> None:
    # Half past ten in the evening of the 21st at the retailer: the rate of the 22nd is not for this credit.
    at = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
    days = {"EUR": "2026-11-22", "CAD": "2026-11-21"}
    rates = ", ".join(f'{{ currency = "{code}", from = {day}, rate = "2" }}' for code, day in days.items())
    stack = stack_of(f'{{ name = "convert-currency", rates = [{rates}] }}')
    said = []
    for currency in ("EUR", "CAD"):
        posted = Posted(
            *(UUID(int=1), UUID(int=2), 1, Verb.ISSUE, 8800, 8800, 8800, 0, State.ACTIVE, UUID(int=3)),
            *(None, None, None, currency, at, at),
        )
        (line,) = routed_lines(stack, posted, Money(8800, currency), "paid")
        said.append((line.state, line.reason))
    assert said == [("failed", "The map has no rate from EUR to USD on 2026-11-21."), ("pending", "")]
