"""The parts of the docs that are made from the code. `make docs` writes them anew; a test compares.

A part stands between two lines, `<!-- generated: NAME -->` and `<!-- end -->`. What is around them is written by hand.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.docs import books, causes, commands, interface, picture, verify, watch
from tests.docs.pages import DOCS

PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "commands": commands.reference,
    "settings": books.settings,
    "refusals": books.refusals,
    "refusal-order": books.refusal_order,
    "credit-states": books.credit_states,
    "verbs": books.verbs,
    "house-accounts": books.house_accounts,
    "cashier": books.cashier,
    "roles": interface.roles,
    "audit-lines": interface.audit_lines,
    "routes": interface.routes,
    "problems": interface.problems,
    "batch-commands": interface.batch_commands,
    "decisions": interface.decisions,
    "pages": interface.console_pages,
    "switches": books.switches,
    "demo-faults": books.demo_faults,
    "export-columns": books.export_columns,
    "law-keys": books.law_keys,
    "law-words": books.law_words,
    "law-rows": books.law_rows,
    "verify-checks": verify.checks,
    "metrics": watch.metrics,
    "alerts": watch.alerts,
    "map-criteria": books.map_criteria,
    "classes": causes.classes,
    "causes": causes.causes,
    "complaints": causes.complaints,
    "risks": causes.risks,
    "listing-fields": causes.listing_fields,
}
"""What is made, by the name that its markers carry."""

PICTURE: Final = DOCS / "pictures" / "path.svg"
"""The event path as the console draws it."""

_PART = re.compile(r"(?P<begin><!-- generated: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)


def names_in(text: str) -> list[str]:
    """The names of the generated parts of a page, in order."""
    return [match["name"] for match in _PART.finditer(text)]


def rewritten(text: str) -> str:
    """The page with its generated parts made anew. Raises KeyError for a part that nobody makes."""
    return _PART.sub(lambda match: f"{match['begin']}\n{PARTS[match['name']]().strip()}\n\n{match['end']}", text)


def generated_pages() -> list[Path]:
    """The pages that have generated parts."""
    return [path for path in sorted(DOCS.rglob("*.md")) if names_in(path.read_text("utf-8"))]


def main() -> None:
    """Write all generated parts and the picture anew."""
    for path in generated_pages():
        path.write_text(rewritten(path.read_text("utf-8")), "utf-8")
    PICTURE.write_text(picture.path_picture(), "utf-8")


if __name__ == "__main__":
    main()
