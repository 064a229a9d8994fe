"""The report: codes masked, everything escaped, sums that add up."""

import re

import pytest

from tests.unit.reconcile.reissue.values import AT, item, plan
from tillbridge.reconcile.reissue.model import REASONS, Reason, State, Step, needs_second_person, why_second_person
from tillbridge.reconcile.reissue.page import page
from tillbridge.reconcile.reissue.report import HEADINGS, WHYS_SHOWN, all_done, counted, row, sums, whole

DONE = item(number=2, state=State.CONFIRMED, new_credit="new", new_last4="4402", amount=1000)
SPENT = item(number=3, state=State.LEFT, reason="spent", sentence="It has been spent.", amount=500)
WAITS = item(number=4, state=State.PERSON, reason="no-account", account_id="", system="", currency="KWD")
EVIL = item(number=5, state=State.LEFT, reason="decided", sentence="carl: <script>alert(1)</script>")
ITEMS = [item(), DONE, SPENT, WAITS, EVIL]
STEPS = [Step(2, "confirmed", AT, "ann <ann@example.com>", "The account shows it.")]


def test_a_row_has_masked_codes_and_no_credit_id() -> None:
    told = row(DONE)
    assert (told["old_code"], told["new_code"], told["account"]) == ("…1187", "…4402", "web:A1")
    assert item().credit not in told.values()
    assert row(WAITS)["account"] == ""


def test_sums_tell_how_much_and_why() -> None:
    lines = sums(ITEMS)
    assert lines[:5] == [
        "1 reissued, and shown in the web store: 10.00 USD.",
        "1 to be reissued: 25.00 USD.",
        "1 waiting for a person: 2.500 KWD.",
        f"    1 × {REASONS[Reason.NO_ACCOUNT]}",
        "2 left alone: 30.00 USD.",
    ]
    assert sorted(lines[5:]) == sorted(f"    1 × {REASONS[reason]}" for reason in (Reason.SPENT, Reason.DECIDED))
    assert sums([]) == []


def test_sums_tell_what_was_seen_of_what_is_under_way() -> None:
    stuck = "platform-web gave it up: no such account."
    way = [item(state=State.HANDED, new_credit="new", sentence=seen) for seen in ("On its way.", stuck, "On its way.")]
    assert sums(way) == [
        "3 reissued, and on the way to the web store: 75.00 USD.",
        "    2 × On its way.",
        f"    1 × {stuck}",
    ]
    late = [item(state=State.HANDED, sentence=f"Due by {number}.") for number in range(WHYS_SHOWN + 3)]
    assert sums(late)[-1] == "    3 × for other reasons: see --format json."


@pytest.mark.parametrize(
    ("above", "currency", "why"),
    [
        (0, "USD", "every plan does here, as no limit is set"),
        (0, "KWD", "every plan does here, as no limit is set"),
        (2000, "USD", "it gives more than 20.00 USD"),
        (2000, "KWD", "KWD cannot be held against the limit of 20.00 USD"),
    ],
)
def test_it_is_said_why_a_second_person_is_needed(above: int, currency: str, why: str) -> None:
    items = [item(currency=currency), item(currency="JPY", state=State.LEFT)]
    assert needs_second_person(plan(above), items)
    assert why_second_person(plan(above), items) == why


def test_every_state_is_counted_somewhere() -> None:
    assert set(HEADINGS) == set(State)
    assert counted(ITEMS) == {State.PLANNED: 1, State.PERSON: 1, State.CONFIRMED: 1, State.LEFT: 2}


def test_machines_get_every_step() -> None:
    told = whole(plan(100), ITEMS, STEPS)
    assert told["items"][1]["steps"] == [
        {"what": "confirmed", "at": AT.isoformat(), "by": "ann <ann@example.com>", "seen": "The account shows it."}
    ]
    assert (told["limit"], told["second_person"]) == ("1.00", True)


@pytest.mark.parametrize(("items", "done"), [([DONE], True), ([DONE, SPENT], False), ([], True), ([item()], False)])
def test_all_is_done_when_the_web_store_has_confirmed_all(items: list[object], done: bool) -> None:
    assert all_done(items) is done  # type: ignore[arg-type]


def test_the_page_loads_and_runs_nothing() -> None:
    shown = page(plan(), ITEMS, STEPS, AT)
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "ann &lt;ann@example.com&gt;" in shown
    assert not re.search(r"""(?:src|href)=|url\(|https?://""", shown)
    assert "default-src 'none'" in shown
    for heading in ("1 reissued, and shown in the web store", "2 left alone", "1 waiting for a person"):
        assert f"<h2>{heading}</h2>" in shown
    assert item().credit not in shown
