"""Tables of what can be scraped, and of the alerts that come with the product, made from both."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import yaml
from prometheus_client.core import Metric

from tests.docs.books import table
from tests.docs.pages import DOCS
from tillbridge.api.metrics import Metrics
from tillbridge.api.signs import Signs, Standing, families
from tillbridge.handoff.model import Kept
from tillbridge.kernel.clock import SetClock
from tillbridge.kernel.db import Db
from tillbridge.stack.load import parse

ALERTS: Final = DOCS / "operating" / "alerts.yml"
AT: Final = datetime(2026, 11, 22, tzinfo=UTC)
_MAP: Final = """
[retailer]
name = "Harbor & Pine"
country = "US"
currency = "USD"
time_zone = "America/New_York"
[authority]
system = "platform"
[systems.registers]
role = "pos"
connector = "csv"
[systems.platform]
role = "platform"
connector = "built-in"
[[hops]]
from = "registers"
to = "platform"
trigger = "webhook"
sla = "2s"
"""


class _Still(Signs):
    """Signs of a hop that has something of everything, without a database."""

    def collect(self) -> Iterator[Metric]:
        """One hop."""
        kept = (Kept("platform-web", 1, 1),)
        return families(Standing(True, AT, ever=kept, hour=kept), {"platform-web": timedelta(seconds=5)})


def known() -> list[Metric]:
    """Every family of metrics that a hub can tell, with at least one sample of each."""
    metrics = Metrics(_Still(cast(Db, None), parse(_MAP, "stack.toml", {}), SetClock(AT)))
    metrics.answered("GET", "/metrics", 200, 0.01)
    metrics.confirmed(0.01)
    metrics.refused("bad-input")
    metrics.refused_webhook("old")
    metrics.committed(1)
    return sorted(metrics.registry.collect(), key=lambda family: (family.name.startswith("process"), family.name))


def name_of(family: Metric) -> str:
    """The name under which a query finds it."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def metrics() -> str:
    """Every metric: its name, its kind, its labels and what it says."""
    return table(("metric", "kind", "labels", "what it says"), map(_row, known()))


def _row(family: Metric) -> tuple[str, str, str, str]:
    labels = {label: None for sample in family.samples for label in sample.labels if label != "le"}
    return f"`{name_of(family)}`", family.type, ", ".join(f"`{label}`" for label in labels), family.documentation


def rules() -> list[dict[str, Any]]:
    """Every alert of the rules file."""
    groups: Iterable[dict[str, Any]] = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> str:
    """Every alert: how grave it is, when it fires, and what it says."""
    rows = [
        (f"[`{one['alert']}`](#{one['alert'].lower()})", one["labels"]["severity"], f"`{_one_line(one['expr'])}`",
         one.get("for", "at once"))
        for one in rules()
    ]  # fmt: skip
    return table(("alert", "severity", "fires when", "for"), rows)


def _one_line(text: str) -> str:
    return " ".join(text.split())
