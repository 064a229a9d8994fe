-- name: commit_batch
-- Post commands and hand off what was posted: one round trip, one commit.
SELECT ordinal, replay, refusal::text, verb::text, credit_id, event_id, version, amount, balance, state::text, owner,
    occurred_at, recorded_at, request
FROM credit.commit_batch($1, $2::ledger.command[], $3::credit.notice[], $4::handoff.new_handoff[]);

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
