from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.stack.maps import good
from tillbridge.stack.model import Hop, Trigger
from tillbridge.stack.schedule import check_cron, next_run

NEW_YORK = ZoneInfo("America/New_York")


def poll(interval: timedelta) -> Hop:
    return replace(good().hops[0], trigger=Trigger.POLL, interval=interval, schedule="")


def batch(schedule: str) -> Hop:
    return replace(good().hops[0], trigger=Trigger.BATCH, interval=None, schedule=schedule)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_webhook_runs_at_once() -> None:
    moment = local("2026-11-21T11:00:00.123456-05:00")
    assert next_run(good().hop("platform-processor"), moment, NEW_YORK) == moment


@pytest.mark.parametrize(
    ("interval", "after", "expected"),
    [
        (timedelta(hours=12), "2026-11-21T11:00:00-05:00", "2026-11-21T12:00:00-05:00"),
        (timedelta(hours=12), "2026-11-21T12:00:00-05:00", "2026-11-22T00:00:00-05:00"),
        (timedelta(hours=12), "2026-07-01T11:59:59-04:00", "2026-07-01T12:00:00-04:00"),
        (timedelta(minutes=15), "2026-11-21T11:00:01-05:00", "2026-11-21T11:15:00-05:00"),
        (timedelta(days=1), "2026-11-21T11:00:00-05:00", "2026-11-22T00:00:00-05:00"),
        (timedelta(seconds=5), "2026-11-21T11:00:04.5-05:00", "2026-11-21T11:00:05-05:00"),
        # The clock goes forward: noon is noon, and the gap of an hour costs no short interval a run.
        (timedelta(hours=12), "2026-03-08T01:00:00-05:00", "2026-03-08T12:00:00-04:00"),
        (timedelta(minutes=15), "2026-03-08T01:50:00-05:00", "2026-03-08T03:00:00-04:00"),
        # The clock goes back: both of the two hours are polled.
        (timedelta(hours=12), "2026-11-01T00:30:00-04:00", "2026-11-01T12:00:00-05:00"),
        (timedelta(minutes=15), "2026-11-01T01:50:00-04:00", "2026-11-01T01:00:00-05:00"),
        (timedelta(minutes=15), "2026-11-01T01:10:00-05:00", "2026-11-01T01:15:00-05:00"),
        (timedelta(minutes=90), "2026-11-01T01:40:00-05:00", "2026-11-01T03:00:00-05:00"),
    ],
)
def test_a_poll_runs_at_the_next_multiple_of_its_interval(interval: timedelta, after: str, expected: str) -> None:
    assert next_run(poll(interval), local(after), NEW_YORK) == local(expected)


def test_a_poll_counts_from_midnight_in_a_zone_of_half_hours() -> None:
    run = next_run(poll(timedelta(hours=1)), local("2026-11-21T11:10:00+05:30"), ZoneInfo("Asia/Kolkata"))
    assert run == local("2026-11-21T12:00:00+05:30")


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0 2 * * *", "2026-11-21T11:00:00-05:00", "2026-11-22T02:00:00-05:00"),
        ("0 2 * * *", "2026-11-21T02:00:00-05:00", "2026-11-22T02:00:00-05:00"),
        ("0 2 * * *", "2026-11-21T01:59:59.999999-05:00", "2026-11-21T02:00:00-05:00"),
        ("0 6 * * MON", "2026-11-21T11:00:00-05:00", "2026-11-23T06:00:00-05:00"),
        ("*/10 * * * *", "2026-11-21T11:03:00-05:00", "2026-11-21T11:10:00-05:00"),
        # 02:00 does not exist on the day the clock goes forward, and 01:30 comes once on the day it goes back.
        ("0 2 * * *", "2026-03-07T12:00:00-05:00", "2026-03-08T03:00:00-04:00"),
        ("30 1 * * *", "2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"),
        ("30 1 * * *", "2026-11-01T01:10:00-05:00", "2026-11-02T01:30:00-05:00"),
    ],
)
def test_a_batch_runs_by_its_timetable(schedule: str, after: str, expected: str) -> None:
    assert next_run(batch(schedule), local(after), NEW_YORK) == local(expected)


@given(
    after=st.integers(631_152_000_000, 3_786_912_000_000).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC)),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Etc/GMT+5"]),
    hop=st.sampled_from(
        [poll(timedelta(seconds=7)), poll(timedelta(minutes=90)), poll(timedelta(hours=12)), batch("15 2 * * *")]
    ),
)
def test_the_next_run_is_later_and_not_far(after: datetime, zone: str, hop: Hop) -> None:
    run = next_run(hop, after, ZoneInfo(zone))
    pace = hop.interval or timedelta(days=1)
    assert after < run <= after + pace + timedelta(hours=1)
    assert run.tzinfo is UTC


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ("", "five fields"),
        ("0 2 * *", "five fields"),
        ("0 0 2 * * *", "five fields"),
        ("60 2 * * *", "bad minute"),
        ("0 24 * * *", "bad hour"),
        ("0 2 30 2 *", "bad day-of-month"),
        ("0 2 * 13 *", "bad month"),
        ("0 2 * * FOO", "bad day-of-week"),
        ("0 2 LW * */7", "never comes"),
        ("@daily", "five fields"),
    ],
)
def test_a_bad_timetable_is_refused(schedule: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_cron(schedule)


@pytest.mark.parametrize("schedule", ["0 2 * * *", "*/5 8-20 * * 1-5", "0 6 1,15 * *", "0 0 29 2 *", "0 6 * * MON#1"])
def test_a_good_timetable_passes(schedule: str) -> None:
    check_cron(schedule)
