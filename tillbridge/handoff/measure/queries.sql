-- name: spans
-- How long handoffs took from ready to confirmed, in whole milliseconds, and how many came after their deadline, of
-- what was recorded since a moment.
SELECT hop, count(*) AS count, count(*) FILTER (WHERE confirmed_at > deadline) AS late,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY span) AS p50_ms,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY span) AS p95_ms
FROM (
    SELECT hop, confirmed_at, deadline,
        greatest(0, ceil(extract(epoch FROM confirmed_at - coalesce(ready_at, recorded_at)) * 1000))::bigint AS span
    FROM handoff.handoff WHERE state = 'confirmed' AND recorded_at >= $1
) AS measured
GROUP BY hop ORDER BY hop;

-- name: outcomes
-- Where the handoffs stand that were recorded since a moment. What is on its way in time says nothing yet and is not in
-- the total. Unknown is what has been so since before `$3`; rejected is what the map or the target said no to: dead for
-- another reason than silence.
SELECT hop,
    count(*) FILTER (
        WHERE state IN ('confirmed', 'parked', 'dead') OR deadline < $2
            OR (state = 'unknown' AND coalesce(sent_at, recorded_at) < $3)
    ) AS total,
    count(*) FILTER (WHERE state <> 'confirmed' AND deadline < $2) AS late,
    count(*) FILTER (WHERE state = 'dead') AS dead,
    count(*) FILTER (WHERE state = 'parked') AS parked,
    count(*) FILTER (WHERE state = 'unknown' AND coalesce(sent_at, recorded_at) < $3) AS unknown,
    count(*) FILTER (
        WHERE state = 'dead' AND reason_code NOT IN ('not-sent', 'not-there', 'answer-lost', 'lease-expired', '')
    ) AS rejected
FROM handoff.handoff WHERE recorded_at >= $1 GROUP BY hop ORDER BY hop;

-- name: issued
-- Credits that were issued since a moment, and how many of them had no owner then.
SELECT count(*) AS issued, count(*) FILTER (WHERE state = 'unclaimed') AS unlinked
FROM handoff.message WHERE recorded_at >= $1 AND version = 1;

-- name: newest
-- The newest event that was routed over a hop, by the credit that was issued last.
SELECT h.credit_id, h.hop, h.version, h.event_id, m.state AS event_state, m.amount, m.balance, m.currency,
    m.kind AS credit_kind, m.bucket, m.last4, m.recorded_at, coalesce(h.known_since -> 'customer', m.customer) AS customer,
    m.payload, m.change, m.born_on
FROM handoff.handoff AS h JOIN handoff.message AS m ON m.credit_id = h.credit_id AND m.version = h.version
WHERE h.hop = $1 ORDER BY h.credit_id DESC, h.version DESC LIMIT 1;
