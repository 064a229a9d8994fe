"""When shops are open, and when batch and poll take what is new."""

from datetime import datetime
from random import Random

import pytest

from tillbridge.simulate.exports.hours import DAY, batch_after, moment_of, open_before, poll_after, text_of, while_open


def at(text: str) -> int:
    return moment_of(datetime.fromisoformat(f"{text}-05:00"))


@pytest.mark.parametrize("text", ["2026-11-21T11:00:00", "2024-02-29T23:59:59", "2026-01-01T00:00:00"])
def test_a_moment_is_written_as_it_was_read(text: str) -> None:
    assert text_of(at(text)) == f"{text}-05:00"


def test_another_offset_is_the_same_moment() -> None:
    assert text_of(moment_of(datetime.fromisoformat("2026-11-21T16:00:00.9Z"))) == "2026-11-21T11:00:00-05:00"


def test_shops_are_open_from_nine_to_nine() -> None:
    chance = Random(1)
    clock = {
        text_of(while_open(chance, at("2026-11-20T00:00:00"), at("2026-11-22T00:00:00")))[11:13] for _ in range(500)
    }
    assert clock == {f"{hour:02}" for hour in range(9, 21)}
    assert open_before(at("2026-11-21T00:00:00") + DAY) - open_before(at("2026-11-21T00:00:00")) == DAY // 2


def test_no_moment_is_outside_the_span() -> None:
    chance, since, until = Random(1), at("2026-11-20T20:59:50"), at("2026-11-21T09:00:02")
    drawn = {text_of(while_open(chance, since, until))[11:19] for _ in range(300)}
    assert drawn == {*(f"20:59:5{second}" for second in range(10)), "09:00:00", "09:00:01"}
    with pytest.raises(ValueError, match="shut"):
        while_open(chance, at("2026-11-20T21:00:00"), at("2026-11-21T09:00:00"))


@pytest.mark.parametrize(
    ("issued", "booked", "shown"),
    [
        ("2026-11-20T09:00:01", "2026-11-21T02:0", "2026-11-21T12:0"),
        ("2026-11-20T20:59:59", "2026-11-21T02:0", "2026-11-21T12:0"),
        ("2026-11-21T01:59:59", "2026-11-21T02:0", "2026-11-21T12:0"),
        ("2026-11-21T02:00:00", "2026-11-22T02:0", "2026-11-22T12:0"),
    ],
)
def test_the_next_batch_and_the_next_poll(issued: str, booked: str, shown: str) -> None:
    chance = Random(3)
    for _ in range(50):
        posted = batch_after(chance, at(issued))
        assert text_of(posted).startswith(booked)
        assert text_of(poll_after(chance, posted)).startswith(shown)
