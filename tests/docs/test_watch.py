"""The alerts that come with the product ask for metrics that there are, and each has its paragraph."""

import re

from tests.docs.pages import DOCS
from tests.docs.watch import known, name_of, rules

PAGE = (DOCS / "operating" / "watch.md").read_text("utf-8")
_NAMES = re.compile(r"\b(?:tillbridge|process)_[a-z_]+\b")


def series() -> set[str]:
    """Every name that a query may use."""
    return {name for family in known() for name in (name_of(family), *(sample.name for sample in family.samples))}


def test_alerts_ask_for_what_there_is() -> None:
    for rule in rules():
        asked = set(_NAMES.findall(rule["expr"]))
        assert asked, rule["alert"]
        assert asked <= series(), f"{rule['alert']}: {asked - series()}"


def test_every_alert_has_its_paragraph() -> None:
    headings = re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)
    assert headings == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook"].endswith(f"#{rule['alert'].lower()}")


def test_metrics_named_on_the_page_are_metrics() -> None:
    assert set(_NAMES.findall(PAGE)) <= series()
    assert {name_of(family) for family in known()} <= set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
