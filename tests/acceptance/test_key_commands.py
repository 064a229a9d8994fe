"""`tillbridge key role` and `tillbridge key audit`, in processes of their own, on one embedded database."""

import csv
import json
from pathlib import Path

import pytest

from tests.acceptance.test_replay import tillbridge
from tillbridge.kernel.actor import Right


async def test_roles_are_changed_and_every_change_is_listed(data_dir: Path) -> None:
    async def key(*words: str) -> tuple[int, str, str]:
        return await tillbridge("key", *words, "--data-dir", str(data_dir), folder=data_dir)

    status, out, err = await key("role", "set", "kiosk", "--may", "redeem", "--may", "read")
    assert (status, out) == (0, "kiosk may redeem, read.\n"), err
    status, _, err = await key("role", "set", "kiosk", "--may", "print-money")
    assert status == 2
    assert "'print-money' is no right" in err
    assert all(right.value in err for right in Right)
    status, out, _ = await key("role", "list", "--format", "json")
    roles = {row["role"]: row for row in json.loads(out)}
    assert list(roles) == ["kiosk", "monitor", "operations", "register", "support", "system"]
    assert (roles["kiosk"]["may"], bool(roles["kiosk"]["changed_at"])) == ("redeem read", True)
    assert not roles["register"]["changed_at"]

    status, out, err = await key("add", "kiosk-1", "--role", "kiosk", "--store", "006", "--register", "9")
    assert (status, out[:3]) == (0, "tb_"), err
    status, _, err = await key("add", "kiosk-2", "--role", "queen")
    assert (status, "Choose one of kiosk, monitor" in err) == (2, True)
    status, out, _ = await key("list", "--format", "csv")
    (row,) = csv.DictReader(out.splitlines())
    assert (row["name"], row["role"], row["store"], row["register"]) == ("kiosk-1", "kiosk", "006", "9")
    assert (await key("revoke", "kiosk-1"))[0] == 0

    status, out, err = await key("audit", "--limit", "2", "--format", "json")
    assert status == 0
    newest, second = json.loads(out)
    assert (newest["what"], newest["who"], newest["subject"]) == ("key-revoked", "cli", "kiosk-1")
    assert (second["what"], second["reason"]) == ("key-made", "role kiosk, store 006, register 9")
    assert f"--before {second['line']}" in err
    status, out, err = await key("audit", "--before", second["line"], "--format", "csv")
    (row,) = csv.DictReader(out.splitlines())
    assert (row["what"], row["subject"], row["reason"], err) == ("role-set", "kiosk", "may redeem, read", "")
    status, out, _ = await key("audit")
    assert (status, out.count("cli")) == (0, 3)
    status, out, _ = await key("audit", "--since", "2999-01-01T00:00:00Z")
    assert (status, out) == (0, "Nothing to list.\n")
    for words in (("--since", "yesterday"), ("--before", "117")):
        status, _, err = await key("audit", *words)
        assert (status, words[0] in err) == (2, True)


@pytest.mark.parametrize("words", [("role", "set", "kiosk"), ("audit", "--limit", "0")])
async def test_what_cannot_be_asked(data_dir: Path, words: tuple[str, ...]) -> None:
    status, _, _ = await tillbridge("key", *words, "--data-dir", str(data_dir), folder=data_dir)
    assert status == 2
