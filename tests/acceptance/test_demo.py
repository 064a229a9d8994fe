"""`tillbridge demo --headless`, whole, in processes of its own."""

import json
from pathlib import Path

import aiohttp

from tests.acceptance.test_replay import tillbridge
from tillbridge.cli.rig import hub_process, set_up

HOPS = {"platform-processor", "processor-erp", "platform-web"}


async def test_every_credit_is_accounted_for_with_faults_on(data_dir: Path) -> None:
    arguments = ("--headless", "--credits", "300", "--seed", "7", "--data-dir", str(data_dir / "demo"))
    status, out, err = await tillbridge("demo", *arguments, folder=data_dir)
    summary = json.loads(out)
    assert status == 0, (err, summary)
    assert summary["accounted"] is True
    assert (summary["issued"], summary["lost"], summary["duplicated"]) == (300, 0, 0)
    assert set(summary["confirmed"]) == HOPS
    assert summary["vouchers"] > 0
    assert 0 < summary["claimed"] <= summary["vouchers"]
    assert summary["dead"] == sum(summary["dead_reasons"].values())
    for figures in (summary["confirmation_ms"], summary["register_to_storefront_ms"]):
        assert 0 < figures["p50"] <= figures["p99"]
    # The folder can be looked at afterwards, and is not taken for a new one.
    status, out, err = await tillbridge("db", "totals", "--data-dir", str(data_dir / "demo"), folder=data_dir)
    assert status == 0, err
    assert "owed:refund" in out
    status, _, err = await tillbridge("demo", *arguments, folder=data_dir)
    assert status == 2
    assert "used before" in err


async def test_the_inbox_is_the_demos_alone(data_dir: Path) -> None:
    rig = await set_up(data_dir)
    async with hub_process(rig) as hub, aiohttp.ClientSession(hub.url) as session:
        async with session.get("/inbox") as inbox:
            assert inbox.status == 200
        async with session.get("/docs") as docs:
            assert (docs.status, docs.content_type) == (200, "text/html")
        async with session.get("/openapi.json") as described:
            assert (await described.json())["openapi"] == "3.1.0"
        async with session.get("/v1/nothing") as nothing:
            assert nothing.content_type == "application/problem+json"
