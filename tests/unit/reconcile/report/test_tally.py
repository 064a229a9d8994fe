"""Findings counted: buckets, days, bands, and money that is never added across currencies."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.reconcile.report.runs import AS_OF, BOUGHT_TWICE, ORPHAN, incomplete, many, run
from tillbridge.diagnose.model import RISKS, Cause, Class
from tillbridge.reconcile.report import summary_json
from tillbridge.reconcile.report.pictures import amount_bars, day_columns, store_bars
from tillbridge.reconcile.report.tally import age_of, band_of, counts


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (-1, "under 1 day"), (0, "under 1 day"), (1, "1 to 2 days"), (2, "1 to 2 days"), (3, "3 to 7 days"),
        (7, "3 to 7 days"), (8, "8 to 14 days"), (14, "8 to 14 days"), (15, "15 to 30 days"), (30, "15 to 30 days"),
        (31, "over 30 days"),
    ],
)  # fmt: skip
def test_ages(days: int, bucket: str) -> None:
    assert age_of(AS_OF - timedelta(days=days), AS_OF) == bucket


def test_an_age_ends_with_its_last_moment() -> None:
    assert age_of(AS_OF - timedelta(days=1) + timedelta(microseconds=1), AS_OF) == "under 1 day"
    assert age_of(None, AS_OF) == "no date"


@pytest.mark.parametrize(
    ("minor", "currency", "least", "below"),
    [
        (0, "USD", 0, 1_000),
        (999, "USD", 0, 1_000),
        (1_000, "USD", 1_000, 2_500),
        (-1_000, "USD", 1_000, 2_500),
        (50_000, "USD", 50_000, None),
        (999, "JPY", 0, 1_000),
        (1_000, "JPY", 1_000, 2_500),
        (9_999, "KWD", 0, 10_000),
    ],
)
def test_bands_of_amounts(minor: int, currency: str, least: int, below: int | None) -> None:
    band = band_of(replace(ORPHAN, amount=minor, currency=currency))
    assert (band.currency, band.least, band.below) == (currency, least, below)


def test_a_business_day_is_the_retailers_own() -> None:
    late = replace(ORPHAN, at=datetime(2026, 11, 6, 4, 55, tzinfo=UTC))  # 23:55 on the 5th in New York
    (group,) = counts(run(late)).by_day
    assert group.key is not None
    assert group.key.isoformat() == "2026-11-05"


def test_currencies_are_never_added_together() -> None:
    yen = replace(ORPHAN, amount=5_000, currency="JPY")
    whole = counts(run(ORPHAN, ORPHAN, yen)).whole
    assert whole.sums == {"JPY": 5_000, "USD": 17_600}
    assert list(whole.sums) == ["JPY", "USD"]


def test_every_dimension_adds_up_to_the_whole() -> None:
    found = counts(many(500, currencies=("USD", "CAD", "JPY")))
    dimensions = (
        found.by_class, found.by_cause, found.kinds, found.by_store, found.by_day, found.by_age, found.by_amount,
    )  # fmt: skip
    for groups in dimensions:
        assert sum(group.tally.findings for group in groups) == 500
        for currency, minor in found.whole.sums.items():
            assert sum(group.tally.sums.get(currency, 0) for group in groups) == minor
    assert sum(tally.findings for tally in found.by_risk.values()) == 500
    assert found.needing + found.waiting == 500


def test_what_has_no_cause_is_heaped_by_class_the_gravest_first() -> None:
    assert [group.key for group in counts(run(ORPHAN, ORPHAN, BOUGHT_TWICE)).kinds] == [
        Class.DUPLICATE_ISSUE,
        Cause.IDENTIFIER_MISMATCH,
    ]


def test_stores_beyond_the_first_are_one_line() -> None:
    made = run(*(replace(ORPHAN, store=f"{store:03}") for store in range(40)), replace(ORPHAN, store=""))
    bars = store_bars(counts(made))
    assert [bar.name for bar in bars][-1] == "26 other stores"
    assert "no store" in [bar.name for bar in bars]
    assert sum(bar.findings for bar in bars) == 41


@pytest.mark.parametrize(("days", "step", "columns"), [(0, 1, 1), (30, 1, 31), (91, 1, 92), (92, 7, 14), (700, 7, 101)])
def test_a_long_window_has_a_column_a_week(days: int, step: int, columns: int) -> None:
    made = run(ORPHAN, cut=replace(run().cut, since=AS_OF - timedelta(days=days)))
    drawn = day_columns(made, counts(made))
    assert (drawn.step, len(drawn.bars)) == (step, columns)


def test_a_window_without_a_real_beginning_starts_where_the_findings_do() -> None:
    made = run(ORPHAN, cut=replace(run().cut, since=datetime(1970, 1, 1, tzinfo=UTC)))
    drawn = day_columns(made, counts(made))
    assert (drawn.step, len(drawn.bars), drawn.top) == (1, 17, 1)
    assert drawn.outside == ""


def test_what_lies_outside_the_window_is_told() -> None:
    made = run(ORPHAN, replace(ORPHAN, at=AS_OF - timedelta(days=90)), replace(ORPHAN, at=None))
    drawn = day_columns(made, counts(made))
    assert sum(bar.findings for bar in drawn.bars) == 1
    assert drawn.outside == (
        "Not in the picture: 1 came into being before it; 1 came into being on a day that nobody names."
    )


def test_parts_of_a_bar_stay_within_it_and_can_be_seen() -> None:
    rare = (replace(ORPHAN, risk="none"), replace(ORPHAN, risk="double-redemption"))
    for _currency, bars in amount_bars(counts(run(*[ORPHAN] * 5_000, *rare))):
        for bar in bars:
            assert sum(part.length for part in bar.parts) <= 1_000
            assert all(part.length >= 5 for part in bar.parts)
            assert [part.start for part in bar.parts[1:]] == [
                part.start + part.length for part in bar.parts[:-1]
            ]  # fmt: skip


def test_summary() -> None:
    said = json.loads(summary_json(run(ORPHAN, replace(ORPHAN, currency="JPY", amount=500), BOUGHT_TWICE)))
    assert said["format"] == 1
    assert (said["status"], said["complete"], said["engine"], said["map"]) == (
        "findings",
        True,
        "duckdb",
        "stack.toml",
    )
    assert (said["looked_at"], said["matched"], said["findings"]) == (2_408, 2_405, 3)
    assert said["amounts"] == {"JPY": "500", "USD": "138.00"}
    assert [row["risk"] for row in said["by_risk"]] == list(RISKS)
    assert [row["class"] for row in said["by_class"]] == [kind.value for kind in Class]
    assert [row["cause"] for row in said["by_cause"]] == [*(cause.value for cause in Cause), None]
    assert said["by_store"] == [
        {"store": "002", "findings": 2, "amounts": {"JPY": "500", "USD": "88.00"}},
        {"store": "009", "findings": 1, "amounts": {"USD": "50.00"}},
    ]
    assert said["by_day"] == [
        {"day": "2026-11-05", "findings": 3, "amounts": {"JPY": "500", "USD": "138.00"}}
    ]  # fmt: skip
    assert said["by_amount"][3] == {
        "currency": "USD",
        "least": "50.00",
        "below": "100.00",
        "findings": 2,
        "amounts": {"USD": "138.00"},
    }
    assert said["sides"][2] == {
        "side": "storefront",
        "origin": "storefront.csv",
        "rows": 3_402,
        "bad_rows": 0,
        "bad": [],
        "remarks": ["12 accounts have no e-mail and no phone."],
    }


def test_two_summaries_differ_in_seconds_alone() -> None:
    made = many(200)
    first = summary_json(made).splitlines()
    second = summary_json(replace(made, findings=made.findings[::-1], seconds=7)).splitlines()
    assert [one for one, other in zip(first, second, strict=True) if one != other] == ['  "seconds": 1.25,']


def test_a_summary_names_what_could_not_be_read() -> None:
    said = json.loads(summary_json(incomplete()))
    assert (said["status"], said["complete"]) == ("incomplete", False)
    assert said["sides"][0]["bad_rows"] == 2
    assert said["sides"][0]["bad"][0]["row"] == 412
