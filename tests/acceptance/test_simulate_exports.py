"""`tillbridge simulate --out`: exports with known faults, by the command, and what it says to what it cannot do."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

from tests.acceptance.test_replay import tillbridge
from tests.unit.simulate.exports.conftest import AS_OF
from tests.unit.simulate.exports.oracle import Oracle, truth
from tillbridge.simulate.exports.write import FILES


async def test_exports_with_their_truth(tmp_path: Path) -> None:
    out = tmp_path / "new" / "exports"
    status, said, err = await tillbridge(
        "simulate", "--out", str(out), "--seed", "11", "--credits", "700", folder=tmp_path
    )
    assert (status, err) == (0, "")
    assert {file.name for file in out.iterdir()} == set(FILES)
    told = truth(out)
    assert Counter(told) == Counter(Oracle(out, AS_OF - timedelta(days=30), AS_OF).found())
    assert f"truth.csv has {len(told)} differences:" in said
    counted = Counter(" ".join(row[2:]).strip() for row in told)
    assert {line.strip() for line in said.splitlines()[2:]} == {f"{n} {name}" for name, n in counted.items()}


async def test_the_same_command_gives_the_same_bytes_and_other_options_others(tmp_path: Path) -> None:
    made = []
    for number, more in enumerate(((), (), ("--as-of", "2026-08-01T12:00:00Z", "--days", "14", "--faults", "0.5"))):
        out = tmp_path / str(number)
        status, _, err = await tillbridge("simulate", "--out", str(out), "--credits", "300", *more, folder=tmp_path)
        assert status == 0, err
        made.append({file.name: file.read_bytes() for file in out.iterdir()})
    assert made[0] == made[1]
    assert all(made[0][name] != made[2][name] for name in FILES)
    assert b"As of 2026-08-01T07:00:00-05:00" in made[2]["stack.toml"]


async def test_a_folder_that_holds_something_is_written_to_only_by_force(tmp_path: Path) -> None:
    out = tmp_path / "full"
    out.mkdir()
    (out / "pos.csv").write_text("mine", "utf-8")
    (out / "notes.txt").write_text("mine as well", "utf-8")
    command = ("simulate", "--out", str(out), "--credits", "50")
    status, _, err = await tillbridge(*command, folder=tmp_path)
    assert (status, "--out" in err, "--force" in err) == (2, True, True)
    assert (out / "pos.csv").read_text("utf-8") == "mine"
    status, _, err = await tillbridge(*command, "--force", folder=tmp_path)
    assert status == 0, err
    assert (out / "pos.csv").read_text("utf-8").startswith("transaction_id,")
    assert (out / "notes.txt").read_text("utf-8") == "mine as well"


async def test_what_cannot_be_done_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    status, out, err = await tillbridge("simulate", "--out", "x", "--credits", "0", folder=tmp_path)
    assert (status, out) == (2, "")
    assert err == "tillbridge: --credits: 0 credits cannot be made. Name 1 to 20000000.\n"
    assert not (tmp_path / "x").exists()
