"""Values as people read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tillbridge.console import words
from tillbridge.console.views import Badge, Fact, Shop
from tillbridge.kernel.money import Money
from tillbridge.stack.draw import Mark

NEW_YORK = Shop("Harbor & Pine", "US", ZoneInfo("America/New_York"))
NOON = datetime(2026, 11, 21, 19, 2, 11, 204999, tzinfo=UTC)


def test_times_are_the_retailers() -> None:
    assert words.long_day(NOON, NEW_YORK) == "Saturday 21 November"
    assert words.short_time(NOON, NEW_YORK) == "21 Nov 14:02"
    assert words.exact_time(NOON, NEW_YORK) == "14:02:11.204"
    just_after_midnight_in_london = datetime(2026, 11, 22, 0, 5, tzinfo=UTC)
    assert words.long_day(just_after_midnight_in_london, NEW_YORK) == "Saturday 21 November"


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("America/New_York", "New York"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires"),
        ("Etc/GMT+5", "UTC-05:00"),
        ("UTC", "UTC+00:00"),
        ("Asia/Kolkata", "Kolkata"),
    ],
)
def test_a_zone_for_people(zone: str, said: str) -> None:
    assert words.zone_words(Shop("", "", ZoneInfo(zone)), NOON) == said


def test_amounts_are_written_as_in_the_country() -> None:
    assert words.money(Money(8800, "USD"), NEW_YORK) == "$88.00"
    assert words.money(Money(8800, "USD"), Shop("", "CA", NEW_YORK.zone)) == "US$88.00"


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 0, "–"), (0, 7, "0 %"), (996, 1000, "99.6 %"), (99999, 100000, "99.9 %"), (5, 5, "100 %"), (1, 3, "33.3 %")],
)
def test_a_share_is_never_rounded_up(part: int, whole: int, said: str) -> None:
    assert words.share(part, whole) == said


@pytest.mark.parametrize(
    ("state", "late", "badge"),
    [
        ("due", False, Badge(Mark.PENDING, "due")),
        ("due", True, Badge(Mark.LATE, "late, due")),
        ("waiting", True, Badge(Mark.LATE, "late, waiting")),
        ("confirmed", True, Badge(Mark.CONFIRMED, "confirmed")),
        ("dead", True, Badge(Mark.DEAD, "dead")),
        ("unknown", True, Badge(Mark.UNKNOWN, "unknown")),
        ("parked", False, Badge(Mark.UNKNOWN, "parked")),
        ("something new", False, Badge(Mark.QUIET, "something new")),
    ],
)
def test_a_handoffs_state_as_a_mark_and_a_word(state: str, late: bool, badge: Badge) -> None:
    assert words.badge_of(state, late) == badge


def test_a_trail_is_told_by_day() -> None:
    facts = [Fact(NOON + timedelta(hours=hours), str(hours)) for hours in (0, 9, 10, 40)]
    told = [(day.title, [fact.what for fact in day.facts]) for day in words.days(facts, NEW_YORK)]
    assert told == [
        ("Saturday 21 November 2026", ["0", "9"]),
        ("Sunday 22 November 2026", ["10"]),
        ("Monday 23 November 2026", ["40"]),
    ]
