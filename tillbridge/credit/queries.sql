-- name: commit_batch
-- Post commands and hand off what was posted: one round trip, one commit.
SELECT ordinal, part, replay, refusal::text, verb::text, credit_id, event_id, version, amount, change, balance, held,
    state::text, owner, expires_at, hold_id, hold_left, currency, occurred_at, recorded_at, request, others, versions
FROM credit.commit_batch($1, $2::ledger.command[], $3::credit.notice[], $4::credit.class[], $5::handoff.new_handoff[]);

-- name: customer
-- A customer as the other systems know them.
SELECT credit.customer($1) AS customer;

-- name: release_claim
-- Send what waited for the claim of a credit.
SELECT handoff.release_claim($1, $2, $3, $4::text[], $5::timestamptz[], $6::timestamptz[]) IS NULL AS released;

-- name: keep_print
-- Keep the print of the secret at the first start.
INSERT INTO credit.secret_print (print) VALUES ($1) ON CONFLICT DO NOTHING;

-- name: print
-- The print of the secret that this database's codes are hashed with.
SELECT print FROM credit.secret_print;

-- name: failures
-- How many look-ups failed in each of these windows.
SELECT f.subject, f.failures FROM credit.failed_lookup AS f
JOIN unnest($1::text[], $2::timestamptz[]) AS w (subject, window_start) USING (subject, window_start);

-- name: count_failure
-- Count a failed look-up, and say how many there are by now.
SELECT subject, failures FROM credit.count_failure($1::text[], $2::timestamptz[], $3::timestamptz[], $4);

-- name: keep_approval
-- Keep a command that waits for a second person, unless its key is known.
INSERT INTO credit.approval (approval_id, key, request, command, asked_by, asked_at, state)
VALUES ($1, $2, $3, $4, $5, $6, 'waiting') ON CONFLICT (key) DO NOTHING;

-- name: approval_of_key
-- What waits, or waited, under a key.
SELECT * FROM credit.approval WHERE key = $1;

-- name: approval
-- What waits, or waited, by its id.
SELECT * FROM credit.approval WHERE approval_id = $1;

-- name: waiting_approvals
-- What waits for a second person, oldest first, behind a place in the list; a blank store or register means all.
SELECT * FROM credit.approval
WHERE state = 'waiting' AND (asked_at, approval_id) > ($1, $2)
    AND ($4 = '' OR request ->> 'store' = $4) AND ($5 = '' OR request ->> 'register' = $5)
ORDER BY asked_at, approval_id LIMIT $3;

-- name: decide_approval
-- Decide what waits. waiting -> approved, or waiting -> turned-down. Whoever asked cannot.
UPDATE credit.approval SET state = $2, decided_by = $3, decided_at = $4, reason = $5,
    command = CASE $2 WHEN 'approved' THEN command END
WHERE approval_id = $1 AND state = 'waiting' AND asked_by <> $3
RETURNING *;

-- name: close_approval
-- Note what came of an approved command, and forget the command.
UPDATE credit.approval SET command = NULL, credit_id = $2, refusal = $3 WHERE approval_id = $1 AND state = 'approved';

-- name: approvals_to_do
-- What was approved a while ago and not carried out: the hub died between the two.
SELECT * FROM credit.approval WHERE state = 'approved' AND command IS NOT NULL AND decided_at < $1
ORDER BY decided_at LIMIT 100;
