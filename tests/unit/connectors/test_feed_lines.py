"""JSON lines of a feed: a row ends where its line does, whatever its texts hold."""

import json

from tillbridge.connectors.feed import page_of


def test_a_row_is_not_split_inside_its_texts() -> None:
    rows = [{"transaction_id": "T1", "operator": "x\u2028y\u2029z\u0085w"}, {"transaction_id": "T2"}]
    text = "\r\n".join([*(json.dumps(row, ensure_ascii=False) for row in rows), '{"next": "a"}', ""])
    page = page_of(text.encode(), "application/x-ndjson")
    assert (list(page.rows), page.next) == (rows, "a")
