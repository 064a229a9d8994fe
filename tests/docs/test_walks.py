"""The pages that show requests and answers, walked through against a real hub."""

import json
from pathlib import Path

import pytest

from tests.docs.pages import DOCS
from tests.docs.test_examples import shape
from tests.docs.walking import SALES, steps, walking


@pytest.mark.parametrize("name", SALES)
async def test_the_hub_answers_as_the_page_shows(name: str, db_url: str, tmp_path: Path) -> None:
    page = DOCS / "howto" / f"{name}.md"
    async with walking(page, tmp_path, db_url) as walk:
        for asked, shown in steps(page):
            told, answered = json.loads(shown), await walk.answer(asked)
            assert shape(told) == shape(answered), asked
            for field in ("status", "code", "sentence", "cashier", "amount", "balance", "held", "available", "state"):
                assert told.get(field) == answered.get(field), asked
