"""The doors on handoffs: sending again what fits a description, and what a person found out."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Door
from tests.acceptance.test_replay import tillbridge

NOBODY = "018f0000-0000-7000-8000-000000000001.1.platform-web"


async def ask(door: Door, path: str, body: dict[str, Any], who: str = "ops") -> tuple[int, Any]:
    session = getattr(door, who)
    async with session.post(path, json=body) as response:
        return response.status, await response.json(content_type=None)


async def dead_ones(door: Door, count: int = 3) -> list[str]:
    """Credits in a currency that the web store does not take; the ids of the handoffs that are dead for it."""
    for number in range(count):
        status, _, _ = await door.issue(f"k{number}", currency="KWD", amount="8.000", transaction_id=f"T{number}")
        assert status == 201
    async with door.ops.get("/v1/handoffs?state=dead") as response:
        return [one["id"] for one in (await response.json())["handoffs"]]


async def test_a_dry_run_says_which_and_the_real_one_sends_them(door: Door) -> None:
    ids = await dead_ones(door)
    chosen = {"hop": "platform-web", "reason_code": "mapping-rejected", "since": "2020-01-01T00:00:00Z"}
    status, seen = await ask(door, "/v1/handoffs/replays", chosen)
    assert (status, seen["dry_run"], seen["count"]) == (202, True, 3)
    assert seen["counts"] == [{"hop": "platform-web", "state": "dead", "reason_code": "mapping-rejected", "count": 3}]
    assert sorted(one["id"] for one in seen["first"]) == sorted(ids)
    assert (await ask(door, "/v1/handoffs/replays", {"ids": ids[:1], "dry_run": False}))[1]["replayed"] == 1
    assert (await ask(door, "/v1/handoffs/replays", {**chosen, "dry_run": False}))[1] == {
        "dry_run": False,
        "replayed": 2,
    }
    assert (await ask(door, "/v1/handoffs/replays", chosen))[1]["count"] == 0


async def test_what_was_never_sent_cannot_be_seen_there(door: Door) -> None:
    (dead,) = await dead_ones(door, 1)
    status, said = await ask(door, f"/v1/handoffs/{dead}/conclude", {"there": True, "reference": "W1", "note": "Seen."})
    assert (status, said) == (200, {"id": dead, "changed": False, "state": "dead"})
    status, said = await ask(door, f"/v1/handoffs/{dead}/conclude", {"there": False})
    assert (status, said) == (200, {"id": dead, "changed": True, "state": "due"})


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/handoffs/replays", {"state": "due"}, 422),
        ("/v1/handoffs/replays", {"ids": ["x"]}, 422),
        ("/v1/handoffs/replays", {"ids": [], "dry_run": False}, 422),
        ("/v1/handoffs/replays", {"since": "yesterday"}, 422),
        (f"/v1/handoffs/{NOBODY}/conclude", {"there": True}, 404),
        (f"/v1/handoffs/{NOBODY}/conclude", {"there": True, "give_up": True}, 422),
        (f"/v1/handoffs/{NOBODY}/conclude", {}, 422),
        ("/v1/handoffs/x/conclude", {"there": True}, 422),
    ],
)
async def test_what_cannot_be_is_refused(door: Door, path: str, body: dict[str, Any], status: int) -> None:
    assert (await ask(door, path, body))[0] == status


async def test_a_register_may_do_none_of_it(door: Door) -> None:
    for path, body in (("/v1/handoffs/replays", {}), (f"/v1/handoffs/{NOBODY}/conclude", {"there": True})):
        assert (await ask(door, path, body, "till"))[0] == 403


async def test_the_command_does_the_same(
    door: Door, db_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await dead_ones(door)
    monkeypatch.setitem(os.environ, "TILLBRIDGE_DATABASE_URL", db_url)
    look = ("replay", "handoffs", "--hop", "platform-web", "--since", "2020-01-01T00:00:00Z", "--dry-run")
    status, out, err = await tillbridge(*look, "--format", "json", folder=tmp_path)
    assert status == 0, err
    assert json.loads(out)["count"] == 3
    status, out, _ = await tillbridge(*look, folder=tmp_path)
    assert out.startswith("3 would be sent again.")
    assert "mapping-rejected" in out
    status, out, _ = await tillbridge("replay", "handoffs", ids[0], folder=tmp_path)
    assert (status, out) == (0, "1 sent again.\n")
    status, out, _ = await tillbridge("replay", "handoffs", "--until", "yesterday", folder=tmp_path)
    assert status == 2
    status, out, _ = await tillbridge("replay", "handoffs", "--format", "json", folder=tmp_path)
    assert json.loads(out) == {"replayed": 2}
