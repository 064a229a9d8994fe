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
-- How many codes were lately sent: for this credit, to this address, and both.
SELECT count(*) FILTER (WHERE credit_id = $1) AS of_credit, count(*) FILTER (WHERE contact = $2) AS of_contact,
    count(*) FILTER (WHERE credit_id = $1 AND contact = $2) AS of_both
FROM checkpoint.challenge WHERE sent AND made_at > $3 AND (credit_id = $1 OR contact = $2);

-- name: take_turn
-- Take the row of an address until the transaction ends.
INSERT INTO checkpoint.turn AS t (contact, asked_at) VALUES ($1, $2)
ON CONFLICT (contact) DO UPDATE SET asked_at = excluded.asked_at;

-- name: keep_challenge
-- Keep a one-time code, hashed. Of those that were not sent a credit has one: it begins anew.
INSERT INTO checkpoint.challenge AS c (
    challenge_id, credit_id, contact_kind, contact, code_hash, made_at, expires_at, sent
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (credit_id) WHERE NOT sent DO UPDATE
SET contact_kind = excluded.contact_kind, contact = excluded.contact, code_hash = excluded.code_hash, tries = 0,
    made_at = excluded.made_at, expires_at = excluded.expires_at
RETURNING challenge_id;

-- name: forget_contacts
-- Where codes were sent some time ago is of no use any more.
UPDATE checkpoint.challenge SET contact = '' WHERE challenge_id IN (
    SELECT o.challenge_id FROM checkpoint.challenge AS o WHERE o.made_at < $1 AND o.contact <> '' LIMIT 1000
);

-- name: forget_turns
-- Nobody asks for codes for these addresses any more.
DELETE FROM checkpoint.turn WHERE contact IN (
    SELECT o.contact FROM checkpoint.turn AS o WHERE o.asked_at < $1 ORDER BY o.asked_at LIMIT 1000
    FOR UPDATE SKIP LOCKED
);

-- name: forget_given
-- What a register sent about a customer is of no use when the review has been done for some time.
UPDATE checkpoint.review SET given = '{}' WHERE review_id IN (
    SELECT o.review_id FROM checkpoint.review AS o
    WHERE o.state = 'done' AND o.given <> '{}' AND o.done_at < $1 LIMIT 1000
);

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
    WHERE r.state = 'open' AND n.state NOT IN ('unclaimed', 'frozen')
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

-- name: review
-- One review, open or done.
SELECT * FROM checkpoint.review WHERE review_id = $1;

-- name: reopen_review
-- A decision that left the credit as it was is taken back: the review waits again.
UPDATE checkpoint.review AS r SET state = 'open', done_at = NULL, done_by = ''
WHERE r.review_id = $1 AND r.state = 'done' AND EXISTS (
    SELECT FROM ledger.credit_now AS n
    WHERE n.credit_id = r.credit_id AND n.owner IS NULL AND n.state IN ('unclaimed', 'frozen')
);

-- name: keep_decision
-- Keep what a person decided.
INSERT INTO checkpoint.decision (
    decision_id, key, request, what, review_id, credit_id, customer_id, new_credit_id, undoes, evidence, decided_by,
    decided_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: decision_of_key
-- What was decided under a key.
SELECT * FROM checkpoint.decision WHERE key = $1;

-- name: decision
-- One decision.
SELECT * FROM checkpoint.decision WHERE decision_id = $1;

-- name: undo_of
-- The decision that took this one back.
SELECT * FROM checkpoint.decision WHERE undoes = $1;

-- name: decisions_of_review
-- What was decided about a review, newest first.
SELECT * FROM checkpoint.decision WHERE review_id = $1 ORDER BY decided_at DESC, decision_id DESC LIMIT 50;

-- name: decisions_of_credit
-- What was decided about a credit, or brought it about, oldest first.
SELECT * FROM checkpoint.decision WHERE credit_id = $1 OR new_credit_id = $1 ORDER BY decided_at, decision_id LIMIT 50;

-- name: lately_decided
-- Links that a person decided and that have not been taken back, newest first.
SELECT d.* FROM checkpoint.decision AS d
WHERE d.what = 'link' AND NOT EXISTS (SELECT FROM checkpoint.decision AS u WHERE u.undoes = d.decision_id)
ORDER BY d.decided_at DESC, d.decision_id DESC LIMIT $1;
