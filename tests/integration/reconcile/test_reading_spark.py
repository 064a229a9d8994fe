"""What was read is the same table on Spark: staged rows, a Parquet file that stays where it lies, rows left out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from ibis.expr.types import Table

from tests.integration.reconcile.little_exports import duckdb
from tillbridge.diagnose.model import Side
from tillbridge.reconcile.columns import AMOUNTS, SCHEMAS, TIMES
from tillbridge.reconcile.engine import open_engine
from tillbridge.reconcile.sources.layout import canonical
from tillbridge.reconcile.sources.reading import read, table

# Spark warns of a pandas that is newer than it knows; what leaves here leaves as Arrow.
pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]

SAMPLE: Final = Path("tests/data/sample")


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory, java: str) -> Iterator[Any]:
    assert java
    with open_engine("spark", tmp_path_factory.mktemp("spark")) as backend:
        yield backend


@pytest.fixture(scope="module")
def con() -> Iterator[Any]:
    with duckdb() as backend:
        yield backend


def natural(side: Side) -> pa.Table:
    """The sample with moments and decimals, a row that is odd and reads well, a bad one, and one that stands twice."""
    rows = pacsv.read_csv(
        SAMPLE / f"{side}.csv",
        convert_options=pacsv.ConvertOptions(
            column_types={
                name: pa.decimal128(12, 2) if name in AMOUNTS else pa.timestamp("us", "UTC") if name in TIMES else kind
                for name, kind in zip(SCHEMAS[side].names, SCHEMAS[side].types, strict=True)
            }
        ),
    )
    changed = rows.slice(0, 3).to_pylist()
    changed[0]["code"] = f"6\u00a0{changed[0]['code']}"
    changed[1]["currency"] = "DOLLARS"
    return pa.concat_tables([pa.Table.from_pylist(changed, schema=rows.schema), rows.slice(2)])


def fetched(rows: Table, spark: Any, side: Side) -> pa.Table:
    """Rows as Arrow, straight from Spark."""
    return spark._session.sql(spark.compile(rows)).toArrow().cast(SCHEMAS[side])


@pytest.mark.parametrize("side", list(Side))
def test_both_engines_see_the_same_rows(side: Side, tmp_path: Path, con: Any, spark: Any) -> None:
    pq.write_table(natural(side), tmp_path / "side.parquet")
    for path, bad in ((SAMPLE / f"{side}.csv", 0), (tmp_path / "side.parquet", 2)):
        loaded = read(side, path, canonical(side), tmp_path, con)
        assert loaded.read.bad_rows == bad
        expected = table(loaded, con).order_by("row").to_pyarrow()
        assert fetched(table(loaded, spark).order_by("row"), spark, side).equals(expected)


def test_nothing_is_an_empty_table(tmp_path: Path, con: Any, spark: Any) -> None:
    loaded = read(Side.ERP, tmp_path / "none.csv", canonical(Side.ERP), tmp_path, con)
    assert table(loaded, con).to_pyarrow().equals(SCHEMAS[Side.ERP].empty_table())
    assert fetched(table(loaded, spark), spark, Side.ERP).num_rows == 0
