-- name: keep_plan
-- Keep a plan; its number.
INSERT INTO reconcile.plan (made_by, made_at, source, source_print, above, currency)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING plan_id;

-- name: keep_item
-- Keep an item of a plan. One whose credit is in another plan is not kept: that one is to be left.
INSERT INTO reconcile.item (
    plan_id, number, finding_id, class, cause, transaction_id, store, credit, last4, amount, currency, system, account_id,
    customer_id, state, reason, sentence, evidence, candidates, planned_by, version
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
ON CONFLICT (credit) WHERE state <> 'left' AND credit <> '' DO NOTHING;

-- name: note
-- Note a step.
INSERT INTO reconcile.step (plan_id, number, what, at, by, seen) VALUES ($1, $2, $3, $4, $5, $6);

-- name: plans
-- All plans, newest first, with how many items stand how.
SELECT p.*, coalesce(c.states, '{}'::jsonb) AS states FROM reconcile.plan AS p
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(s.state, s.count) AS states FROM (
        SELECT i.state, count(*) AS count FROM reconcile.item AS i WHERE i.plan_id = p.plan_id GROUP BY i.state
    ) AS s
) AS c ON true
ORDER BY p.plan_id DESC LIMIT $1;

-- name: plan
-- One plan.
SELECT * FROM reconcile.plan WHERE plan_id = $1;

-- name: items
-- The items of a plan, in order.
SELECT * FROM reconcile.item WHERE plan_id = $1 ORDER BY number;

-- name: item
-- One item of a plan.
SELECT * FROM reconcile.item WHERE plan_id = $1 AND number = $2;

-- name: steps
-- The steps of a plan, by item, oldest first.
SELECT number, what, at, by, seen FROM reconcile.step WHERE plan_id = $1 ORDER BY number, line;

-- name: plan_of_credit
-- The plan that a credit is in, and how it stands there.
SELECT plan_id, number, state FROM reconcile.item WHERE credit = $1 AND state <> 'left';

-- name: begin
-- The work on an item begins: once, however often it is taken up again.
UPDATE reconcile.item SET began_at = $3 WHERE plan_id = $1 AND number = $2 AND state = 'planned' AND began_at IS NULL;

-- name: move
-- An item moves on, if it still stands where it was seen, and the step is noted with it.
WITH moved AS (
    UPDATE reconcile.item SET
        state = $4, reason = $8, sentence = $7, frozen_version = coalesce($9, frozen_version),
        new_credit = coalesce($10, new_credit), new_last4 = coalesce($11, new_last4)
    WHERE plan_id = $1 AND number = $2 AND state = $3
    RETURNING plan_id, number
)
INSERT INTO reconcile.step (plan_id, number, what, at, by, seen)
SELECT m.plan_id, m.number, $4, $5, $6, $7 FROM moved AS m;

-- name: decide
-- A person decides on an item that waits for one: person -> planned, or person -> left; or leaves one that is not begun:
-- planned -> left. What was approved of it before is void, and the work on it begins anew.
WITH decided AS (
    UPDATE reconcile.item SET
        state = $3, reason = $4, sentence = $5, system = $6, account_id = $7, customer_id = $8, amount = $9,
        decided_by = $10, vouched = $11, approved_by = '', approved_print = '', tries = tries + 1, began_at = NULL,
        frozen_version = NULL, version = $14
    WHERE plan_id = $1 AND number = $2 AND tries = $13
        AND (state = 'person' OR (state = 'planned' AND $3 = 'left' AND began_at IS NULL))
    RETURNING plan_id, number
)
INSERT INTO reconcile.step (plan_id, number, what, at, by, seen)
SELECT d.plan_id, d.number, 'decided', $12, $10, $5 FROM decided AS d;

-- name: approve
-- A second person approves an item as it was shown to them.
WITH approved AS (
    UPDATE reconcile.item SET approved_by = $3, approved_print = $4
    WHERE plan_id = $1 AND number = $2 AND tries = $5 AND state = 'planned'
    RETURNING plan_id, number
)
INSERT INTO reconcile.step (plan_id, number, what, at, by, seen)
SELECT a.plan_id, a.number, 'approved', $6, $3, $7 FROM approved AS a;
