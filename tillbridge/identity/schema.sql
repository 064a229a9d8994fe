CREATE SCHEMA identity;

-- A person as we know them. The id is made by the caller (UUIDv7) and never changes. `merged_into` is the customer that
-- a person found to be the same one; `person` is where following that leads, itself for most.
CREATE TABLE identity.customer (
    customer_id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL,
    merged_into uuid REFERENCES identity.customer,
    person uuid NOT NULL,
    CONSTRAINT merged_with_another CHECK (merged_into <> customer_id),
    CONSTRAINT one_head CHECK ((merged_into IS NULL) = (person = customer_id))
);

CREATE INDEX customer_by_person ON identity.customer (person) WHERE merged_into IS NOT NULL;
CREATE INDEX customer_by_merge ON identity.customer (merged_into) WHERE merged_into IS NOT NULL;

-- A channel's name for a person: one account of one system is one person; one person may have many accounts. `gone_at`:
-- a full export of the system no longer had it. `stated_at`: of when what we know of it is; what is older is not taken.
CREATE TABLE identity.reference (
    system text NOT NULL CHECK (system <> ''),
    account_id text NOT NULL CHECK (account_id <> ''),
    customer_id uuid NOT NULL REFERENCES identity.customer,
    gone_at timestamptz,
    stated_at timestamptz NOT NULL,
    PRIMARY KEY (system, account_id)
);

CREATE INDEX reference_by_customer ON identity.reference (customer_id);
-- An account id typed without its system.
CREATE INDEX reference_by_account ON identity.reference (account_id, customer_id);

-- What a person is found by. Each row has a source: the account whose profile states it, or a one-time code that the
-- person answered to us (system and account_id blank). `verified`: they proved control of it, `since` then. `ended_at`:
-- somebody else has proved it after them, or they gave it up. `given_up_at`: the account states it no longer; what was
-- proved or denied stays known, so that who proves it next waits, and a denial outlives a change of mind. `moved_at`: this
-- proof took over from somebody else's. `denied`: a person decided that it is not theirs. `raw` is blank where it is the
-- value.
CREATE TABLE identity.identifier (
    customer_id uuid NOT NULL REFERENCES identity.customer,
    kind text NOT NULL CHECK (kind IN ('email', 'phone', 'loyalty')),
    value text NOT NULL CHECK (value <> ''),
    system text NOT NULL,
    account_id text NOT NULL,
    raw text NOT NULL,
    verified boolean NOT NULL,
    denied boolean NOT NULL DEFAULT false,
    since timestamptz NOT NULL,
    ended_at timestamptz,
    moved_at timestamptz,
    given_up_at timestamptz,
    PRIMARY KEY (customer_id, kind, value, system, account_id),
    CONSTRAINT over_is_over CHECK (NOT (verified AND (denied OR ended_at IS NOT NULL))),
    CONSTRAINT given_up_is_over CHECK (given_up_at IS NULL OR ended_at IS NOT NULL)
);

CREATE INDEX identifier_by_value ON identity.identifier (kind, value, verified DESC, customer_id);

-- What an account is like: it ranks candidates for a review and never links. `blocks` are the keys that it is found by
-- when something was mistyped (nearness.py).
CREATE TABLE identity.portrait (
    system text NOT NULL,
    account_id text NOT NULL,
    customer_id uuid NOT NULL REFERENCES identity.customer,
    name text NOT NULL,
    street text NOT NULL,
    place text NOT NULL,
    postcode text NOT NULL,
    born text NOT NULL,
    blocks integer[] NOT NULL,
    PRIMARY KEY (system, account_id)
);

CREATE INDEX portrait_by_block ON identity.portrait USING gin (blocks);

-- A value that two people have proved. It links nobody; a person decides whose it is. `settled_at`: one has. `shared`: they
-- decided that it is a household's, which it stays whoever gives it up. The id is made of the value, so that the same
-- conflict has the same one.
CREATE TABLE identity.conflict (
    conflict_id uuid PRIMARY KEY,
    kind text NOT NULL,
    value text NOT NULL,
    opened_at timestamptz NOT NULL,
    settled_at timestamptz,
    shared boolean NOT NULL DEFAULT false,
    UNIQUE (kind, value)
);

CREATE INDEX conflict_open ON identity.conflict (opened_at, conflict_id) WHERE settled_at IS NULL;

-- What became of people, a line for each step; never edited, never deleted. `decision_id` binds the lines of one
-- decision by a person, and an undo to what it undoes.
CREATE TABLE identity.history (
    line bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    what text NOT NULL CHECK (what IN (
        'taken-over', 'conflict', 'settled', 'merged', 'unmerged', 'account-unlinked', 'account-relinked',
        'identifier-unlinked', 'identifier-relinked', 'given-up', 'gone', 'back'
    )),
    customer_id uuid NOT NULL,
    other_id uuid,
    kind text NOT NULL DEFAULT '',
    value text NOT NULL DEFAULT '',
    system text NOT NULL DEFAULT '',
    account_id text NOT NULL DEFAULT '',
    since timestamptz,
    decision_id uuid,
    decided_by text NOT NULL DEFAULT '',
    evidence text NOT NULL DEFAULT ''
);

CREATE INDEX history_by_customer ON identity.history (customer_id, line);
CREATE INDEX history_by_other ON identity.history (other_id, line) WHERE other_id IS NOT NULL;
CREATE INDEX history_by_decision ON identity.history (decision_id) WHERE decision_id IS NOT NULL;

CREATE FUNCTION identity.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'identity.% is append-only: what was done is followed by a further line', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON identity.history
    FOR EACH STATEMENT EXECUTE FUNCTION identity.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON identity.history FROM PUBLIC;

CREATE TYPE identity.identifier_in AS (kind text, value text, raw text, verified boolean);

-- One account as its system describes it. `customer_id` is used when the account is new to us; `stated_at` is of when it
-- is so, now where that is not known.
CREATE TYPE identity.profile_in AS (
    system text, account_id text, customer_id uuid, name text, street text, place text, postcode text, born text,
    blocks integer[], identifiers identity.identifier_in[], stated_at timestamptz
);

-- How each system knows a customer: by the accounts of all who are one person with them. `own`: it is this customer's, not
-- one's who was merged with them.
CREATE VIEW identity.known_as AS
SELECT c.customer_id, r.system, r.account_id, r.customer_id = c.customer_id AS own
FROM identity.customer AS c
CROSS JOIN LATERAL (
    SELECT c.customer_id
    UNION
    SELECT c.person
    UNION
    SELECT p.customer_id FROM identity.customer AS p WHERE p.person = c.person AND p.merged_into IS NOT NULL
) AS k (customer_id)
JOIN identity.reference AS r ON r.customer_id = k.customer_id
WHERE r.gone_at IS NULL;

-- What a customer is reached by: of each kind one value, which they proved where they proved any.
CREATE VIEW identity.known_by AS
SELECT c.customer_id, k.email, k.phone, k.loyalty
FROM identity.customer AS c
CROSS JOIN LATERAL (
    SELECT (array_agg(i.value ORDER BY i.verified DESC, i.value) FILTER (WHERE i.kind = 'email'))[1] AS email,
        (array_agg(i.value ORDER BY i.verified DESC, i.value) FILTER (WHERE i.kind = 'phone'))[1] AS phone,
        (array_agg(i.value ORDER BY i.verified DESC, i.value) FILTER (WHERE i.kind = 'loyalty'))[1] AS loyalty
    FROM identity.identifier AS i
    WHERE i.customer_id IN (c.customer_id, c.person) AND NOT i.denied AND i.given_up_at IS NULL
) AS k;
