"""The engines: DuckDB by default, in bounded memory and spilling to disk; Spark for those who outgrow one machine.

Both are given the same Ibis expressions; times are in UTC on both.
"""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import ibis

from tillbridge.kernel.errors import SettingFault

ENGINES: Final = ("duckdb", "spark")

MEMORY: Final = "1500MB"
"""What DuckDB may hold in memory unless told otherwise; what is more goes to disk."""


@contextmanager
def open_engine(name: str, staging: Path, memory: str = MEMORY) -> Iterator[Any]:
    """An Ibis backend, until the block ends. `staging` is a folder for what does not fit into memory.

    Raises SettingFault where Spark is asked for and not installed, or has no Java.
    """
    if name == "spark":
        with _spark(staging, memory) as con:
            yield con
        return
    (staging / "spill").mkdir(parents=True, exist_ok=True)
    con = ibis.duckdb.connect(
        ":memory:",
        memory_limit=memory,
        threads=os.cpu_count() or 1,
        temp_directory=str(staging / "spill"),
        preserve_insertion_order=False,
    )
    con.con.execute("SET TimeZone = 'UTC'")
    try:
        yield con
    finally:
        con.disconnect()


@contextmanager
def _spark(staging: Path, memory: str) -> Iterator[Any]:
    mend = "Install the extra: pip install 'tillbridge[spark]', and Java 17 or later; or use --engine duckdb."
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as error:
        raise SettingFault("--engine", f"Spark is not installed ({error.name} is missing)", mend) from None
    logging.getLogger("py4j").setLevel(logging.ERROR)
    # Spark warns of a pandas that is newer than it knows; no frame of pandas is made here.
    warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.driver.memory": memory.upper().removesuffix("B"),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(staging / "spill"),
        "spark.sql.warehouse.dir": str(staging / "warehouse"),
        "spark.sql.shuffle.partitions": str(os.cpu_count() or 1),
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master(f"local[{os.cpu_count() or 1}]").appName("tillbridge reconcile")
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise SettingFault("--engine", f"Spark does not start ({type(error).__name__})", mend) from error
    try:
        yield ibis.pyspark.connect(session)
    finally:
        session.stop()
