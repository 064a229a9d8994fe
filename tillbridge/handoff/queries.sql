-- name: turn
-- Settle what has come in, then claim what there is room for: one round trip, one commit.
SELECT what, credit_id, hop, version, state, lease, kind, attempt, probes, replay, reason_code, event_id, event_state,
    amount, balance, currency, credit_kind, bucket, last4, recorded_at, customer, payload, change, born_on
FROM handoff.turn($1, $2::handoff.result[], $3::handoff.onward[], $4::handoff.room[]);

-- name: give_back
-- Give back leases whose delivery has not begun, as if they had not been taken. sending -> due | unknown
UPDATE handoff.handoff AS h SET
    state = CASE h.kind WHEN 'send' THEN 'due' ELSE 'unknown' END,
    lease_until = NULL,
    attempts = h.attempts - (h.kind = 'send')::integer
FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[]) AS u (credit_id, hop, version, lease)
WHERE h.credit_id = u.credit_id AND h.hop = u.hop AND h.version = u.version AND h.lease = u.lease
    AND h.lease_until IS NOT NULL;

-- name: sweep
-- Make what was leased for too long unknown, and read all breakers that have ever moved.
SELECT b.hop, b.state, b.failures, b.opened_at, b.until
FROM (SELECT handoff.expire($1, $2) AS lost) AS swept LEFT JOIN handoff.breaker AS b ON swept.lost >= 0;

-- name: mend_due
-- A due time later than any that can be given was written by a clock that has jumped. Later than `$2` is only what a
-- target asked for, and said so in an attempt that has been (`$5`); later than `$4` is nothing.
UPDATE handoff.handoff AS h SET due_at = $3
WHERE h.hop = $1 AND h.state IN ('due', 'unknown') AND h.due_at > $2 AND (h.due_at > $4 OR NOT EXISTS (
    SELECT FROM handoff.attempt AS a
    WHERE a.credit_id = h.credit_id AND a.hop = h.hop AND a.version = h.version AND a.lease = h.lease
        AND a.retry_after > 0 AND a.ended_at <= $5
));

-- name: mend_waiting
-- Give up what is open on hops that the map no longer has, and start what waits for one of those, or for a hop that has
-- confirmed.
SELECT handoff.take_out($3::text[], $4) AS taken, handoff.mend_waiting($1, $2::handoff.onward[], $3::text[], $4) AS mended;

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
FROM handoff.attempt WHERE credit_id = $1
UNION ALL
-- What was confirmed at the first attempt says so itself.
SELECT h.hop, h.version, h.replay, h.attempts, h.lease, h.kind, least(h.sent_at, h.confirmed_at), h.confirmed_at,
    'confirmed', '', '', NULL, false
FROM handoff.handoff AS h
WHERE h.credit_id = $1 AND h.state = 'confirmed' AND h.replay = 0 AND h.attempts = 1 AND h.kind = 'send'
    AND NOT EXISTS (
        SELECT FROM handoff.attempt AS a
        WHERE a.credit_id = h.credit_id AND a.hop = h.hop AND a.version = h.version AND a.lease = h.lease
    )
ORDER BY lease, ended_at, outcome;

-- name: by_key
-- The handoff of one event and hop.
SELECT h.credit_id, h.hop, h.version, h.event_id, h.state, h.waits_for, h.recorded_at, h.ready_at, h.due_at, h.deadline,
    h.attempts, h.replay, h.reason_code, h.reason, h.reference, h.sent_at, h.confirmed_at
FROM handoff.message AS m
JOIN handoff.handoff AS h ON h.credit_id = m.credit_id AND h.version = m.version AND h.hop = $2
WHERE m.event_id = $1;

-- name: trace
-- The trace that was brought with the first event of a credit.
SELECT event_id, payload ->> 'trace' AS trace FROM handoff.message WHERE credit_id = $1 ORDER BY version LIMIT 1;

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

-- name: stuck
-- What is given up and fits what is said of it, after a place in the order of credit, hop and version.
SELECT credit_id, hop, version, event_id, state, waits_for, recorded_at, ready_at, due_at, deadline, attempts, replay,
    reason_code, reason, reference, sent_at, confirmed_at
FROM handoff.handoff
WHERE state IN ('parked', 'dead') AND state = ANY ($1::text[]) AND ($2 = '' OR hop = $2)
    AND ($3::timestamptz IS NULL OR recorded_at >= $3) AND ($4::timestamptz IS NULL OR recorded_at < $4)
    AND ($5 = '' OR reason_code = $5) AND (credit_id, hop, version) > ($6, $7, $8)
ORDER BY credit_id, hop, version LIMIT $9;

-- name: stuck_counts
-- How many are given up and fit what is said of them, by hop, state and reason.
SELECT hop, state, reason_code, count(*) AS count FROM handoff.handoff
WHERE state IN ('parked', 'dead') AND state = ANY ($1::text[]) AND ($2 = '' OR hop = $2)
    AND ($3::timestamptz IS NULL OR recorded_at >= $3) AND ($4::timestamptz IS NULL OR recorded_at < $4)
    AND ($5 = '' OR reason_code = $5)
GROUP BY hop, state, reason_code ORDER BY hop, state, reason_code;

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

-- name: signs
-- How each hop is doing: open handoffs by state, leases that ran out, and breakers. All of it from small indexes.
SELECT hop, state, count(*) AS count, count(*) FILTER (WHERE deadline < $1) AS late, min(due_at) AS oldest_due
FROM handoff.handoff WHERE state IN ('due', 'unknown') GROUP BY hop, state
UNION ALL
SELECT hop, state, count(*), count(*) FILTER (WHERE deadline < $1), NULL
FROM handoff.handoff WHERE state IN ('waiting', 'sending', 'parked', 'dead') GROUP BY hop, state
UNION ALL
SELECT hop, 'expired', count(*), 0, NULL FROM handoff.attempt WHERE outcome = 'expired' GROUP BY hop
UNION ALL
SELECT hop, 'breaker ' || state, 1, 0, NULL FROM handoff.breaker;

-- name: kept
-- Of what was recorded in these spans, how much has passed its deadline, and how much of that was confirmed in time.
SELECT s.hop, count(*) AS due, count(*) FILTER (WHERE h.confirmed_at <= h.deadline) AS kept
FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) AS s (hop, span_begin, span_end)
JOIN handoff.handoff AS h ON h.hop = s.hop AND h.recorded_at >= s.span_begin AND h.recorded_at < s.span_end
WHERE h.deadline < $1 GROUP BY s.hop;

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
