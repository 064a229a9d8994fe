-- name: post
-- Post a batch of commands; one outcome each, in order.
SELECT ordinal, replay, refusal::text, verb::text, credit_id, event_id, version, amount, balance, state::text, owner,
    occurred_at, recorded_at, request
FROM ledger.post($1, $2::ledger.command[]);

-- name: credit_now
-- A credit as it stands.
SELECT * FROM ledger.credit_now WHERE credit_id = $1;

-- name: credits_of_owner
-- The credits of a customer as they stand, oldest first.
SELECT n.* FROM ledger.credit_now AS n
WHERE n.owner = $1 AND n.credit_id IN (
    SELECT e.credit_id FROM ledger.event AS e WHERE e.owner = $1 AND e.verb IN ('issue', 'claim')
)
ORDER BY n.recorded_at, n.credit_id;

-- name: credit_of_code
-- The credit that a code's hash stands for.
SELECT credit_id FROM ledger.code WHERE code_hash = $1;

-- name: credits_of_transaction
-- The credits on which a register transaction or an order left an event.
SELECT DISTINCT credit_id FROM ledger.event WHERE transaction_id = $1 AND transaction_id <> '' ORDER BY credit_id LIMIT 50;

-- name: request
-- The stored answer to a key.
SELECT key, verb::text, credit_id, version, refusal::text, recorded_at FROM ledger.request WHERE key = $1;

-- name: refusals_of_credit
-- What was refused of a credit, oldest first.
SELECT key, verb::text, refusal::text, recorded_at FROM ledger.request
WHERE credit_id = $1 AND refusal IS NOT NULL ORDER BY recorded_at LIMIT 200;

-- name: statement
-- The facts on a credit after a version, oldest first.
SELECT * FROM ledger.statement WHERE credit_id = $1 AND version > $2 ORDER BY version LIMIT $3;

-- name: balance_recorded
-- What a credit held at a moment, by when it was recorded here.
SELECT e.balance, k.currency FROM ledger.credit AS k
LEFT JOIN LATERAL (
    SELECT n.balance FROM ledger.event AS n
    WHERE n.credit_id = k.credit_id AND n.recorded_at <= $2 ORDER BY n.version DESC LIMIT 1
) AS e ON true
WHERE k.credit_id = $1;

-- name: balance_occurred
-- What a credit held at a moment, by when things happened at the source.
SELECT coalesce(sum(CASE WHEN e.verb = 'issue' THEN e.amount ELSE -e.amount END), 0)::bigint AS balance, k.currency
FROM ledger.credit AS k
LEFT JOIN ledger.event AS e ON e.credit_id = k.credit_id AND e.occurred_at <= $2
WHERE k.credit_id = $1
GROUP BY k.currency;

-- name: totals
-- What each account holds.
SELECT account, currency, amount, entries FROM ledger.total ORDER BY currency, account;

-- name: page_of_credits
-- Credits as they stand, by id, behind a cursor.
SELECT * FROM ledger.credit_now WHERE credit_id > $1 ORDER BY credit_id LIMIT $2;

-- name: issued_since
-- How many credits were issued since a moment, and in how many stores.
SELECT count(*) AS issued, count(DISTINCT store) AS stores FROM ledger.event WHERE verb = 'issue' AND recorded_at >= $1;
