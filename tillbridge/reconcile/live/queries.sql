-- name: by_key
-- Have this transaction look every row up by its key: a page reads a few rows of each table, whatever the server believes
-- of a table that was filled a moment ago.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true);

-- name: page
-- Credits as they stood at a moment ($2), by id, behind a cursor ($1): how each came into being and its newest event
-- until then, its owner's account in the systems $3, and what is known of who was meant. A card that was never activated
-- is no credit yet. Of the owner's accounts all are looked at, of whichever system: a person has few, a system millions.
SELECT n.credit_id, n.kind, n.bucket, n.currency, n.replaces, b.verb::text, b.amount, b.store, b.register, b.operator,
    b.transaction_id, b.actor, b.occurred_at, s.state::text, s.balance, s.expires_at, s.recorded_at AS changed_at,
    CASE WHEN a.system = ANY ($3::text[]) THEN a.account_id END AS account_id, k.email, k.phone, k.loyalty, h.given
FROM ledger.credit_now AS n
CROSS JOIN LATERAL (
    SELECT e.verb, e.amount, e.store, e.register, e.operator, e.transaction_id, e.actor, e.occurred_at
    FROM ledger.statement AS e
    WHERE e.credit_id = n.credit_id AND (e.version = 1 OR e.verb = 'activate') AND e.recorded_at <= $2
    ORDER BY e.version DESC LIMIT 1
) AS b
CROSS JOIN LATERAL (
    SELECT e.state, e.balance, e.owner, e.expires_at, e.recorded_at FROM ledger.statement AS e
    WHERE e.credit_id = n.credit_id AND e.recorded_at <= $2
    ORDER BY e.version DESC LIMIT 1
) AS s
LEFT JOIN LATERAL (
    SELECT r.system, r.account_id FROM identity.known_as AS r
    WHERE r.customer_id = s.owner
    ORDER BY array_position($3::text[], r.system) NULLS LAST, r.own DESC, r.account_id LIMIT 1
) AS a ON true
LEFT JOIN LATERAL (
    SELECT i.email, i.phone, i.loyalty FROM identity.known_by AS i WHERE i.customer_id = s.owner
) AS k ON true
LEFT JOIN LATERAL (
    SELECT w.given FROM checkpoint.heard AS w WHERE w.credit_id = n.credit_id
) AS h ON true
WHERE n.credit_id > $1 AND b.verb <> 'import'
ORDER BY n.credit_id LIMIT $4;

-- name: roots
-- The credits that reissues ($1) go back to in the end, each with the event that it came into being by.
WITH RECURSIVE chain (credit_id, root, before) AS (
    SELECT n.credit_id, n.credit_id, n.replaces FROM ledger.credit_now AS n WHERE n.credit_id = ANY ($1::uuid[])
    UNION ALL
    SELECT c.credit_id, o.credit_id, o.replaces FROM chain AS c JOIN ledger.credit_now AS o ON o.credit_id = c.before
)
SELECT c.credit_id, b.store, b.register, b.transaction_id, b.actor
FROM chain AS c
CROSS JOIN LATERAL (
    SELECT e.store, e.register, e.transaction_id, e.actor FROM ledger.statement AS e
    WHERE e.credit_id = c.root AND (e.version = 1 OR e.verb = 'activate')
    ORDER BY e.version DESC LIMIT 1
) AS b
WHERE c.before IS NULL;
