"""Each kind of loss and of double is found; what is fine, or explained, is not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tillbridge.kernel.money import Money
from tillbridge.simulate.evidence import BookLine, Evidence, HandoffLine, LedgerCredit
from tillbridge.simulate.receipt import Receipt, Sale, Standing, Voucher
from tillbridge.simulate.reckoning import Figures, figures, reckon

AT = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
SALE = Sale("006", "3", "op07", "gift_card", "paid", "25.00", "USD")
HOPS = {"platform-erp": "erp", "platform-web": "web"}


def receipt(number: int, **change: object) -> Receipt:
    plain = Receipt(
        key=f"006-3-{number}",
        transaction_id=f"T{number}",
        sale=SALE,
        amount=Money(2500, "USD"),
        occurred_at=AT,
        rung_at=AT,
        standing=Standing.CONFIRMED,
        attempts=1,
        confirm_ms=10.0 * number,
        credit_id=f"c{number}",
    )
    return replace(plain, **change)  # type: ignore[arg-type]


def handoff(number: int, hop: str, state: str = "confirmed", version: int = 1, **change: object) -> HandoffLine:
    key = f"e{number}v{version}:{hop}"
    confirmed = AT + timedelta(seconds=1) if state == "confirmed" else None
    plain = HandoffLine(f"c{number}", version, hop, HOPS[hop], key, state, (), AT, AT + timedelta(minutes=1), confirmed)
    return replace(plain, **change)  # type: ignore[arg-type]


def booked(number: int, hop: str, **change: object) -> BookLine:
    at = AT + timedelta(milliseconds=100 * number)
    plain = BookLine(f"e{number}v1:{hop}", 1, f"c{number}", 1, "credit.issued", f"e{number}v1", f"T{number}", at)
    return replace(plain, **change)  # type: ignore[arg-type]


def good(count: int = 3) -> Evidence:
    numbers = range(1, count + 1)
    return Evidence(
        as_of=AT + timedelta(minutes=5),
        receipts=[receipt(number) for number in numbers],
        credits=[LedgerCredit(f"c{n}", f"T{n}", f"006-3-{n}", "active", Money(2500, "USD")) for n in numbers],
        handoffs=[handoff(number, hop) for number in numbers for hop in HOPS],
        books={system: [booked(number, hop) for number in numbers] for hop, system in HOPS.items()},
    )


def with_line(evidence: Evidence, *lines: HandoffLine) -> Evidence:
    """Put these handoffs in the place of those with the same credit, hop and version; further ones are added."""
    places = {(line.credit_id, line.hop, line.version) for line in lines}
    kept = [line for line in evidence.handoffs if (line.credit_id, line.hop, line.version) not in places]
    return replace(evidence, handoffs=[*kept, *lines])


def with_book(evidence: Evidence, system: str, change: Callable[[Sequence[BookLine]], Sequence[BookLine]]) -> Evidence:
    return replace(evidence, books={**evidence.books, system: change(evidence.books[system])})


def kinds(evidence: Evidence) -> tuple[list[str], list[str]]:
    summary = reckon(evidence)
    assert summary.accounted == (not summary.lost and not summary.duplicated)
    return [one.kind for one in summary.lost], [one.kind for one in summary.duplicated]


def test_a_good_run_is_accounted_for() -> None:
    summary = reckon(good())
    assert (summary.issued, summary.lost, summary.duplicated, summary.accounted) == (3, (), (), True)
    assert summary.confirmed == {"platform-erp": 3, "platform-web": 3}
    assert summary.confirmation_ms == Figures(20.0, 30.0, 3)
    assert summary.register_to_storefront_ms == Figures(200.0, 300.0, 3)
    assert (summary.late, summary.confirmed_late, summary.dead, summary.parked) == (0, 0, 0, 0)


def test_nothing_at_all_is_accounted_for() -> None:
    summary = reckon(Evidence(AT, [], [], [], {}))
    assert (summary.issued, summary.accounted) == (0, True)
    assert summary.confirmation_ms == Figures(None, None, 0)


# lost


def test_told_to_a_customer_but_not_on_the_ledger() -> None:
    evidence = good()
    assert kinds(replace(evidence, receipts=[*evidence.receipts, receipt(9)])) == (["not-on-ledger"], [])


def test_another_amount_on_the_ledger_than_on_the_receipt() -> None:
    evidence = good()
    credits = [replace(evidence.credits[0], issued=Money(2400, "USD")), *evidence.credits[1:]]
    assert kinds(replace(evidence, credits=credits)) == (["other-amount"], [])


@pytest.mark.parametrize("standing", [Standing.OPEN, Standing.REFUSED])
def test_on_the_ledger_but_the_register_was_never_told(standing: Standing) -> None:
    evidence = good()
    receipts = [receipt(1, standing=standing, credit_id=""), *evidence.receipts[1:]]
    assert kinds(replace(evidence, receipts=receipts)) == (["not-told"], [])


def test_confirmed_by_the_hub_but_not_in_the_book() -> None:
    assert kinds(with_book(good(), "erp", lambda lines: lines[1:])) == (["not-in-book"], [])


@pytest.mark.parametrize("state", ["due", "sending", "unknown", "waiting", "misplaced"])
def test_neither_confirmed_nor_explained(state: str) -> None:
    evidence = with_line(good(), handoff(1, "platform-erp", state))
    summary = reckon(evidence)
    assert [one.kind for one in summary.lost] == ["unfinished"]
    assert summary.late == (state != "misplaced")


def test_a_retry_that_lies_ahead_explains_nothing() -> None:
    ahead = good().as_of + timedelta(minutes=1)
    line = handoff(1, "platform-erp", "due", due_at=ahead, attempts=3)
    assert kinds(with_line(good(), line)) == (["unfinished"], [])


def test_waiting_for_a_hop_that_has_long_confirmed() -> None:
    line = handoff(1, "platform-web", "waiting", waits_for=("platform-erp",))
    assert kinds(with_line(good(), line)) == (["unfinished"], [])


def test_a_hop_that_a_credit_never_took() -> None:
    evidence = good()
    handoffs = [line for line in evidence.handoffs if (line.credit_id, line.hop) != ("c1", "platform-erp")]
    assert kinds(replace(evidence, handoffs=handoffs)) == (["never-routed"], [])
    none = replace(evidence, handoffs=[], hops=tuple(HOPS))
    assert kinds(none) == (["never-routed"] * 6, [])


def test_a_later_event_that_never_took_a_hop() -> None:
    evidence = with_line(good(), handoff(1, "platform-web", "dead", version=2))
    assert kinds(evidence) == (["never-routed"], [])


# there twice


def test_one_key_applied_twice() -> None:
    assert kinds(with_book(good(), "erp", lambda lines: [replace(lines[0], times=2), *lines[1:]]))[1] == [
        "applied-twice"
    ]


def test_one_event_under_two_keys() -> None:
    again = booked(1, "platform-erp", key="e1v1:other")
    assert kinds(with_book(good(), "erp", lambda lines: [*lines, again])) == ([], ["two-keys"])


def test_one_fact_as_two_events() -> None:
    again = booked(1, "platform-erp", key="e9v2:platform-erp", event_id="e9v2", version=2)
    assert kinds(with_book(good(), "erp", lambda lines: [*lines, again])) == ([], ["two-events"])


def test_two_credits_for_one_key_on_the_ledger() -> None:
    evidence = good()
    second = LedgerCredit("c9", "T9", "006-3-1", "active", Money(2500, "USD"))
    doubled = replace(evidence, credits=[*evidence.credits, second])
    assert kinds(with_line(doubled, handoff(9, "platform-erp", "dead"), handoff(9, "platform-web", "dead"))) == (
        [],
        ["two-credits"],
    )


def test_two_credits_for_one_transaction_in_a_book() -> None:
    again = booked(9, "platform-web", transaction_id="T1")
    assert kinds(with_book(good(), "web", lambda lines: [*lines, again])) == ([], ["two-credits"])


def test_one_credit_on_two_receipts() -> None:
    evidence = good()
    twice = receipt(4, credit_id="c1", transaction_id="T1")
    assert kinds(replace(evidence, receipts=[*evidence.receipts, twice])) == ([], ["told-twice"])


# explained


def test_waiting_for_a_claim_is_explained_along_the_chain() -> None:
    first = handoff(1, "platform-web", "waiting", waits_for=("claim",), deadline=None)
    second = handoff(1, "platform-erp", "waiting", waits_for=("platform-web",), deadline=None)
    voucher = receipt(1, voucher=Voucher("claim"))
    evidence = with_line(good(), first, second)
    summary = reckon(replace(evidence, receipts=[voucher, *evidence.receipts[1:]]))
    assert summary.accounted
    assert (summary.vouchers, summary.claimed, summary.waiting_for_claim) == (1, 0, 2)
    assert summary.register_to_storefront_ms.count == 2


def test_dead_and_parked_are_counted_with_their_reasons_and_block_what_follows() -> None:
    evidence = with_line(
        good(),
        handoff(1, "platform-erp", "dead", reason_code="mapping-rejected"),
        handoff(1, "platform-web", "waiting", waits_for=("platform-erp",)),
        handoff(2, "platform-erp", "parked"),
        handoff(2, "platform-erp", "waiting", version=2, waits_for=("earlier",)),
        handoff(2, "platform-web", version=2),
    )
    added = replace(
        booked(2, "platform-web"), key="e2v2:platform-web", version=2, type="credit.redeemed", event_id="e2v2"
    )
    summary = reckon(with_book(evidence, "web", lambda lines: [*lines, added]))
    assert summary.accounted
    assert (summary.dead, summary.parked, summary.blocked) == (1, 1, 2)
    assert summary.dead_reasons == {"platform-erp: mapping-rejected": 1}


def test_a_batch_whose_run_lies_ahead_is_pending() -> None:
    ahead = good().as_of + timedelta(hours=3)
    first = handoff(1, "platform-erp", "due", due_at=ahead, deadline=ahead)
    second = handoff(1, "platform-web", "waiting", waits_for=("platform-erp",), due_at=None, deadline=None)
    summary = reckon(with_line(good(), first, second))
    assert summary.accounted
    assert (summary.pending, summary.late) == (2, 0)


def test_late_is_told_from_confirmed_late() -> None:
    evidence = with_line(
        good(),
        handoff(1, "platform-erp", confirmed_at=AT + timedelta(minutes=2)),
        handoff(2, "platform-erp", "unknown"),
    )
    summary = reckon(evidence)
    assert (summary.late, summary.confirmed_late) == (1, 1)


def test_credits_of_other_registers_are_no_loss() -> None:
    evidence = good()
    other = LedgerCredit("x", "TX", "k", "active", Money(1, "USD"))
    more = with_line(
        replace(evidence, credits=[*evidence.credits, other]),
        *(replace(handoff(9, hop, "dead"), credit_id="x") for hop in HOPS),
    )
    assert kinds(more) == ([], [])


def test_the_summary_goes_out_as_json() -> None:
    evidence = good()
    broken = replace(evidence, receipts=[*evidence.receipts, *(receipt(number) for number in range(10, 60))])
    told = msgspec.json.decode(msgspec.json.encode(reckon(broken).as_json()))
    assert (told["issued"], told["lost"], told["duplicated"], told["accounted"]) == (53, 50, 0, False)
    assert len(told["findings"]) == 20
    assert told["findings"][0]["kind"] == "not-on-ledger"
    assert told["confirmation_ms"]["count"] == 53


def test_figures_by_nearest_rank() -> None:
    assert figures([None, 5.0]) == Figures(5.0, 5.0, 1)
    assert figures(float(number) for number in range(1, 101)) == Figures(50.0, 99.0, 100)
    assert figures(float(number) for number in range(1, 1001)) == Figures(500.0, 990.0, 1000)
