-- name: turn
-- Settle what has come in, then claim what there is room for: one round trip, one commit.
SELECT what, credit_id, hop, version, state, lease, kind, attempt, probes, replay, reason_code, event_id, event_state,
    amount, balance, currency, credit_kind, bucket, last4, recorded_at, customer, payload
FROM handoff.turn($1, $2::handoff.result[], $3::handoff.onward[], $4::handoff.room[]);

-- name: give_back
-- Give back leases whose delivery has not begun, as if they had not been taken. sending -> due | unknown
UPDATE handoff.handoff AS h SET
    state = CASE h.kind WHEN 'send' THEN 'due' ELSE 'unknown' END,
    lease_until = NULL,
    attempts = h.attempts - (h.kind = 'send')::integer
FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[]) AS u (credit_id, hop, version, lease)
WHERE h.credit_id = u.credit_id AND h.hop = u.hop AND h.version = u.version AND h.lease = u.lease AND h.state = 'sending';

-- name: expire
-- The hops on which a lease has run out; what was leased is unknown now.
SELECT DISTINCT hop FROM handoff.expire($1, $2) AS hop;

-- name: mend_due
-- A due time later than any that can be given was written by a clock that has jumped.
UPDATE handoff.handoff SET due_at = $3 WHERE hop = $1 AND state IN ('due', 'unknown') AND due_at > $2;

-- name: mend_waiting
-- Start what waits for a hop that has confirmed.
SELECT handoff.mend_waiting($1, $2::handoff.onward[]) AS mended;

-- name: conclude
-- Write down what a system says of its own accord, or a person decides.
SELECT what, credit_id, hop, version, state
FROM handoff.conclude($1, $2, $3, $4, $5, $6, $7, $8, $9::handoff.onward[]);

-- name: replay
-- Send again what was given up.
SELECT handoff.replay($1, $2::uuid[], $3::text[], $4::integer[]) AS replayed;

-- name: breakers
-- All breakers that have ever moved.
SELECT hop, state, failures, opened_at, until FROM handoff.breaker;

-- name: set_breakers
-- Write down the breakers that have moved.
INSERT INTO handoff.breaker (hop, state, failures, opened_at, until)
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::timestamptz[])
ON CONFLICT (hop) DO UPDATE SET
    state = excluded.state, failures = excluded.failures, opened_at = excluded.opened_at, until = excluded.until;

-- name: of_credit
-- Every handoff of one credit, by version and hop.
SELECT credit_id, hop, version, event_id, state, waits_for, recorded_at, ready_at, due_at, deadline, attempts, replay,
    reason_code, reason, reference, sent_at, confirmed_at
FROM handoff.handoff WHERE credit_id = $1 ORDER BY version, hop;

-- name: attempts_of_credit
-- Every attempt of one credit, in the order they began.
SELECT hop, version, replay, attempt, lease, kind, started_at, ended_at, outcome, reason_code, reason, retry_after, stale
FROM handoff.attempt WHERE credit_id = $1 ORDER BY lease, ended_at, outcome;

-- name: by_key
-- The handoff of one event and hop.
SELECT h.credit_id, h.hop, h.version, h.event_id, h.state, h.waits_for, h.recorded_at, h.ready_at, h.due_at, h.deadline,
    h.attempts, h.replay, h.reason_code, h.reason, h.reference, h.sent_at, h.confirmed_at
FROM handoff.message AS m
JOIN handoff.handoff AS h ON h.credit_id = m.credit_id AND h.version = m.version AND h.hop = $2
WHERE m.event_id = $1;

-- name: page_by_state
-- Handoffs in one open state, after a place in the order of credit, hop and version; a blank hop means all.
SELECT credit_id, hop, version, event_id, state, waits_for, recorded_at, ready_at, due_at, deadline, attempts, replay,
    reason_code, reason, reference, sent_at, confirmed_at
FROM handoff.handoff
WHERE state = $1 AND ($2 = '' OR hop = $2) AND (credit_id, hop, version) > ($3, $4, $5)
ORDER BY credit_id, hop, version LIMIT $6;

-- name: page_late
-- Handoffs past their deadline and not confirmed, after a place in the order of credit, hop and version.
SELECT credit_id, hop, version, event_id, state, waits_for, recorded_at, ready_at, due_at, deadline, attempts, replay,
    reason_code, reason, reference, sent_at, confirmed_at
FROM handoff.handoff
WHERE (state IN ('due', 'unknown') OR state IN ('waiting', 'sending', 'parked', 'dead')) AND deadline < $1
    AND ($2 = '' OR hop = $2) AND (credit_id, hop, version) > ($3, $4, $5)
ORDER BY credit_id, hop, version LIMIT $6;

-- name: stuck_on_hop
-- What is in one of some states on one hop, after a place in the order of credit and version.
SELECT credit_id, version FROM handoff.handoff
WHERE hop = $1 AND state = ANY ($2::text[]) AND state IN ('parked', 'dead') AND (credit_id, version) > ($3, $4)
ORDER BY credit_id, version LIMIT $5;

-- name: counts
-- How many handoffs are in which state; of the confirmed, those recorded since a moment.
SELECT hop, state, count(*) AS count, count(*) FILTER (WHERE deadline < $1) AS late, min(due_at) AS oldest_due
FROM handoff.handoff WHERE state IN ('due', 'unknown') GROUP BY hop, state
UNION ALL
SELECT hop, state, count(*), count(*) FILTER (WHERE deadline < $1), NULL
FROM handoff.handoff WHERE state IN ('waiting', 'sending', 'parked', 'dead') GROUP BY hop, state
UNION ALL
SELECT hop, state, count(*), count(*) FILTER (WHERE deadline < confirmed_at), NULL
FROM handoff.handoff WHERE state = 'confirmed' AND recorded_at >= $2 GROUP BY hop, state
ORDER BY hop, state;

-- name: latencies
-- From recorded to confirmed, in whole milliseconds, of what was recorded since a moment; a blank hop means all.
SELECT hop, count(*) AS count,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY span) AS p50_ms,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY span) AS p95_ms,
    percentile_disc(0.99) WITHIN GROUP (ORDER BY span) AS p99_ms,
    max(span) AS max_ms
FROM (
    SELECT hop, ceil(extract(epoch FROM confirmed_at - recorded_at) * 1000)::integer AS span
    FROM handoff.handoff WHERE state = 'confirmed' AND recorded_at >= $2 AND ($1 = '' OR hop = $1)
) AS measured
GROUP BY hop ORDER BY hop;
