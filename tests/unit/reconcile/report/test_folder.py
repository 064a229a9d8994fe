"""The files of a run in their folder: whole, their owner's alone, never two runs mixed."""

import os
import stat
from pathlib import Path

import pytest

from tests.unit.reconcile.report.runs import ORPHAN, incomplete, many, run
from tillbridge.kernel.errors import BadInput
from tillbridge.reconcile.report import findings_csv, folder, write

ALWAYS = {"findings.csv", "findings.json", "report.html", "summary.json"}


def names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir()}


def test_a_run_leaves_its_files(tmp_path: Path) -> None:
    out = tmp_path / "reports" / "november"
    written = write(run(ORPHAN), out)
    assert {path.name for path in written} == names(out) == ALWAYS
    assert all(path.parent == out for path in written)
    assert (out / "findings.csv").read_bytes().decode() == findings_csv(run(ORPHAN))


def test_unreadable_rows_have_a_file_only_where_there_are_any(tmp_path: Path) -> None:
    write(incomplete(ORPHAN), tmp_path)
    assert names(tmp_path) == {*ALWAYS, "unreadable.csv"}
    write(run(ORPHAN), tmp_path)
    assert names(tmp_path) == ALWAYS


def test_codes_are_money_so_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        out = tmp_path / "out"
        out_again = write(run(ORPHAN), out)
        assert stat.S_IMODE(out.stat().st_mode) == 0o700
        (out / "findings.csv").chmod(0o666)
        out_again = write(run(ORPHAN), out)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in out_again} == {0o600}


def test_what_else_lies_in_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "pos.csv").write_text("mine")
    write(run(), tmp_path)
    assert (tmp_path / "pos.csv").read_text() == "mine"


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "findings.csv").symlink_to(target)
    (out / ".findings.csv.draft").symlink_to(target)
    write(run(ORPHAN), out)
    assert target.read_text() == "mine"
    assert not (out / "findings.csv").is_symlink()
    assert names(out) == ALWAYS


def test_a_full_disk_costs_the_earlier_run_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(incomplete(ORPHAN), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    real = folder._written

    def full(draft: Path, text: str) -> None:
        if draft.name == ".report.html.draft":
            raise OSError(28, "No space left on device")
        real(draft, text)

    monkeypatch.setattr(folder, "_written", full)
    with pytest.raises(BadInput, match="No space left on device") as caught:
        write(many(20), tmp_path)
    assert caught.value.field == "out"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_stopped_between_two_files_the_folder_holds_one_run_and_no_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(incomplete(ORPHAN), tmp_path)
    real = Path.rename

    def stopped(self: Path, target: Path) -> Path:
        if target.name == "report.html":
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "rename", stopped)
    made = many(20)
    with pytest.raises(KeyboardInterrupt):
        write(made, tmp_path)
    assert names(tmp_path) == {"findings.csv", "findings.json"}
    assert (tmp_path / "findings.csv").read_text("utf-8") == findings_csv(made)


def test_drafts_that_a_crash_left_are_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".unreadable.csv.draft").write_text("half")
    write(run(), tmp_path)
    assert names(tmp_path) == ALWAYS


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(BadInput, match="Name a folder that is yours to write to"):
        write(run(), tmp_path / "out")
