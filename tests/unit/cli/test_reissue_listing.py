"""How a plan is listed: what goes, what needs a person and why, the rest as sums, and nothing broken at 80 columns."""

import csv
import io
import json
from collections.abc import Sequence

import pytest

from tests.unit.reconcile.reissue.values import item, plan
from tillbridge.cli.reissue_listing import View, cut, fitting, next_step, show_plan
from tillbridge.reconcile.reissue.model import REASONS, Item, Reason, State

LONG = "web:0192f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6"
WHY = f"{REASONS[Reason.NO_ACCOUNT]} 3 may be meant."
GOES = item(number=1, transaction_id="T00310001610", amount=16815, sentence="168.15 USD to web:A1.")
WAITS = item(
    number=2, state=State.PERSON, reason="no-account", sentence=WHY, transaction_id="T-waits", account_id="", system=""
)
LEFT = item(
    number=3, state=State.LEFT, reason="other-mend", sentence="Another mend comes first.", transaction_id="T-left"
)
ITEMS = [GOES, WAITS, LEFT]


def listed(
    items: Sequence[Item], capsys: pytest.CaptureFixture[str], form: str = "table", *, everything: bool = False
) -> str:
    show_plan(plan(), items, (), View(form, everything))
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def eighty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")


def test_what_goes_then_what_needs_a_person_then_sums(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.rstrip() for line in listed(ITEMS, capsys).splitlines()]
    assert lines == [
        "Plan 1 of findings.json, by ann.",
        "item  state        amount  receipt       old code  account",
        "   1  planned  168.15 USD  T00310001610  …1187     web:A1",
        "These need a person:",
        "item     amount  receipt  why",
        "   2  25.00 USD  T-waits  No account is proved to be its customer's. 3 may be",
        "                          meant.",
        "1 to be reissued: 168.15 USD.",
        "1 waiting for a person: 25.00 USD.",
        f"    1 × {REASONS[Reason.NO_ACCOUNT]}",
        "1 left alone: 25.00 USD.",
        "    1 × Another mend comes first.",
        "What is left alone is listed with --all.",
    ]


def test_all_lists_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    told = listed(ITEMS, capsys, everything=True)
    assert all(name in told for name in ("T00310001610", "T-waits", "T-left"))
    assert "--all" not in told


@pytest.mark.parametrize("everything", [False, True])
def test_the_lists_of_programs_are_whole(capsys: pytest.CaptureFixture[str], everything: bool) -> None:
    rows = list(csv.DictReader(io.StringIO(listed(ITEMS, capsys, "csv", everything=everything))))
    assert [row["item"] for row in rows] == ["1", "2", "3"]
    assert [one["item"] for one in json.loads(listed(ITEMS, capsys, "json", everything=everything))["items"]] == [
        "1", "2", "3"
    ]  # fmt: skip


@pytest.mark.parametrize("everything", [False, True])
def test_long_names_and_sentences_break_no_word_and_no_line(
    capsys: pytest.CaptureFixture[str], everything: bool
) -> None:
    long = {"transaction_id": "store-0042-register-0007-2026-11-21T19:00:00Z", "amount": 123_456_789}
    why = "The findings and the ledger do not agree on what it is worth. The findings say 25.00 USD."
    goes = item(
        **long, number=12_345, system="web", account_id=LONG, state=State.HANDED, new_last4="4402", sentence=why
    )
    waits = item(**long, number=12_346, state=State.PERSON, reason="other-amount", sentence=why)
    told = listed([goes, waits], capsys, everything=everything)
    table = told[: told.index("1 reissued")]
    assert all(len(line.rstrip()) <= 80 for line in table.splitlines())
    assert "1234567.89 USD" in table
    assert "19:00:00Z" in table, "a name is cut at its beginning: its end tells it from others"
    words = set(table.replace("\n", " ").split())
    assert set(why.split()) <= words
    assert everything or "e4f5a6" in table


def test_a_wide_terminal_shows_names_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert LONG in listed([item(system="", account_id=LONG)], capsys)


def test_a_short_name_leaves_its_room_to_the_long_one() -> None:
    rows = [{"item": "1", "transaction_id": "T-1", "account": "a" * 40}]
    assert fitting(rows, ("item", "transaction_id", "account"), 80) == 40
    assert fitting(rows, ("item", "transaction_id", "account"), 40) == 40 - 4 - len("receipt") - 4
    assert fitting(rows, ("item", "transaction_id", "account"), 10) == 8
    assert (cut("abcdef", 6), cut("abcdef", 4)) == ("abcdef", "…def")


def test_what_comes_next() -> None:
    assert next_step(plan(), [LEFT]) == "Nothing of it can be run as it is."
    assert next_step(plan(), ITEMS).startswith("It needs a second person: every plan does here, as no limit is set. '")
    assert next_step(plan(20_000), ITEMS) == "Run it with 'tillbridge reissue run 1 --by NAME'."
