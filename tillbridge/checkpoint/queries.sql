-- name: open_voucher
-- Keep the voucher of a credit; the first one stays.
INSERT INTO checkpoint.voucher (token_hash, credit_id, made_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: open_review
-- Queue a credit for a person; once.
INSERT INTO checkpoint.review (review_id, credit_id, cause, sentence, given, candidates, opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING;

-- name: voucher_of_token
-- The voucher that a claim address stands for.
SELECT credit_id, made_at, claimed_at FROM checkpoint.voucher WHERE token_hash = $1;

-- name: voucher_of_credit
-- The voucher of a credit.
SELECT credit_id, made_at, claimed_at FROM checkpoint.voucher WHERE credit_id = $1;

-- name: review_of_credit
-- The review of a credit.
SELECT * FROM checkpoint.review WHERE credit_id = $1;

-- name: open_reviews
-- What waits for a person, oldest first, behind a cursor.
SELECT * FROM checkpoint.review
WHERE state = 'open' AND (opened_at, review_id) > ($1, $2)
ORDER BY opened_at, review_id LIMIT $3;

-- name: count_open_reviews
-- How many wait for a person.
SELECT count(*) AS waiting FROM checkpoint.review WHERE state = 'open';

-- name: count_vouchers
-- How many vouchers were made and claimed.
SELECT count(*) AS made, count(claimed_at) AS claimed FROM checkpoint.voucher;

-- name: without_voucher
-- Credits that nobody owns and for which no voucher was kept: the hub died between the two.
SELECT n.credit_id FROM ledger.credit_now AS n
WHERE n.state = 'unclaimed' AND n.recorded_at > $1 AND NOT EXISTS (
    SELECT 1 FROM checkpoint.voucher AS v WHERE v.credit_id = n.credit_id
)
LIMIT 1000;

-- name: recent_challenges
-- How many codes were lately asked for, for this credit and for this address.
SELECT count(*) FILTER (WHERE credit_id = $1) AS of_credit, count(*) FILTER (WHERE contact = $2) AS of_contact
FROM checkpoint.challenge WHERE made_at > $3 AND (credit_id = $1 OR contact = $2);

-- name: keep_challenge
-- Keep a one-time code, hashed.
INSERT INTO checkpoint.challenge (challenge_id, credit_id, contact_kind, contact, code_hash, made_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: try_challenge
-- Count a try before looking at the code, so that tries at the same moment count too.
UPDATE checkpoint.challenge SET tries = tries + 1
WHERE challenge_id = $1 AND credit_id = $2
RETURNING contact_kind, contact, code_hash, tries, expires_at, used_at;

-- name: use_challenge
-- A code is good once.
UPDATE checkpoint.challenge SET used_at = $2 WHERE challenge_id = $1 AND used_at IS NULL;

-- name: mark_claimed
-- The voucher was claimed.
UPDATE checkpoint.voucher SET claimed_at = $2 WHERE credit_id = $1 AND claimed_at IS NULL;

-- name: finish_review
-- The review of this credit is done.
UPDATE checkpoint.review SET state = 'done', done_at = $2, done_by = $3 WHERE credit_id = $1 AND state = 'open';
