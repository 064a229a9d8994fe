"""The truth is the truth: a plain reading of the exports finds every difference that it names, and no other."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.simulate.exports.conftest import AS_OF, order
from tests.unit.simulate.exports.oracle import Found, Oracle, rows, truth
from tillbridge.diagnose.model import Cause, Class
from tillbridge.simulate.exports.faults import FAULTS
from tillbridge.simulate.exports.write import write_exports

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
MONTH = timedelta(days=30)


def differing(folder: Path, days: int = 30, as_of: datetime = AS_OF) -> tuple[list[Found], list[Found]]:
    """What a plain reading finds and the truth does not have, and the other way round."""
    found = Counter(Oracle(folder, as_of - timedelta(days=days), as_of).found())
    told = Counter(truth(folder))
    return list((found - told).elements()), list((told - found).elements())


def test_the_plain_reading_is_right_about_the_sample() -> None:
    assert differing(SAMPLE) == ([], [])


@pytest.mark.parametrize("seed", range(1, 7))
def test_the_truth_has_every_difference_and_no_other(seed: int, folder: Path) -> None:
    write_exports(order(seed=seed, number=1_500), folder)
    assert differing(folder) == ([], [])


@pytest.mark.parametrize("as_of", ["2026-11-21T01:59:00-05:00", "2026-03-01T02:05:00-05:00", "2024-02-29T17:04:00Z"])
@pytest.mark.parametrize("days", [1, 3, 7])
def test_whenever_the_exports_are_made(as_of: str, days: int, folder: Path) -> None:
    moment = datetime.fromisoformat(as_of)
    write_exports(order(seed=days, days=days, as_of=moment), folder)
    assert differing(folder, days, moment) == ([], [])


@pytest.mark.parametrize("faults", [0.0, 1.0])
def test_none_and_all_of_them_wrong(faults: float, folder: Path) -> None:
    write_exports(order(faults=faults), folder)
    assert differing(folder) == ([], [])
    told = truth(folder)
    wrong = [row for row in told if row[3] != Cause.POLLING_LAG]
    assert len(wrong) == 600 * faults


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_five_hundred_credits_have_every_class_and_cause_a_few_times(seed: int, folder: Path) -> None:
    written = write_exports(order(seed=seed, number=500), folder)
    told = truth(folder)
    assert Counter((row[2], row[3]) for row in told) == Counter(
        {(str(truth.kind), str(truth.cause or "")): number for truth, number in written.truth.items()}
    )
    kinds, causes = Counter(row[2] for row in told), Counter(row[3] for row in told)
    assert min(kinds[kind] for kind in Class) >= 3
    assert min(causes[cause] for cause in Cause) >= 3


def test_faults_and_what_is_on_its_way_are_every_class_and_cause() -> None:
    assert {fault.kind for fault in FAULTS} == set(Class)
    assert {fault.cause for fault in FAULTS} == {None, *Cause} - {Cause.POLLING_LAG}
    assert len({fault.strike for fault in FAULTS}) == len(FAULTS)


def test_a_row_that_is_lost_is_missed_and_a_changed_one_is_found(folder: Path) -> None:
    """The plain reading can fail."""
    write_exports(order(), folder)
    wrong = {row[1] for row in truth(folder)}
    unspent = {row["code"] for row in rows(folder, "platform") if row["balance"] == row["issued"]}
    fine = (unspent - wrong) & {row["code"] for row in rows(folder, "pos")}
    web = folder / "storefront.csv"
    lines = web.read_text("utf-8").splitlines()
    place = next(n for n, line in enumerate(lines) if ".00,USD" in line and line.split(",")[4] in fine)
    lines[place] = lines[place].replace(".00,USD", ".01,USD")
    web.write_text("\n".join(lines), "utf-8")
    invented, missed = differing(folder)
    assert [row[1:] for row in invented] == [(lines[place].split(",")[4], "amount-mismatch", "")]
    assert missed == []


def test_one_fault_per_credit_and_one_line_per_difference(folder: Path) -> None:
    write_exports(order(faults=1.0), folder)
    told = truth(folder)
    assert len({row[1] for row in told}) == len(told)
    transactions = [row[0] for row in told if row[0]]
    assert len(set(transactions)) == len(transactions)


def test_an_earlier_cause_hides_a_later_one(folder: Path) -> None:
    """Among credits without a customer are some that the web store would not take, and some that are on their way."""
    write_exports(order(faults=1.0, number=1_000), folder)
    sales = {row["code"]: row for row in rows(folder, "pos")}
    nobody = [sales[row[1]] for row in truth(folder) if row[3] == Cause.NO_CUSTOMER]
    assert any(sale["bucket"] == "promo" for sale in nobody)
    assert any(datetime.fromisoformat(sale["occurred_at"]) > AS_OF - timedelta(days=1) for sale in nobody)
