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

-- A one-time code on its way to prove that somebody controls an address. Bound to one credit and one address.
CREATE TABLE checkpoint.challenge (
    challenge_id uuid PRIMARY KEY,
    credit_id uuid NOT NULL,
    contact_kind text NOT NULL CHECK (contact_kind IN ('email', 'phone')),
    contact text NOT NULL,
    code_hash bytea NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE INDEX challenge_by_credit ON checkpoint.challenge (credit_id, made_at);
CREATE INDEX challenge_by_contact ON checkpoint.challenge (contact, made_at);
