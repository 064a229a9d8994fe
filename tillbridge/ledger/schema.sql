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
