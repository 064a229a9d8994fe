"""Closed lists are the same in the code, in the database and in the docs."""

import re
from importlib import resources

import pytest

from tests.docs.interface import console_addresses
from tests.docs.pages import DOCS, prose
from tillbridge.api.problems import STATUS_OF_REFUSAL
from tillbridge.api.routes import ROUTES
from tillbridge.checkpoint.sentences import CASHIER
from tillbridge.console.app import GETS
from tillbridge.kernel.errors import Refusal
from tillbridge.kernel.settings import SETTINGS
from tillbridge.ledger.model import REFUSALS, STATES, State, Verb
from tillbridge.simulate.faults import SWITCHES, Faults

SCHEMA = resources.files("tillbridge").joinpath("ledger", "schema.sql").read_text("utf-8")


def enum(name: str) -> list[str]:
    """The values of an enum of the ledger's schema, in order."""
    found = re.search(rf"CREATE TYPE ledger\.{name} AS ENUM \(([^)]*)\)", SCHEMA)
    assert found
    return re.findall(r"'([^']+)'", found[1])


def reference(name: str) -> str:
    """A page of the reference."""
    return (DOCS / "reference" / f"{name}.md").read_text("utf-8")


def test_refusals_are_the_same_list_in_the_same_order() -> None:
    codes = [refusal.code for refusal in REFUSALS]
    assert enum("refusal") == codes
    assert list(STATUS_OF_REFUSAL) == codes
    assert re.findall(r"^### `([a-z-]+)`$", reference("refusals"), re.MULTILINE) == codes
    assert re.findall(r"^\| \d+ \| \[`([a-z-]+)`\]", reference("refusals"), re.MULTILINE) == codes


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
def test_a_refusal_says_both_of_its_sentences(refusal: Refusal) -> None:
    page = reference("refusals")
    assert f"- The cashier reads: {refusal.cashier}\n" in page
    assert f"- The engineer reads: {refusal.engineer}." in page


def test_states_of_a_credit_are_the_same_in_code_schema_and_docs() -> None:
    assert enum("state") == [state.value for state in State] == [state.value for state in STATES]
    rows = re.findall(r"^\| `([a-z]+)` \| ([^|`]+) \|$", reference("credit-states"), re.MULTILINE)
    assert [(name, said.strip()) for name, said in rows] == [(state.value, said) for state, said in STATES.items()]


def test_verbs_are_the_same_in_code_and_schema() -> None:
    assert enum("verb") == [verb.value for verb in Verb]


def test_every_setting_has_its_row() -> None:
    rows = re.findall(r"^\| `(TILLBRIDGE_\w+)` \|", reference("settings"), re.MULTILINE)
    assert rows == [setting.name for setting in SETTINGS]


def test_settings_named_anywhere_are_settings() -> None:
    known = {setting.name for setting in SETTINGS} | {"TILLBRIDGE_KEY"}
    for page in DOCS.rglob("*.md"):
        assert set(re.findall(r"\bTILLBRIDGE_[A-Z_]+\b", page.read_text("utf-8"))) <= known, page.name


def test_every_endpoint_has_its_section() -> None:
    headings = re.findall(r"^### `([A-Z]+ /\S*)`$", reference("http"), re.MULTILINE)
    assert headings == [f"{route.method} {route.path}" for route in ROUTES]


def test_every_page_has_its_row_and_its_paragraph() -> None:
    page = reference("console")
    for method, path, _ in console_addresses():
        assert f"| `{method} {path}` |" in page
    written = prose(DOCS / "reference" / "console.md").split("<!-- generated")[0]
    for path in {re.sub(r"\{(\w+):.*", r"{\1}", path).removesuffix(".pdf") for path in GETS}:
        assert f"`{path}`" in written, f"no paragraph about {path}"


def test_every_switch_has_its_row() -> None:
    assert set(SWITCHES) == set(Faults.__struct_fields__)
    rows = re.findall(r"^\| `(\w+)` \| Send ", reference("simulate"), re.MULTILINE)
    assert rows == list(SWITCHES)


def test_every_sentence_of_the_cashier_has_its_row() -> None:
    page = (DOCS / "concepts" / "checkpoint.md").read_text("utf-8")
    assert all(f"| `{outcome}` | {said} |" in page for outcome, said in CASHIER.items())
