"""What `tillbridge simulate` says to options that do not fit."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tillbridge.cli.simulate import simulate_command
from tillbridge.kernel.errors import SettingFault


@pytest.mark.parametrize(
    ("options", "named", "mend"),
    [
        ((), "--serve, --out", "Say --serve"),
        (("--out", "x", "--serve"), "--serve, --out", "exactly one"),
        (("--out", "x", "--credits", "0"), "--credits", "Name 1 to"),
        (("--out", "x", "--days", "-1"), "--days", "Name 1 to"),
        (("--out", "x", "--faults", "1.5"), "--faults", "0.2 is every fifth"),
        (("--out", "x", "--faults", "nan"), "--faults", "0.2 is every fifth"),
        (("--out", "x", "--as-of", "2026-11-21T11:00:00"), "--as-of", "Write it as"),
        (("--out", "x", "--as-of", "0001-01-01T00:00:00+14:00"), "--as-of", "Write it as"),
        (("--out", "x", "--hub", "http://127.0.0.1:1"), "--hub", "belongs to --serve"),
        (("--out", "x", "--port", "web=1"), "--port", "belongs to --serve"),
        (("--serve", "--days", "3"), "--days", "belongs to --out"),
        (("--serve", "--credits", "3"), "--credits", "belongs to --out"),
        (("--serve",), "--hub", "--serve needs it"),
        (("--serve", "--hub", "http://127.0.0.1:1"), "--keys", "--serve needs it"),
        (("--out", "taken/x"), "--out", "cannot write"),
    ],
)
def test_what_it_cannot_do_names_the_option_and_the_mend(
    options: tuple[str, ...], named: str, mend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file", "utf-8")
    result = CliRunner().invoke(simulate_command, options)
    assert isinstance(result.exception, SettingFault)
    assert str(result.exception).startswith(f"{named}: ")
    assert mend in str(result.exception)
    assert not (tmp_path / "x").exists()


def test_it_says_what_it_wrote(tmp_path: Path) -> None:
    result = CliRunner().invoke(simulate_command, ["--out", str(tmp_path), "--credits", "1", "--faults", "1"])
    assert result.exit_code == 0
    assert "truth.csv has 1 difference:" in result.output
