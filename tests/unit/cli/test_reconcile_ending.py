"""A reconciliation that does not come to its end: what was staged goes, and the exit status is that of no result."""

import errno
import signal
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from tillbridge.cli.__main__ import commands
from tillbridge.cli.reconcile_ending import ending
from tillbridge.kernel.errors import BadInput


def within(work: Callable[[], object]) -> Path:
    """The folder that stood while `work` was done."""
    with ending(), TemporaryDirectory(prefix="tillbridge-test-") as folder:
        stood.append(Path(folder))
        work()
    return Path(folder)


stood: list[Path] = []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_leaves_nothing_and_is_no_result(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended:
        within(lambda: signal.raise_signal(number))
    assert ended.value.code == 2
    assert not stood[-1].exists()
    assert "Stopped" in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_stopped_within_the_engine_it_is_no_defect(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise RuntimeError("counting the rows failed: KeyboardInterrupt") from error

    with pytest.raises(SystemExit):
        within(work)
    said = capsys.readouterr().err
    assert "Stopped" in said
    assert "Traceback" not in said


def test_a_defect_is_not_taken_for_findings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        within(lambda: 1 // 0)
    assert ended.value.code == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_what_a_person_can_mend_stays_as_it_is() -> None:
    def work() -> None:
        raise BadInput("--pos", "it is wrong", "Mend it.")

    with pytest.raises(BadInput, match="--pos"):
        within(work)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), RuntimeError('{"exception_type":"IO","errno":"28"}')],
)
def test_a_full_disk_is_named_with_the_mend(error: Exception) -> None:
    def work() -> None:
        raise error

    with pytest.raises(BadInput, match="TMPDIR") as told:
        within(work)
    assert "Make room there" in told.value.mend


@pytest.mark.parametrize("size", ["lots", "0", "-1GB", "1500", "1.5.GB"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    result = CliRunner().invoke(commands, ["reconcile", "--pos", "a", "--platform", "b", "--memory", size])
    assert result.exit_code == 2
    assert "1500MB" in result.output


@pytest.mark.parametrize("moment", ["0005-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"])
def test_a_year_that_nobody_keeps_exports_of_is_refused(moment: str) -> None:
    result = CliRunner().invoke(commands, ["reconcile", "--pos", "a", "--platform", "b", "--as-of", moment])
    assert isinstance(result.exception, BadInput)
    assert result.exception.field == "--as-of"
