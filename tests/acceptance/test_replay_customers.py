"""`tillbridge replay customers`: a storefront's customers from a file, and who is gone."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from tests.acceptance.conftest import QUIET_MAP
from tillbridge.cli.__main__ import commands


def run(folder: Path, *words: str) -> Result:
    options = ["--data-dir", str(folder), "--stack", str(folder / "stack.toml")]
    return CliRunner().invoke(commands, ["replay", "customers", *words, *options])


def test_a_directory_is_taken_in_and_read_again(data_dir: Path) -> None:
    (data_dir / "stack.toml").write_text(QUIET_MAP, "utf-8")
    file = data_dir / "customers.csv"
    header = "account_id,email,phone,loyalty_id,name\n"
    file.write_text(header + "A1,ava@example.org,,,Ava Reed\nA2,ben@example.org,,,Ben Cole\n", "utf-8")
    first = run(data_dir, str(file), "--system", "web", "--full")
    assert (first.exit_code, first.output) == (
        0,
        "2 accounts taken in, 2 of their customers are new.\n0 accounts are gone.\n",
    )
    file.write_text(header + "A1,ava@example.org,,,Ava Reed\nA3,not an address,,,\n", "utf-8")
    again = run(data_dir, str(file), "--system", "web", "--full", "--format", "json")
    told = json.loads(again.stdout)
    assert (again.exit_code, told["accounts"], told["new"], told["gone"]) == (2, 1, 0, 1)
    assert told["bad"][0]["account_id"] == "A3"
    unknown = run(data_dir, str(file), "--system", "shop")
    assert unknown.exit_code != 0
    assert "no system 'shop'" in str(unknown.exception)


def test_only_a_storefront_has_customers_who_proved_anything(data_dir: Path) -> None:
    (data_dir / "stack.toml").write_text(QUIET_MAP, "utf-8")
    file = data_dir / "customers.csv"
    file.write_text("account_id,email,phone,loyalty_id\nA1,ava@example.org,,\n", "utf-8")
    refused = run(data_dir, str(file), "--system", "registers")
    assert refused.exit_code != 0
    assert "registers is no storefront" in str(refused.exception)


def test_a_file_says_when_it_was_cut(data_dir: Path) -> None:
    (data_dir / "stack.toml").write_text(QUIET_MAP, "utf-8")
    file = data_dir / "customers.csv"
    file.write_text("account_id,email,phone,loyalty_id\nA1,ava@example.org,,\n", "utf-8")
    assert run(data_dir, str(file), "--system", "web", "--full").exit_code == 0
    older = run(data_dir, str(file), "--system", "web", "--as-of", "2020-01-01T00:00:00Z")
    assert "older than what is known, and changed nothing: 1." in older.output
    refused = run(data_dir, str(file), "--system", "web", "--as-of", "yesterday")
    assert "'yesterday' is no moment" in str(refused.exception)
