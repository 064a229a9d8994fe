"""Of an export only the named sales are sent, and what cannot be told is told."""

from tillbridge.cli.replay_sales import Tally, only_named
from tillbridge.connectors import pos_csv
from tillbridge.connectors.pos_csv import BadPosRow
from tillbridge.reconcile.reissue.sales import Named

HEADER = "transaction_id,store,register,operator,occurred_at,kind,bucket,amount,currency,code,email,phone,loyalty_id"
REST = "006,3,op07,2026-11-21T10:00:00Z,store_credit,refund,5.00,USD"
NAMED = Named({"T-1": frozenset({"6281670170002304"}), "T-2": frozenset({""}), "T-9": frozenset({""})})


def test_only_the_rows_of_named_sales_are_sent() -> None:
    lines = [
        HEADER,
        f"T-1,{REST},6281670170002304,,,",
        f"T-1,{REST},9999999999999999,,,",
        f"T-2,{REST},,,,",
        f"T-3,{REST},,,,",
        f"T-2,{REST.replace('006', '')},,,,",
        f"T-3,{REST.replace('006', '')},,,,",
        'T-4,"006',
    ]
    tally = Tally()
    rows = list(only_named(pos_csv.read(lines), NAMED, tally))
    assert [row.row for row in rows] == [2, 4, 6, 8], "what cannot be read may be one of them, unless it says otherwise"
    assert [isinstance(row, BadPosRow) for row in rows] == [False, False, True, True]
    assert tally.absent == ["T-9"]
