CREATE SCHEMA identity;

-- A person as we know them. The id is made by the caller (UUIDv7) and never changes.
CREATE TABLE identity.customer (
    customer_id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL
);

-- A channel's name for a person: one account of one system is one person; one person may have many accounts.
CREATE TABLE identity.reference (
    system text NOT NULL CHECK (system <> ''),
    account_id text NOT NULL CHECK (account_id <> ''),
    customer_id uuid NOT NULL REFERENCES identity.customer,
    PRIMARY KEY (system, account_id)
);

CREATE INDEX reference_by_customer ON identity.reference (customer_id);
-- An account id typed without its system.
CREATE INDEX reference_by_account ON identity.reference (account_id, customer_id);

-- What a person is found by. Each row has a source: the account whose profile states it, or a one-time code that the
-- person answered to us (system and account_id blank). `verified`: they proved control of it. `head`, `tail`,
-- `ends` and `stem` find candidates for a review when something was mistyped (nearness.py); they never link.
CREATE TABLE identity.identifier (
    customer_id uuid NOT NULL REFERENCES identity.customer,
    kind text NOT NULL CHECK (kind IN ('email', 'phone', 'loyalty')),
    value text NOT NULL CHECK (value <> ''),
    system text NOT NULL,
    account_id text NOT NULL,
    raw text NOT NULL,
    verified boolean NOT NULL,
    head text NOT NULL,
    tail text NOT NULL,
    ends text NOT NULL,
    stem text NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, kind, value, system, account_id)
);

CREATE INDEX identifier_by_value ON identity.identifier (kind, value, verified DESC, customer_id);
CREATE INDEX identifier_by_head ON identity.identifier (kind, head, customer_id) WHERE head <> '';
CREATE INDEX identifier_by_tail ON identity.identifier (kind, tail, customer_id) WHERE tail <> '';
CREATE INDEX identifier_by_ends ON identity.identifier (kind, ends, customer_id) WHERE ends <> '';
CREATE INDEX identifier_by_stem ON identity.identifier (kind, stem, customer_id) WHERE stem <> '';

CREATE TYPE identity.identifier_in AS (
    kind text, value text, raw text, verified boolean, head text, tail text, ends text, stem text
);

-- One account as its system describes it. `customer_id` is used when the account is new to us.
CREATE TYPE identity.profile_in AS (
    system text, account_id text, customer_id uuid, identifiers identity.identifier_in[]
);

-- Take in profiles: an account that is new gets its customer, one that is known keeps it, and what the account states
-- replaces what it stated before. The same profiles again change nothing; of two for one account the last one counts.
-- Accounts are locked in one order, so that two calls at once wait for each other instead of clashing.
CREATE FUNCTION identity.take_in(p_at timestamptz, p_profiles identity.profile_in[])
RETURNS TABLE (system text, account_id text, customer_id uuid, new boolean)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_profiles identity.profile_in[];
    v_new uuid[];
BEGIN
    SELECT array_agg(ROW(l.system, l.account_id, l.customer_id, l.identifiers)::identity.profile_in)
    INTO v_profiles
    FROM (
        SELECT DISTINCT ON (p.system, p.account_id) p.system, p.account_id, p.customer_id, p.identifiers
        FROM unnest(p_profiles) WITH ORDINALITY AS p (system, account_id, customer_id, identifiers, place)
        ORDER BY p.system, p.account_id, p.place DESC
    ) AS l;

    -- Two calls that bring the same new account: one of them writes, the other waits here and finds it written.
    WITH fresh AS (
        INSERT INTO identity.reference (system, account_id, customer_id)
        SELECT p.system, p.account_id, p.customer_id
        FROM unnest(v_profiles) AS p
        ORDER BY p.system, p.account_id
        ON CONFLICT DO NOTHING
        RETURNING customer_id
    ), created AS (
        INSERT INTO identity.customer (customer_id, created_at)
        SELECT DISTINCT f.customer_id, p_at
        FROM fresh AS f
        ON CONFLICT DO NOTHING
        RETURNING customer_id
    )
    SELECT coalesce(array_agg(c.customer_id), '{}') INTO v_new FROM created AS c;

    PERFORM 1
    FROM identity.reference AS r
    JOIN unnest(v_profiles) AS p ON r.system = p.system AND r.account_id = p.account_id
    ORDER BY r.system, r.account_id
    FOR UPDATE OF r;

    DELETE FROM identity.identifier AS i
    USING unnest(v_profiles) AS p, identity.reference AS r
    WHERE r.system = p.system AND r.account_id = p.account_id
        AND i.customer_id = r.customer_id AND i.system = p.system AND i.account_id = p.account_id
        AND NOT EXISTS (
            SELECT 1 FROM unnest(p.identifiers) AS n WHERE n.kind = i.kind AND n.value = i.value
        );

    INSERT INTO identity.identifier AS i
        (customer_id, kind, value, system, account_id, raw, verified, head, tail, ends, stem, taken_at)
    SELECT DISTINCT ON (r.customer_id, n.kind, n.value, p.system, p.account_id)
        r.customer_id, n.kind, n.value, p.system, p.account_id, n.raw, n.verified, n.head, n.tail, n.ends, n.stem,
        p_at
    FROM unnest(v_profiles) AS p
    JOIN identity.reference AS r ON r.system = p.system AND r.account_id = p.account_id
    CROSS JOIN LATERAL unnest(p.identifiers) AS n
    ORDER BY r.customer_id, n.kind, n.value, p.system, p.account_id, n.verified DESC, n.raw
    ON CONFLICT (customer_id, kind, value, system, account_id) DO UPDATE
    SET raw = excluded.raw, verified = excluded.verified,
        head = excluded.head, tail = excluded.tail, ends = excluded.ends, stem = excluded.stem,
        taken_at = excluded.taken_at
    WHERE (i.raw, i.verified, i.head, i.tail, i.ends, i.stem) IS DISTINCT FROM
        (excluded.raw, excluded.verified, excluded.head, excluded.tail, excluded.ends, excluded.stem);

    RETURN QUERY
    SELECT r.system, r.account_id, r.customer_id, r.customer_id = ANY (v_new)
    FROM identity.reference AS r
    JOIN unnest(v_profiles) AS p ON r.system = p.system AND r.account_id = p.account_id
    ORDER BY r.system, r.account_id;
END
$$;

-- How each system knows a customer.
CREATE VIEW identity.known_as AS
SELECT r.customer_id, r.system, r.account_id FROM identity.reference AS r;
