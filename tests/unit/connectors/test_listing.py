"""What an answer to the listing means."""

import pytest

from tillbridge.connectors.http import HttpConnector, page_of
from tillbridge.reconcile.live.ports import NOT_A_ROW, Lister, ListingFault


@pytest.mark.parametrize(
    ("body", "rows", "following"),
    [
        (b'{"rows": [], "next": null}', (), ""),
        (b'{"rows": [{"account_id": "A1"}], "next": "7"}', ({"account_id": "A1"},), "7"),
        (b'{"rows": [5, null]}', ({NOT_A_ROW: 5}, {NOT_A_ROW: None}), ""),
    ],
)
def test_a_page(body: bytes, rows: tuple[object, ...], following: str) -> None:
    page = page_of(200, body, {})
    assert (page.rows, page.following) == (rows, following)


@pytest.mark.parametrize(
    ("status", "body", "passing", "said"),
    [
        (200, b"", False, 'no JSON with a list "rows"'),
        (200, b'{"rows": {}}', False, 'no JSON with a list "rows"'),
        (200, b'{"rows": [], "next": 7}', False, '"next" is no short text'),
        (200, b'{"rows": [], "next": "' + b"x" * 2001 + b'"}', False, '"next" is no short text'),
        (302, b"", False, "it answered 302"),
        (400, b'{"message": "Bad place."}', False, "it answered 400 (Bad place)"),
        (401, b"{}", False, "it answered 401"),
        (404, b"not here", False, "it has no listing"),
        (405, b"{}", False, "it has no listing"),
        (501, b"{}", False, "it has no listing"),
        (423, b"{}", True, "it answered 423"),
        (429, b"{}", True, "it answered 429"),
        (500, b"{}", True, "it answered 500"),
        (503, b'{"message": "Not now."}', True, "it answered 503 (Not now)"),
    ],
)
def test_no_page(status: int, body: bytes, passing: bool, said: str) -> None:
    with pytest.raises(ListingFault) as caught:
        page_of(status, body, {"Retry-After": "7"})
    fault = caught.value
    assert said in fault.problem
    assert (fault.passing, fault.retry_after) == (passing, 7.0 if passing else None)
    assert fault.mend.endswith(".")


async def test_a_system_without_an_address_is_told() -> None:
    connector = HttpConnector("nowhere", "secret")
    assert isinstance(connector, Lister)
    async with connector:
        with pytest.raises(ListingFault, match=r"no address.*Mend url in the map"):
            await connector.list_credits("", 10)


async def test_a_system_that_is_away_may_come_back() -> None:
    async with HttpConnector("http://127.0.0.1:1", "secret") as connector:
        with pytest.raises(ListingFault, match="cannot be reached") as caught:
            await connector.list_credits("", 10)
    assert caught.value.passing
