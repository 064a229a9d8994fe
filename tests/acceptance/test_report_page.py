"""The report of a reconciliation in a real browser: it fits, can be read, and asks nobody for anything."""

from pathlib import Path

import pytest

from tests.acceptance.pages_browser import browser
from tests.unit.reconcile.report.runs import incomplete, many, run
from tillbridge.reconcile.report import write


@pytest.mark.chromium
async def test_the_report_fits_and_can_be_read(chromium: str, tmp_path: Path) -> None:
    runs = {
        "many": many(485),
        "incomplete": incomplete(*many(60, currencies=("USD", "CAD", "JPY")).findings),
        "nothing": run(),
    }
    async with browser(chromium) as tab:
        for name, made in runs.items():
            write(made, tmp_path / name)
            await tab.open((tmp_path / name / "report.html").as_uri())
            for width, dark in ((1200, False), (1200, True), (360, False), (360, True)):
                await tab.look(width, dark=dark)
                assert await tab.faint() == []
                assert await tab.wider() == []
            await tab.look(720, paper=True)
            assert await tab.faint() == []
        assert [address for address in tab.requested if not address.startswith("file://")] == []
        assert len(tab.requested) == len(runs)
        assert tab.complaints == []
