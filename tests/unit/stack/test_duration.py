from datetime import timedelta

import pytest

from tillbridge.stack.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("2s", timedelta(seconds=2)),
        ("5m", timedelta(minutes=5)),
        ("26h", timedelta(hours=26)),
        ("7d", timedelta(days=7)),
        ("366d", timedelta(days=366)),
    ],
)
def test_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text", ["", "2", "s", "2 s", " 2s", "2s ", "-2s", "+2s", "1.5h", "2S", "2sec", "1h30m", "²s", "٣s", "1_0s"]
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no whole number"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "000d", "0ms"])
def test_no_time_at_all_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["367d", "999999999d", "9000h"])
def test_more_than_a_year_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="year"):
        parse_duration(text)
