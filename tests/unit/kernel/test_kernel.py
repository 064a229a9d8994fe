"""Ids, clock and settings."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tillbridge.kernel.clock import SetClock, parse_time, time_text
from tillbridge.kernel.errors import SettingFault
from tillbridge.kernel.ids import Ids, secret_token
from tillbridge.kernel.settings import SETTINGS, read_settings

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_ids_sort_by_time_and_are_version_seven() -> None:
    clock = SetClock(START)
    ids = Ids(clock, random.Random(1))
    made = []
    for _ in range(200):
        made.append(ids.new())
        clock.move(timedelta(milliseconds=1))
    assert made == sorted(made)
    assert len(set(made)) == 200
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {"specified in RFC 4122"}
    assert made[0].int >> 80 == int(START.timestamp() * 1000)


def test_the_same_chance_makes_the_same_ids() -> None:
    first, second = (Ids(SetClock(START), random.Random(7)) for _ in range(2))
    assert [first.new() for _ in range(5)] == [second.new() for _ in range(5)]
    assert secret_token() != secret_token()


def test_a_time_needs_a_zone_and_is_written_in_utc() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        parse_time("2026-11-21T14:02:11")
    assert parse_time("2026-11-21T14:02:11-05:00") == datetime(2026, 11, 21, 19, 2, 11, tzinfo=UTC)
    written = [time_text(parse_time(text)) for text in ("2026-11-21T14:02:11-05:00", "2026-11-21T19:02:11Z")]
    assert written == ["2026-11-21T19:02:11+00:00"] * 2


def test_settings_have_defaults_and_refuse_nonsense() -> None:
    settings = read_settings({})
    assert (settings.host, settings.port, settings.database_url) == ("127.0.0.1", 8080, "")
    assert settings.data_dir == Path("tillbridge-data").absolute()
    assert settings.law is None
    assert read_settings({"TILLBRIDGE_LAW": "our-law.toml"}).law == Path("our-law.toml").absolute()
    assert read_settings({"TILLBRIDGE_PORT": " 0 ", "TILLBRIDGE_PUBLIC_URL": "https://x.example/"}).port == 0
    assert read_settings({"TILLBRIDGE_PUBLIC_URL": "https://x.example/"}).public_url == "https://x.example"
    assert (settings.lookup_failures_per_key, settings.lookup_failures_per_code) == (30, 5)
    assert read_settings({"TILLBRIDGE_LOOKUP_FAILURES_PER_KEY": "300"}).lookup_failures_per_key == 300
    for value in ("0", "-1", "many", "\u0665", "1000000"):
        with pytest.raises(SettingFault, match="PER_CODE"):
            read_settings({"TILLBRIDGE_LOOKUP_FAILURES_PER_CODE": value})
    for name, value in (("TILLBRIDGE_PORT", "http"), ("TILLBRIDGE_PORT", "70000"), ("TILLBRIDGE_SECRET", "hunter2")):
        with pytest.raises(SettingFault) as refused:
            read_settings({name: value})
        assert refused.value.setting == name
        assert "hunter2" not in str(refused.value)
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
