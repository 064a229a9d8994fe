"""The files: the same bytes from the same seed, the sample's shape, shuffled, and all or none of them."""

import re
from pathlib import Path

import pytest

from tests.unit.simulate.exports.conftest import order
from tests.unit.simulate.exports.oracle import rows
from tillbridge.diagnose.model import Side
from tillbridge.simulate.directory import check_digit
from tillbridge.simulate.exports import pile
from tillbridge.simulate.exports.write import FILES, write_exports
from tillbridge.stack.load import load

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
IDS = {
    "pos": {"transaction_id": r"T0(0\d|1[0-2])[1-6]\d{7}", "store": r"0(0[1-9]|1[0-2])", "operator": r"op[0-4]\d"},
    "platform": {"transaction_id": r"(T\d{11}|WEB\d{7})?", "credit_id": r"C\d{9}", "customer_id": r"(A\d{7})?"},
    "storefront": {"account_id": r"A\d{7}", "phone": r"\+1\d{10}", "loyalty_id": r"77\d{9}", "code": r"(6\d{15})?"},
    "erp": {"document_id": r"JE\d{8}", "code": r"6\d{15}", "status": "posted|error"},
}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    made = {}
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        (tmp_path / name).mkdir()
        write_exports(order(seed=seed), tmp_path / name)
        made[name] = bytes_of(tmp_path / name)
    assert made["a"] == made["b"]
    assert set(made["a"]) == set(FILES)
    assert all(made["a"][f"{side}.csv"] != made["c"][f"{side}.csv"] for side in Side)


@pytest.mark.parametrize("side", Side)
def test_headers_and_ids_are_the_samples(side: Side, folder: Path) -> None:
    written = write_exports(order(), folder)
    name = f"{side}.csv"
    header = (folder / name).read_bytes().partition(b"\n")[0]
    assert header == (SAMPLE / name).read_bytes().partition(b"\n")[0]
    read, sample = rows(folder, side), rows(SAMPLE, side)
    assert len(read) == written.rows[side]
    for column, pattern in IDS[side].items():
        for each in (read, sample):
            odd = [row[column] for row in each if not re.fullmatch(pattern, row[column])]
            assert not odd, f"{column}: {odd[:3]}"


def test_codes_have_their_check_digit_and_every_id_is_there_once(folder: Path) -> None:
    write_exports(order(), folder)
    codes = [row["code"] for row in rows(folder, "platform")]
    assert all(check_digit(code[:-1]) == code[-1] for code in codes)
    for side, column in (("pos", "transaction_id"), ("platform", "credit_id"), ("erp", "document_id")):
        ids = [row[column] for row in rows(folder, side)]
        assert len(set(ids)) == len(ids)


def test_the_map_is_the_samples_and_can_be_loaded(folder: Path) -> None:
    write_exports(order(), folder)
    first, rest = (folder / "stack.toml").read_text("utf-8").split("\n", 1)
    assert first.endswith("As of 2026-11-21T11:00:00-05:00.")
    assert rest == (SAMPLE / "stack.toml").read_text("utf-8").split("\n", 1)[1]
    assert [hop.target for hop in load(folder / "stack.toml", {}).hops] == ["platform", "processor", "erp", "web"]


def test_every_account_has_a_row_and_those_without_a_credit_a_blank_one(folder: Path) -> None:
    write_exports(order(), folder)
    shop = rows(folder, "storefront")
    accounts = {row["account_id"] for row in shop}
    assert accounts == {f"A{number:07}" for number in range(1, order().people + 1)}
    blank = [row["account_id"] for row in shop if not row["code"]]
    assert len(set(blank)) == len(blank)
    assert not set(blank) & {row["account_id"] for row in shop if row["code"]}
    assert not {row["available"] + row["updated_at"] for row in shop if not row["code"]} - {""}


def test_credits_from_before_the_window_are_in_no_register_export(folder: Path) -> None:
    write_exports(order(number=2_000), folder)
    since = "2026-10-22T11:00:00-05:00"
    assert min(row["occurred_at"] for row in rows(folder, "pos")) >= since
    older = [row for row in rows(folder, "platform") if row["issued_at"] < since]
    assert len(older) == 300
    online = {row["code"] for row in rows(folder, "storefront")}
    assert any(row["state"] == "active" and row["code"] not in online for row in older)


@pytest.mark.parametrize("side", Side)
def test_rows_are_shuffled_each_file_in_an_order_of_its_own(side: Side, folder: Path) -> None:
    write_exports(order(), folder)
    codes = [row["code"] for row in rows(folder, side) if row["code"]]
    other = [row["code"] for row in rows(folder, "erp" if side != Side.ERP else "pos") if row["code"] in set(codes)]
    assert codes != sorted(codes, key=lambda code: code[7:])
    assert [code for code in codes if code in set(other)] != other


def test_what_breaks_off_leaves_nothing_and_replaces_nothing(folder: Path) -> None:
    (folder / "pos.csv").write_text("mine", "utf-8")

    def stop(_made: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_exports(order(number=2_000), folder, stop)
    assert bytes_of(folder) == {"pos.csv": b"mine"}


def test_many_heaps_hold_the_same_lines_as_one(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_exports(order(), folder)
    spilled = tmp_path / "spilled"
    spilled.mkdir()
    monkeypatch.setattr(pile, "HEAP", 100)
    monkeypatch.setattr(pile, "KEPT", 10)
    write_exports(order(), spilled)
    for side in Side:
        name = f"{side}.csv"
        assert len((spilled / name).read_bytes().splitlines()) == len((folder / name).read_bytes().splitlines())
    assert set(bytes_of(spilled)) == set(FILES)
    ids = [row["transaction_id"] for row in rows(spilled, "pos")]
    assert len(set(ids)) == len(ids)
    assert ids != sorted(ids, key=lambda one: one[-7:])
