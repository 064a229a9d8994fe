-- What others may read.

-- A credit as it is now: what it was issued as, and its newest event.
CREATE VIEW ledger.credit_now AS
SELECT k.credit_id, k.kind, k.bucket, k.currency, k.code_last4, k.cohort_date, k.priority, k.replaces,
    k.store AS issuer, n.expires_at, n.version, n.balance, n.held, n.state, n.owner, n.recorded_at AS changed_at,
    i.event_id AS issue_event_id, i.key AS issue_key, i.store, i.register, i.operator,
    i.transaction_id, i.occurred_at, i.recorded_at,
    CASE i.verb WHEN 'import' THEN coalesce((
        SELECT a.amount FROM ledger.event AS a
        WHERE a.credit_id = k.credit_id AND a.verb = 'activate' ORDER BY a.version LIMIT 1
    ), 0) ELSE i.amount END AS issued
FROM ledger.credit AS k
JOIN ledger.event AS i ON i.credit_id = k.credit_id AND i.version = 1
CROSS JOIN LATERAL (
    SELECT e.version, e.balance, e.held, e.state, e.owner, e.expires_at, e.recorded_at FROM ledger.event AS e
    WHERE e.credit_id = k.credit_id ORDER BY e.version DESC LIMIT 1
) AS n;

-- Each fact on a credit with its money, oldest first when ordered by version.
CREATE VIEW ledger.statement AS
SELECT e.credit_id, e.version, e.event_id, e.verb, e.amount, e.change, e.balance, e.held, e.state, e.owner,
    e.expires_at, e.hold_id, e.hold_left, e.key, e.store, e.register, e.operator, e.transaction_id, e.cause, e.reason,
    e.actor, e.approver, e.occurred_at, e.recorded_at, k.currency, k.bucket, h.account AS house
FROM ledger.event AS e
JOIN ledger.credit AS k ON k.credit_id = e.credit_id
LEFT JOIN ledger.entry AS h ON h.credit_id = e.credit_id AND h.version = e.version AND h.leg = 2;

-- What each account holds, by bucket, currency, issuing store and state: the folded totals and what came since.
CREATE VIEW ledger.totals AS
SELECT q.account, q.bucket, q.currency, q.store, q.state, sum(q.amount)::bigint AS amount,
    sum(q.credits)::bigint AS credits, sum(q.entries)::bigint AS entries
FROM (
    SELECT t.account, t.bucket, t.currency, t.store, t.state, t.amount, t.credits, t.entries FROM ledger.total AS t
    UNION ALL
    SELECT m.account, m.bucket, m.currency, m.store, m.state, m.amount, m.credits, m.entries FROM ledger.movement AS m
) AS q
GROUP BY q.account, q.bucket, q.currency, q.store, q.state;
