"""Exports in a folder of the test's own."""

from datetime import datetime
from pathlib import Path

import pytest

from tillbridge.simulate.exports.hours import moment_of
from tillbridge.simulate.exports.make import Order

AS_OF = datetime.fromisoformat("2026-11-21T11:00:00-05:00")


def order(*, seed: int = 1, number: int = 600, days: int = 30, faults: float = 0.2, as_of: datetime = AS_OF) -> Order:
    """What to make: a few hundred credits."""
    return Order(seed, number, days, faults, moment_of(as_of))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the exports go."""
    out = tmp_path / "exports"
    out.mkdir()
    return out
