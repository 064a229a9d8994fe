"""What must hold of any book, worked out anew from its events: each query returns the rows that are wrong."""

from typing import Final

from tillbridge.kernel.db import Db, Query

_NEWEST = "(SELECT DISTINCT ON (credit_id) * FROM ledger.event ORDER BY credit_id, version DESC)"
_OPEN_HOLDS = """(
    SELECT h.credit_id, h.hold_id, h.hold_left AS remaining, x.expires_at
    FROM (
        SELECT DISTINCT ON (credit_id, hold_id) * FROM ledger.event
        WHERE hold_id IS NOT NULL ORDER BY credit_id, hold_id, version DESC
    ) AS h
    JOIN ledger.hold AS x ON x.hold_id = h.hold_id AND x.credit_id = h.credit_id
    WHERE h.hold_left > 0 AND NOT EXISTS (
        SELECT FROM ledger.event AS c
        WHERE c.credit_id = h.credit_id AND c.verb = 'chargeback' AND c.version > h.version
    )
)"""
_RECOMPUTED_TOTALS = f"""(
    SELECT account, bucket, currency, store, state, sum(amount) AS amount, sum(credits) AS credits,
        sum(entries) AS entries
    FROM (
        SELECT 'owed:' || k.bucket AS account, k.bucket, k.currency, k.store, n.state::text, n.balance AS amount,
            1 AS credits, 0 AS entries
        FROM {_NEWEST} AS n JOIN ledger.credit AS k USING (credit_id)
        UNION ALL
        SELECT g.account, k.bucket, k.currency, k.store, CASE g.leg WHEN 1 THEN e.state::text ELSE '' END,
            CASE g.leg WHEN 2 THEN g.amount ELSE 0 END, 0, 1
        FROM ledger.entry AS g JOIN ledger.credit AS k USING (credit_id)
        JOIN ledger.event AS e USING (credit_id, version)
    ) AS q
    GROUP BY account, bucket, currency, store, state
    HAVING sum(amount) <> 0 OR sum(credits) <> 0 OR sum(entries) <> 0
)"""  # noqa: S608 - parts of our own
_KEPT_TOTALS = """(
    SELECT account, bucket, currency, store, state, amount, credits, entries FROM ledger.totals
    WHERE amount <> 0 OR credits <> 0 OR entries <> 0
)"""
_SEALS = """(
    SELECT e.batch_id, e.seal FROM ledger.event AS e
    UNION ALL SELECT r.batch_id, r.seal FROM ledger.request AS r WHERE r.refusal IS NOT NULL
)"""


def _differ(kept: str, made: str) -> str:
    return f"(TABLE {kept} EXCEPT TABLE {made}) UNION ALL (TABLE {made} EXCEPT TABLE {kept})"


CHECKS: Final = {
    "a gap, a jump of the balance, or a version twice": """
        SELECT credit_id, version FROM (
            SELECT *, row_number() OVER w AS place, sum(change) OVER w AS running
            FROM ledger.event WINDOW w AS (PARTITION BY credit_id ORDER BY version)
        ) AS q WHERE version <> place OR balance <> running OR balance < 0 OR held < 0 OR held > balance""",
    "entries that are not two, do not sum to zero, or differ from their event": """
        SELECT e.credit_id, e.version FROM ledger.event AS e
        LEFT JOIN ledger.entry AS g USING (credit_id, version)
        GROUP BY e.credit_id, e.version
        HAVING count(g.leg) <> CASE WHEN e.change = 0 THEN 0 ELSE 2 END OR coalesce(sum(g.amount), 0) <> 0
            OR coalesce(sum(g.amount) FILTER (WHERE g.leg = 1), 0) <> e.change""",
    "what is held is not what open holds sum to": f"""
        SELECT n.credit_id FROM {_NEWEST} AS n
        WHERE n.held <> coalesce((SELECT sum(o.remaining) FROM {_OPEN_HOLDS} AS o WHERE o.credit_id = n.credit_id), 0)
    """,  # noqa: S608 - parts of our own
    "the list of open holds": f"""
        WITH kept AS (SELECT credit_id, hold_id, remaining, expires_at FROM ledger.holding),
        made AS (SELECT credit_id, hold_id, remaining, expires_at FROM {_OPEN_HOLDS} AS o)
        {_differ("kept", "made")}""",  # noqa: S608 - parts of our own
    "the list of credits that have a last day": f"""
        WITH kept AS (SELECT credit_id, expires_at FROM ledger.expiring),
        made AS (
            SELECT credit_id, expires_at FROM {_NEWEST} AS n
            WHERE expires_at IS NOT NULL AND state NOT IN ('void', 'expired')
        )
        {_differ("kept", "made")}""",  # noqa: S608 - parts of our own
    "the totals": f"""
        WITH kept AS {_KEPT_TOTALS}, made AS {_RECOMPUTED_TOTALS} {_differ("kept", "made")}""",
    "the sum of all accounts is not zero": """
        SELECT currency, sum(amount) FROM ledger.totals GROUP BY currency HAVING sum(amount) <> 0""",
    "an event without its request, or a request without its event": """
        SELECT coalesce(e.key, r.key) AS key FROM ledger.event AS e
        FULL JOIN (
            SELECT x.key, x.batch_id, u.credit_id, u.version FROM ledger.request AS x
            CROSS JOIN LATERAL unnest(x.credit_id || x.others, x.version || x.versions) AS u (credit_id, version)
            WHERE x.refusal IS NULL
        ) AS r ON r.credit_id = e.credit_id AND r.version = e.version AND r.key = e.key AND r.batch_id = e.batch_id
        WHERE e.key IS NULL OR r.key IS NULL""",
    "a credit without its first event, or its code": """
        SELECT k.credit_id FROM ledger.credit AS k
        LEFT JOIN ledger.event AS e ON e.credit_id = k.credit_id AND e.version = 1
        LEFT JOIN ledger.code AS c ON c.credit_id = k.credit_id
        GROUP BY k.credit_id HAVING count(e.version) <> 1 OR count(c.code_hash) <> 1""",
    "a seal of an event": """
        SELECT e.credit_id, e.version FROM ledger.event AS e
        JOIN ledger.request AS r ON r.key = e.key
        JOIN ledger.credit AS k ON k.credit_id = e.credit_id
        JOIN ledger.code AS c ON c.credit_id = e.credit_id
        LEFT JOIN ledger.entry AS g ON g.credit_id = e.credit_id AND g.version = e.version AND g.leg = 2
        WHERE e.seal <> ledger.event_seal(e.credit_id, e.version, e.event_id, e.verb, e.state, e.amount, e.change,
            e.balance, e.held, e.owner, e.expires_at, e.hold_id, e.hold_left, e.key, e.store, e.register, e.operator,
            e.transaction_id, e.cause, e.reason, e.actor, e.approver, e.occurred_at, e.recorded_at, e.batch_id,
            coalesce(g.account, ''), r.request::text,
            CASE WHEN e.version = 1 THEN ledger.birth_text(k.kind, k.bucket, k.currency, k.code_last4, k.cohort_date,
                k.store, k.priority, k.replaces, c.code_hash, c.pin_hash)
                WHEN e.verb = 'hold' THEN ledger.hold_text((
                    SELECT h.expires_at FROM ledger.hold AS h WHERE h.hold_id = e.hold_id)) ELSE '' END)""",
    "a seal of a refusal": """
        SELECT r.key FROM ledger.request AS r WHERE r.refusal IS NOT NULL AND r.seal <> ledger.refusal_seal(
            r.key, r.verb, r.credit_id, r.refusal, r.batch_id, r.recorded_at, r.request::text)""",
    "the chain of batches": f"""
        SELECT b.place FROM ledger.batch AS b
        LEFT JOIN ledger.batch AS a ON a.place = b.place - 1
        LEFT JOIN LATERAL (
            SELECT string_agg(s.seal, ''::bytea ORDER BY s.seal) AS seals, count(*) AS sealed
            FROM {_SEALS} AS s WHERE s.batch_id = b.batch_id
        ) AS w ON true
        WHERE (b.place > 1 AND a.place IS NULL) OR b.rows <> w.sealed
            OR b.hash <> ledger.batch_hash(coalesce(a.hash, ''::bytea), b.place, b.batch_id, w.seals)
        UNION ALL
        SELECT n.place FROM ledger.chain AS n
        WHERE n.place <> (SELECT count(*) FROM ledger.batch)
            OR n.hash <> coalesce((SELECT b.hash FROM ledger.batch AS b ORDER BY b.place DESC LIMIT 1), ''::bytea)
        UNION ALL
        SELECT s.batch_id FROM {_SEALS} AS s WHERE NOT EXISTS (
            SELECT FROM ledger.batch AS b WHERE b.batch_id = s.batch_id
        )""",  # noqa: S608 - parts of our own
}
"""What would be wrong, and the rows that are."""


async def faults(db: Db) -> dict[str, list[dict[str, object]]]:
    """What is wrong with a book, by sentence; nothing when it is whole."""
    found = {said: [dict(row) for row in await db.fetch(Query("tests.whole", text))] for said, text in CHECKS.items()}
    return {said: rows for said, rows in found.items() if rows}


async def check_whole(db: Db) -> None:
    """Fail unless the book is whole."""
    assert not await faults(db)
