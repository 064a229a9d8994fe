"""The page of a listing that the docs show is one that the hub can read, row by row."""

from tests.docs.pages import DOCS, block
from tillbridge.connectors.http import page_of
from tillbridge.reconcile.live.told import shown_row

SYSTEM = DOCS / "howto" / "connect-a-system.md"


def test_the_page_that_is_shown_can_be_read() -> None:
    page = page_of(200, block(SYSTEM, "json", '"rows"').text.encode(), {})
    assert page.following == "1442"
    first, second = map(shown_row, page.rows)
    assert first[4:7] == ("019AA7F40C3E7A0D9B1E0D4F6D7C2B10", 6300, "USD")
    assert second == ("A0001441", "ava.reed@example.com", "", "", "", None, "", None)
