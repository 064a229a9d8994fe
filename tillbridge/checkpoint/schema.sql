-- What happens at the register beyond the money: vouchers, claims, and what waits for a person.
CREATE SCHEMA checkpoint;

-- The printed fallback. Its claim address is made from the hub's secret; only its hash is kept.
CREATE TABLE checkpoint.voucher (
    token_hash bytea PRIMARY KEY,
    credit_id uuid NOT NULL UNIQUE,
    made_at timestamptz NOT NULL,
    claimed_at timestamptz
);

-- An item for a person. `given` is what the register sent, as typed; it may be blanked without touching the ledger.
CREATE TABLE checkpoint.review (
    review_id uuid PRIMARY KEY,
    credit_id uuid NOT NULL UNIQUE,
    cause text NOT NULL CHECK (cause IN ('no-customer', 'identifier-mismatch')),
    sentence text NOT NULL,
    given jsonb NOT NULL,
    candidates jsonb NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done')),
    opened_at timestamptz NOT NULL,
    done_at timestamptz,
    done_by text NOT NULL DEFAULT ''
);

CREATE INDEX review_open ON checkpoint.review (opened_at, review_id) WHERE state = 'open';

-- What a person decided about a credit, a review or people, with the evidence; never edited, never deleted. An undo is a
-- further line that names what it undoes. `new_credit_id` is the credit that stands in for the one that was moved.
CREATE TABLE checkpoint.decision (
    decision_id uuid PRIMARY KEY,
    key text NOT NULL UNIQUE CHECK (key <> ''),
    request jsonb NOT NULL,
    what text NOT NULL CHECK (what IN (
        'link', 'leave', 'move', 'merge', 'unlink-account', 'unlink-identifier', 'same-person', 'belongs-to', 'shared',
        'undo'
    )),
    review_id uuid,
    credit_id uuid,
    customer_id uuid,
    new_credit_id uuid,
    undoes uuid UNIQUE REFERENCES checkpoint.decision,
    evidence text NOT NULL CHECK (evidence <> ''),
    decided_by text NOT NULL CHECK (decided_by <> ''),
    decided_at timestamptz NOT NULL,
    CONSTRAINT undo_of_something CHECK ((what = 'undo') = (undoes IS NOT NULL))
);

CREATE INDEX decision_of_review ON checkpoint.decision (review_id, decided_at) WHERE review_id IS NOT NULL;
CREATE INDEX decision_of_new_credit ON checkpoint.decision (new_credit_id) WHERE new_credit_id IS NOT NULL;
CREATE INDEX decision_lately ON checkpoint.decision (decided_at DESC, decision_id DESC) WHERE what = 'link';
CREATE INDEX decision_of_credit ON checkpoint.decision (credit_id) WHERE credit_id IS NOT NULL;

CREATE FUNCTION checkpoint.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'checkpoint.% is append-only: a decision is followed by a further one', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint.decision
    FOR EACH STATEMENT EXECUTE FUNCTION checkpoint.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON checkpoint.decision FROM PUBLIC;

-- A one-time code on its way to prove that somebody controls an address. Bound to one credit and one address. One that was
-- not sent, because too many were, is answered by no code; a credit has one of these at most. `contact` is blank when it
-- is some time ago.
CREATE TABLE checkpoint.challenge (
    challenge_id uuid PRIMARY KEY,
    credit_id uuid NOT NULL,
    contact_kind text NOT NULL CHECK (contact_kind IN ('email', 'phone')),
    contact text NOT NULL,
    code_hash bytea NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    sent boolean NOT NULL
);

CREATE INDEX challenge_by_credit ON checkpoint.challenge (credit_id, made_at);
CREATE INDEX challenge_by_contact ON checkpoint.challenge (contact, made_at);
CREATE UNIQUE INDEX challenge_not_sent ON checkpoint.challenge (credit_id) WHERE NOT sent;
CREATE INDEX challenge_to_blank ON checkpoint.challenge (made_at) WHERE contact <> '';
CREATE INDEX review_to_blank ON checkpoint.review (done_at) WHERE state = 'done' AND given <> '{}';

-- Whoever asks for a code for an address takes its row, so that codes asked for at the same moment on several vouchers are
-- counted one by one. The address is hashed; the rows of a day ago are swept.
CREATE TABLE checkpoint.turn (
    contact bytea PRIMARY KEY,
    asked_at timestamptz NOT NULL
);

CREATE INDEX turn_over ON checkpoint.turn (asked_at);

-- What the register sent of a credit that waits, or waited, for a person: blank once it was forgotten.
CREATE VIEW checkpoint.heard AS
SELECT r.credit_id, r.cause, r.given, r.state, r.opened_at FROM checkpoint.review AS r;
