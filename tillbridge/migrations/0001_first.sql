-- The book of money. Nothing in it is ever changed or taken away: a correction is a further entry.
CREATE SCHEMA ledger;

-- Why a command was refused, in the order of precedence: the first that applies is the answer.
CREATE TYPE ledger.refusal AS ENUM (
    'amount-not-positive',
    'amount-too-fine',
    'unknown-credit',
    'code-taken',
    'other-currency',
    'credit-pending',
    'already-claimed',
    'credit-frozen',
    'credit-void',
    'credit-expired',
    'over-limit',
    'not-enough-available'
);

CREATE TYPE ledger.verb AS ENUM ('issue', 'redeem', 'void', 'claim');

CREATE TYPE ledger.state AS ENUM ('pending', 'unclaimed', 'active', 'frozen', 'void', 'expired');

-- What a credit is, as it was issued. What it holds now is in its newest event.
CREATE TABLE ledger.credit (
    credit_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('store_credit', 'gift_card')),
    bucket text NOT NULL CHECK (bucket IN ('paid', 'refund', 'goodwill', 'promo')),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    code_last4 text NOT NULL,
    expires_at timestamptz,
    cohort_date date NOT NULL
);

-- A code finds its credit by its keyed hash only; the code itself is not kept.
CREATE TABLE ledger.code (
    code_hash bytea PRIMARY KEY,
    credit_id uuid NOT NULL
);

-- One row per command ever answered, posted or refused: a key is worth one answer, for ever.
CREATE TABLE ledger.request (
    key text PRIMARY KEY CHECK (key <> ''),
    verb ledger.verb NOT NULL,
    credit_id uuid NOT NULL,
    version integer,
    refusal ledger.refusal,
    request jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    CHECK ((version IS NULL) <> (refusal IS NULL))
);

-- What was refused of a credit is part of its trail.
CREATE INDEX request_refused ON ledger.request (credit_id) WHERE refusal IS NOT NULL;

-- A fact about a credit. Versions count from 1 without a gap; state, owner and balance are as after the event.
CREATE TABLE ledger.event (
    credit_id uuid NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    event_id uuid NOT NULL,
    verb ledger.verb NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    balance bigint NOT NULL CHECK (balance >= 0),
    state ledger.state NOT NULL,
    owner uuid,
    key text NOT NULL,
    store text NOT NULL,
    register text NOT NULL,
    operator text NOT NULL,
    transaction_id text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (credit_id, version)
);

CREATE INDEX event_by_transaction ON ledger.event (transaction_id) WHERE transaction_id <> '';
-- Events lie in the order in which they were recorded: a few bytes find those of a day.
CREATE INDEX event_recorded ON ledger.event USING brin (recorded_at) WITH (pages_per_range = 16);
CREATE INDEX event_by_owner ON ledger.event (owner) WHERE verb IN ('issue', 'claim');

-- Double entry. Leg 1 is what is owed to the customer on this credit, leg 2 the house account against it.
CREATE TABLE ledger.entry (
    credit_id uuid NOT NULL,
    version integer NOT NULL,
    leg smallint NOT NULL CHECK (leg IN (1, 2)),
    account text NOT NULL,
    amount bigint NOT NULL CHECK (amount <> 0),
    currency text NOT NULL,
    balance bigint NOT NULL CHECK (balance >= 0),
    PRIMARY KEY (credit_id, version, leg)
);

-- The database itself refuses to change the past ...
CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is append-only: a correction is a further entry', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.credit
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.code
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.request
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON ledger.credit, ledger.code, ledger.request, ledger.event, ledger.entry FROM PUBLIC;

-- ... and entries that do not balance. Both legs come in one statement.
CREATE FUNCTION ledger.refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad record;
BEGIN
    SELECT n.credit_id, n.version INTO bad
    FROM new_entries AS n
    GROUP BY n.credit_id, n.version
    HAVING sum(n.amount) <> 0 OR count(*) <> 2 OR count(DISTINCT n.currency) <> 1
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entries of credit % version % do not sum to zero', bad.credit_id, bad.version
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_sum_to_zero';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER sum_to_zero AFTER INSERT ON ledger.entry
    REFERENCING NEW TABLE AS new_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_unbalanced();

-- An event stands right behind the one before it, and has entries when money moved. Each look is a lateral one, row by
-- row: PostgreSQL may turn NOT EXISTS into a hash of the whole table, which costs nothing today and everything in a year.
CREATE FUNCTION ledger.refuse_gap() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    bad record;
BEGIN
    SELECT n.credit_id, n.version INTO bad FROM new_events AS n
    LEFT JOIN LATERAL (
        SELECT true AS there FROM ledger.credit AS x WHERE x.credit_id = n.credit_id LIMIT 1
    ) AS k ON true
    LEFT JOIN LATERAL (
        SELECT true AS there FROM ledger.event AS x
        WHERE x.credit_id = n.credit_id AND x.version = n.version - 1 LIMIT 1
    ) AS before ON true
    LEFT JOIN LATERAL (
        SELECT true AS there FROM ledger.entry AS x
        WHERE x.credit_id = n.credit_id AND x.version = n.version LIMIT 1
    ) AS money ON true
    WHERE k.there IS NULL OR (n.version > 1 AND before.there IS NULL) OR (n.amount <> 0 AND money.there IS NULL)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'event % of credit % has no credit, no event before it, or no entries', bad.version,
            bad.credit_id USING ERRCODE = 'check_violation', CONSTRAINT = 'events_follow_each_other';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER no_gap AFTER INSERT ON ledger.event
    REFERENCING NEW TABLE AS new_events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_gap();

CREATE FUNCTION ledger.refuse_stray() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    bad record;
BEGIN
    SELECT n.credit_id, n.version INTO bad FROM new_entries AS n
    LEFT JOIN LATERAL (
        SELECT x.amount, x.balance FROM ledger.event AS x
        WHERE x.credit_id = n.credit_id AND x.version = n.version LIMIT 1
    ) AS e ON true
    WHERE e.amount IS NULL OR e.amount <> abs(n.amount) OR e.balance <> n.balance
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entries of credit % version % belong to no event', bad.credit_id, bad.version
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_belong_to_events';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER no_stray AFTER INSERT ON ledger.entry
    REFERENCING NEW TABLE AS new_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_stray();

-- One thing asked of the ledger. `house` is the account of leg 2; `ceiling` the most one credit may hold, or null.
CREATE TYPE ledger.command AS (
    ordinal integer,
    key text,
    verb ledger.verb,
    credit_id uuid,
    event_id uuid,
    amount bigint,
    currency text,
    house text,
    ceiling bigint,
    request jsonb,
    actor text,
    store text,
    register text,
    operator text,
    transaction_id text,
    reason text,
    occurred_at timestamptz,
    state ledger.state,
    owner uuid,
    kind text,
    bucket text,
    code_hash bytea,
    code_last4 text,
    expires_at timestamptz,
    cohort_date date
);

-- The answer to one command. On a replay: the first answer, and the request it was given to.
CREATE TYPE ledger.outcome AS (
    ordinal integer,
    replay boolean,
    refusal ledger.refusal,
    verb ledger.verb,
    credit_id uuid,
    event_id uuid,
    version integer,
    amount bigint,
    balance bigint,
    state ledger.state,
    owner uuid,
    currency text,
    bucket text,
    occurred_at timestamptz,
    recorded_at timestamptz,
    request jsonb
);

-- Decide a batch, writing nothing. Commands of one credit are decided in order, each on what the one before left.
-- The credits must be locked before: this reads their newest events.
CREATE FUNCTION ledger.decide(p_at timestamptz, p_commands ledger.command[])
RETURNS SETOF ledger.outcome LANGUAGE plpgsql AS $$
DECLARE
    c record;
    o ledger.outcome;
    current uuid;
    known boolean;
    currency text;
    bucket text;
    expires timestamptz;
    head_version integer;
    head_balance bigint;
    head_state ledger.state;
    head_owner uuid;
    why ledger.refusal;
BEGIN
    FOR c IN
        SELECT u.*,
            r.key AS r_key, r.refusal AS r_refusal, r.verb AS r_verb, r.credit_id AS r_credit_id,
            r.version AS r_version, r.recorded_at AS r_recorded_at, r.request AS r_request,
            e.event_id AS e_event_id, e.amount AS e_amount, e.balance AS e_balance, e.state AS e_state,
            e.owner AS e_owner, e.occurred_at AS e_occurred_at,
            k.credit_id AS k_credit_id, k.currency AS k_currency, k.bucket AS k_bucket, k.expires_at AS k_expires_at,
            h.version AS h_version, h.balance AS h_balance, h.state AS h_state, h.owner AS h_owner,
            u.verb = 'issue' AND (
                t.code_hash IS NOT NULL
                OR row_number() OVER (PARTITION BY u.code_hash ORDER BY u.ordinal) > 1
            ) AS code_taken
        FROM unnest(p_commands) AS u
        LEFT JOIN ledger.request AS r ON r.key = u.key
        LEFT JOIN ledger.event AS e ON e.credit_id = r.credit_id AND e.version = r.version
        LEFT JOIN ledger.credit AS k ON k.credit_id = u.credit_id
        LEFT JOIN ledger.code AS t ON t.code_hash = u.code_hash
        LEFT JOIN LATERAL (
            SELECT n.version, n.balance, n.state, n.owner FROM ledger.event AS n
            WHERE n.credit_id = u.credit_id ORDER BY n.version DESC LIMIT 1
        ) AS h ON true
        ORDER BY u.credit_id, u.ordinal
    LOOP
        IF c.r_key IS NOT NULL THEN
            RETURN NEXT ROW(c.ordinal, true, c.r_refusal, c.r_verb, c.r_credit_id, c.e_event_id, c.r_version,
                c.e_amount, c.e_balance, c.e_state, c.e_owner, c.k_currency, c.k_bucket, c.e_occurred_at, c.r_recorded_at,
                c.r_request)::ledger.outcome;
            CONTINUE;
        END IF;
        IF current IS DISTINCT FROM c.credit_id THEN
            current := c.credit_id;
            known := c.k_credit_id IS NOT NULL;
            currency := c.k_currency;
            bucket := c.k_bucket;
            expires := c.k_expires_at;
            head_version := coalesce(c.h_version, 0);
            head_balance := coalesce(c.h_balance, 0);
            head_state := c.h_state;
            head_owner := c.h_owner;
        END IF;

        why := CASE
            WHEN c.verb IN ('issue', 'redeem') AND c.amount <= 0 THEN 'amount-not-positive'
            WHEN c.verb <> 'issue' AND NOT known THEN 'unknown-credit'
            WHEN c.verb = 'issue' AND (known OR c.code_taken) THEN 'code-taken'
            WHEN c.verb = 'redeem' AND c.currency <> currency THEN 'other-currency'
            WHEN c.verb = 'redeem' AND head_state IN ('pending', 'unclaimed') THEN 'credit-pending'
            WHEN c.verb = 'claim' AND head_state = 'active' THEN 'already-claimed'
            WHEN c.verb IN ('redeem', 'claim') AND head_state = 'frozen' THEN 'credit-frozen'
            WHEN c.verb <> 'issue' AND head_state = 'void' THEN 'credit-void'
            WHEN c.verb <> 'issue' AND (head_state = 'expired' OR expires <= p_at) THEN 'credit-expired'
            WHEN c.verb = 'issue' AND c.amount > c.ceiling THEN 'over-limit'
            WHEN c.verb = 'redeem' AND c.amount > head_balance THEN 'not-enough-available'
        END;

        IF why IS NULL THEN
            o.amount := CASE c.verb WHEN 'void' THEN head_balance WHEN 'claim' THEN 0 ELSE c.amount END;
            head_version := head_version + 1;
            head_balance := head_balance + CASE c.verb WHEN 'issue' THEN o.amount ELSE -o.amount END;
            head_state := CASE c.verb WHEN 'issue' THEN c.state WHEN 'void' THEN 'void' WHEN 'claim' THEN 'active'
                ELSE head_state END;
            head_owner := CASE WHEN c.verb IN ('issue', 'claim') THEN c.owner ELSE head_owner END;
            IF c.verb = 'issue' THEN
                known := true;
                currency := c.currency;
                bucket := c.bucket;
                expires := c.expires_at;
            END IF;
            RETURN NEXT ROW(c.ordinal, false, NULL, c.verb, c.credit_id, c.event_id, head_version, o.amount,
                head_balance, head_state, head_owner, currency, bucket, c.occurred_at, p_at, c.request)::ledger.outcome;
        ELSE
            RETURN NEXT ROW(c.ordinal, false, why, c.verb, c.credit_id, NULL, NULL, NULL, NULL, NULL, NULL,
                currency, bucket, c.occurred_at, p_at, c.request)::ledger.outcome;
        END IF;
    END LOOP;
END $$;

-- Post a batch: lock its credits in one order, decide, write. Keys must differ within a batch.
-- Two hubs that post one key at the same moment clash on a primary key: the later one rolls back, tries again, and
-- then finds the first answer.
CREATE FUNCTION ledger.post(p_at timestamptz, p_commands ledger.command[])
RETURNS SETOF ledger.outcome LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    PERFORM 1 FROM ledger.credit AS k
    WHERE k.credit_id IN (SELECT u.credit_id FROM unnest(p_commands) AS u WHERE u.verb <> 'issue')
    ORDER BY k.credit_id
    FOR NO KEY UPDATE;

    RETURN QUERY
    WITH decided AS MATERIALIZED (
        SELECT d.* FROM ledger.decide(p_at, p_commands) AS d
    ), fresh AS MATERIALIZED (
        SELECT u.*, d.refusal, d.version AS d_version, d.amount AS d_amount, d.balance AS d_balance,
            d.state AS d_state, d.owner AS d_owner, d.currency AS d_currency, d.bucket AS d_bucket
        FROM unnest(p_commands) AS u
        JOIN decided AS d ON d.ordinal = u.ordinal AND NOT d.replay
    ), requests AS (
        INSERT INTO ledger.request (key, verb, credit_id, version, refusal, request, recorded_at)
        SELECT f.key, f.verb, f.credit_id, f.d_version, f.refusal, f.request, p_at FROM fresh AS f ORDER BY f.key
    ), credits AS (
        INSERT INTO ledger.credit (credit_id, kind, bucket, currency, code_last4, expires_at, cohort_date)
        SELECT f.credit_id, f.kind, f.bucket, f.currency, f.code_last4, f.expires_at, f.cohort_date
        FROM fresh AS f WHERE f.verb = 'issue' AND f.refusal IS NULL
    ), codes AS (
        INSERT INTO ledger.code (code_hash, credit_id)
        SELECT f.code_hash, f.credit_id FROM fresh AS f WHERE f.verb = 'issue' AND f.refusal IS NULL
        ORDER BY f.code_hash
    ), events AS (
        INSERT INTO ledger.event (credit_id, version, event_id, verb, amount, balance, state, owner, key, store,
            register, operator, transaction_id, reason, actor, occurred_at, recorded_at)
        SELECT f.credit_id, f.d_version, f.event_id, f.verb, f.d_amount, f.d_balance, f.d_state, f.d_owner, f.key,
            f.store, f.register, f.operator, f.transaction_id, f.reason, f.actor, f.occurred_at, p_at
        FROM fresh AS f WHERE f.refusal IS NULL
    ), entries AS (
        INSERT INTO ledger.entry (credit_id, version, leg, account, amount, currency, balance)
        SELECT f.credit_id, f.d_version, g.leg,
            CASE g.leg WHEN 1 THEN 'owed:' || f.d_bucket ELSE f.house END,
            CASE WHEN (g.leg = 1) = (f.verb = 'issue') THEN f.d_amount ELSE -f.d_amount END,
            f.d_currency, f.d_balance
        FROM fresh AS f CROSS JOIN (VALUES (1), (2)) AS g (leg)
        WHERE f.refusal IS NULL AND f.d_amount <> 0
    )
    SELECT d.* FROM decided AS d ORDER BY d.ordinal;
END $$;

-- A credit as it is now: what it was issued as, and its newest event.
CREATE VIEW ledger.credit_now AS
SELECT k.credit_id, k.kind, k.bucket, k.currency, k.code_last4, k.expires_at, k.cohort_date,
    n.version, n.balance, n.state, n.owner, n.recorded_at AS changed_at,
    i.event_id AS issue_event_id, i.amount AS issued, i.key AS issue_key, i.store, i.register, i.operator,
    i.transaction_id, i.occurred_at, i.recorded_at
FROM ledger.credit AS k
JOIN ledger.event AS i ON i.credit_id = k.credit_id AND i.version = 1
CROSS JOIN LATERAL (
    SELECT e.version, e.balance, e.state, e.owner, e.recorded_at FROM ledger.event AS e
    WHERE e.credit_id = k.credit_id ORDER BY e.version DESC LIMIT 1
) AS n;

-- Each fact on a credit with its money, oldest first when ordered by version.
CREATE VIEW ledger.statement AS
SELECT e.credit_id, e.version, e.event_id, e.verb, e.amount, e.balance, e.state, e.owner, e.key, e.store, e.register,
    e.operator, e.transaction_id, e.reason, e.actor, e.occurred_at, e.recorded_at, k.currency, h.account AS house
FROM ledger.event AS e
JOIN ledger.credit AS k ON k.credit_id = e.credit_id
LEFT JOIN ledger.entry AS h ON h.credit_id = e.credit_id AND h.version = e.version AND h.leg = 2;

-- What each account holds. It reads every entry.
CREATE VIEW ledger.total AS
SELECT account, currency, sum(amount)::bigint AS amount, count(*) AS entries
FROM ledger.entry GROUP BY account, currency;

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

-- Messages: what was posted, on its way over each hop. A handoff's state is the product, so it is kept here.
CREATE SCHEMA handoff;

-- What the systems are told of one event of a credit.
CREATE TABLE handoff.message (
    credit_id uuid NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    event_id uuid NOT NULL,
    state text NOT NULL,
    balance bigint NOT NULL,
    currency text NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (credit_id, version)
) WITH (fillfactor = 90);

-- A key that comes back from a system, `event:hop`, arrives without its credit.
CREATE INDEX message_event ON handoff.message (event_id);

-- A lease carries a token that is never given twice: what an earlier lease has to say changes nothing any more.
CREATE SEQUENCE handoff.token;

-- One event on its way over one hop. The sentence of each state is in model.py; a test keeps the two equal.
CREATE TABLE handoff.handoff (
    credit_id uuid NOT NULL,
    hop text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    event_id uuid NOT NULL,
    state text NOT NULL
        CHECK (state IN ('waiting', 'due', 'sending', 'unknown', 'parked', 'confirmed', 'dead')),
    -- What has to happen first, separated by spaces: names of hops, `claim`, `earlier`. A dead row keeps its own, for
    -- the day it is replayed.
    waits_for text NOT NULL DEFAULT '',
    recorded_at timestamptz NOT NULL,
    -- When all it waited for had happened.
    ready_at timestamptz,
    due_at timestamptz,
    deadline timestamptz,
    -- Sends and questions of this replay.
    attempts integer NOT NULL DEFAULT 0,
    probes integer NOT NULL DEFAULT 0,
    replay integer NOT NULL DEFAULT 0,
    -- The newest lease, what it is for, and until when it holds.
    lease bigint NOT NULL DEFAULT 0,
    kind text NOT NULL DEFAULT 'send' CHECK (kind IN ('send', 'probe')),
    lease_until timestamptz,
    reason_code text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    reference text NOT NULL DEFAULT '',
    sent_at timestamptz,
    confirmed_at timestamptz,
    known_since jsonb,  -- for a target that was told nothing yet: a key means one body
    PRIMARY KEY (credit_id, hop, version),
    CHECK (state = 'dead' OR (state = 'waiting') = (waits_for <> '')),
    CHECK ((state IN ('due', 'unknown')) <= (due_at IS NOT NULL)),
    CHECK ((state = 'sending') = (lease_until IS NOT NULL)),
    CHECK ((state = 'confirmed') = (confirmed_at IS NOT NULL))
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 1
);

-- Two small indexes hold all that is open, each row in one of them; a confirmed row leaves both. So a claim costs the
-- same whatever the history.
CREATE INDEX handoff_claim ON handoff.handoff (hop, due_at) WHERE state IN ('due', 'unknown');
CREATE INDEX handoff_rest ON handoff.handoff (state, hop, credit_id, version)
    WHERE state IN ('waiting', 'sending', 'parked', 'dead');
-- Rows lie in the order they were recorded: a few bytes find those of the last hour.
CREATE INDEX handoff_recorded ON handoff.handoff USING brin (recorded_at) WITH (pages_per_range = 16);

-- What was tried, and what came of it. Append-only.
CREATE TABLE handoff.attempt (
    credit_id uuid NOT NULL,
    hop text NOT NULL,
    version integer NOT NULL,
    lease bigint NOT NULL,
    replay integer NOT NULL,
    attempt integer NOT NULL,
    -- `answer` is a system's own call, `person` a decision.
    kind text NOT NULL CHECK (kind IN ('send', 'probe', 'answer', 'person')),
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    outcome text NOT NULL,
    reason_code text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    -- Seconds the target asked to be left alone for.
    retry_after double precision,
    -- True when the lease was no longer the newest: recorded, and nothing else.
    stale boolean NOT NULL DEFAULT false,
    PRIMARY KEY (credit_id, hop, version, lease, outcome)
);

CREATE FUNCTION handoff.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempts are history and are never changed' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER attempt_is_history BEFORE UPDATE OR DELETE OR TRUNCATE ON handoff.attempt
    FOR EACH STATEMENT EXECUTE FUNCTION handoff.refuse_change();

-- Whether a hop is let through. No row means closed: deliveries flow.
CREATE TABLE handoff.breaker (
    hop text PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('closed', 'open', 'half-open')),
    -- Failures of transport in a row.
    failures integer NOT NULL,
    opened_at timestamptz,
    until timestamptz
);

CREATE TYPE handoff.new_message AS (
    credit_id uuid, version integer, event_id uuid, state text, balance bigint, currency text, payload jsonb
);

CREATE TYPE handoff.new_handoff AS (
    credit_id uuid, version integer, event_id uuid, hop text, state text, waits_for text, due_at timestamptz,
    deadline timestamptz, reason_code text, reason text
);

-- What one lease came to, and what is to become of its handoff.
CREATE TYPE handoff.result AS (
    credit_id uuid, hop text, version integer, lease bigint, replay integer, attempt integer, kind text,
    started_at timestamptz, ended_at timestamptz, outcome text, state text, due_at timestamptz, reason_code text,
    reason text, reference text, retry_after double precision
);

-- A hop that starts where `after` ends, with the due time and the deadline of one that becomes due now.
CREATE TYPE handoff.onward AS (after text, hop text, due_at timestamptz, deadline timestamptz);

-- A hop that can take `room` more deliveries now, each leased until `lease_until`.
CREATE TYPE handoff.room AS (hop text, room integer, lease_until timestamptz);

-- What a turn came to, row by row: `settled` with the new state, or `claimed` with all that is needed to send.
CREATE TYPE handoff.step AS (
    what text, credit_id uuid, hop text, version integer, state text, lease bigint, kind text, attempt integer,
    probes integer, replay integer, reason_code text, event_id uuid, event_state text, balance bigint, currency text,
    payload jsonb
);

CREATE FUNCTION handoff.waits(p_list text, p_item text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT p_item = ANY (string_to_array(p_list, ' '))
$$;

CREATE FUNCTION handoff.without(p_list text, p_item text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT array_to_string(array_remove(string_to_array(p_list, ' '), p_item), ' ')
$$;

-- The functions below look rows up by key, a few at a time, and loop over them: a join over a young table without
-- statistics may be planned as a scan, and that plan kept while the table grows. For the same reason, those that are
-- called from outside switch sequential scans off. The rows of a loop come in key order, so that two of them never wait
-- for each other in a circle.

-- A row that became due (a handoff with a version above 1) stays back while an earlier one of its credit and hop is
-- dead or parked. due -> waiting for `earlier`
CREATE FUNCTION handoff.hold_back(p_credit uuid, p_hop text, p_version integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE before record;
BEGIN
    SELECT h.version, h.state, h.waits_for INTO before FROM handoff.handoff AS h
    WHERE h.credit_id = p_credit AND h.hop = p_hop AND h.version < p_version
    ORDER BY h.version DESC LIMIT 1;
    IF NOT FOUND OR NOT (before.state IN ('dead', 'parked') OR handoff.waits(before.waits_for, 'earlier')) THEN
        RETURN;
    END IF;
    -- The lock makes a replay of the earlier one come either before this look or after this change.
    PERFORM FROM handoff.handoff AS h
    WHERE h.credit_id = p_credit AND h.hop = p_hop AND h.version = before.version
        AND (h.state IN ('dead', 'parked') OR handoff.waits(h.waits_for, 'earlier'))
    FOR SHARE;
    IF FOUND THEN
        UPDATE handoff.handoff AS h SET state = 'waiting', waits_for = 'earlier'
        WHERE h.credit_id = p_credit AND h.hop = p_hop AND h.version = p_version AND h.state = 'due';
    END IF;
END $$;

-- Write down what was posted and where it is to go. Called in the posting transaction.
-- Whether a credit still has to be claimed is the message's to say: a claim may have come in between.
CREATE FUNCTION handoff.put(
    p_at timestamptz, p_messages handoff.new_message[], p_handoffs handoff.new_handoff[]
) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE item record;
BEGIN
    INSERT INTO handoff.message (credit_id, version, event_id, state, balance, currency, payload)
    SELECT m.credit_id, m.version, m.event_id, m.state, m.balance, m.currency, m.payload FROM unnest(p_messages) AS m;

    WITH owned AS (
        SELECT m.event_id FROM unnest(p_messages) AS m WHERE m.payload -> 'customer' <> 'null'::jsonb
    ), planned AS (
        SELECT n.*, CASE WHEN n.waits_for <> '' AND n.event_id IN (TABLE owned)
            THEN handoff.without(n.waits_for, 'claim') ELSE n.waits_for END AS waits_now
        FROM unnest(p_handoffs) AS n
    )
    INSERT INTO handoff.handoff (
        credit_id, hop, version, event_id, state, waits_for, recorded_at, ready_at, due_at, deadline, reason_code, reason
    )
    SELECT
        p.credit_id, p.hop, p.version, p.event_id,
        CASE WHEN p.state = 'waiting' AND p.waits_now = '' THEN 'due' ELSE p.state END,
        p.waits_now, p_at,
        CASE WHEN p.waits_now = '' THEN p_at END,
        CASE WHEN p.waits_now = '' THEN coalesce(p.due_at, p_at) ELSE p.due_at END,
        p.deadline, coalesce(p.reason_code, ''), coalesce(p.reason, '')
    FROM planned AS p;

    FOR item IN
        SELECT n.credit_id, n.hop, n.version FROM unnest(p_handoffs) AS n
        WHERE n.version > 1 AND n.state <> 'dead'
        ORDER BY 1, 2, 3
    LOOP
        PERFORM handoff.hold_back(item.credit_id, item.hop, item.version);
    END LOOP;
END $$;

-- Something a handoff waited for has happened. waiting -> due, when it was the last thing
CREATE FUNCTION handoff.release(
    p_at timestamptz, p_credit uuid, p_hop text, p_version integer, p_item text, p_due timestamptz,
    p_deadline timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE handoff.handoff AS h SET
        waits_for = handoff.without(h.waits_for, p_item),
        state = CASE WHEN h.state = 'waiting' AND h.waits_for = p_item THEN 'due' ELSE h.state END,
        ready_at = CASE WHEN h.waits_for = p_item THEN coalesce(h.ready_at, p_at) ELSE h.ready_at END,
        due_at = CASE WHEN h.waits_for = p_item THEN coalesce(p_due, p_at) ELSE h.due_at END,
        deadline = CASE WHEN h.waits_for = p_item THEN coalesce(h.deadline, p_deadline) ELSE h.deadline END
    WHERE h.credit_id = p_credit AND h.hop = p_hop AND h.version = p_version
        AND h.state IN ('waiting', 'dead') AND handoff.waits(h.waits_for, p_item);
    IF FOUND AND p_version > 1 THEN
        PERFORM handoff.hold_back(p_credit, p_hop, p_version);
    END IF;
END $$;

-- The credit has been claimed: tell its owner to those who are told of it, and send what waited for that.
CREATE FUNCTION handoff.release_claim(
    p_at timestamptz, p_credit uuid, p_customer jsonb, p_hops text[], p_due timestamptz[], p_deadline timestamptz[]
) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE item record;
BEGIN
    UPDATE handoff.handoff AS h SET known_since = jsonb_build_object('customer', p_customer)
    WHERE h.credit_id = p_credit AND h.state IN ('waiting', 'dead') AND h.sent_at IS NULL;
    FOR item IN
        SELECT h.hop, h.version, d.due_at, d.deadline FROM handoff.handoff AS h
        LEFT JOIN unnest(p_hops, p_due, p_deadline) AS d (hop, due_at, deadline) ON d.hop = h.hop
        WHERE h.credit_id = p_credit AND handoff.waits(h.waits_for, 'claim')
        ORDER BY h.hop, h.version
    LOOP
        PERFORM handoff.release(p_at, p_credit, item.hop, item.version, 'claim', item.due_at, item.deadline);
    END LOOP;
END $$;

-- An earlier handoff is on its way again, or has arrived: the later ones of its credit and hop may follow.
CREATE FUNCTION handoff.let_follow(p_at timestamptz, p_credit uuid, p_hop text, p_version integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE item record;
BEGIN
    FOR item IN
        SELECT h.version, h.due_at FROM handoff.handoff AS h
        WHERE h.credit_id = p_credit AND h.hop = p_hop AND h.version > p_version
            AND handoff.waits(h.waits_for, 'earlier')
        ORDER BY h.version
    LOOP
        PERFORM handoff.release(p_at, p_credit, p_hop, item.version, 'earlier', item.due_at, NULL);
    END LOOP;
END $$;

-- Settle what leases came to, in one transaction, and start what was waiting for it. A result whose lease is no longer
-- the newest is recorded as stale and changes nothing; the same results settled twice change nothing the second time.
-- sending, unknown -> confirmed | due | unknown | parked | dead
CREATE FUNCTION handoff.settle(p_at timestamptz, p_results handoff.result[], p_onward handoff.onward[])
RETURNS SETOF handoff.step LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    r handoff.result;
    n handoff.onward;
    stale bigint[] := '{}';
BEGIN
    FOR r IN SELECT * FROM unnest(p_results) ORDER BY credit_id, hop, version LOOP
        UPDATE handoff.handoff AS h SET
            state = r.state, due_at = coalesce(r.due_at, h.due_at), lease_until = NULL,
            reason_code = r.reason_code, reason = r.reason,
            reference = CASE WHEN r.reference <> '' THEN r.reference ELSE h.reference END,
            confirmed_at = CASE WHEN r.state = 'confirmed' THEN r.ended_at END
        WHERE h.credit_id = r.credit_id AND h.hop = r.hop AND h.version = r.version
            AND h.lease = r.lease AND h.state IN ('sending', 'unknown');
        IF NOT FOUND THEN
            stale := stale || r.lease;
            CONTINUE;
        END IF;
        RETURN NEXT ('settled', r.credit_id, r.hop, r.version, r.state, r.lease, r.kind, r.attempt, NULL, r.replay,
            r.reason_code, NULL, NULL, NULL, NULL, NULL)::handoff.step;
        IF r.state = 'confirmed' THEN
            FOREACH n IN ARRAY p_onward LOOP
                IF n.after = r.hop THEN
                    PERFORM handoff.release(p_at, r.credit_id, n.hop, r.version, r.hop, n.due_at, n.deadline);
                END IF;
            END LOOP;
        ELSIF r.state IN ('dead', 'parked') THEN
            UPDATE handoff.handoff AS h SET state = 'waiting', waits_for = 'earlier'
            WHERE h.credit_id = r.credit_id AND h.hop = r.hop AND h.version > r.version AND h.state = 'due';
        ELSIF r.state = 'due' AND r.due_at > p_at THEN
            -- What comes after it cannot go sooner: without this, every claim would step over it in vain.
            UPDATE handoff.handoff AS h SET due_at = r.due_at
            WHERE h.credit_id = r.credit_id AND h.hop = r.hop AND h.version > r.version AND h.state = 'due'
                AND h.due_at < r.due_at;
        END IF;
    END LOOP;

    INSERT INTO handoff.attempt (
        credit_id, hop, version, lease, replay, attempt, kind, started_at, ended_at, outcome, reason_code, reason,
        retry_after, stale
    )
    SELECT
        u.credit_id, u.hop, u.version, u.lease, u.replay, u.attempt, u.kind, u.started_at, u.ended_at, u.outcome,
        u.reason_code, u.reason, u.retry_after, u.lease = ANY (stale)
    FROM unnest(p_results) AS u
    ON CONFLICT DO NOTHING;
END $$;

-- Lease what is due, oldest first, as much as each hop has room for. An earlier version of the same credit and hop
-- that is not confirmed holds a later one back. It is enough to look at the one before: that was sent only after the
-- ones before it had been confirmed, and confirmed is for ever.
-- due -> sending to send, unknown -> sending to ask
CREATE FUNCTION handoff.claim(p_at timestamptz, p_rooms handoff.room[])
RETURNS SETOF handoff.step LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    pick record;
    token bigint;
BEGIN
    FOR pick IN
        SELECT h.*, w.lease_until AS until, m.state AS event_state, m.balance, m.currency, m.payload
        FROM unnest(p_rooms) AS w
        CROSS JOIN LATERAL (
            SELECT
                c.credit_id, c.hop, c.version, c.event_id, c.replay, c.reason_code, c.known_since,
                CASE c.state WHEN 'due' THEN 'send' ELSE 'probe' END AS kind,
                c.attempts + (c.state = 'due')::integer AS attempt,
                CASE c.state WHEN 'due' THEN 0 ELSE c.probes + 1 END AS probe
            FROM handoff.handoff AS c
            WHERE c.hop = w.hop AND c.state IN ('due', 'unknown') AND c.due_at <= p_at
                AND coalesce((
                    SELECT e.state FROM handoff.handoff AS e
                    WHERE e.credit_id = c.credit_id AND e.hop = c.hop AND e.version < c.version
                    ORDER BY e.version DESC LIMIT 1
                ), 'confirmed') = 'confirmed'
            ORDER BY c.due_at
            LIMIT w.room
            FOR UPDATE SKIP LOCKED
        ) AS h
        CROSS JOIN LATERAL (
            SELECT
                CASE WHEN x.state = 'unclaimed' AND h.known_since IS NOT NULL THEN 'active' ELSE x.state END AS state,
                x.balance, x.currency, x.payload || coalesce(h.known_since, '{}') AS payload FROM handoff.message AS x
            WHERE x.credit_id = h.credit_id AND x.version = h.version
            LIMIT 1
        ) AS m
    LOOP
        token := nextval('handoff.token');
        UPDATE handoff.handoff AS h SET
            state = 'sending', lease = token, kind = pick.kind, lease_until = pick.until, attempts = pick.attempt,
            probes = pick.probe, sent_at = CASE WHEN pick.kind = 'send' THEN p_at ELSE h.sent_at END
        WHERE h.credit_id = pick.credit_id AND h.hop = pick.hop AND h.version = pick.version;
        RETURN NEXT ('claimed', pick.credit_id, pick.hop, pick.version, 'sending', token, pick.kind, pick.attempt,
            pick.probe, pick.replay, pick.reason_code, pick.event_id, pick.event_state, pick.balance, pick.currency,
            pick.payload)::handoff.step;
    END LOOP;
END $$;

-- One turn of a deliverer, in one round trip: settle what has come in, then claim, what that made due included.
CREATE FUNCTION handoff.turn(
    p_at timestamptz, p_results handoff.result[], p_onward handoff.onward[], p_rooms handoff.room[]
) RETURNS SETOF handoff.step LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(p_results) > 0 THEN
        RETURN QUERY SELECT * FROM handoff.settle(p_at, p_results, p_onward);
    END IF;
    IF cardinality(p_rooms) > 0 THEN
        RETURN QUERY SELECT * FROM handoff.claim(p_at, p_rooms);
    END IF;
END $$;

-- A worker that died, or hangs, has not settled its leases in time: nobody knows whether the target has it. A lease
-- that ends later than any can (`p_latest`) was written by a clock that has jumped.
-- sending -> unknown
CREATE FUNCTION handoff.expire(p_at timestamptz, p_latest timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE item record;
BEGIN
    FOR item IN
        SELECT h.credit_id, h.hop, h.version, h.lease, h.replay, h.attempts, h.kind, h.sent_at FROM handoff.handoff AS h
        WHERE h.state = 'sending' AND (h.lease_until <= p_at OR h.lease_until > p_latest)
        ORDER BY h.credit_id, h.hop, h.version
        FOR UPDATE SKIP LOCKED
    LOOP
        UPDATE handoff.handoff AS h SET
            state = 'unknown', lease_until = NULL, due_at = p_at, reason_code = 'lease-expired',
            reason = 'The worker that was sending this gave no answer in time.'
        WHERE h.credit_id = item.credit_id AND h.hop = item.hop AND h.version = item.version;
        INSERT INTO handoff.attempt (
            credit_id, hop, version, lease, replay, attempt, kind, started_at, ended_at, outcome, reason_code, reason
        ) VALUES (
            item.credit_id, item.hop, item.version, item.lease, item.replay, item.attempts, item.kind,
            coalesce(item.sent_at, p_at), p_at, 'expired', 'lease-expired',
            'The worker that was sending this gave no answer in time.'
        ) ON CONFLICT DO NOTHING;
        RETURN NEXT item.hop;
    END LOOP;
END $$;

-- Start what waits for a hop that has confirmed without knowing of it: the map may have changed in between.
CREATE FUNCTION handoff.mend_waiting(p_at timestamptz, p_onward handoff.onward[]) RETURNS integer
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    item record;
    mended integer := 0;
BEGIN
    FOR item IN
        SELECT h.credit_id, h.hop, h.version, w.after FROM handoff.handoff AS h
        CROSS JOIN LATERAL unnest(string_to_array(h.waits_for, ' ')) AS w (after)
        WHERE h.state = 'waiting' AND w.after NOT IN ('claim', 'earlier') AND EXISTS (
            SELECT FROM handoff.handoff AS u
            WHERE u.credit_id = h.credit_id AND u.hop = w.after AND u.version = h.version AND u.state = 'confirmed'
        )
        ORDER BY h.credit_id, h.hop, h.version
    LOOP
        PERFORM handoff.release(
            p_at, item.credit_id, item.hop, item.version, item.after,
            (SELECT min(n.due_at) FROM unnest(p_onward) AS n WHERE n.hop = item.hop),
            (SELECT min(n.deadline) FROM unnest(p_onward) AS n WHERE n.hop = item.hop)
        );
        mended := mended + 1;
    END LOOP;
    RETURN mended;
END $$;

-- What a system says of its own accord, or a person decides, about one handoff: `p_state` is confirmed or dead. It is
-- settled as what a lease came to is. Only what has been sent can be spoken of, and what is confirmed stays so. Answers
-- with what is settled, or with what was `found` and left as it is, or with nothing for a key nobody knows.
-- sending, unknown, due, parked, dead -> confirmed; sending, unknown, due, parked -> dead
CREATE FUNCTION handoff.conclude(
    p_at timestamptz, p_event uuid, p_hop text, p_kind text, p_state text, p_reference text, p_reason_code text,
    p_reason text, p_onward handoff.onward[]
) RETURNS SETOF handoff.step LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    h handoff.handoff;
    token bigint;
BEGIN
    SELECT t.* INTO h FROM handoff.message AS m
    JOIN handoff.handoff AS t ON t.credit_id = m.credit_id AND t.hop = p_hop AND t.version = m.version
    WHERE m.event_id = p_event
    FOR UPDATE OF t;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF h.state <> p_state AND h.sent_at IS NOT NULL THEN
        token := nextval('handoff.token');
        -- A lease of its own, so that whoever had one is too late. A confirmed one is spoken of in vain: on record only.
        UPDATE handoff.handoff AS t SET state = 'unknown', due_at = p_at, waits_for = '', lease = token, lease_until = NULL
        WHERE t.credit_id = h.credit_id AND t.hop = h.hop AND t.version = h.version
            AND t.state IN ('sending', 'unknown', 'due', 'parked', 'dead');
        RETURN QUERY SELECT * FROM handoff.settle(
            p_at,
            ARRAY[(h.credit_id, h.hop, h.version, token, h.replay, h.attempts, p_kind, p_at, p_at,
                CASE p_state WHEN 'confirmed' THEN 'confirmed' ELSE 'refused' END,
                p_state, NULL, p_reason_code, p_reason, p_reference, NULL)::handoff.result],
            p_onward
        );
        IF FOUND THEN
            IF p_state = 'confirmed' THEN
                PERFORM handoff.let_follow(p_at, h.credit_id, h.hop, h.version);
            END IF;
            RETURN;
        END IF;
    END IF;
    RETURN NEXT ('found', h.credit_id, h.hop, h.version, h.state, h.lease, h.kind, h.attempts, h.probes, h.replay,
        h.reason_code, h.event_id, NULL, NULL, NULL, NULL)::handoff.step;
END $$;

-- Send again what was given up, with fresh attempts and the same key. Answers how many.
-- dead, parked -> due, or waiting for what it waited for when it died
CREATE FUNCTION handoff.replay(p_at timestamptz, p_credits uuid[], p_hops text[], p_versions integer[])
RETURNS integer LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    item record;
    replayed integer := 0;
BEGIN
    FOR item IN
        SELECT u.credit_id, u.hop, u.version FROM unnest(p_credits, p_hops, p_versions) AS u (credit_id, hop, version)
        ORDER BY 1, 2, 3
    LOOP
        UPDATE handoff.handoff AS h SET
            state = CASE WHEN h.waits_for = '' THEN 'due' ELSE 'waiting' END,
            due_at = p_at, attempts = 0, probes = 0, replay = h.replay + 1, reason_code = '', reason = ''
        WHERE h.credit_id = item.credit_id AND h.hop = item.hop AND h.version = item.version
            AND h.state IN ('dead', 'parked');
        CONTINUE WHEN NOT FOUND;
        replayed := replayed + 1;
        PERFORM handoff.hold_back(item.credit_id, item.hop, item.version);
        PERFORM handoff.let_follow(p_at, item.credit_id, item.hop, item.version);
    END LOOP;
    RETURN replayed;
END $$;

-- The verbs of stored value: where money and messages meet in one commit.
CREATE SCHEMA credit;

-- The print of the secret that codes are hashed with. A hub with another secret would find no code: it must not start.
CREATE TABLE credit.secret_print (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    print text NOT NULL
);

-- What the other systems are to be told of an event, as far as it is known before the event is posted.
CREATE TYPE credit.notice AS (
    event_id uuid,
    currency text,
    decimals integer,
    payload jsonb
);

-- Who owns a credit, as the other systems know them.
CREATE FUNCTION credit.customer(p_owner uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_owner IS NOT NULL THEN jsonb_build_object(
        'customer_id', p_owner,
        'accounts', coalesce((
            SELECT jsonb_object_agg(r.system, r.account_id) FROM identity.known_as AS r WHERE r.customer_id = p_owner
        ), '{}'::jsonb)
    ) END
$$;

-- Post a batch and hand off what was posted, in one transaction and one round trip.
-- The handoffs come with the version they will have unknown: it is the ledger's to say.
CREATE FUNCTION credit.commit_batch(
    p_at timestamptz,
    p_commands ledger.command[],
    p_notices credit.notice[],
    p_handoffs handoff.new_handoff[]
) RETURNS SETOF ledger.outcome LANGUAGE plpgsql AS $$
DECLARE
    done ledger.outcome[];
BEGIN
    SELECT array_agg(o ORDER BY o.ordinal) INTO done FROM ledger.post(p_at, p_commands) AS o;

    PERFORM handoff.put(
        p_at,
        ARRAY(
            SELECT ROW(
                o.credit_id, o.version, o.event_id, o.state::text, o.balance, n.currency,
                n.payload || jsonb_build_object(
                    'recorded_at', o.recorded_at,
                    'amount', round(o.amount / 10::numeric ^ n.decimals, n.decimals)::text,
                    'customer', credit.customer(o.owner)
                )
            )::handoff.new_message
            FROM unnest(p_notices) AS n
            JOIN unnest(done) AS o ON o.event_id = n.event_id
            WHERE NOT o.replay AND o.refusal IS NULL
        ),
        ARRAY(
            SELECT ROW(
                o.credit_id, o.version, o.event_id, h.hop, h.state, h.waits_for, h.due_at, h.deadline,
                h.reason_code, h.reason
            )::handoff.new_handoff
            FROM unnest(p_handoffs) AS h
            JOIN unnest(done) AS o ON o.event_id = h.event_id
            WHERE NOT o.replay AND o.refusal IS NULL
        )
    );
    RETURN QUERY SELECT o.* FROM unnest(done) AS o;
END $$;

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

-- Who may ask the hub, and what for.
CREATE SCHEMA api;

-- A key is shown once and kept as a hash. Revoking keeps the row: the trail names keys that are gone.
CREATE TABLE api.key (
    name text PRIMARY KEY CHECK (name <> ''),
    key_hash bytea NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('register', 'system', 'support', 'operations')),
    system text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL,
    revoked_at timestamptz
);

