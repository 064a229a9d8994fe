-- name: post
-- Post a batch of commands; one outcome each, or one for each credit it touches, in order.
SELECT o.ordinal, o.part, o.replay, o.refusal::text, o.verb::text, o.credit_id, o.event_id, o.version, o.amount, o.change,
    o.balance, o.held, o.state::text, o.owner, o.expires_at, o.hold_id, o.hold_left, o.currency, o.occurred_at, o.recorded_at,
    o.request, o.others, o.versions
FROM unnest(ledger.post($1, $2::ledger.command[])) AS o WHERE o.ordinal >= 0;

-- name: credit_now
-- A credit as it stands.
SELECT * FROM ledger.credit_now WHERE credit_id = $1;

-- name: credits_of_owner
-- The credits of a person as they stand, oldest first; a person may have several ids.
SELECT n.* FROM ledger.credit_now AS n
WHERE n.owner = ANY ($1::uuid[]) AND n.credit_id IN (
    SELECT e.credit_id FROM ledger.event AS e
    WHERE e.owner = ANY ($1::uuid[]) AND e.verb IN ('issue', 'claim', 'activate', 'reissue')
)
ORDER BY n.recorded_at, n.credit_id;

-- name: credit_of_code
-- The credit that a code's hash stands for.
SELECT credit_id FROM ledger.code WHERE code_hash = $1;

-- name: credits_of_codes
-- The credits that the hashes of codes stand for; those of no code are left out.
SELECT code_hash, credit_id FROM ledger.code WHERE code_hash = ANY ($1::bytea[]);

-- name: kept_code
-- What is kept of a code, and who owns its credit now.
SELECT k.credit_id, k.pin_hash, n.owner FROM ledger.code AS k
CROSS JOIN LATERAL (
    SELECT e.owner FROM ledger.event AS e WHERE e.credit_id = k.credit_id ORDER BY e.version DESC LIMIT 1
) AS n
WHERE k.code_hash = $1;

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
SELECT credit_id, version, event_id, verb::text, amount, change, balance, held, state::text, owner, hold_id, key, store,
    register, operator, transaction_id, cause, reason, actor, approver, occurred_at, recorded_at, currency, house
FROM ledger.statement WHERE credit_id = $1 AND version > $2 ORDER BY version LIMIT $3;

-- name: events
-- Certain events, by credit and version.
SELECT e.event_id, e.version, e.verb::text, e.credit_id, e.amount, e.change, e.balance, e.held, e.state::text, e.owner,
    e.expires_at, e.hold_id, e.hold_left, k.currency, e.occurred_at, e.recorded_at
FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS u (credit_id, version, place)
JOIN ledger.event AS e ON e.credit_id = u.credit_id AND e.version = u.version
JOIN ledger.credit AS k ON k.credit_id = u.credit_id
ORDER BY u.place;

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
SELECT coalesce(sum(e.change), 0)::bigint AS balance, k.currency
FROM ledger.credit AS k
LEFT JOIN ledger.event AS e ON e.credit_id = k.credit_id AND e.occurred_at <= $2
WHERE k.credit_id = $1
GROUP BY k.currency;

-- name: past
-- What was put on a credit, and whether something was ever spent of it.
SELECT coalesce(sum(e.amount) FILTER (WHERE e.verb IN ('issue', 'activate', 'load') OR e.version = 1), 0)::bigint AS put_on,
    coalesce(bool_or(e.verb IN ('redeem', 'capture')), false) AS used
FROM ledger.event AS e WHERE e.credit_id = $1;

-- name: since_claim
-- What a credit held when it was claimed, and whether money came or went on it after that, before version $2. What is
-- moved on to another credit, paid out or put on counts like what is spent.
SELECT k.balance, EXISTS (
    SELECT FROM ledger.event AS e
    WHERE e.credit_id = $1 AND e.version > k.version AND e.version < $2 AND e.change <> 0
) AS moved
FROM ledger.event AS k WHERE k.credit_id = $1 AND k.verb = 'claim';

-- name: left_with
-- The credits that came to these owners since a moment ($2), are theirs, and have something left.
SELECT n.credit_id FROM ledger.credit_now AS n
WHERE n.credit_id IN (
    SELECT e.credit_id FROM ledger.event AS e
    WHERE e.owner = ANY ($1::uuid[]) AND e.verb IN ('issue', 'claim', 'activate', 'reissue') AND e.recorded_at >= $2
) AND n.owner = ANY ($1::uuid[]) AND n.balance > 0
ORDER BY n.credit_id;

-- name: state_before
-- How a credit stood before one of its events.
SELECT e.state FROM ledger.event AS e WHERE e.credit_id = $1 AND e.version = $2 - 1;

-- name: hold
-- Where a hold's credit is.
SELECT credit_id FROM ledger.hold WHERE hold_id = $1;

-- name: holds_of_credit
-- The open holds of a credit, the first to end first.
SELECT hold_id, credit_id, remaining, expires_at FROM ledger.holding WHERE credit_id = $1 ORDER BY expires_at, hold_id;

-- name: ended_holds
-- Holds whose time is up.
SELECT hold_id, credit_id, remaining, expires_at FROM ledger.holding
WHERE expires_at <= $1 ORDER BY expires_at, hold_id LIMIT $2;

-- name: ended_credits
-- Credits whose last moment has passed; what a sale holds, or a person, is left alone until they let go.
SELECT x.credit_id, n.version, x.expires_at FROM ledger.expiring AS x
CROSS JOIN LATERAL (
    SELECT e.version, e.state, e.held FROM ledger.event AS e
    WHERE e.credit_id = x.credit_id ORDER BY e.version DESC LIMIT 1
) AS n
WHERE x.expires_at <= $1 AND (x.expires_at, x.credit_id) > ($2, $3) AND n.held = 0 AND n.state <> 'frozen'
ORDER BY x.expires_at, x.credit_id LIMIT $4;

-- name: totals
-- What each account holds, over all buckets, stores and states.
SELECT account, '' AS bucket, currency, '' AS store, '' AS state, sum(amount)::bigint AS amount,
    sum(credits)::bigint AS credits, sum(entries)::bigint AS entries
FROM ledger.totals GROUP BY account, currency ORDER BY currency, account;

-- name: totals_in_full
-- What each account holds, by bucket, store and state.
SELECT account, bucket, currency, store, state, amount, credits, entries FROM ledger.totals
ORDER BY currency, account, bucket, store, state;

-- name: fold
-- Fold the movements into the totals.
SELECT ledger.fold() AS folded;

-- name: forget_usage
-- Counters of limits of days gone by.
DELETE FROM ledger.usage WHERE day < $1;

-- name: page_of_credits
-- Credits as they stand, by id, behind a cursor.
SELECT * FROM ledger.credit_now WHERE credit_id > $1 ORDER BY credit_id LIMIT $2;

-- name: issued_since
-- How many credits were issued since a moment, and in how many stores.
SELECT count(*) AS issued, count(DISTINCT store) AS stores FROM ledger.event
WHERE verb IN ('issue', 'activate') AND recorded_at >= $1;
