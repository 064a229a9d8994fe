-- Void and reissue: plans, their items, and every step.

-- The safe repair of orphans: plans to void and reissue, what became of each credit, and every step with what was seen.
CREATE SCHEMA reconcile;

-- A plan of somebody's. Above `above` (minor units of `currency`) a second person has to approve.
CREATE TABLE reconcile.plan (
    plan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_by text NOT NULL CHECK (made_by <> ''),
    made_at timestamptz NOT NULL,
    source text NOT NULL,
    source_print text NOT NULL,
    above bigint NOT NULL CHECK (above >= 0),
    currency text NOT NULL
);

-- One finding of a plan, and what becomes of its credit. `credit` is an id of the ledger, or an outside platform's name
-- for it; blank where nobody knows it. `amount` is what it held, and `version` its version, when it was planned. `tries`
-- counts the decisions of persons: each begins anew, with keys of its own. `began_at` is when the work on it began, `frozen_version` the version
-- that our freeze made. What was approved is told by `approved_print`: of an item that was changed since, it is another.
CREATE TABLE reconcile.item (
    plan_id bigint NOT NULL REFERENCES reconcile.plan,
    number integer NOT NULL CHECK (number > 0),
    finding_id text NOT NULL,
    class text NOT NULL,
    cause text NOT NULL,
    transaction_id text NOT NULL,
    store text NOT NULL,
    credit text NOT NULL,
    last4 text NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    currency text NOT NULL,
    system text NOT NULL,
    account_id text NOT NULL,
    customer_id uuid,
    state text NOT NULL CHECK (state IN (
        'planned', 'person', 'frozen', 'proved', 'voided', 'reissued', 'handed', 'confirmed', 'releasing', 'left'
    )),
    reason text NOT NULL,
    sentence text NOT NULL,
    evidence jsonb NOT NULL,
    candidates jsonb NOT NULL,
    planned_by text NOT NULL CHECK (planned_by <> ''),
    decided_by text NOT NULL DEFAULT '',
    vouched boolean NOT NULL DEFAULT false,
    approved_by text NOT NULL DEFAULT '',
    approved_print text NOT NULL DEFAULT '',
    tries integer NOT NULL DEFAULT 0,
    version integer,
    began_at timestamptz,
    frozen_version integer,
    new_credit text NOT NULL DEFAULT '',
    new_last4 text NOT NULL DEFAULT '',
    PRIMARY KEY (plan_id, number),
    CONSTRAINT known_before_done CHECK (
        state IN ('person', 'left') OR (credit <> '' AND account_id <> '' AND amount > 0)
    ),
    CONSTRAINT second_person CHECK (
        approved_by = '' OR lower(approved_by) NOT IN (lower(planned_by), lower(decided_by))
    ),
    CONSTRAINT new_when_reissued CHECK ((state IN ('reissued', 'handed', 'confirmed')) = (new_credit <> ''))
);

-- A credit is in one plan at a time, and once it was reissued in none again.
CREATE UNIQUE INDEX item_once ON reconcile.item (credit) WHERE state <> 'left' AND credit <> '';
CREATE INDEX item_of_new ON reconcile.item (new_credit) WHERE new_credit <> '';

-- Every step of every item, with who took it and what was seen; never edited, never deleted.
CREATE TABLE reconcile.step (
    line bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id bigint NOT NULL,
    number integer NOT NULL,
    what text NOT NULL CHECK (what IN (
        'planned', 'person', 'frozen', 'proved', 'voided', 'reissued', 'handed', 'confirmed', 'releasing', 'left',
        'decided', 'approved'
    )),
    at timestamptz NOT NULL,
    by text NOT NULL CHECK (by <> ''),
    seen text NOT NULL,
    FOREIGN KEY (plan_id, number) REFERENCES reconcile.item
);

CREATE INDEX step_of_item ON reconcile.step (plan_id, number, line);

CREATE FUNCTION reconcile.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'reconcile.% is append-only: what was done is followed by a further line', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconcile.step
    FOR EACH STATEMENT EXECUTE FUNCTION reconcile.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconcile.plan
    FOR EACH STATEMENT EXECUTE FUNCTION reconcile.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON reconcile.step, reconcile.plan FROM PUBLIC;
