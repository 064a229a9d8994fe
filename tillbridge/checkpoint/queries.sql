-- name: open_voucher
-- Keep the voucher of a credit; the first one stays.
INSERT INTO checkpoint.voucher (token_hash, credit_id, made_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: open_review
-- Queue a credit for a person; once. What the register sent replaces nothing but an empty place: one that a hub made
-- up for another which it took for dead.
INSERT INTO checkpoint.review AS r (review_id, credit_id, cause, sentence, given, candidates, opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (credit_id) DO UPDATE
SET cause = excluded.cause, sentence = excluded.sentence, given = excluded.given, candidates = excluded.candidates
WHERE r.state = 'open' AND r.given = '{}'::jsonb AND excluded.given <> '{}'::jsonb;

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
WHERE n.state = 'unclaimed' AND n.recorded_at > $1 AND n.recorded_at < $2 AND NOT EXISTS (
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

-- name: close_settled
-- Close what waits for a person and a claim although the credit is claimed or void by now.
WITH settled AS (
    SELECT r.credit_id, n.state FROM checkpoint.review AS r
    JOIN ledger.credit_now AS n ON n.credit_id = r.credit_id
    WHERE r.state = 'open' AND n.state <> 'unclaimed'
    LIMIT 1000
), vouchers AS (
    UPDATE checkpoint.voucher AS v SET claimed_at = $1 FROM settled AS s
    WHERE v.credit_id = s.credit_id AND s.state = 'active' AND v.claimed_at IS NULL
)
UPDATE checkpoint.review AS r SET state = 'done', done_at = $1, done_by = s.state::text
FROM settled AS s WHERE r.credit_id = s.credit_id AND r.state = 'open';

-- name: lock_voucher
-- Take the voucher of a credit, so that whoever asks for codes at the same moment waits.
SELECT credit_id FROM checkpoint.voucher WHERE credit_id = $1 FOR UPDATE;

-- name: challenges_of_credit
-- The one-time codes that were asked for, oldest first.
SELECT contact_kind, tries, made_at, used_at FROM checkpoint.challenge WHERE credit_id = $1 ORDER BY made_at LIMIT 200;

-- name: finish_review
-- The review of this credit is done.
UPDATE checkpoint.review SET state = 'done', done_at = $2, done_by = $3 WHERE credit_id = $1 AND state = 'open';
