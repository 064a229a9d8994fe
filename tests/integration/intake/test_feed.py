"""A feed over real HTTP: nothing is skipped and nothing doubled, whatever the feed does and whenever it is read."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from tests.integration.intake.feeder import TOKEN, Feeder, feeding
from tests.integration.intake.parts import NOW, a_hub, a_map, feed_source, issued, ran, sale_row, source_now, waiting
from tillbridge.kernel.clock import SetClock
from tillbridge.stack.model import Stack


def told(number: int, minutes_ago: float, **changes: str) -> dict[str, str]:
    """A row of the feed, changed so long ago."""
    at = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    return {**sale_row(number, **changes), "updated_at": at}


def map_of(feeder: Feeder, **more: str) -> Stack:
    return a_map(feed_source(feeder.url, token=f'"{TOKEN}"', page="10", **more))


@pytest.mark.parametrize("lines", [False, True])
async def test_every_row_is_taken_in_once(db_url: str, tmp_path: Path, lines: bool) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        feeder.lines = lines
        feeder.rows = [told(number, 600 - number) for number in range(35)]
        brought, trouble = await ran(hub)
        assert (brought["confirmed"], trouble) == (35, "")
        assert [one.get("since") for one in feeder.asked] == [None] * 4
        there = await issued(hub.db)
        assert len(there) == 35
        cursor = dict((await source_now(hub)).cursor)
        assert cursor.pop("feed")
        assert cursor == {"since": (NOW - timedelta(minutes=566)).isoformat(), "after": ""}
        # The next walk begins an overlap behind the newest row, and what is in it changes nothing.
        feeder.asked.clear()
        brought, _ = await ran(hub)
        assert brought == {"rows": 11, "before": 11}
        assert feeder.asked[0]["since"] == (NOW - timedelta(minutes=576)).isoformat()
        assert await issued(hub.db) == there


async def test_what_is_committed_late_behind_the_cursor_is_found(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        feeder.rows = [told(1, 60)]
        await ran(hub)
        feeder.rows.append(told(2, 65))
        assert (await ran(hub))[0]["confirmed"] == 1
        # One from the future is taken in as soon as its time has come, and does not carry the cursor along.
        feeder.rows.append(told(3, -600))
        assert (await ran(hub))[0]["confirmed"] == 1
        assert (await source_now(hub)).cursor["since"] == (NOW - timedelta(minutes=60)).isoformat()


async def test_rows_that_move_during_the_walk_are_neither_lost_nor_doubled(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        feeder.rows = [told(number, 600 - number) for number in range(30)]

        def meanwhile(page: int) -> None:
            if page == 1:
                # The first row is changed and moves to the end, and another is put in where the walk has been.
                feeder.rows[0] = told(0, 500)
                feeder.rows.append(told(99, 600))

        feeder.meanwhile = meanwhile
        assert (await ran(hub))[0]["confirmed"] == 30
        assert (await ran(hub))[0].get("confirmed", 0) == 0
        feeder.rows[-1] = told(99, 501)
        assert (await ran(hub))[0]["confirmed"] == 1
        assert len(await issued(hub.db)) == 31


FAULTS: list[tuple[Callable[[], web.Response], str]] = [
    (lambda: web.Response(status=500), "answered 500"),
    (lambda: web.Response(status=302, headers={"Location": "/elsewhere"}), "sends us to /elsewhere"),
    (lambda: web.Response(text="<html>"), "no JSON"),
    (lambda: web.json_response([1]), 'without a list "rows"'),
    (lambda: web.Response(text='{"rows": [{"a": NaN}]}', content_type="application/json"), "no JSON"),
    (lambda: web.json_response({"rows": [], "next": {}}), "no short text"),
    (lambda: web.Response(body=b"\xff\xfe", content_type="application/json"), "no JSON"),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS, ids=[said for _, said in FAULTS])
async def test_a_bad_answer_in_the_middle_loses_nothing(
    db_url: str, tmp_path: Path, fault: Callable[[], web.Response], said: str
) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        feeder.rows = [told(number, 600 - number) for number in range(25)]

        def meanwhile(page: int) -> None:
            feeder.faults = [fault()] if page == 1 else []

        feeder.meanwhile = meanwhile
        brought, trouble = await ran(hub)
        assert said in trouble
        assert brought["confirmed"] == 10
        now = await source_now(hub)
        assert now.failures == 1
        assert now.last_end
        assert timedelta() < now.next_run - now.last_end <= timedelta(seconds=60)
        # It goes on at the page where it was; the cursor has not moved yet.
        assert "since" not in now.cursor
        brought, trouble = await ran(hub)
        assert (brought, trouble) == ({"rows": 15, "confirmed": 15, "vouchers": 15}, "")
        assert len(await issued(hub.db)) == 25


async def test_a_feed_that_does_not_answer_is_not_waited_for(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder, timeout='"200ms"')) as hub:
        feeder.pause = 1.0
        assert "did not answer within 0.2 s" in (await ran(hub))[1]
    async with a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        assert "cannot be read" in (await ran(hub))[1]


async def test_a_feed_that_throttles_is_left_alone_as_long_as_it_asks(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        feeder.faults = [web.Response(status=429, headers={"Retry-After": "180"})]
        assert "answered 429" in (await ran(hub))[1]
        assert (await source_now(hub)).next_run == NOW + timedelta(seconds=180)
        feeder.faults = [web.Response(status=503, headers={"Retry-After": "9" * 9})]
        await ran(hub)
        assert (await source_now(hub)).next_run == NOW + timedelta(hours=1)


async def test_a_walk_that_the_feed_has_forgotten_begins_anew(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        feeder.rows = [told(number, 600 - number) for number in range(15)]

        def meanwhile(page: int) -> None:
            feeder.faults = [web.Response(status=410)] if page == 1 else []

        feeder.meanwhile = meanwhile
        brought, trouble = await ran(hub)
        assert (brought["confirmed"], trouble) == (15, "")
        assert [one.get("after", "") == "" for one in feeder.asked] == [True, False, True, False]


async def test_pages_that_go_round_are_noticed(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        feeder.faults = [web.json_response({"rows": [], "next": "a"}) for _ in range(2)]
        assert "goes round" in (await ran(hub))[1]


async def test_bad_rows_of_a_feed_are_set_aside(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        feeder.lines = True
        good = '{"next": null}'
        text = '{"broken\n5\n' + '{"amount": true, "currency": "USD"}\n' + good
        feeder.faults = [web.Response(text=text, content_type="application/x-ndjson")]
        brought, trouble = await ran(hub)
        assert (brought, trouble) == ({"rows": 3, "quarantined": 3}, "")
        assert {row.field for row in await waiting(hub)} == {"row", "amount"}


async def test_numbers_are_read_as_they_stand(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        rows = f"{told(1, 5)}".replace("'", '"').replace('"10.00"', "1234567.10")
        feeder.faults = [web.Response(text=f'{{"rows": [{rows}]}}', content_type="application/json")]
        assert (await ran(hub))[0]["confirmed"] == 1
        assert next(iter((await issued(hub.db)).values())) == (123456710, "USD")


async def test_a_wrong_token_is_said(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, a_map(feed_source(feeder.url))) as hub:
        assert "does not take our token" in (await ran(hub))[1]


async def test_after_failures_it_is_tried_less_often(db_url: str, tmp_path: Path) -> None:
    clock = SetClock(NOW)
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder), clock) as hub:
        feeder.faults = [web.Response(status=500) for _ in range(3)]
        pauses = []
        for _ in range(3):
            await ran(hub)
            pauses.append((await source_now(hub)).next_run - NOW)
        assert all(
            timedelta(seconds=2.5 * 2**turn) <= pause <= timedelta(seconds=5 * 2**turn)
            for turn, pause in enumerate(pauses)
        )
        assert (await source_now(hub)).failures == 3


async def test_rows_that_begin_alike_are_told_apart_however_long_they_are(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        receipt = {"receipt": "x" * 17_000}
        feeder.rows = [{**receipt, **told(number, 600 - number)} for number in range(3)]
        feeder.rows += [{**receipt, **told(number, 600 - number, amount="ten")} for number in range(3, 6)]
        brought, trouble = await ran(hub)
        assert (brought["confirmed"], brought["quarantined"], trouble) == (3, 3, "")
        assert len(await waiting(hub)) == 3
        assert "quarantined" not in (await ran(hub))[0]


async def test_a_feed_that_forgets_each_second_page_is_left_alone(db_url: str, tmp_path: Path) -> None:
    async with feeding() as feeder, a_hub(tmp_path, db_url, map_of(feeder)) as hub:
        feeder.rows = [told(number, 600 - number) for number in range(15)]

        def meanwhile(page: int) -> None:
            feeder.faults = [web.Response(status=404)] if page % 2 == 1 else []

        feeder.meanwhile = meanwhile
        assert "does not know the page any more" in (await ran(hub))[1]
        assert len(feeder.asked) == 4
        assert (await source_now(hub)).failures == 1


async def test_another_feed_of_a_system_is_read_from_its_beginning(db_url: str, tmp_path: Path) -> None:
    async with feeding() as one, feeding() as two:
        one.rows = [told(number, 600 - number) for number in range(3)]
        two.rows = [told(number, 6000 - number) for number in range(10, 13)]
        async with a_hub(tmp_path, db_url, map_of(one)) as hub:
            assert (await ran(hub))[0]["confirmed"] == 3
        async with a_hub(tmp_path, db_url, map_of(two)) as hub:
            assert (await ran(hub))[0]["confirmed"] == 3
        assert "since" not in two.asked[0]
        async with a_hub(tmp_path, db_url, map_of(two)) as hub:
            assert (await ran(hub))[0]["before"] == 3
        assert "since" in two.asked[1]
