"""When a hop runs next. Pure: the moment is handed in."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from tillbridge.stack.model import Hop, Trigger

_MIDNIGHT: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a reading of the clock on the wall, in whichever zone
_HOUR: Final = timedelta(hours=1)


def next_run(hop: Hop, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which a hop next takes over what is ready at `after` (aware).

    - `webhook`: at once, `after` itself.
    - `poll`: the next multiple of its interval after `after`, counted on the clock on the wall from a midnight (of
      1 January 1970), so that `12h` means 00:00 and 12:00 in the retailer's zone all year round.
    - `batch`: the next run of its timetable after `after`. On the day the clocks change, a run at a time that does
      not exist comes right after the gap, and one at a time that exists twice comes once.
    """
    return next_in_rhythm(hop.trigger, hop.interval, hop.schedule, after, zone)


def next_in_rhythm(
    trigger: Trigger, interval: timedelta | None, schedule: str, after: datetime, zone: ZoneInfo
) -> datetime:  # fmt: skip
    """As `next_run`, for whatever runs in such a rhythm."""
    moment = after.astimezone(UTC)
    if trigger is Trigger.POLL and interval is not None:
        return _next_poll(interval, moment, zone)
    if trigger is Trigger.BATCH:
        return _next_batch(schedule, moment, zone)
    return moment


def check_cron(schedule: str) -> None:
    """Raises ValueError with what is wrong: not five fields, a bad field, or a date that never comes."""
    if len(schedule.split()) != 5:
        raise ValueError("it has not five fields")
    try:
        next(CronSim(schedule, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(str(error)[:1].lower() + str(error)[1:]) from None
    except StopIteration:
        raise ValueError("its date never comes") from None


def _next_poll(interval: timedelta, moment: datetime, zone: ZoneInfo) -> datetime:
    wall = moment.astimezone(zone).replace(tzinfo=None)
    reading = _MIDNIGHT + ((wall - _MIDNIGHT) // interval + 1) * interval
    if interval <= _HOUR:
        # Short intervals are kept in elapsed time: an hour that the clock shows twice must not go unpolled.
        return moment + (reading - wall)
    run = reading.replace(tzinfo=zone).astimezone(UTC)
    while run <= moment:
        reading += interval
        run = reading.replace(tzinfo=zone).astimezone(UTC)
    return run


def _next_batch(schedule: str, moment: datetime, zone: ZoneInfo) -> datetime:
    # Compared in UTC: within one zone, Python compares what the clock shows, which is ambiguous once a year.
    runs = (run.astimezone(UTC) for run in CronSim(schedule, moment.astimezone(zone)))
    return next(run for run in runs if run > moment)
