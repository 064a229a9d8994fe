-- The history of the map: which map hubs ran on, and since when.
CREATE SCHEMA stack;

-- One edition of the map, without any secret. The number is the map's version. Append-only.
CREATE TABLE stack.edition (
    number integer PRIMARY KEY CHECK (number > 0),
    recorded_at timestamptz NOT NULL,
    -- The hub or worker that first ran on it, and the machine it ran on.
    recorded_by text NOT NULL,
    -- The hash of the canonical map.
    print text NOT NULL CHECK (print ~ '^[0-9a-f]{64}$'),
    map jsonb NOT NULL,
    -- What is other than in the edition before, in plain sentences.
    changes text[] NOT NULL
);

CREATE FUNCTION stack.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of the map is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stack.edition
    FOR EACH STATEMENT EXECUTE FUNCTION stack.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON stack.edition FROM PUBLIC;

-- The book of money. Nothing in it is ever changed or taken away: a correction is a further entry.
CREATE SCHEMA ledger;

-- Why a command was refused, in the order of precedence: the first that applies is the answer.
CREATE TYPE ledger.refusal AS ENUM (
    'amount-not-positive',
    'amount-too-fine',
    'unknown-credit',
    'unknown-hold',
    'code-taken',
    'other-currency',
    'credit-pending',
    'already-claimed',
    'already-active',
    'not-frozen',
    'credit-frozen',
    'credit-void',
    'credit-expired',
    'cannot-merge',
    'hold-over',
    'over-limit',
    'cash-out-not-due',
    'not-expired-yet',
    'more-than-redeemed',
    'credit-held',
    'not-as-expected',
    'not-enough-available'
);

CREATE TYPE ledger.verb AS ENUM (
    'import', 'issue', 'activate', 'load', 'redeem', 'hold', 'capture', 'release', 'lapse', 'refund', 'void', 'claim',
    'reissue', 'transfer', 'expire', 'cash-out', 'adjust', 'freeze', 'unfreeze', 'chargeback'
);

CREATE TYPE ledger.state AS ENUM ('pending', 'unclaimed', 'active', 'frozen', 'void', 'expired');

-- What a credit is for ever. What it holds now is in its newest event. `store` issued it, and owes it.
CREATE TABLE ledger.credit (
    credit_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('store_credit', 'gift_card')),
    bucket text NOT NULL CHECK (bucket IN ('paid', 'refund', 'goodwill', 'promo')),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    code_last4 text NOT NULL,
    cohort_date date NOT NULL,
    store text NOT NULL,
    priority integer NOT NULL,
    -- The credit that this one was issued for, when it is a reissue.
    replaces uuid
);

-- A code finds its credit by its keyed hash only; neither code nor PIN is kept.
CREATE TABLE ledger.code (
    code_hash bytea PRIMARY KEY,
    credit_id uuid NOT NULL,
    pin_hash bytea
);

-- One row per command ever answered, posted or refused: a key is worth one answer, for ever. A command on several
-- credits lists the further ones in `others` and `versions`. What was refused has a seal of its own.
CREATE TABLE ledger.request (
    key text COLLATE "C" PRIMARY KEY CHECK (key <> ''),
    verb ledger.verb NOT NULL,
    credit_id uuid NOT NULL,
    version integer,
    refusal ledger.refusal,
    batch_id bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    request json NOT NULL,
    others uuid[],
    versions integer[],
    seal bytea,
    CHECK ((version IS NULL) <> (refusal IS NULL)),
    CHECK ((refusal IS NULL) = (seal IS NULL))
);

-- Texts that are looked up are ordered byte by byte ("C"): quick, and the same on every server.

-- What was refused of a credit is part of its trail.
CREATE INDEX request_refused ON ledger.request (credit_id) WHERE refusal IS NOT NULL;
CREATE INDEX request_batch ON ledger.request USING brin (batch_id) WITH (pages_per_range = 16);

-- A fact about a credit. Versions count from 1 without a gap; balance, held, state, owner and expiry are as after it.
-- `amount` is what it was about, `change` what it did to the balance. `seal` is a hash of the row.
CREATE TABLE ledger.event (
    credit_id uuid NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    event_id uuid NOT NULL,
    verb ledger.verb NOT NULL,
    state ledger.state NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    change bigint NOT NULL CHECK (change IN (amount, -amount, 0)),
    balance bigint NOT NULL CHECK (balance >= 0),
    held bigint NOT NULL CHECK (held >= 0 AND held <= balance),
    owner uuid,
    expires_at timestamptz,
    hold_id uuid,
    hold_left bigint,
    key text NOT NULL,
    store text NOT NULL,
    register text NOT NULL,
    operator text NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    -- The key of what a refund, a reissue or a lapse answers to.
    cause text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    approver text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    seal bytea NOT NULL,
    PRIMARY KEY (credit_id, version)
);

CREATE INDEX event_by_transaction ON ledger.event (transaction_id) WHERE transaction_id <> '';
-- Events lie in the order in which they were recorded: a few bytes find those of a day, or of a batch.
CREATE INDEX event_recorded ON ledger.event USING brin (recorded_at, batch_id) WITH (pages_per_range = 16);
CREATE INDEX event_by_owner ON ledger.event (owner) WHERE verb IN ('issue', 'claim', 'activate', 'reissue');

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

-- One row per commit: a hash over the seals of all it wrote and the hash before it. `place` counts without a gap.
CREATE TABLE ledger.batch (
    place bigint PRIMARY KEY,
    batch_id bigint NOT NULL UNIQUE,
    recorded_at timestamptz NOT NULL,
    rows integer NOT NULL,
    hash bytea NOT NULL
);

CREATE SEQUENCE ledger.batch_id;

-- Where a hold's credit is: a hold comes back by its own id.
CREATE TABLE ledger.hold (
    hold_id uuid PRIMARY KEY,
    credit_id uuid NOT NULL,
    expires_at timestamptz NOT NULL
);

-- What follows may be worked out again from the events, and `tillbridge db verify` does; the counters of limits alone are
-- of the day, and kept nowhere else.

-- The end of the chain of batches: one row, locked last and only for the time of a commit.
CREATE TABLE ledger.chain (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    place bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO ledger.chain (place, hash) VALUES (0, '\x');

-- The holds that are open, and what is left of each.
CREATE TABLE ledger.holding (
    credit_id uuid NOT NULL,
    hold_id uuid NOT NULL,
    remaining bigint NOT NULL CHECK (remaining > 0),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (credit_id, hold_id)
);
CREATE INDEX holding_ends ON ledger.holding (expires_at);

-- The credits that have a last day and are not over yet.
CREATE TABLE ledger.expiring (
    credit_id uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX expiring_ends ON ledger.expiring (expires_at);

-- What each commit did to the totals, and the totals that such rows were folded into. Nobody waits for anybody here: a
-- total is its row and the movements since. House accounts have a blank state.
CREATE TABLE ledger.movement (
    batch_id bigint NOT NULL,
    account text NOT NULL,
    bucket text NOT NULL,
    currency text NOT NULL,
    store text NOT NULL,
    state text NOT NULL,
    amount bigint NOT NULL,
    credits bigint NOT NULL,
    entries bigint NOT NULL
);
CREATE TABLE ledger.total (
    account text NOT NULL,
    bucket text NOT NULL,
    currency text NOT NULL,
    store text NOT NULL,
    state text NOT NULL,
    amount bigint NOT NULL,
    credits bigint NOT NULL,
    entries bigint NOT NULL,
    PRIMARY KEY (account, bucket, currency, store, state)
);

-- How much of a limit has been used: `subject` names the limit, whom it is for, and the day.
CREATE TABLE ledger.usage (
    subject text PRIMARY KEY,
    day date NOT NULL,
    amount bigint NOT NULL,
    count bigint NOT NULL
);
CREATE INDEX usage_day ON ledger.usage (day);

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
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.batch
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.hold
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON ledger.credit, ledger.code, ledger.request, ledger.event, ledger.entry,
    ledger.batch, ledger.hold FROM PUBLIC;

-- What a verb makes of a credit in a state; null where it does not apply. `p_thaw` is the state before a freeze.
-- The same table with a sentence each is in model.py; a test keeps the two equal.
CREATE FUNCTION ledger.becomes(p_verb ledger.verb, p_state ledger.state, p_thaw ledger.state) RETURNS ledger.state
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_verb IN ('redeem', 'hold', 'capture', 'load', 'transfer', 'cash-out') AND p_state = 'active'
            THEN p_state
        WHEN p_verb IN ('release', 'lapse', 'refund') AND p_state IN ('active', 'frozen') THEN p_state
        WHEN p_verb = 'adjust' AND p_state IN ('unclaimed', 'active', 'frozen') THEN p_state
        WHEN p_verb = 'activate' AND p_state = 'pending' THEN 'active'
        WHEN p_verb = 'claim' AND p_state = 'unclaimed' THEN 'active'
        WHEN p_verb = 'freeze' AND p_state IN ('pending', 'unclaimed', 'active') THEN 'frozen'
        WHEN p_verb = 'unfreeze' AND p_state = 'frozen' THEN p_thaw
        WHEN p_verb IN ('void', 'chargeback') AND p_state IN ('pending', 'unclaimed', 'active', 'frozen') THEN 'void'
        WHEN p_verb = 'reissue' AND p_state IN ('unclaimed', 'active', 'frozen') THEN 'void'
        WHEN p_verb = 'expire' AND p_state IN ('pending', 'unclaimed', 'active') THEN 'expired'
    END::ledger.state
$$;

-- ... and entries that do not balance. Both legs come in one statement.
CREATE FUNCTION ledger.refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
    bad record;
BEGIN
    SELECT n.credit_id, n.version INTO bad
    FROM new_entries AS n
    GROUP BY n.credit_id, n.version
    HAVING sum(n.amount) <> 0 OR count(*) <> 2 OR min(n.currency) <> max(n.currency)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entries of credit % version % do not sum to zero', bad.credit_id, bad.version
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_sum_to_zero';
    END IF;
    SELECT n.credit_id, n.version INTO bad FROM new_entries AS n
    LEFT JOIN LATERAL (
        SELECT x.change, x.balance FROM ledger.event AS x
        WHERE x.credit_id = n.credit_id AND x.version = n.version LIMIT 1
    ) AS e ON true
    WHERE n.leg = 1 AND (e.change IS NULL OR e.change <> n.amount OR e.balance <> n.balance)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entries of credit % version % belong to no event', bad.credit_id, bad.version
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_belong_to_events';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER sum_to_zero AFTER INSERT ON ledger.entry
    REFERENCING NEW TABLE AS new_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_unbalanced();

-- An event stands right behind the one before it, is allowed in the state that left, and has entries when money moved.
-- Each look is a lateral one, row by row: PostgreSQL may turn NOT EXISTS into a hash of the whole table, which costs
-- nothing today and everything in a year.
CREATE FUNCTION ledger.refuse_gap() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
    bad record;
BEGIN
    SELECT n.credit_id, n.version INTO bad FROM new_events AS n
    LEFT JOIN LATERAL (
        SELECT 0::bigint AS balance, NULL::ledger.state AS state FROM ledger.credit AS x
        WHERE n.version = 1 AND x.credit_id = n.credit_id
        UNION ALL
        SELECT x.balance, x.state FROM ledger.event AS x
        WHERE n.version > 1 AND x.credit_id = n.credit_id AND x.version = n.version - 1
        LIMIT 1
    ) AS before ON true
    LEFT JOIN LATERAL (
        SELECT x.amount FROM ledger.entry AS x
        WHERE n.change <> 0 AND x.credit_id = n.credit_id AND x.version = n.version AND x.leg = 1 LIMIT 1
    ) AS money ON true
    WHERE before.balance IS NULL
        OR n.balance <> before.balance + n.change
        OR n.change <> coalesce(money.amount, 0)
        OR CASE WHEN n.version = 1 THEN NOT (
                (n.verb = 'import' AND n.state = 'pending')
                OR (n.verb IN ('issue', 'reissue') AND n.state IN ('unclaimed', 'active')))
            ELSE n.state IS DISTINCT FROM ledger.becomes(n.verb, before.state,
                CASE WHEN n.state IN ('pending', 'unclaimed', 'active') THEN n.state END) END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'event % of credit % does not follow from the one before it, or has no credit, or no entries',
            bad.version, bad.credit_id USING ERRCODE = 'check_violation', CONSTRAINT = 'events_follow_each_other';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER no_gap AFTER INSERT ON ledger.event
    REFERENCING NEW TABLE AS new_events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_gap();

-- What is asked of the ledger, and how it is decided: nothing here writes.

-- How a limit applies to a command: at most so much, and so often, on the counter called `subject`. With a credit, to
-- that part of the command alone.
CREATE TYPE ledger.use AS (subject text, day date, amount_max bigint, count_max bigint, credit_id uuid);

-- One thing asked of the ledger. `house` is the account of leg 2. Which of the later fields are set, the verb says;
-- model.py has a sentence for each.
CREATE TYPE ledger.command AS (
    ordinal integer,
    key text,
    verb ledger.verb,
    credit_id uuid,
    event_id uuid,
    amount bigint,
    currency text,
    house text,
    request json,
    actor text,
    approver text,
    store text,
    register text,
    operator text,
    transaction_id text,
    cause text,
    reason text,
    occurred_at timestamptz,
    state ledger.state,
    owner uuid,
    kind text,
    bucket text,
    code_hash bytea,
    pin_hash bytea,
    code_last4 text,
    cohort_date date,
    priority integer,
    expires_at timestamptz,
    ceiling bigint,
    uses ledger.use[],
    hold_id uuid,
    hold_ends timestamptz,
    whole boolean,
    down boolean,
    expected bigint,
    other_id uuid,
    others uuid[],
    other_events uuid[]
);

-- What a command does to one credit, or why it does nothing, or what it did before (`replay`). `part` counts from 0
-- where a command touches several credits. `was_` is how the credit stood before; null for a new one.
CREATE TYPE ledger.step AS (
    ordinal integer,
    part integer,
    replay boolean,
    refusal ledger.refusal,
    key text COLLATE "C",
    verb ledger.verb,
    credit_id uuid,
    event_id uuid,
    version integer,
    amount bigint,
    change bigint,
    balance bigint,
    held bigint,
    state ledger.state,
    owner uuid,
    expires_at timestamptz,
    hold_id uuid,
    hold_left bigint,
    hold_ends timestamptz,
    was_balance bigint,
    was_state ledger.state,
    house text COLLATE "C",
    kind text,
    bucket text COLLATE "C",
    currency text COLLATE "C",
    issuer text COLLATE "C",
    request json,
    actor text,
    approver text,
    store text,
    register text,
    operator text,
    transaction_id text,
    cause text,
    reason text,
    occurred_at timestamptz,
    recorded_at timestamptz,
    code_hash bytea,
    pin_hash bytea,
    code_last4 text,
    cohort_date date,
    priority integer,
    replaces uuid,
    uses ledger.use[],
    others uuid[],
    versions integer[]
);

-- Why a verb does not apply to a credit in a state.
CREATE FUNCTION ledger.state_refusal(p_verb ledger.verb, p_state ledger.state) RETURNS ledger.refusal
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE p_state
        WHEN 'frozen' THEN 'credit-frozen'
        WHEN 'void' THEN 'credit-void'
        WHEN 'expired' THEN 'credit-expired'
        ELSE CASE
            WHEN p_verb = 'unfreeze' THEN 'not-frozen'
            WHEN p_state IN ('pending', 'unclaimed') THEN 'credit-pending'
            WHEN p_verb = 'claim' THEN 'already-claimed'
            WHEN p_verb = 'activate' THEN 'already-active'
        END
    END::ledger.refusal
$$;

-- What can still be refunded of what was redeemed in one transaction (`p_cause`), in minor units: of this credit, and of
-- those that it was issued for.
CREATE FUNCTION ledger.refundable(p_credit uuid, p_cause text) RETURNS bigint LANGUAGE sql STABLE AS $$
    WITH RECURSIVE line AS (
        SELECT k.credit_id, k.replaces FROM ledger.credit AS k WHERE k.credit_id = p_credit
        UNION ALL
        SELECT k.credit_id, k.replaces FROM line AS n JOIN ledger.credit AS k ON k.credit_id = n.replaces
    )
    SELECT coalesce(sum(CASE WHEN e.verb = 'refund' THEN -e.amount ELSE e.amount END), 0)::bigint
    FROM line AS n JOIN ledger.event AS e ON e.credit_id = n.credit_id
    WHERE (e.verb IN ('redeem', 'capture') AND e.transaction_id = p_cause) OR (e.verb = 'refund' AND e.cause = p_cause)
$$;

-- Decide a batch, in its order: each command on what the ones before left. `p_ids` are the credits it touches, each
-- once. They must be locked before: this reads their newest events.
CREATE FUNCTION ledger.decide(p_at timestamptz, p_commands ledger.command[], p_ids uuid[])
RETURNS SETOF ledger.step LANGUAGE plpgsql AS $$
DECLARE
    c record;
    h_kind text[];
    h_bucket text[];
    h_currency text[];
    h_issuer text[];
    h_last4 text[];
    h_cohort date[];
    h_priority integer[];
    h_version integer[];
    h_balance bigint[];
    h_held bigint[];
    h_state ledger.state[];
    h_owner uuid[];
    h_expires timestamptz[];
    h_thaw ledger.state[];
    w_subject text[];
    w_amount bigint[];
    w_count bigint[];
    limited ledger.use;
    p integer;
    i integer;
    part integer;
    parts integer;
    births boolean;
    known boolean;
    why ledger.refusal;
    state ledger.state;
    next_state ledger.state;
    amount bigint;
    rest bigint;
    change bigint;
    was_balance bigint;
    was_state ledger.state;
    owner uuid;
    expires timestamptz;
    hold_left bigint;
    heir_state ledger.state;
    heir_owner uuid;
    t_amount bigint[];
    t_count bigint[];
    taken bigint;
    part_place integer[];
    part_amount bigint[];
    part_event uuid[];
    part_credit uuid[];
BEGIN
    SELECT array_agg(q.kind), array_agg(q.bucket), array_agg(q.currency), array_agg(q.store), array_agg(q.code_last4),
        array_agg(q.cohort_date), array_agg(q.priority), array_agg(q.version), array_agg(q.balance),
        array_agg(q.held), array_agg(q.state), array_agg(q.owner), array_agg(q.expires_at), array_agg(q.thaw)
    INTO h_kind, h_bucket, h_currency, h_issuer, h_last4, h_cohort, h_priority, h_version, h_balance, h_held, h_state,
        h_owner, h_expires, h_thaw
    FROM (
        SELECT k.*, n.version, n.balance, n.held, n.state, n.owner, n.expires_at, t.thaw
        FROM unnest(p_ids) WITH ORDINALITY AS s (id, place)
        LEFT JOIN LATERAL (SELECT x.* FROM ledger.credit AS x WHERE x.credit_id = s.id LIMIT 1) AS k ON true
        LEFT JOIN LATERAL (
            SELECT x.version, x.balance, x.held, x.state, x.owner, x.expires_at FROM ledger.event AS x
            WHERE x.credit_id = k.credit_id ORDER BY x.version DESC LIMIT 1
        ) AS n ON true
        LEFT JOIN LATERAL (
            SELECT x.state AS thaw FROM ledger.event AS x
            WHERE n.state = 'frozen' AND x.credit_id = k.credit_id AND x.state <> 'frozen' ORDER BY x.version DESC LIMIT 1
        ) AS t ON true
        ORDER BY s.place
    ) AS q;

    SELECT array_agg(q.subject), array_agg(q.amount), array_agg(q.count) INTO w_subject, w_amount, w_count
    FROM (
        SELECT DISTINCT s.subject, coalesce(x.amount, 0) AS amount, coalesce(x.count, 0) AS count
        FROM unnest(p_commands) AS u
        CROSS JOIN unnest(u.uses) AS s
        LEFT JOIN LATERAL (SELECT y.* FROM ledger.usage AS y WHERE y.subject = s.subject LIMIT 1) AS x ON true
        WHERE u.uses IS NOT NULL
    ) AS q;

    FOR c IN
        SELECT u.*, s.place, o.place AS other_place,
            r.key AS r_key, r.refusal AS r_refusal, r.verb AS r_verb, r.credit_id AS r_credit_id,
            r.version AS r_version, r.recorded_at AS r_recorded_at, r.request AS r_request, r.others AS r_others,
            r.versions AS r_versions,
            e.event_id AS e_event_id, e.amount AS e_amount, e.change AS e_change, e.balance AS e_balance,
            e.held AS e_held, e.state AS e_state, e.owner AS e_owner, e.expires_at AS e_expires_at,
            e.hold_id AS e_hold_id, e.hold_left AS e_hold_left, e.occurred_at AS e_occurred_at, e.currency AS r_currency,
            w.known AS hold_known, w.remaining AS hold_remaining, w.expires_at AS hold_until,
            u.code_hash IS NOT NULL AND (
                t.there OR row_number() OVER (PARTITION BY u.code_hash ORDER BY u.ordinal) > 1
            ) AS code_taken
        FROM unnest(p_commands) AS u
        LEFT JOIN unnest(p_ids) WITH ORDINALITY AS s (id, place) ON s.id = u.credit_id
        LEFT JOIN unnest(p_ids) WITH ORDINALITY AS o (id, place) ON o.id = u.other_id
        LEFT JOIN LATERAL (SELECT x.* FROM ledger.request AS x WHERE x.key = u.key LIMIT 1) AS r ON true
        LEFT JOIN LATERAL (
            SELECT x.*, y.currency FROM ledger.event AS x JOIN ledger.credit AS y ON y.credit_id = x.credit_id
            WHERE x.credit_id = r.credit_id AND x.version = r.version LIMIT 1
        ) AS e ON true
        LEFT JOIN LATERAL (
            SELECT true AS there FROM ledger.code AS x
            WHERE u.code_hash IS NOT NULL AND x.code_hash = u.code_hash LIMIT 1
        ) AS t ON true
        LEFT JOIN LATERAL (
            SELECT true AS known, y.remaining, y.expires_at FROM ledger.hold AS x
            LEFT JOIN ledger.holding AS y ON y.credit_id = x.credit_id AND y.hold_id = x.hold_id
            WHERE u.verb IN ('capture', 'release', 'lapse') AND x.hold_id = u.hold_id AND x.credit_id = u.credit_id
            LIMIT 1
        ) AS w ON true
        ORDER BY u.ordinal
    LOOP
        IF c.r_key IS NOT NULL THEN
            RETURN NEXT ROW(c.ordinal, 0, true, c.r_refusal, c.key, c.r_verb, c.r_credit_id, c.e_event_id, c.r_version,
                c.e_amount, c.e_change, c.e_balance, c.e_held, c.e_state, c.e_owner, c.e_expires_at, c.e_hold_id,
                c.e_hold_left, NULL, NULL, NULL, NULL, NULL, NULL, c.r_currency, NULL, c.r_request, NULL, NULL, NULL, NULL,
                NULL, NULL, NULL, NULL, c.e_occurred_at, c.r_recorded_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                c.r_others, c.r_versions)::ledger.step;
            CONTINUE;
        END IF;

        p := c.place;
        births := c.verb IN ('issue', 'import');
        known := h_version[p] IS NOT NULL;
        state := h_state[p];
        parts := 1;
        amount := c.amount;
        next_state := CASE WHEN births THEN c.state ELSE ledger.becomes(c.verb, state, h_thaw[p]) END;

        IF c.others IS NOT NULL THEN
            -- A redemption over several credits takes from each in the order given, and skips what cannot be spent.
            rest := amount;
            part_place := '{}';
            part_amount := '{}';
            part_credit := '{}';
            part_event := '{}';
            known := false;
            FOR i IN 0 .. cardinality(c.others) LOOP
                p := CASE i WHEN 0 THEN c.place ELSE array_position(p_ids, c.others[i]) END;
                known := known OR h_version[p] IS NOT NULL;
                CONTINUE WHEN rest <= 0 OR h_state[p] IS DISTINCT FROM 'active' OR h_currency[p] <> c.currency
                    OR h_expires[p] <= p_at OR h_balance[p] <= h_held[p] OR p = ANY (part_place);
                part_place := part_place || p;
                part_credit := part_credit || p_ids[p];
                part_event := part_event || CASE i WHEN 0 THEN c.event_id ELSE c.other_events[i] END;
                part_amount := part_amount || least(rest, h_balance[p] - h_held[p]);
                rest := rest - least(rest, h_balance[p] - h_held[p]);
            END LOOP;
            p := c.place;
            why := CASE
                WHEN amount <= 0 THEN 'amount-not-positive'
                WHEN NOT known THEN 'unknown-credit'
                WHEN rest > 0 THEN 'not-enough-available'
            END;
            parts := cardinality(part_place);
        ELSE
            IF c.verb IN ('void', 'chargeback', 'expire', 'reissue') THEN
                amount := h_balance[p];
            ELSIF c.verb IN ('cash-out', 'transfer') AND amount IS NULL THEN
                amount := h_balance[p] - h_held[p];
            ELSIF c.verb IN ('release', 'lapse') OR (c.verb = 'capture' AND amount IS NULL) THEN
                amount := c.hold_remaining;
            END IF;
            why := CASE
                WHEN c.amount <= 0 AND NOT (c.verb = 'import' AND c.amount = 0) THEN 'amount-not-positive'
                WHEN NOT births AND NOT known AND c.verb NOT IN ('capture', 'release', 'lapse') THEN 'unknown-credit'
                WHEN c.verb = 'transfer' AND h_version[c.other_place] IS NULL THEN 'unknown-credit'
                WHEN c.verb IN ('capture', 'release', 'lapse') AND c.hold_known IS NULL THEN 'unknown-hold'
                WHEN births AND known OR c.code_taken OR (c.verb = 'reissue' AND h_version[c.other_place] IS NOT NULL)
                    THEN 'code-taken'
                WHEN NOT births AND c.amount IS NOT NULL AND c.currency <> h_currency[p] THEN 'other-currency'
                WHEN c.verb = 'transfer' AND h_currency[c.other_place] <> h_currency[p] THEN 'other-currency'
                WHEN next_state IS NULL OR (c.verb = 'transfer' AND h_state[c.other_place] <> 'active') THEN least(
                    CASE WHEN next_state IS NULL THEN ledger.state_refusal(c.verb, state) END,
                    CASE WHEN c.verb = 'transfer' THEN ledger.state_refusal(c.verb, h_state[c.other_place]) END)
                WHEN h_expires[p] <= p_at AND c.verb NOT IN ('expire', 'lapse', 'release', 'capture', 'chargeback',
                    'freeze', 'unfreeze') THEN 'credit-expired'
                WHEN c.verb = 'transfer' AND h_expires[c.other_place] <= p_at THEN 'credit-expired'
                WHEN c.verb = 'transfer' AND (
                    p = c.other_place OR h_bucket[p] <> h_bucket[c.other_place]
                    OR h_owner[p] <> h_owner[c.other_place]
                    OR (h_owner[p] IS NOT NULL AND h_owner[c.other_place] IS NULL)
                    OR h_expires[c.other_place] < coalesce(h_expires[p], 'infinity')
                ) THEN 'cannot-merge'
                WHEN c.verb IN ('capture', 'release') AND coalesce(c.hold_until <= p_at, true) THEN 'hold-over'
                WHEN c.verb = 'lapse' AND c.hold_remaining IS NULL THEN 'hold-over'
                WHEN c.verb IN ('issue', 'activate') AND amount > c.ceiling THEN 'over-limit'
                WHEN c.verb IN ('load', 'transfer') AND amount + h_balance[coalesce(c.other_place, p)] > c.ceiling
                    THEN 'over-limit'
                WHEN c.verb = 'cash-out' AND h_balance[p] > coalesce(c.ceiling, -1) THEN 'cash-out-not-due'
                WHEN c.verb = 'expire' AND coalesce(h_expires[p] > p_at OR c.expires_at > p_at, h_expires[p] IS NULL)
                    THEN 'not-expired-yet'
                WHEN c.verb = 'lapse' AND c.hold_until > p_at THEN 'not-expired-yet'
                WHEN c.verb = 'refund' AND amount > ledger.refundable(c.credit_id, c.cause) THEN 'more-than-redeemed'
                WHEN c.verb IN ('void', 'reissue', 'expire', 'cash-out') AND h_held[p] > 0 THEN 'credit-held'
                WHEN c.expected <> h_balance[p] THEN 'not-as-expected'
                WHEN c.verb = 'capture' AND amount > c.hold_remaining THEN 'not-enough-available'
                WHEN c.verb IN ('reissue', 'cash-out', 'transfer') AND amount <= 0 THEN 'not-enough-available'
                WHEN (c.verb IN ('redeem', 'hold', 'transfer') OR c.down) AND amount > h_balance[p] - h_held[p]
                    THEN 'not-enough-available'
            END;
            IF c.verb IN ('reissue', 'transfer') THEN
                parts := 2;
                part_place := ARRAY[p, c.other_place];
                part_amount := ARRAY[amount, amount];
                part_event := c.event_id || c.other_events;
                part_credit := ARRAY[c.credit_id, c.other_id];
            END IF;
        END IF;

        IF c.uses IS NOT NULL AND (why IS NULL OR why > 'over-limit') THEN
            t_amount := w_amount;
            t_count := w_count;
            FOREACH limited IN ARRAY c.uses LOOP
                taken := CASE WHEN limited.credit_id IS NULL THEN coalesce(amount, 0)
                    ELSE coalesce(part_amount[array_position(part_credit, limited.credit_id)], 0) END;
                CONTINUE WHEN limited.credit_id IS NOT NULL AND taken = 0;
                i := array_position(w_subject, limited.subject);
                t_amount[i] := t_amount[i] + taken;
                -- A command counts once, whatever it takes from how many credits.
                t_count[i] := w_count[i] + 1;
                IF t_amount[i] > limited.amount_max OR t_count[i] > limited.count_max THEN
                    why := 'over-limit';
                END IF;
            END LOOP;
        END IF;

        IF why IS NOT NULL THEN
            RETURN NEXT ROW(c.ordinal, 0, false, why, c.key, c.verb, c.credit_id, NULL, NULL, NULL, NULL, NULL, NULL,
                NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, c.request, c.actor,
                c.approver, c.store, c.register, c.operator, c.transaction_id, c.cause, c.reason, c.occurred_at, p_at,
                NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::ledger.step;
            CONTINUE;
        END IF;

        IF c.uses IS NOT NULL THEN
            w_amount := t_amount;
            w_count := t_count;
        END IF;

        FOR part IN 0 .. parts - 1 LOOP
            IF parts > 1 OR c.others IS NOT NULL THEN
                p := part_place[part + 1];
                amount := part_amount[part + 1];
                next_state := ledger.becomes(c.verb, h_state[p], h_thaw[p]);
            END IF;
            was_balance := h_balance[p];
            was_state := h_state[p];
            amount := coalesce(amount, 0);
            change := CASE
                WHEN c.verb IN ('redeem', 'capture', 'cash-out', 'void', 'chargeback', 'expire') THEN -amount
                WHEN c.verb IN ('issue', 'activate', 'load', 'refund') THEN amount
                WHEN c.verb IN ('reissue', 'transfer') THEN CASE part WHEN 0 THEN -amount ELSE amount END
                WHEN c.verb = 'adjust' THEN CASE WHEN c.down THEN -amount ELSE amount END
                ELSE 0
            END;
            owner := h_owner[p];
            expires := h_expires[p];
            hold_left := NULL;
            IF births THEN
                h_kind[p] := c.kind;
                h_bucket[p] := c.bucket;
                h_currency[p] := c.currency;
                h_issuer[p] := c.store;
                h_last4[p] := c.code_last4;
                h_cohort[p] := c.cohort_date;
                h_priority[p] := c.priority;
                h_version[p] := 0;
                h_balance[p] := 0;
                h_held[p] := 0;
                owner := c.owner;
                expires := c.expires_at;
            ELSIF c.verb = 'reissue' AND part = 1 THEN
                -- The new credit stands in for the old one: same terms, same age, same issuer.
                i := part_place[1];
                h_kind[p] := h_kind[i];
                h_bucket[p] := h_bucket[i];
                h_currency[p] := h_currency[i];
                h_issuer[p] := h_issuer[i];
                h_last4[p] := c.code_last4;
                h_cohort[p] := h_cohort[i];
                h_priority[p] := h_priority[i];
                h_version[p] := 0;
                h_balance[p] := 0;
                h_held[p] := 0;
                -- Where nobody was named it stays whose it is, as it is: a claim may have come in between.
                owner := CASE WHEN c.state IS NULL THEN heir_owner ELSE c.owner END;
                expires := h_expires[i];
                next_state := coalesce(c.state, heir_state);
            ELSIF c.verb = 'reissue' THEN
                heir_owner := owner;
                heir_state := CASE was_state WHEN 'frozen' THEN h_thaw[p] ELSE was_state END;
            ELSIF c.verb = 'claim' THEN
                owner := c.owner;
            ELSIF c.verb = 'activate' THEN
                owner := coalesce(c.owner, owner);
                expires := coalesce(c.expires_at, expires);
            ELSIF c.verb = 'load' THEN
                expires := greatest(expires, CASE WHEN expires IS NOT NULL THEN c.expires_at END);
            ELSIF c.verb = 'freeze' THEN
                h_thaw[p] := was_state;
            ELSIF c.verb = 'hold' THEN
                h_held[p] := h_held[p] + amount;
                hold_left := amount;
            ELSIF c.verb IN ('release', 'lapse') OR (c.verb = 'capture' AND c.whole) THEN
                h_held[p] := h_held[p] - c.hold_remaining;
                hold_left := 0;
            ELSIF c.verb = 'capture' THEN
                h_held[p] := h_held[p] - amount;
                hold_left := c.hold_remaining - amount;
            ELSIF c.verb = 'chargeback' THEN
                -- Stolen money is not spent: whatever a sale held of it is let go.
                h_held[p] := 0;
            END IF;
            h_version[p] := h_version[p] + 1;
            h_balance[p] := h_balance[p] + change;
            h_state[p] := next_state;
            h_owner[p] := owner;
            h_expires[p] := expires;
            RETURN NEXT ROW(c.ordinal, part, false, NULL, c.key, c.verb,
                CASE WHEN parts > 1 OR c.others IS NOT NULL THEN part_credit[part + 1] ELSE c.credit_id END,
                CASE WHEN parts > 1 OR c.others IS NOT NULL THEN part_event[part + 1] ELSE c.event_id END,
                h_version[p], amount, change, h_balance[p], h_held[p], next_state, owner, expires, c.hold_id, hold_left,
                c.hold_ends, was_balance, was_state, c.house, h_kind[p], h_bucket[p], h_currency[p], h_issuer[p],
                c.request, c.actor, c.approver, c.store, c.register, c.operator, c.transaction_id, c.cause, c.reason,
                c.occurred_at, p_at,
                CASE WHEN births OR (c.verb = 'reissue' AND part = 1) THEN c.code_hash END,
                CASE WHEN births OR (c.verb = 'reissue' AND part = 1) THEN c.pin_hash END,
                h_last4[p], h_cohort[p], h_priority[p],
                CASE WHEN c.verb = 'reissue' AND part = 1 THEN c.credit_id END,
                c.uses, NULL, NULL)::ledger.step;
        END LOOP;
    END LOOP;
END $$;

-- Post a batch: lock, decide, write, chain.

-- The answer to one command, or to one part of it. On a replay: the first answer, the request it was given to, and
-- the further credits it touched.
CREATE TYPE ledger.outcome AS (
    ordinal integer,
    part integer,
    replay boolean,
    refusal ledger.refusal,
    verb ledger.verb,
    credit_id uuid,
    event_id uuid,
    version integer,
    amount bigint,
    change bigint,
    balance bigint,
    held bigint,
    state ledger.state,
    owner uuid,
    expires_at timestamptz,
    hold_id uuid,
    hold_left bigint,
    kind text,
    bucket text,
    currency text,
    last4 text,
    occurred_at timestamptz,
    recorded_at timestamptz,
    request json,
    others uuid[],
    versions integer[],
    cohort_date date
);

-- What is fixed about a credit, as one text: part of the seal of its first event.
CREATE FUNCTION ledger.birth_text(
    p_kind text, p_bucket text, p_currency text, p_last4 text, p_cohort date, p_store text, p_priority integer,
    p_replaces uuid, p_code bytea, p_pin bytea
) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(E'\x1f', p_kind, p_bucket, p_currency, p_last4, p_cohort - date '2000-01-01', p_store, p_priority,
        coalesce(p_replaces::text, '-'), encode(p_code, 'hex'), coalesce(encode(p_pin, 'hex'), '-'))
$$;

-- What is fixed about a hold, as one text: part of the seal of the event that placed it.
CREATE FUNCTION ledger.hold_text(p_ends timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(encode(timestamptz_send(p_ends), 'hex'), '-')
$$;

-- The seal of an event: a hash of all that its row and its request say, and what is fixed about its credit (the first)
-- or its hold (the one that placed it).
CREATE FUNCTION ledger.event_seal(
    p_credit uuid, p_version integer, p_event uuid, p_verb ledger.verb, p_state ledger.state, p_amount bigint,
    p_change bigint, p_balance bigint, p_held bigint, p_owner uuid, p_expires timestamptz, p_hold uuid,
    p_hold_left bigint, p_key text, p_store text, p_register text, p_operator text, p_transaction text, p_cause text,
    p_reason text, p_actor text, p_approver text, p_occurred timestamptz, p_recorded timestamptz, p_batch bigint,
    p_house text, p_request text, p_fixed text
) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(concat_ws(E'\x1f', p_credit, p_version, p_event, p_verb, p_state, p_amount, p_change,
        p_balance, p_held, coalesce(p_owner::text, '-'), coalesce(encode(timestamptz_send(p_expires), 'hex'), '-'),
        coalesce(p_hold::text, '-'), coalesce(p_hold_left::text, '-'), p_key, p_store, p_register, p_operator,
        p_transaction, p_cause, p_reason, p_actor, p_approver, encode(timestamptz_send(p_occurred), 'hex'),
        encode(timestamptz_send(p_recorded), 'hex'), p_batch, p_house, p_request, p_fixed), 'UTF8'))
$$;

-- The seal of a refusal.
CREATE FUNCTION ledger.refusal_seal(
    p_key text, p_verb ledger.verb, p_credit uuid, p_refusal ledger.refusal, p_batch bigint, p_recorded timestamptz,
    p_request text
) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(concat_ws(E'\x1f', p_key, p_verb, p_credit, p_refusal, p_batch,
        encode(timestamptz_send(p_recorded), 'hex'), p_request), 'UTF8'))
$$;

-- The seals of all that a batch wrote, one behind the other, in their own order: the one that can be found again.
CREATE FUNCTION ledger.in_order(p_seals bytea[]) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(s.seal, ''::bytea ORDER BY s.seal) FROM unnest(p_seals) AS s (seal)
$$;

-- The hash of a batch: what came before it, and the seals of all it wrote, in order.
CREATE FUNCTION ledger.batch_hash(p_before bytea, p_place bigint, p_batch bigint, p_seals bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(p_before || int8send(p_place) || int8send(p_batch) || p_seals)
$$;

-- Holds on these credits whose time is up, as commands that let them go; `p_but` are let go anyway.
-- A key is worth one answer: where a sweep came too early and was refused, the hold ends under a key of its own.
CREATE FUNCTION ledger.lapses(p_at timestamptz, p_ids uuid[], p_but uuid[]) RETURNS ledger.command[]
LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(ROW(-1, 'expiry:hold:' || h.hold_id || CASE WHEN early.there THEN ':late' ELSE '' END,
        'lapse', h.credit_id,
        md5('lapse:' || h.hold_id)::uuid, NULL, NULL, '',
        json_build_object('command', 'lapse', 'hold', h.hold_id), 'hub', '', '', '', '', '',
        'hold:' || h.hold_id, '', h.expires_at, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        h.hold_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::ledger.command ORDER BY h.credit_id, h.hold_id), '{}')
    FROM ledger.holding AS h
    LEFT JOIN LATERAL (
        SELECT true AS there FROM ledger.request AS x WHERE x.key = 'expiry:hold:' || h.hold_id LIMIT 1
    ) AS early ON true
    WHERE h.credit_id = ANY (p_ids) AND h.expires_at <= p_at AND h.hold_id <> ALL (p_but)
$$;

-- What a batch wrote, before it is chained: its outcomes, and its seals in their order.
CREATE TYPE ledger.written AS (outcomes ledger.outcome[], batch_id bigint, rows integer, seals bytea);

-- Write a batch; one outcome for each command, or several for a command on several credits, in order. Keys must differ
-- within a batch. Locks are taken in one order: credits, then counters of limits. Two hubs that post one key at the same
-- moment clash on a primary key: the later one rolls back, tries again, and then finds the answer.
-- The same transaction must end with ledger.link.
CREATE FUNCTION ledger.write(p_at timestamptz, p_commands ledger.command[])
RETURNS ledger.written LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    ids uuid[];
    batch bigint := nextval('ledger.batch_id');
    subjects text[];
    outcomes ledger.outcome[];
    seals bytea;
    sealed integer;
BEGIN
    SELECT array_agg(DISTINCT q.id ORDER BY q.id) INTO ids FROM (
        SELECT u.credit_id AS id FROM unnest(p_commands) AS u
        UNION ALL SELECT u.other_id FROM unnest(p_commands) AS u WHERE u.other_id IS NOT NULL
        UNION ALL SELECT o.id FROM unnest(p_commands) AS u CROSS JOIN unnest(u.others) AS o (id)
    ) AS q;

    PERFORM FROM ledger.credit AS k WHERE k.credit_id = ANY (ids) ORDER BY k.credit_id FOR NO KEY UPDATE;

    SELECT array_agg(DISTINCT s.subject ORDER BY s.subject) INTO subjects
    FROM unnest(p_commands) AS u CROSS JOIN unnest(u.uses) AS s WHERE u.uses IS NOT NULL;
    IF subjects IS NOT NULL THEN
        -- A counter must be there to be locked: the first two of a day must not both find it missing.
        INSERT INTO ledger.usage (subject, day, amount, count)
        SELECT DISTINCT ON (s.subject) s.subject, s.day, 0, 0
        FROM unnest(p_commands) AS u CROSS JOIN unnest(u.uses) AS s WHERE u.uses IS NOT NULL
        ORDER BY s.subject
        ON CONFLICT (subject) DO NOTHING;
        PERFORM FROM ledger.usage AS y WHERE y.subject = ANY (subjects) ORDER BY y.subject FOR NO KEY UPDATE;
    END IF;

    IF EXISTS (SELECT FROM ledger.holding AS h WHERE h.expires_at <= p_at) THEN
        p_commands := ledger.lapses(p_at, ids, ARRAY(
            SELECT u.hold_id FROM unnest(p_commands) AS u WHERE u.verb = 'lapse'
        )) || p_commands;
    END IF;

    WITH decided AS MATERIALIZED (
        SELECT d.* FROM ledger.decide(p_at, p_commands, ids) AS d
    ), fresh AS MATERIALIZED (
        SELECT d.*,
            CASE WHEN d.refusal IS NOT NULL THEN
                ledger.refusal_seal(d.key, d.verb, d.credit_id, d.refusal, batch, p_at, d.request::text)
            ELSE
                ledger.event_seal(d.credit_id, d.version, d.event_id, d.verb, d.state, d.amount, d.change, d.balance,
                    d.held, d.owner, d.expires_at, d.hold_id, d.hold_left, d.key, d.store, d.register, d.operator,
                    d.transaction_id, d.cause, d.reason, d.actor, d.approver, d.occurred_at, p_at, batch,
                    CASE WHEN d.change <> 0 THEN d.house ELSE '' END, d.request::text,
                    CASE
                        WHEN d.version = 1 THEN ledger.birth_text(d.kind, d.bucket, d.currency, d.code_last4,
                            d.cohort_date, d.issuer, d.priority, d.replaces, d.code_hash, d.pin_hash)
                        WHEN d.verb = 'hold' THEN ledger.hold_text(d.hold_ends)
                        ELSE ''
                    END)
            END AS seal
        FROM decided AS d WHERE NOT d.replay
    ), further AS (
        SELECT f.ordinal, f.key, array_agg(f.credit_id ORDER BY f.part) AS others,
            array_agg(f.version ORDER BY f.part) AS versions
        FROM fresh AS f WHERE f.part > 0 GROUP BY f.ordinal, f.key
    ), requests AS (
        INSERT INTO ledger.request (key, verb, credit_id, version, refusal, batch_id, recorded_at, request, others,
            versions, seal)
        SELECT f.key, f.verb, f.credit_id, f.version, f.refusal, batch, p_at, f.request, g.others, g.versions,
            CASE WHEN f.refusal IS NOT NULL THEN f.seal END
        FROM fresh AS f LEFT JOIN further AS g ON g.key = f.key
        WHERE f.part = 0 ORDER BY f.key
    ), credits AS (
        INSERT INTO ledger.credit (credit_id, kind, bucket, currency, code_last4, cohort_date, store, priority, replaces)
        SELECT f.credit_id, f.kind, f.bucket, f.currency, f.code_last4, f.cohort_date, f.issuer, f.priority, f.replaces
        FROM fresh AS f WHERE f.version = 1
    ), codes AS (
        INSERT INTO ledger.code (code_hash, credit_id, pin_hash)
        SELECT f.code_hash, f.credit_id, f.pin_hash FROM fresh AS f WHERE f.version = 1 ORDER BY f.code_hash
    ), events AS (
        INSERT INTO ledger.event (credit_id, version, event_id, verb, state, amount, change, balance, held, owner,
            expires_at, hold_id, hold_left, key, store, register, operator, transaction_id, cause, reason, actor,
            approver, occurred_at, recorded_at, batch_id, seal)
        SELECT f.credit_id, f.version, f.event_id, f.verb, f.state, f.amount, f.change, f.balance, f.held, f.owner,
            f.expires_at, f.hold_id, f.hold_left, f.key, f.store, f.register, f.operator, f.transaction_id, f.cause,
            f.reason, f.actor, f.approver, f.occurred_at, p_at, batch, f.seal
        FROM fresh AS f WHERE f.refusal IS NULL
    ), entries AS (
        INSERT INTO ledger.entry (credit_id, version, leg, account, amount, currency, balance)
        SELECT f.credit_id, f.version, g.leg, CASE g.leg WHEN 1 THEN 'owed:' || f.bucket ELSE f.house END,
            CASE g.leg WHEN 1 THEN f.change ELSE -f.change END, f.currency, f.balance
        FROM fresh AS f CROSS JOIN (VALUES (1), (2)) AS g (leg)
        WHERE f.refusal IS NULL AND f.change <> 0
    ), moves AS (
        SELECT f.bucket, f.currency, f.issuer, f.house, f.was_state, f.state, sum(f.change) AS change,
            sum(f.balance) AS balance, sum(f.was_balance) AS was_balance, count(*) AS events,
            count(*) FILTER (WHERE f.change <> 0) AS moved
        FROM fresh AS f WHERE f.refusal IS NULL
        GROUP BY f.issuer, f.bucket, f.currency, f.house, f.was_state, f.state
    ), movements AS (
        INSERT INTO ledger.movement (batch_id, account, bucket, currency, store, state, amount, credits, entries)
        SELECT batch, m.account, v.bucket, v.currency, v.issuer, m.state, m.amount, m.credits, m.entries
        FROM moves AS v CROSS JOIN LATERAL (VALUES
            ('owed:' || v.bucket, v.state::text, CASE WHEN v.state = v.was_state THEN v.change ELSE v.balance END,
                CASE WHEN v.state = v.was_state THEN 0 ELSE v.events END, v.moved),
            ('owed:' || v.bucket, CASE WHEN v.state <> v.was_state THEN v.was_state::text END, -v.was_balance,
                -v.events, 0),
            (v.house, CASE WHEN v.moved > 0 THEN '' END, -v.change, 0, v.moved)
        ) AS m (account, state, amount, credits, entries)
        WHERE m.state IS NOT NULL AND (m.amount <> 0 OR m.credits <> 0 OR m.entries <> 0)
    ), holds AS (
        INSERT INTO ledger.hold (hold_id, credit_id, expires_at)
        SELECT f.hold_id, f.credit_id, f.hold_ends FROM fresh AS f WHERE f.verb = 'hold' AND f.refusal IS NULL
    ), used AS (
        UPDATE ledger.usage AS y SET amount = y.amount + n.amount, count = y.count + n.count
        FROM (
            SELECT s.subject, sum(f.amount) AS amount, count(DISTINCT f.key) AS count
            FROM fresh AS f CROSS JOIN unnest(f.uses) AS s
            WHERE f.refusal IS NULL AND f.uses IS NOT NULL AND coalesce(s.credit_id, f.credit_id) = f.credit_id
            GROUP BY s.subject
        ) AS n
        WHERE y.subject = n.subject
    )
    SELECT
        (SELECT array_agg(ROW(d.ordinal, d.part, d.replay, d.refusal, d.verb, d.credit_id, d.event_id, d.version,
            d.amount, d.change, d.balance, d.held, d.state, d.owner, d.expires_at, d.hold_id, d.hold_left, d.kind,
            d.bucket, d.currency, d.code_last4, d.occurred_at, d.recorded_at, CASE WHEN d.replay THEN d.request END, d.others, d.versions,
            d.cohort_date)::ledger.outcome)
            FROM decided AS d),
        (SELECT ledger.in_order(array_agg(f.seal)) FROM fresh AS f),
        (SELECT count(*) FROM fresh AS f)
    INTO outcomes, seals, sealed;

    PERFORM ledger.follow_holds(outcomes);
    PERFORM ledger.follow_expiries(outcomes);

    RETURN ROW(outcomes, batch, sealed, seals)::ledger.written;
END $$;

-- Link a batch to the end of the chain: the last thing before the commit, for everybody waits here for everybody.
CREATE FUNCTION ledger.link(p_at timestamptz, p_written ledger.written) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_written.rows > 0 THEN
        WITH linked AS (
            UPDATE ledger.chain AS n SET
                place = n.place + 1,
                hash = ledger.batch_hash(n.hash, n.place + 1, p_written.batch_id, p_written.seals)
            RETURNING n.place, n.hash
        )
        INSERT INTO ledger.batch (place, batch_id, recorded_at, rows, hash)
        SELECT k.place, p_written.batch_id, p_at, p_written.rows, k.hash FROM linked AS k;
    END IF;
END $$;

-- Write a batch and link it, where nothing else is to happen in the same transaction that takes time.
CREATE FUNCTION ledger.post(p_at timestamptz, p_commands ledger.command[])
RETURNS ledger.outcome[] LANGUAGE plpgsql AS $$
DECLARE
    done ledger.written := ledger.write(p_at, p_commands);
BEGIN
    PERFORM ledger.link(p_at, done);
    RETURN done.outcomes;
END $$;

-- Keep the list of open holds.
CREATE FUNCTION ledger.follow_holds(p_outcomes ledger.outcome[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM unnest(p_outcomes) AS o
        WHERE NOT o.replay AND o.refusal IS NULL AND (o.hold_id IS NOT NULL OR o.verb = 'chargeback')
    ) THEN
        RETURN;
    END IF;
    INSERT INTO ledger.holding (credit_id, hold_id, remaining, expires_at)
    SELECT o.credit_id, o.hold_id, o.hold_left, h.expires_at
    FROM unnest(p_outcomes) AS o
    CROSS JOIN LATERAL (SELECT x.expires_at FROM ledger.hold AS x WHERE x.hold_id = o.hold_id LIMIT 1) AS h
    WHERE NOT o.replay AND o.refusal IS NULL AND o.verb = 'hold';
    -- A hold changes once in a batch at most: two commands on one hold never share a batch.
    UPDATE ledger.holding AS h SET remaining = o.hold_left FROM unnest(p_outcomes) AS o
    WHERE NOT o.replay AND o.refusal IS NULL AND o.verb = 'capture' AND o.hold_left > 0
        AND h.credit_id = o.credit_id AND h.hold_id = o.hold_id;
    DELETE FROM ledger.holding AS h USING unnest(p_outcomes) AS o
    WHERE NOT o.replay AND o.refusal IS NULL AND h.credit_id = o.credit_id
        AND (o.verb = 'chargeback' OR (o.hold_left = 0 AND h.hold_id = o.hold_id));
END $$;

-- Keep the list of credits that have a last day.
CREATE FUNCTION ledger.follow_expiries(p_outcomes ledger.outcome[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM unnest(p_outcomes) AS o WHERE NOT o.replay AND o.refusal IS NULL AND o.expires_at IS NOT NULL
    ) THEN
        RETURN;
    END IF;
    INSERT INTO ledger.expiring (credit_id, expires_at)
    SELECT DISTINCT ON (o.credit_id) o.credit_id, o.expires_at FROM unnest(p_outcomes) AS o
    WHERE NOT o.replay AND o.refusal IS NULL AND o.expires_at IS NOT NULL
        AND (o.version = 1 OR o.verb IN ('activate', 'load'))
    ORDER BY o.credit_id, o.version DESC
    ON CONFLICT (credit_id) DO UPDATE SET expires_at = excluded.expires_at
    WHERE ledger.expiring.expires_at <> excluded.expires_at;
    DELETE FROM ledger.expiring AS x USING unnest(p_outcomes) AS o
    WHERE NOT o.replay AND o.refusal IS NULL AND o.expires_at IS NOT NULL AND o.state IN ('void', 'expired')
        AND x.credit_id = o.credit_id;
END $$;

-- Fold the movements into the totals; answers how many there were. Only one does it at a time.
CREATE FUNCTION ledger.fold() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    folded bigint;
BEGIN
    WITH taken AS (
        DELETE FROM ledger.movement AS m USING (
            SELECT x.ctid AS place FROM ledger.movement AS x LIMIT 20000 FOR UPDATE SKIP LOCKED
        ) AS old
        WHERE m.ctid = old.place
        RETURNING m.account, m.bucket, m.currency, m.store, m.state, m.amount, m.credits, m.entries
    ), added AS (
        INSERT INTO ledger.total AS t (account, bucket, currency, store, state, amount, credits, entries)
        SELECT k.account, k.bucket, k.currency, k.store, k.state, sum(k.amount), sum(k.credits), sum(k.entries)
        FROM taken AS k
        GROUP BY k.account, k.bucket, k.currency, k.store, k.state
        ORDER BY k.account, k.bucket, k.currency, k.store, k.state
        ON CONFLICT (account, bucket, currency, store, state) DO UPDATE SET
            amount = t.amount + excluded.amount, credits = t.credits + excluded.credits,
            entries = t.entries + excluded.entries
    )
    SELECT count(*) INTO folded FROM taken;
    RETURN folded;
END $$;

-- What others may read.

-- A credit as it is now: what it was issued as, and its newest event.
CREATE VIEW ledger.credit_now AS
SELECT k.credit_id, k.kind, k.bucket, k.currency, k.code_last4, k.cohort_date, k.priority, k.replaces,
    k.store AS issuer, n.expires_at, n.version, n.balance, n.held, n.state, n.owner, n.recorded_at AS changed_at,
    i.event_id AS issue_event_id, i.key AS issue_key, i.store, i.register, i.operator,
    i.transaction_id, i.occurred_at, i.recorded_at,
    CASE i.verb WHEN 'import' THEN coalesce((
        SELECT a.amount FROM ledger.event AS a
        WHERE a.credit_id = k.credit_id AND a.verb = 'activate' ORDER BY a.version LIMIT 1
    ), 0) ELSE i.amount END AS issued
FROM ledger.credit AS k
JOIN ledger.event AS i ON i.credit_id = k.credit_id AND i.version = 1
CROSS JOIN LATERAL (
    SELECT e.version, e.balance, e.held, e.state, e.owner, e.expires_at, e.recorded_at FROM ledger.event AS e
    WHERE e.credit_id = k.credit_id ORDER BY e.version DESC LIMIT 1
) AS n;

-- Each fact on a credit with its money, oldest first when ordered by version.
CREATE VIEW ledger.statement AS
SELECT e.credit_id, e.version, e.event_id, e.verb, e.amount, e.change, e.balance, e.held, e.state, e.owner,
    e.expires_at, e.hold_id, e.hold_left, e.key, e.store, e.register, e.operator, e.transaction_id, e.cause, e.reason,
    e.actor, e.approver, e.occurred_at, e.recorded_at, k.currency, k.bucket, h.account AS house
FROM ledger.event AS e
JOIN ledger.credit AS k ON k.credit_id = e.credit_id
LEFT JOIN ledger.entry AS h ON h.credit_id = e.credit_id AND h.version = e.version AND h.leg = 2;

-- What each account holds, by bucket, currency, issuing store and state: the folded totals and what came since.
CREATE VIEW ledger.totals AS
SELECT q.account, q.bucket, q.currency, q.store, q.state, sum(q.amount)::bigint AS amount,
    sum(q.credits)::bigint AS credits, sum(q.entries)::bigint AS entries
FROM (
    SELECT t.account, t.bucket, t.currency, t.store, t.state, t.amount, t.credits, t.entries FROM ledger.total AS t
    UNION ALL
    SELECT m.account, m.bucket, m.currency, m.store, m.state, m.amount, m.credits, m.entries FROM ledger.movement AS m
) AS q
GROUP BY q.account, q.bucket, q.currency, q.store, q.state;

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

-- Two customers are found to be one person: from now on they are looked up as one. Both ids and all references stay.
-- Returns why not, or nothing: 'unknown', 'same' (they are one already), 'merged' (the customer is part of another).
CREATE FUNCTION identity.merge(
    p_decision uuid, p_customer uuid, p_into uuid, p_at timestamptz, p_by text, p_evidence text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_customer identity.customer;
    v_into identity.customer;
BEGIN
    -- One order of locks, so that two merges at once wait for each other.
    PERFORM 1 FROM identity.customer AS c WHERE c.customer_id IN (p_customer, p_into) ORDER BY c.customer_id FOR UPDATE;
    SELECT * INTO v_customer FROM identity.customer AS c WHERE c.customer_id = p_customer;
    SELECT * INTO v_into FROM identity.customer AS c WHERE c.customer_id = p_into;
    IF v_customer.customer_id IS NULL OR v_into.customer_id IS NULL THEN
        RETURN 'unknown';
    END IF;
    IF v_customer.person = v_into.person THEN
        RETURN 'same';
    END IF;
    IF v_customer.merged_into IS NOT NULL OR v_into.merged_into IS NOT NULL THEN
        RETURN 'merged';
    END IF;
    UPDATE identity.customer AS c
    SET person = p_into, merged_into = CASE c.customer_id WHEN p_customer THEN p_into ELSE c.merged_into END
    WHERE c.customer_id = p_customer OR c.customer_id IN (
        SELECT k.customer_id FROM identity.customer AS k WHERE k.person = p_customer AND k.merged_into IS NOT NULL
    );
    INSERT INTO identity.history (at, what, customer_id, other_id, decision_id, decided_by, evidence)
    VALUES (p_at, 'merged', p_into, p_customer, p_decision, p_by, p_evidence);
    RETURN NULL;
END
$$;

-- A merge is taken back: each customer stands for itself again, with whoever had been merged into it before.
-- Returns why not, or nothing: 'unknown' (no such merge), 'undone' (it has been).
CREATE FUNCTION identity.unmerge(p_decision uuid, p_at timestamptz, p_by text, p_evidence text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_line identity.history;
BEGIN
    PERFORM 1 FROM identity.customer AS c
    WHERE c.customer_id IN (
        SELECT unnest(ARRAY[h.customer_id, h.other_id]) FROM identity.history AS h
        WHERE h.decision_id = p_decision AND h.what = 'merged'
    ) ORDER BY c.customer_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    IF EXISTS (SELECT FROM identity.history AS h WHERE h.decision_id = p_decision AND h.what = 'unmerged') THEN
        RETURN 'undone';
    END IF;
    FOR v_line IN
        SELECT * FROM identity.history AS h WHERE h.decision_id = p_decision AND h.what = 'merged' ORDER BY h.line DESC
    LOOP
        WITH RECURSIVE part AS (
            SELECT v_line.other_id AS customer_id
            UNION ALL
            SELECT c.customer_id FROM identity.customer AS c JOIN part AS p ON c.merged_into = p.customer_id
        )
        UPDATE identity.customer AS c
        SET person = v_line.other_id,
            merged_into = CASE c.customer_id WHEN v_line.other_id THEN NULL ELSE c.merged_into END
        FROM part AS p WHERE c.customer_id = p.customer_id;
        INSERT INTO identity.history (at, what, customer_id, other_id, decision_id, decided_by, evidence)
        VALUES (p_at, 'unmerged', v_line.customer_id, v_line.other_id, p_decision, p_by, p_evidence);
    END LOOP;
    RETURN NULL;
END
$$;

-- An account belongs to somebody else than was thought: it goes to p_to, who is new where nobody has that id, with all
-- that it states. Returns why not, or nothing: 'unknown' (no such account), 'same' (it is theirs already).
CREATE FUNCTION identity.move_account(
    p_decision uuid, p_system text, p_account text, p_to uuid, p_at timestamptz, p_by text, p_evidence text, p_what text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_from uuid;
BEGIN
    SELECT r.customer_id INTO v_from FROM identity.reference AS r
    WHERE r.system = p_system AND r.account_id = p_account FOR UPDATE;
    IF v_from IS NULL THEN
        RETURN 'unknown';
    END IF;
    IF v_from = p_to THEN
        RETURN 'same';
    END IF;
    INSERT INTO identity.customer (customer_id, created_at, person) VALUES (p_to, p_at, p_to)
    ON CONFLICT (customer_id) DO NOTHING;
    UPDATE identity.reference AS r SET customer_id = p_to WHERE r.system = p_system AND r.account_id = p_account;
    UPDATE identity.identifier AS i SET customer_id = p_to
    WHERE i.customer_id = v_from AND i.system = p_system AND i.account_id = p_account;
    UPDATE identity.portrait AS o SET customer_id = p_to WHERE o.system = p_system AND o.account_id = p_account;
    INSERT INTO identity.history (at, what, customer_id, other_id, system, account_id, decision_id, decided_by, evidence)
    VALUES (p_at, p_what, v_from, p_to, p_system, p_account, p_decision, p_by, p_evidence);
    RETURN NULL;
END
$$;

-- An identifier is not this customer's, whatever their accounts state: it counts no more for them. Returns how many
-- rows that was; none when they do not hold it.
CREATE FUNCTION identity.deny(
    p_decision uuid, p_customer uuid, p_kind text, p_value text, p_at timestamptz, p_by text, p_evidence text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_rows bigint;
BEGIN
    -- What each row said is kept in the line, so that an undo restores it.
    INSERT INTO identity.history
        (at, what, customer_id, kind, value, system, account_id, since, decision_id, decided_by, evidence)
    SELECT p_at, 'identifier-unlinked', i.customer_id, i.kind, i.value, i.system, i.account_id,
        CASE WHEN i.verified THEN i.since END, p_decision, p_by, p_evidence
    FROM identity.identifier AS i
    WHERE i.customer_id = p_customer AND i.kind = p_kind AND i.value = p_value AND NOT i.denied;
    UPDATE identity.identifier AS i SET denied = true, verified = false
    WHERE i.customer_id = p_customer AND i.kind = p_kind AND i.value = p_value AND NOT i.denied;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    RETURN v_rows;
END
$$;

-- A denial is taken back: what was proved then is proved again. Returns how many rows that was.
CREATE FUNCTION identity.allow(p_decision uuid, p_at timestamptz, p_by text, p_evidence text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_rows bigint;
BEGIN
    UPDATE identity.identifier AS i
    SET denied = false, verified = h.since IS NOT NULL AND i.ended_at IS NULL, since = coalesce(h.since, i.since)
    FROM identity.history AS h
    WHERE h.decision_id = p_decision AND h.what = 'identifier-unlinked'
        AND i.customer_id = h.customer_id AND i.kind = h.kind AND i.value = h.value
        AND i.system = h.system AND i.account_id = h.account_id AND i.denied;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    INSERT INTO identity.history (at, what, customer_id, kind, value, decision_id, decided_by, evidence)
    SELECT DISTINCT p_at, 'identifier-relinked', h.customer_id, h.kind, h.value, p_decision, p_by, p_evidence
    FROM identity.history AS h
    WHERE h.decision_id = p_decision AND h.what = 'identifier-unlinked' AND v_rows > 0;
    RETURN v_rows;
END
$$;

-- Take in profiles: an account that is new gets its customer, one that is known keeps it, and what the account states
-- replaces what it stated before. The same profiles again change nothing; of two for one account the newer one counts,
-- then the last one. What is older than what is known of an account is left out, and the answer says `stale`.
-- Accounts are locked in one order, so that two calls at once wait for each other instead of clashing.
--
-- p_dated: the profiles are events, so that what they newly prove was proved now. A full export says no such thing.
CREATE FUNCTION identity.take_in(p_at timestamptz, p_profiles identity.profile_in[], p_dated boolean)
RETURNS TABLE (system text, account_id text, customer_id uuid, new boolean, stale boolean)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_all identity.profile_in[];
    v_profiles identity.profile_in[];
    v_new uuid[];
    v_fresh_people uuid[];
    v_fresh_kinds text[];
    v_fresh_values text[];
BEGIN
    SELECT array_agg(ROW(
        l.system, l.account_id, l.customer_id, l.name, l.street, l.place, l.postcode, l.born, l.blocks, l.identifiers,
        l.moment
    )::identity.profile_in)
    INTO v_all
    FROM (
        SELECT DISTINCT ON (p.system, p.account_id) p.*, least(coalesce(p.stated_at, p_at), p_at) AS moment
        FROM unnest(p_profiles) WITH ORDINALITY AS p (
            system, account_id, customer_id, name, street, place, postcode, born, blocks, identifiers, stated_at,
            ordinal
        )
        ORDER BY p.system, p.account_id, moment DESC, p.ordinal DESC
    ) AS l;

    PERFORM identity.hold_values(array_agg(h.kind), array_agg(h.value))
    FROM (
        SELECT n.kind, n.value FROM unnest(v_all) AS p CROSS JOIN LATERAL unnest(p.identifiers) AS n WHERE n.verified
        UNION ALL
        SELECT i.kind, i.value FROM unnest(v_all) AS p
        JOIN identity.reference AS r ON r.system = p.system AND r.account_id = p.account_id
        JOIN identity.identifier AS i ON i.customer_id = r.customer_id AND i.verified
    ) AS h;

    -- Two calls that bring the same new account: one of them writes, the other waits here and finds it written.
    WITH fresh AS (
        INSERT INTO identity.reference (system, account_id, customer_id, stated_at)
        SELECT p.system, p.account_id, p.customer_id, p.stated_at
        FROM unnest(v_all) AS p
        ORDER BY p.system, p.account_id
        ON CONFLICT DO NOTHING
        RETURNING customer_id
    ), created AS (
        INSERT INTO identity.customer (customer_id, created_at, person)
        SELECT DISTINCT f.customer_id, p_at, f.customer_id
        FROM fresh AS f
        ON CONFLICT DO NOTHING
        RETURNING customer_id
    )
    SELECT coalesce(array_agg(c.customer_id), '{}') INTO v_new FROM created AS c;

    PERFORM 1
    FROM identity.reference AS r
    JOIN unnest(v_all) AS p ON r.system = p.system AND r.account_id = p.account_id
    ORDER BY r.system, r.account_id
    FOR UPDATE OF r;

    SELECT coalesce(array_agg(ROW(p.*)::identity.profile_in), '{}') INTO v_profiles
    FROM unnest(v_all) AS p
    JOIN identity.reference AS r ON r.system = p.system AND r.account_id = p.account_id
    WHERE p.stated_at >= r.stated_at;

    WITH back AS (
        UPDATE identity.reference AS r SET gone_at = NULL
        FROM unnest(v_profiles) AS p
        WHERE r.system = p.system AND r.account_id = p.account_id AND r.gone_at IS NOT NULL
        RETURNING r.system, r.account_id, r.customer_id
    )
    INSERT INTO identity.history (at, what, customer_id, system, account_id)
    SELECT p_at, 'back', b.customer_id, b.system, b.account_id FROM back AS b;

    UPDATE identity.reference AS r SET stated_at = p.stated_at
    FROM unnest(v_profiles) AS p
    WHERE r.system = p.system AND r.account_id = p.account_id AND r.stated_at < p.stated_at;

    IF cardinality(v_new) < cardinality(v_profiles) THEN
        PERFORM identity.give_up(p_at,
            array_agg(i.customer_id), array_agg(i.kind), array_agg(i.value), array_agg(i.system),
            array_agg(i.account_id))
        FROM unnest(v_profiles) AS p
        JOIN identity.reference AS r ON r.system = p.system AND r.account_id = p.account_id
        JOIN identity.identifier AS i
            ON i.customer_id = r.customer_id AND i.system = p.system AND i.account_id = p.account_id
        WHERE i.given_up_at IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM unnest(p.identifiers) AS n WHERE n.kind = i.kind AND n.value = i.value
            )
        HAVING count(*) > 0;
    END IF;

    -- What is over stays over, as long as the account goes on stating it: only a proof of its own revives it. What the
    -- account gave up and states again begins anew, but for a denial.
    WITH written AS (
        INSERT INTO identity.identifier AS i
            (customer_id, kind, value, system, account_id, raw, verified, since)
        SELECT DISTINCT ON (r.customer_id, n.kind, n.value, p.system, p.account_id)
            r.customer_id, n.kind, n.value, p.system, p.account_id, n.raw, n.verified, p_at
        FROM unnest(v_profiles) AS p
        JOIN identity.reference AS r ON r.system = p.system AND r.account_id = p.account_id
        CROSS JOIN LATERAL unnest(p.identifiers) AS n
        ORDER BY r.customer_id, n.kind, n.value, p.system, p.account_id, n.verified DESC, n.raw
        ON CONFLICT (customer_id, kind, value, system, account_id) DO UPDATE
        SET raw = excluded.raw,
            verified = excluded.verified AND NOT i.denied AND (i.ended_at IS NULL OR i.given_up_at IS NOT NULL),
            since = CASE
                WHEN excluded.verified AND NOT i.verified AND NOT i.denied
                    AND (i.ended_at IS NULL OR i.given_up_at IS NOT NULL)
                THEN p_at ELSE i.since END,
            ended_at = CASE WHEN i.given_up_at IS NULL THEN i.ended_at END,
            moved_at = CASE WHEN i.given_up_at IS NULL THEN i.moved_at END,
            given_up_at = NULL
        WHERE i.given_up_at IS NOT NULL OR (i.raw, i.verified) IS DISTINCT FROM
            (excluded.raw, excluded.verified AND NOT i.denied AND i.ended_at IS NULL)
        RETURNING i.customer_id, i.kind, i.value, i.verified, i.since
    )
    SELECT array_agg(w.customer_id), array_agg(w.kind), array_agg(w.value)
    INTO v_fresh_people, v_fresh_kinds, v_fresh_values
    FROM written AS w WHERE w.verified AND w.since = p_at;

    INSERT INTO identity.portrait AS o
        (system, account_id, customer_id, name, street, place, postcode, born, blocks)
    SELECT p.system, p.account_id, r.customer_id, p.name, p.street, p.place, p.postcode, p.born, p.blocks
    FROM unnest(v_profiles) AS p
    JOIN identity.reference AS r ON r.system = p.system AND r.account_id = p.account_id
    ON CONFLICT (system, account_id) DO UPDATE
    SET customer_id = excluded.customer_id, name = excluded.name, street = excluded.street, place = excluded.place,
        postcode = excluded.postcode, born = excluded.born, blocks = excluded.blocks
    WHERE (o.customer_id, o.name, o.street, o.place, o.postcode, o.born, o.blocks) IS DISTINCT FROM
        (excluded.customer_id, excluded.name, excluded.street, excluded.place, excluded.postcode, excluded.born,
        excluded.blocks);

    IF v_fresh_people IS NOT NULL THEN
        PERFORM identity.meet(p_at, v_fresh_people, v_fresh_kinds, v_fresh_values,
            CASE WHEN p_dated THEN ARRAY['phone'] ELSE '{}'::text[] END);
    END IF;

    RETURN QUERY
    SELECT r.system, r.account_id, r.customer_id, r.customer_id = ANY (v_new), p.stated_at < r.stated_at
    FROM identity.reference AS r
    JOIN unnest(v_all) AS p ON r.system = p.system AND r.account_id = p.account_id
    ORDER BY r.system, r.account_id;
END
$$;

-- Whoever proves or gives up one of these values meanwhile waits until this transaction has ended: two who prove one value
-- at the same moment must see each other. So many share a lock, or a large directory would need more than there are.
CREATE FUNCTION identity.hold_values(p_kinds text[], p_values text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_lock integer;
BEGIN
    FOR v_lock IN
        SELECT DISTINCT abs(hashtext(v.kind || ' ' || v.value) % 1024)
        FROM unnest(p_kinds, p_values) AS v (kind, value) ORDER BY 1
    LOOP
        PERFORM pg_advisory_xact_lock(1953066092, v_lock);
    END LOOP;
END
$$;

-- Accounts state these values no longer. What was merely stated is forgotten, but for a phone: who had it goes on giving it
-- at a till, proved or not, and whoever proves it next waits. What was proved has ended, and so has what a
-- one-time code proved of it, unless another account of that person states it: an address that nobody goes on stating may
-- be somebody else's by now. Who else has proved it waits, as if it had come from there. What was denied stays denied.
CREATE FUNCTION identity.give_up(
    p_at timestamptz, p_people uuid[], p_kinds text[], p_values text[], p_systems text[], p_accounts text[]
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    UPDATE identity.identifier AS o SET moved_at = p_at
    FROM unnest(p_people, p_kinds, p_values) AS g (customer_id, kind, value)
    JOIN identity.customer AS c ON c.customer_id = g.customer_id
    WHERE o.kind = g.kind AND o.value = g.value AND o.verified
        AND o.customer_id NOT IN (SELECT s.customer_id FROM identity.same_person(c.person) AS s (customer_id))
        AND EXISTS (
            SELECT FROM identity.same_person(c.person) AS s (customer_id)
            JOIN identity.identifier AS i ON i.customer_id = s.customer_id
            WHERE i.kind = g.kind AND i.value = g.value AND i.verified
        );

    DELETE FROM identity.identifier AS i
    USING unnest(p_people, p_kinds, p_values, p_systems, p_accounts) AS g (customer_id, kind, value, system, account_id)
    WHERE i.customer_id = g.customer_id AND i.kind = g.kind AND i.value = g.value
        AND i.system = g.system AND i.account_id = g.account_id
        AND NOT i.verified AND NOT i.denied AND i.ended_at IS NULL AND i.kind <> 'phone';

    WITH given_up AS (
        INSERT INTO identity.history (at, what, customer_id, kind, value, system, account_id, since)
        SELECT p_at, 'given-up', i.customer_id, i.kind, i.value, i.system, i.account_id, i.since
        FROM unnest(p_people, p_kinds, p_values, p_systems, p_accounts)
            AS g (customer_id, kind, value, system, account_id)
        JOIN identity.identifier AS i ON i.customer_id = g.customer_id AND i.kind = g.kind AND i.value = g.value
            AND i.system = g.system AND i.account_id = g.account_id
        WHERE i.verified
    )
    UPDATE identity.identifier AS i
    SET verified = false, ended_at = coalesce(i.ended_at, p_at), given_up_at = p_at
    FROM unnest(p_people, p_kinds, p_values, p_systems, p_accounts) AS g (customer_id, kind, value, system, account_id)
    WHERE i.customer_id = g.customer_id AND i.kind = g.kind AND i.value = g.value
        AND i.system = g.system AND i.account_id = g.account_id;

    WITH given_up AS (
        UPDATE identity.identifier AS i
        SET verified = false, ended_at = coalesce(i.ended_at, p_at), given_up_at = p_at
        FROM unnest(p_people, p_kinds, p_values) AS g (customer_id, kind, value)
        JOIN identity.customer AS c ON c.customer_id = g.customer_id
        WHERE i.kind = g.kind AND i.value = g.value AND i.system = '' AND i.given_up_at IS NULL
            AND i.customer_id IN (SELECT s.customer_id FROM identity.same_person(c.person) AS s (customer_id))
            AND NOT EXISTS (
                SELECT FROM identity.same_person(c.person) AS s (customer_id)
                JOIN identity.identifier AS t ON t.customer_id = s.customer_id
                WHERE t.kind = g.kind AND t.value = g.value AND t.system <> '' AND t.given_up_at IS NULL
            )
        RETURNING i.customer_id, i.kind, i.value, i.since
    )
    INSERT INTO identity.history (at, what, customer_id, kind, value, since)
    SELECT p_at, 'given-up', u.customer_id, u.kind, u.value, u.since FROM given_up AS u;
END
$$;

-- All customers that are one person, by the id of the one whom the others were merged into.
CREATE FUNCTION identity.same_person(p_person uuid) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    SELECT p_person
    UNION ALL
    SELECT c.customer_id FROM identity.customer AS c WHERE c.person = p_person AND c.merged_into IS NOT NULL
$$;

-- Whether a person has an account that is not gone: credit goes to nobody without one.
CREATE FUNCTION identity.has_account(p_person uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM identity.same_person(p_person) AS s (customer_id)
        JOIN identity.reference AS r ON r.customer_id = s.customer_id
        WHERE r.gone_at IS NULL
    )
$$;

-- Values that were just proved meet the proofs of others. Of a kind in p_moves the new proof takes over from older ones,
-- which end; in any other case two people have proved one value, which is a conflict. What somebody else had proved and
-- gave up comes from there, and rests from that moment on. What a person found to be shared stays shared.
CREATE FUNCTION identity.meet(
    p_at timestamptz, p_people uuid[], p_kinds text[], p_values text[], p_moves text[]
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_met record;
BEGIN
    UPDATE identity.identifier AS i SET moved_at = greatest(i.moved_at, l.left_at)
    FROM (
        SELECT f.customer_id, f.kind, f.value, max(o.ended_at) AS left_at
        FROM unnest(p_people, p_kinds, p_values) AS f (customer_id, kind, value)
        JOIN identity.customer AS c ON c.customer_id = f.customer_id
        JOIN identity.identifier AS o ON o.kind = f.kind AND o.value = f.value AND o.given_up_at IS NOT NULL
            AND NOT o.denied
        JOIN identity.customer AS k ON k.customer_id = o.customer_id AND k.person <> c.person
        GROUP BY f.customer_id, f.kind, f.value
    ) AS l
    WHERE i.customer_id = l.customer_id AND i.kind = l.kind AND i.value = l.value AND i.verified;

    FOR v_met IN
        SELECT f.customer_id, f.kind, f.value, o.customer_id AS other_id, o.system, o.account_id, o.since
        FROM unnest(p_people, p_kinds, p_values) AS f (customer_id, kind, value)
        JOIN identity.customer AS c ON c.customer_id = f.customer_id
        JOIN identity.identifier AS o ON o.kind = f.kind AND o.value = f.value AND o.verified
            AND o.customer_id <> f.customer_id
        JOIN identity.customer AS k ON k.customer_id = o.customer_id AND k.person <> c.person
        WHERE NOT EXISTS (
            SELECT FROM identity.conflict AS x WHERE x.kind = f.kind AND x.value = f.value AND x.shared
        )
        ORDER BY f.kind, f.value, o.customer_id, o.system, o.account_id
    LOOP
        IF v_met.kind = ANY (p_moves) AND v_met.since < p_at THEN
            UPDATE identity.identifier AS i SET verified = false, ended_at = p_at, moved_at = NULL
            WHERE i.customer_id = v_met.other_id AND i.kind = v_met.kind AND i.value = v_met.value
                AND i.system = v_met.system AND i.account_id = v_met.account_id AND i.verified;
            CONTINUE WHEN NOT FOUND;
            UPDATE identity.identifier AS i SET moved_at = p_at
            WHERE i.customer_id = v_met.customer_id AND i.kind = v_met.kind AND i.value = v_met.value AND i.verified;
            INSERT INTO identity.history (at, what, customer_id, other_id, kind, value, system, account_id, since)
            VALUES (p_at, 'taken-over', v_met.customer_id, v_met.other_id, v_met.kind, v_met.value, v_met.system,
                v_met.account_id, v_met.since);
        ELSE
            INSERT INTO identity.conflict AS x (conflict_id, kind, value, opened_at)
            VALUES (md5(v_met.kind || ' ' || v_met.value)::uuid, v_met.kind, v_met.value, p_at)
            ON CONFLICT (kind, value) DO UPDATE SET opened_at = p_at, settled_at = NULL
            WHERE x.settled_at IS NOT NULL;
            IF FOUND THEN
                INSERT INTO identity.history (at, what, customer_id, other_id, kind, value)
                VALUES (p_at, 'conflict', v_met.customer_id, v_met.other_id, v_met.kind, v_met.value);
            END IF;
        END IF;
    END LOOP;
END
$$;

-- A decision gave people back what they had proved, or made two of one: what they prove meets the proofs of others, as if
-- it were proved now, but takes nothing over.
CREATE FUNCTION identity.meet_again(p_decision uuid, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_people uuid[];
    v_kinds text[];
    v_values text[];
BEGIN
    SELECT array_agg(i.customer_id), array_agg(i.kind), array_agg(i.value)
    INTO v_people, v_kinds, v_values
    FROM (
        SELECT DISTINCT s.customer_id
        FROM identity.history AS h
        JOIN identity.customer AS c ON c.customer_id IN (h.customer_id, h.other_id)
        CROSS JOIN LATERAL identity.same_person(c.person) AS s (customer_id)
        WHERE h.decision_id = p_decision
    ) AS k
    JOIN identity.identifier AS i ON i.customer_id = k.customer_id AND i.verified;
    IF v_people IS NOT NULL THEN
        PERFORM identity.hold_values(v_kinds, v_values);
        PERFORM identity.meet(p_at, v_people, v_kinds, v_values, '{}');
    END IF;
END
$$;

-- A one-time code was answered: the customer has proved control of this identifier, now. Again changes nothing. It takes
-- over from whoever proved it before, e-mail or phone: nothing is a better proof. It holds for as long as an account of
-- theirs states the value.
CREATE FUNCTION identity.prove(
    p_customer uuid, p_kind text, p_value text, p_raw text, p_blocks integer[], p_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM identity.hold_values(ARRAY[p_kind], ARRAY[p_value]);
    INSERT INTO identity.identifier AS i (customer_id, kind, value, system, account_id, raw, verified, since)
    VALUES (p_customer, p_kind, p_value, '', '', p_raw, true, p_at)
    ON CONFLICT (customer_id, kind, value, system, account_id) DO UPDATE
    SET verified = true, denied = false, ended_at = NULL, given_up_at = NULL, since = p_at
    WHERE NOT i.verified;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE identity.identifier AS i SET verified = true, ended_at = NULL, since = p_at
    WHERE i.customer_id = p_customer AND i.kind = p_kind AND i.value = p_value AND i.ended_at IS NOT NULL
        AND i.given_up_at IS NULL AND NOT i.denied;
    INSERT INTO identity.portrait (system, account_id, customer_id, name, street, place, postcode, born, blocks)
    VALUES ('', p_customer::text || ' ' || p_value, p_customer, '', '', '', '', '', p_blocks)
    ON CONFLICT (system, account_id) DO NOTHING;
    PERFORM identity.meet(p_at, ARRAY[p_customer], ARRAY[p_kind], ARRAY[p_value], ARRAY['email', 'phone']);
END
$$;

-- Accounts that a full export of p_as_of no longer has: what they stated counts no more. They stay known by their name.
-- Whoever was heard of since then is not gone.
CREATE FUNCTION identity.mark_gone(p_at timestamptz, p_system text, p_accounts text[], p_as_of timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_gone text[];
BEGIN
    PERFORM identity.hold_values(array_agg(i.kind), array_agg(i.value))
    FROM identity.reference AS r
    JOIN identity.identifier AS i ON i.customer_id = r.customer_id AND i.verified
    WHERE r.system = p_system AND r.account_id = ANY (p_accounts);

    WITH gone AS (
        UPDATE identity.reference AS r SET gone_at = p_at, stated_at = p_as_of
        WHERE r.system = p_system AND r.account_id = ANY (p_accounts) AND r.gone_at IS NULL AND r.stated_at <= p_as_of
        RETURNING r.account_id, r.customer_id
    ), unseen AS (
        DELETE FROM identity.portrait AS o USING gone AS g
        WHERE o.system = p_system AND o.account_id = g.account_id
    ), told AS (
        INSERT INTO identity.history (at, what, customer_id, system, account_id)
        SELECT p_at, 'gone', g.customer_id, p_system, g.account_id FROM gone AS g
    )
    SELECT coalesce(array_agg(g.account_id), '{}') INTO v_gone FROM gone AS g;

    PERFORM identity.give_up(p_at,
        array_agg(i.customer_id), array_agg(i.kind), array_agg(i.value), array_agg(i.system), array_agg(i.account_id))
    FROM identity.reference AS r
    JOIN identity.identifier AS i
        ON i.customer_id = r.customer_id AND i.system = r.system AND i.account_id = r.account_id
    WHERE r.system = p_system AND r.account_id = ANY (v_gone) AND i.given_up_at IS NULL
    HAVING count(*) > 0;
    RETURN cardinality(v_gone);
END
$$;

-- For each request (p_requests: its number, once per key) the customers that share its keys, those that share the rarest
-- ones first: at most p_per_key for one key and p_per_request for one request. The planner takes the index, always.
CREATE FUNCTION identity.near(p_requests integer[], p_keys integer[], p_per_key integer, p_per_request integer)
RETURNS TABLE (request integer, customer_id uuid, weight bigint)
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    WITH found AS (
        SELECT a.request, f.customer_id, sum(f.weight) AS weight
        FROM unnest(p_requests, p_keys) AS a (request, key)
        CROSS JOIN LATERAL (
            SELECT h.customer_id, 1000 / (count(*) OVER () + 9) AS weight
            FROM (
                SELECT o.customer_id FROM identity.portrait AS o WHERE o.blocks @> ARRAY[a.key] LIMIT p_per_key
            ) AS h
        ) AS f
        GROUP BY a.request, f.customer_id
    ), ranked AS (
        SELECT f.request, f.customer_id, f.weight,
            row_number() OVER (PARTITION BY f.request ORDER BY f.weight DESC, f.customer_id) AS place
        FROM found AS f
    )
    SELECT r.request, r.customer_id, r.weight::bigint FROM ranked AS r WHERE r.place <= p_per_request
$$;

-- Messages: what was posted, on its way over each hop. A handoff's state is the product, so it is kept here.
CREATE SCHEMA handoff;

-- What the systems are told of one event of a credit.
CREATE TABLE handoff.message (
    credit_id uuid NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    event_id uuid NOT NULL,
    state text NOT NULL,
    amount bigint NOT NULL,
    balance bigint NOT NULL,
    currency text NOT NULL,
    recorded_at timestamptz NOT NULL,
    kind text NOT NULL,
    bucket text NOT NULL,
    last4 text NOT NULL,
    -- Whose credit it is, as the other systems know them; null while nobody owns it.
    customer jsonb,
    payload json NOT NULL,
    -- What the event did to the balance, and the day from which the credit's age counts, in the retailer's zone.
    change bigint NOT NULL,
    born_on date NOT NULL,
    PRIMARY KEY (credit_id, version)
);

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
        CHECK (state IN ('waiting', 'due', 'sending', 'unknown', 'parked', 'confirmed', 'dead', 'ended')),
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
-- What is stuck: a later event of its credit looks here whether it must stay back.
CREATE INDEX handoff_stuck ON handoff.handoff (credit_id) WHERE state IN ('parked', 'dead');
-- Rows lie in the order they were recorded, and what is confirmed was recorded shortly before: a few bytes find those
-- of the last hour.
CREATE INDEX handoff_recorded ON handoff.handoff USING brin (recorded_at, confirmed_at)
    WITH (pages_per_range = 16, autosummarize = on);

-- What was tried, and what came of it. Append-only. A first attempt that is confirmed has no row here: the handoff's
-- own `sent_at` and `confirmed_at` say it all, and the history is read from both.
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

-- Leases that ran out are few, and counted often.
CREATE INDEX attempt_expired ON handoff.attempt (hop) WHERE outcome = 'expired';

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

-- How much a system with a rate may be sent right now, in events. One row for all processes.
CREATE TABLE handoff.pace (
    system text PRIMARY KEY,
    tokens double precision NOT NULL,
    -- The latest moment that was counted up to, and since when, by their own clock, processes far behind it have seen
    -- nobody else at it.
    counted_at timestamptz NOT NULL,
    behind_since timestamptz
);

-- An event that is to be told, and which of the routes it takes.
CREATE TYPE handoff.new_message AS (
    credit_id uuid, version integer, event_id uuid, state text, amount bigint, balance bigint, currency text,
    kind text, bucket text, last4 text, customer jsonb, payload json, route integer,
    change bigint, born_on date
);

-- One hop of a route. Times are set where it can go at once, or can once the credit is claimed. `waits_past` is what it
-- waits for where the hops that wait for a claim are left out: nobody owns the credit, and nobody will.
CREATE TYPE handoff.new_handoff AS (
    route integer, hop text, state text, waits_for text, due_at timestamptz, deadline timestamptz, reason_code text,
    reason text, waits_past text
);

-- What one lease came to, and what is to become of its handoff.
CREATE TYPE handoff.result AS (
    credit_id uuid, hop text, version integer, lease bigint, replay integer, attempt integer, kind text,
    started_at timestamptz, ended_at timestamptz, outcome text, state text, due_at timestamptz, reason_code text,
    reason text, reference text, retry_after double precision
);

-- A hop that starts where `after` ends, with the due time and the deadline of one that becomes due now.
CREATE TYPE handoff.onward AS (after text, hop text, due_at timestamptz, deadline timestamptz);

-- A hop that can take `room` more deliveries now, each leased until `lease_until`. `rate` is what its system may be
-- sent, in events per second; 0 is any number. `deadline` is for a replayed one that was never promised: it was dead
-- from the start.
CREATE TYPE handoff.room AS (
    hop text, room integer, lease_until timestamptz, system text, rate double precision, deadline timestamptz
);

-- A handoff for which `item` has happened, with the due time and the deadline it is given if that was the last thing.
CREATE TYPE handoff.freed AS (
    credit_id uuid, hop text, version integer, item text, due_at timestamptz, deadline timestamptz
);

-- What a turn came to, row by row: `settled` with the new state, or `claimed` with all that is needed to send; `more`
-- and `limited` name a hop that should have another turn, at once or when its system's rate allows.
CREATE TYPE handoff.step AS (
    what text, credit_id uuid, hop text, version integer, state text, lease bigint, kind text, attempt integer,
    probes integer, replay integer, reason_code text, event_id uuid, event_state text, amount bigint, balance bigint,
    currency text, credit_kind text, bucket text, last4 text, recorded_at timestamptz, customer jsonb, payload json,
    change bigint, born_on date
);

CREATE FUNCTION handoff.waits(p_list text, p_item text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT p_item = ANY (string_to_array(p_list, ' '))
$$;

CREATE FUNCTION handoff.without(p_list text, p_item text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT array_to_string(array_remove(string_to_array(p_list, ' '), p_item), ' ')
$$;

-- What the hub fetches by itself: how far each source has come, which files it has read, and the rows that it could not
-- take in. It is remembered here and not in a process, so that a run that was missed is made up by whoever comes next.

CREATE TABLE handoff.source (
    name        text COLLATE "C" PRIMARY KEY CHECK (name <> ''),
    -- When it runs, as the map said it last: another rhythm means another next run.
    rhythm      text NOT NULL,
    -- How far a feed has been read. A source of files has no cursor: the files that are left are what is left.
    cursor      jsonb NOT NULL DEFAULT '{}',
    next_run    timestamptz NOT NULL,
    last_run    timestamptz,
    last_end    timestamptz,
    -- What the last run brought, and why it did not end well; failures are those in a row.
    brought     jsonb NOT NULL DEFAULT '{}',
    trouble     text NOT NULL DEFAULT '',
    failures    integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    -- The fencing token: it grows with each lease, and whoever holds an older one writes nothing any more.
    token       bigint NOT NULL DEFAULT 0 CHECK (token >= 0),
    lease_until timestamptz
);

CREATE TABLE handoff.inbound_file (
    source   text COLLATE "C" NOT NULL REFERENCES handoff.source (name),
    -- SHA-256 of the whole file: the same file under another name is the same file.
    print    bytea NOT NULL CHECK (octet_length(print) = 32),
    name     text NOT NULL,
    state    text NOT NULL CHECK (state IN ('taken', 'set-aside')),
    reason   text NOT NULL DEFAULT '',
    brought  jsonb NOT NULL DEFAULT '{}',
    ended_at timestamptz NOT NULL,
    -- Which file of the source it was, by count: the newest is told from it, whatever the clocks say.
    turn     bigint NOT NULL CHECK (turn > 0),
    PRIMARY KEY (source, print)
);

CREATE INDEX inbound_file_turn ON handoff.inbound_file (source, turn);

CREATE TABLE handoff.quarantine (
    id         uuid PRIMARY KEY,
    source     text COLLATE "C" NOT NULL REFERENCES handoff.source (name),
    -- SHA-256 of what the row says: a row that comes again, in whichever file, is the same row.
    print      bytea NOT NULL CHECK (octet_length(print) = 32),
    -- The file, or the page of a feed, and the row in it; the header of a file is row 1.
    place      text NOT NULL,
    row_number integer NOT NULL CHECK (row_number > 0),
    -- The row as it came, by their columns. It may hold personal data, and goes when the row is dropped.
    raw        jsonb,
    field      text NOT NULL,
    problem    text NOT NULL,
    mend       text NOT NULL,
    state      text NOT NULL CHECK (state IN ('open', 'replayed', 'dropped')),
    -- How often the ledger has refused it: what was refused stays refused, so that the next try has a key of its own.
    refused    integer NOT NULL DEFAULT 0 CHECK (refused >= 0),
    came_at    timestamptz NOT NULL,
    settled_at timestamptz,
    UNIQUE (source, print),
    CHECK ((state = 'open') = (settled_at IS NULL)),
    CHECK ((state = 'dropped') = (raw IS NULL))
);

CREATE INDEX quarantine_open ON handoff.quarantine (source, id) WHERE state = 'open';

-- Messages that a system has sent, by the id that it gave them: the same one again changes nothing.
CREATE TABLE handoff.heard (
    system     text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    -- SHA-256 of the message: another one under the same id is not the same.
    print      bytea NOT NULL CHECK (octet_length(print) = 32),
    heard_at   timestamptz NOT NULL,
    PRIMARY KEY (system, message_id)
);

CREATE INDEX heard_when ON handoff.heard (heard_at);

-- A row that became due (a handoff with a version above 1) stays back while an earlier one of its credit and hop has not
-- arrived. A posting waits for nobody: where the earlier one is being written to, the claim sets this one back.
-- due -> waiting for `earlier`
CREATE FUNCTION handoff.hold_back(p_credit uuid, p_hop text, p_version integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE before integer;
BEGIN
    SELECT h.version INTO before FROM handoff.handoff AS h
    WHERE h.credit_id = p_credit AND h.hop = p_hop AND h.version < p_version
    ORDER BY h.version DESC LIMIT 1;
    PERFORM FROM handoff.handoff AS h
    WHERE h.credit_id = p_credit AND h.hop = p_hop AND h.version = before AND h.state NOT IN ('confirmed', 'ended')
    FOR SHARE SKIP LOCKED;
    IF FOUND THEN
        UPDATE handoff.handoff AS h SET state = 'waiting', waits_for = 'earlier'
        WHERE h.credit_id = p_credit AND h.hop = p_hop AND h.version = p_version AND h.state = 'due';
    END IF;
END $$;

-- The payload of a later event of a credit, in the trace of the first one, where that was brought from outside.
CREATE FUNCTION handoff.in_trace(p_credit uuid, p_payload json) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE brought text;
BEGIN
    SELECT m.payload ->> 'trace' INTO brought FROM handoff.message AS m
    WHERE m.credit_id = p_credit ORDER BY m.version LIMIT 1;
    IF brought IS NULL THEN
        RETURN p_payload;
    END IF;
    RETURN p_payload::jsonb || jsonb_build_object('trace', brought);
END $$;

-- Write down what was posted and where it is to go. Called in the posting transaction. Each message takes a route: the
-- same hops for many messages. Whether a credit still has to be claimed is the message's to say: a claim may have come
-- in between.
CREATE FUNCTION handoff.put(
    p_at timestamptz, p_messages handoff.new_message[], p_routes handoff.new_handoff[]
) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    item record;
    over uuid[];
BEGIN
    WITH told AS MATERIALIZED (
        SELECT m.* FROM unnest(p_messages) AS m
    ), messages AS (
        INSERT INTO handoff.message (credit_id, version, event_id, state, amount, balance, currency, kind, bucket, last4,
            recorded_at, customer, payload, change, born_on)
        SELECT t.credit_id, t.version, t.event_id, t.state, t.amount, t.balance, t.currency, t.kind, t.bucket, t.last4,
            p_at, t.customer, CASE WHEN t.version > 1 THEN handoff.in_trace(t.credit_id, t.payload) ELSE t.payload END,
            t.change, t.born_on
        FROM told AS t
    ), routes AS MATERIALIZED (
        -- Each hop as it is for a credit that nobody owns yet, for one that somebody owns, and for one that nobody will
        -- own: what the left-out hops would have fed goes on without them.
        SELECT r.*, o.owner, w.waits_now, r.state = 'waiting' AND w.waits_now = '' AS freed
        FROM unnest(p_routes) AS r
        CROSS JOIN (VALUES ('none yet'), ('one'), ('none')) AS o (owner)
        CROSS JOIN LATERAL (
            SELECT CASE o.owner
                WHEN 'one' THEN handoff.without(r.waits_for, 'claim') WHEN 'none' THEN r.waits_past ELSE r.waits_for
            END AS waits_now
        ) AS w
    ), planned AS MATERIALIZED (
        SELECT r.route, r.owner, r.hop, CASE WHEN r.freed THEN 'due' ELSE r.state END AS state, r.waits_now,
            CASE WHEN r.waits_now = '' THEN p_at END AS ready_at,
            CASE WHEN r.waits_now = '' THEN coalesce(r.due_at, p_at) END AS due_at,
            CASE WHEN r.waits_now = '' THEN r.deadline END AS deadline,
            coalesce(r.reason_code, '') AS reason_code, coalesce(r.reason, '') AS reason
        FROM routes AS r
    ), placed AS (
        SELECT
            t.credit_id, p.hop, t.version, t.event_id, p.state, p.waits_now, p.ready_at, p.due_at, p.deadline,
            p.reason_code, p.reason,
            -- Of several events of a credit in one batch, only the first can go now.
            p.state = 'due' AND count(*) OVER earlier > 1 AS behind
        FROM told AS t JOIN planned AS p ON p.route = t.route AND p.owner = CASE
            WHEN t.customer IS NOT NULL THEN 'one' WHEN t.state = 'unclaimed' THEN 'none yet' ELSE 'none'
        END
        -- Only what is unclaimed is claimed one day. What belongs to whoever has it, or is over, is in nobody's account;
        -- and who has not been told of a credit need not hear that it is frozen.
        WHERE t.state = 'unclaimed' OR NOT handoff.waits(p.waits_now, 'claim')
        WINDOW earlier AS (PARTITION BY t.credit_id, p.hop ORDER BY t.version)
    )
    INSERT INTO handoff.handoff (
        credit_id, hop, version, event_id, state, waits_for, recorded_at, ready_at, due_at, deadline, reason_code, reason
    )
    SELECT
        p.credit_id, p.hop, p.version, p.event_id, CASE WHEN p.behind THEN 'waiting' ELSE p.state END,
        CASE WHEN p.behind THEN 'earlier' ELSE p.waits_now END, p_at, p.ready_at, p.due_at, p.deadline, p.reason_code,
        p.reason
    FROM placed AS p;

    -- Later events of a credit stay back where an earlier one is stuck. Few are: look first, then go one by one.
    FOR item IN
        SELECT m.credit_id, r.hop, m.version FROM unnest(p_messages) AS m
        CROSS JOIN LATERAL (
            SELECT FROM handoff.handoff AS h
            WHERE h.credit_id = m.credit_id AND h.state IN ('parked', 'dead') AND m.version > 1 LIMIT 1
        ) AS stuck
        JOIN unnest(p_routes) AS r ON r.route = m.route AND r.state <> 'dead'
        ORDER BY 1, 2, 3
    LOOP
        PERFORM handoff.hold_back(item.credit_id, item.hop, item.version);
    END LOOP;

    SELECT array_agg(m.credit_id) INTO over FROM unnest(p_messages) AS m
    WHERE m.state IN ('void', 'expired') AND m.customer IS NULL;
    IF over IS NOT NULL THEN
        PERFORM handoff.end_unclaimed(p_at, over, p_routes);
    END IF;
END $$;

-- What lets a handoff go: a claim, the hop before it, the event before it, or a person who replays it.
--
-- All functions of this schema look rows up by key: a join over a young table without statistics may be planned as a
-- walk over all of it, and that plan kept while the table grows. So those that are called from outside switch hashes,
-- merges and scans off; and where rows are changed by a list of keys, nothing else is said of them that one of the small
-- indexes of open rows could be walked for: no state, no hop of its own.

-- Something that handoffs waited for has happened. Each of them may be named once.
-- waiting -> due, when it was the last thing
CREATE FUNCTION handoff.release(p_at timestamptz, p_freed handoff.freed[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE released integer;
BEGIN
    UPDATE handoff.handoff AS h SET
        waits_for = handoff.without(h.waits_for, f.item),
        state = CASE WHEN h.state = 'waiting' AND h.waits_for = f.item THEN 'due' ELSE h.state END,
        ready_at = CASE WHEN h.waits_for = f.item THEN coalesce(h.ready_at, p_at) ELSE h.ready_at END,
        due_at = CASE WHEN h.waits_for = f.item THEN coalesce(f.due_at, p_at) ELSE h.due_at END,
        deadline = CASE WHEN h.waits_for = f.item THEN coalesce(h.deadline, f.deadline) ELSE h.deadline END
    FROM unnest(p_freed) AS f
    WHERE h.credit_id = f.credit_id AND h.hop = f.hop AND h.version = f.version
        AND handoff.waits(h.waits_for, f.item);
    GET DIAGNOSTICS released = ROW_COUNT;
    RETURN released;
END $$;

-- The credit has been claimed: tell its owner to those who are told of it, and send what waited for that.
CREATE FUNCTION handoff.release_claim(
    p_at timestamptz, p_credit uuid, p_customer jsonb, p_hops text[], p_due timestamptz[], p_deadline timestamptz[]
) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    UPDATE handoff.handoff AS h SET known_since = jsonb_build_object('customer', p_customer)
    WHERE h.credit_id = p_credit AND h.state IN ('waiting', 'dead') AND h.sent_at IS NULL;
    PERFORM handoff.release(p_at, ARRAY(
        SELECT (h.credit_id, h.hop, h.version, 'claim', d.due_at, d.deadline)::handoff.freed
        FROM handoff.handoff AS h
        LEFT JOIN unnest(p_hops, p_due, p_deadline) AS d (hop, due_at, deadline) ON d.hop = h.hop
        WHERE h.credit_id = p_credit AND handoff.waits(h.waits_for, 'claim')
        ORDER BY h.hop, h.version
    ));
END $$;

-- A credit that nobody owns is over: what waits for its claim would wait for ever, and what waits for that goes on
-- without it. `p_routes` has the times of each hop. waiting, dead -> ended
CREATE FUNCTION handoff.end_unclaimed(p_at timestamptz, p_credits uuid[], p_routes handoff.new_handoff[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE freed handoff.freed[];
BEGIN
    WITH over AS (
        UPDATE handoff.handoff AS h SET
            state = 'ended', waits_for = '', reason_code = 'credit-over',
            reason = 'The credit was over before anybody claimed it: there is nothing to show.'
        WHERE h.credit_id = ANY (p_credits) AND handoff.waits(h.waits_for, 'claim')
        RETURNING h.credit_id, h.hop, h.version
    )
    SELECT array_agg((o.credit_id, f.hop, o.version, o.hop, times.due_at, times.deadline)::handoff.freed) INTO freed
    FROM over AS o
    CROSS JOIN LATERAL (
        SELECT n.hop FROM handoff.handoff AS n
        WHERE n.credit_id = o.credit_id AND n.version = o.version AND handoff.waits(n.waits_for, o.hop)
    ) AS f
    CROSS JOIN LATERAL (
        SELECT min(r.due_at) AS due_at, min(r.deadline) AS deadline FROM unnest(p_routes) AS r WHERE r.hop = f.hop
    ) AS times;
    IF freed IS NOT NULL THEN
        PERFORM handoff.release(p_at, freed);
    END IF;
END $$;

CREATE FUNCTION handoff.taken_out(p_hop text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'The map no longer has the hop ' || p_hop || '. Replay this when the map has it again.'
$$;

-- What is open on a hop that the map no longer has would stay so, unseen. Of what was recorded up to `p_until`, a portion
-- is given up: seen and replayable. What is being sent is left to whoever sends it. Answers how many.
-- waiting, due -> dead, unknown -> parked
CREATE FUNCTION handoff.take_out(p_hops text[], p_until timestamptz) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    gone text[];
    due integer;
    waiting integer;
BEGIN
    -- From one hop to the next: a few looks into the small indexes, however much is open.
    WITH RECURSIVE due AS (
        SELECT min(h.hop) AS hop FROM handoff.handoff AS h WHERE h.state IN ('due', 'unknown')
        UNION ALL
        SELECT (SELECT min(h.hop) FROM handoff.handoff AS h WHERE h.state IN ('due', 'unknown') AND h.hop > d.hop)
        FROM due AS d WHERE d.hop IS NOT NULL
    ), waiting AS (
        SELECT min(h.hop) AS hop FROM handoff.handoff AS h WHERE h.state = 'waiting'
        UNION ALL
        SELECT (SELECT min(h.hop) FROM handoff.handoff AS h WHERE h.state = 'waiting' AND h.hop > w.hop)
        FROM waiting AS w WHERE w.hop IS NOT NULL
    )
    SELECT array_agg(o.hop) INTO gone FROM (SELECT d.hop FROM due AS d UNION SELECT w.hop FROM waiting AS w) AS o
    WHERE o.hop <> ALL (p_hops);
    IF gone IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE handoff.handoff AS h SET
        state = CASE h.state WHEN 'unknown' THEN 'parked' ELSE 'dead' END, reason_code = 'hop-taken-out',
        reason = handoff.taken_out(h.hop)
    FROM (
        SELECT o.credit_id, o.hop, o.version FROM handoff.handoff AS o
        WHERE o.hop = ANY (gone) AND o.state IN ('due', 'unknown') AND o.recorded_at <= p_until
        LIMIT 2000 FOR UPDATE SKIP LOCKED
    ) AS p
    WHERE h.credit_id = p.credit_id AND h.hop = p.hop AND h.version = p.version;
    GET DIAGNOSTICS due = ROW_COUNT;
    UPDATE handoff.handoff AS h SET
        state = 'dead', reason_code = 'hop-taken-out', reason = handoff.taken_out(h.hop)
    FROM (
        SELECT o.credit_id, o.hop, o.version FROM handoff.handoff AS o
        WHERE o.hop = ANY (gone) AND o.state = 'waiting' AND o.recorded_at <= p_until
        LIMIT 2000 FOR UPDATE SKIP LOCKED
    ) AS p
    WHERE h.credit_id = p.credit_id AND h.hop = p.hop AND h.version = p.version;
    GET DIAGNOSTICS waiting = ROW_COUNT;
    RETURN due + waiting;
END $$;

-- Start what waits for something that has happened without its knowing: the map may have changed in between. What was
-- recorded up to `p_until` and waits for a hop that is none of `p_hops`, those of the map, waits in vain.
CREATE FUNCTION handoff.mend_waiting(
    p_at timestamptz, p_onward handoff.onward[], p_hops text[], p_until timestamptz
) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE mended integer;
BEGIN
    mended := handoff.release(p_at, ARRAY(
        SELECT (
            h.credit_id, h.hop, h.version, w.item,
            (SELECT min(n.due_at) FROM unnest(p_onward) AS n WHERE n.hop = h.hop),
            (SELECT min(n.deadline) FROM unnest(p_onward) AS n WHERE n.hop = h.hop)
        )::handoff.freed
        FROM handoff.handoff AS h CROSS JOIN LATERAL unnest(string_to_array(h.waits_for, ' ')) AS w (item)
        WHERE h.state = 'waiting' AND h.waits_for <> 'claim' AND w.item NOT IN ('claim', 'earlier')
            AND (h.recorded_at <= p_until AND w.item <> ALL (p_hops) OR EXISTS (
                SELECT FROM handoff.handoff AS u
                WHERE u.credit_id = h.credit_id AND u.hop = w.item AND u.version = h.version
                    AND u.state IN ('confirmed', 'ended')
            ))
    ));
    RETURN mended + handoff.release(p_at, ARRAY(
        SELECT (h.credit_id, h.hop, h.version, 'earlier', h.due_at, NULL)::handoff.freed
        FROM handoff.handoff AS h
        WHERE h.state = 'waiting' AND h.waits_for <> 'claim' AND handoff.waits(h.waits_for, 'earlier')
            AND coalesce((
                SELECT e.state FROM handoff.handoff AS e
                WHERE e.credit_id = h.credit_id AND e.hop = h.hop AND e.version < h.version
                ORDER BY e.version DESC LIMIT 1
            ), 'confirmed') IN ('confirmed', 'ended')
    ));
END $$;

-- Send again what was given up, with fresh attempts and the same key. Answers how many. What comes after them on the
-- same credit and hop goes on waiting until they are confirmed.
-- dead, parked -> due, or waiting for what it waited for when it died
CREATE FUNCTION handoff.replay(p_at timestamptz, p_credits uuid[], p_hops text[], p_versions integer[])
RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE replayed integer;
BEGIN
    UPDATE handoff.handoff AS h SET
        state = CASE WHEN h.waits_for = '' THEN 'due' ELSE 'waiting' END,
        due_at = p_at, attempts = 0, probes = 0, replay = h.replay + 1, reason_code = '', reason = ''
    FROM unnest(p_credits, p_hops, p_versions) AS u (credit_id, hop, version)
    WHERE h.credit_id = u.credit_id AND h.hop = u.hop AND h.version = u.version
        AND h.state NOT IN ('waiting', 'due', 'sending', 'unknown', 'confirmed', 'ended');
    GET DIAGNOSTICS replayed = ROW_COUNT;
    RETURN replayed;
END $$;

-- What leases came to: the answers of systems, the word of a person, and leases that ran out.

-- Settle what leases came to, in one transaction, and start what was waiting for it. A result whose lease is no longer
-- the newest is recorded as stale and changes nothing; the same results settled twice change nothing the second time.
-- sending, unknown -> confirmed | due | unknown | parked | dead
CREATE FUNCTION handoff.settle(p_at timestamptz, p_results handoff.result[], p_onward handoff.onward[])
RETURNS SETOF handoff.step LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    kept bigint[];
    whole boolean;
    freed handoff.freed[];
BEGIN
    WITH said AS MATERIALIZED (
        -- In the order of keys, so that two of them hardly ever wait for each other in a circle.
        SELECT r.* FROM unnest(p_results) AS r ORDER BY r.credit_id, r.hop, r.version
    ), changed AS (
        UPDATE handoff.handoff AS h SET
            state = r.state, due_at = coalesce(r.due_at, h.due_at), lease_until = NULL,
            reason_code = r.reason_code, reason = r.reason,
            attempts = h.attempts - (r.outcome = 'not-begun')::integer,
            reference = CASE WHEN r.reference <> '' THEN r.reference ELSE h.reference END,
            confirmed_at = CASE WHEN r.state = 'confirmed' THEN r.ended_at END
        FROM said AS r
        WHERE h.credit_id = r.credit_id AND h.hop = r.hop AND h.version = r.version
            AND h.lease = r.lease AND h.state IN ('sending', 'unknown')
        RETURNING h.lease
    )
    SELECT coalesce(array_agg(c.lease), '{}') INTO kept FROM changed AS c;
    whole := cardinality(kept) = cardinality(p_results);

    RETURN QUERY
    SELECT 'settled', r.credit_id, r.hop, r.version, r.state, r.lease, r.kind, r.attempt, NULL::integer, r.replay,
        r.reason_code, NULL::uuid, NULL, NULL::bigint, NULL::bigint, NULL, NULL, NULL, NULL, NULL::timestamptz,
        NULL::jsonb, NULL::json, NULL::bigint, NULL::date
    FROM unnest(p_results) AS r WHERE whole OR r.lease = ANY (kept);

    SELECT array_agg((r.credit_id, n.hop, r.version, r.hop, n.due_at, n.deadline)::handoff.freed) INTO freed
    FROM unnest(p_results) AS r JOIN unnest(p_onward) AS n ON n.after = r.hop
    WHERE r.state = 'confirmed' AND (whole OR r.lease = ANY (kept));
    IF freed IS NOT NULL THEN
        PERFORM handoff.release(p_at, freed);
    END IF;

    -- This is a statement of its own, later than the change above: whoever sets an event back behind one of these holds
    -- that one meanwhile (see set_back), so that either it finds it confirmed, or it is found here.
    SELECT array_agg((r.credit_id, r.hop, f.version, 'earlier', f.due_at, NULL)::handoff.freed) INTO freed
    FROM unnest(p_results) AS r
    CROSS JOIN LATERAL (
        SELECT l.version, l.waits_for, l.due_at FROM handoff.handoff AS l
        WHERE l.credit_id = r.credit_id AND l.hop = r.hop AND l.version > r.version
        ORDER BY l.version LIMIT 1
    ) AS f
    WHERE r.state = 'confirmed' AND handoff.waits(f.waits_for, 'earlier') AND (whole OR r.lease = ANY (kept));
    IF freed IS NOT NULL THEN
        PERFORM handoff.release(p_at, freed);
    END IF;

    INSERT INTO handoff.attempt (
        credit_id, hop, version, lease, replay, attempt, kind, started_at, ended_at, outcome, reason_code, reason,
        retry_after, stale
    )
    SELECT
        u.credit_id, u.hop, u.version, u.lease, u.replay, u.attempt, u.kind, u.started_at, u.ended_at, u.outcome,
        u.reason_code, u.reason, u.retry_after, NOT (whole OR u.lease = ANY (kept))
    FROM unnest(p_results) AS u
    -- Nearly all are confirmed at the first attempt: their own row says so.
    WHERE NOT (
        u.state = 'confirmed' AND u.kind = 'send' AND u.attempt = 1 AND u.replay = 0 AND (whole OR u.lease = ANY (kept))
    )
    ON CONFLICT DO NOTHING;
END $$;

-- A worker that died, or hangs, has not settled its leases in time: nobody knows whether the target has it. A lease
-- that ends later than any can (`p_latest`) was written by a clock that has jumped. Answers how many.
-- sending -> unknown
CREATE FUNCTION handoff.expire(p_at timestamptz, p_latest timestamptz) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE lost integer;
BEGIN
    WITH gone AS MATERIALIZED (
        SELECT h.credit_id, h.hop, h.version, h.lease, h.replay, h.attempts, h.kind, h.sent_at FROM handoff.handoff AS h
        WHERE h.state = 'sending' AND (h.lease_until <= p_at OR h.lease_until > p_latest)
        ORDER BY h.credit_id, h.hop, h.version
        FOR UPDATE SKIP LOCKED
    ), told AS (
        INSERT INTO handoff.attempt (
            credit_id, hop, version, lease, replay, attempt, kind, started_at, ended_at, outcome, reason_code, reason
        )
        SELECT
            g.credit_id, g.hop, g.version, g.lease, g.replay, g.attempts, g.kind, coalesce(g.sent_at, p_at), p_at,
            'expired', 'lease-expired', 'The worker that was sending this gave no answer in time.'
        FROM gone AS g
        ON CONFLICT DO NOTHING
    )
    UPDATE handoff.handoff AS h SET
        state = 'unknown', lease_until = NULL, due_at = p_at, reason_code = 'lease-expired',
        reason = 'The worker that was sending this gave no answer in time.'
    FROM gone AS g
    WHERE h.credit_id = g.credit_id AND h.hop = g.hop AND h.version = g.version;
    GET DIAGNOSTICS lost = ROW_COUNT;
    RETURN lost;
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
            RETURN;
        END IF;
    END IF;
    RETURN NEXT ('found', h.credit_id, h.hop, h.version, h.state, h.lease, h.kind, h.attempts, h.probes, h.replay,
        h.reason_code, h.event_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL)::handoff.step;
END $$;

-- Taking what is due: in order per credit, as much as each hop has room for and each system may be sent.

-- How many events a system with a rate may be sent now. Its row is held until the transaction ends, so that all
-- processes together keep to the rate. What is saved up is a quarter of a second's worth.
CREATE FUNCTION handoff.allowance(p_at timestamptz, p_system text, p_rate double precision) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE allowed double precision;
BEGIN
    INSERT INTO handoff.pace AS p (system, tokens, counted_at) VALUES (p_system, greatest(1, p_rate / 4), p_at)
    ON CONFLICT (system) DO UPDATE SET
        tokens = least(
            greatest(1, p_rate / 4),
            p.tokens + p_rate * greatest(0, extract(epoch FROM p_at - p.counted_at))
        ),
        -- Clocks differ: what one process has counted, another that is behind does not count again. One that is far
        -- behind, while nobody else counts, is right: the clock before it has jumped.
        counted_at = CASE
            WHEN p_at < p.counted_at - interval '1 minute' AND p_at >= p.behind_since + interval '2 seconds' THEN p_at
            ELSE greatest(p.counted_at, p_at)
        END,
        behind_since = CASE
            WHEN p_at >= p.counted_at - interval '1 minute' OR p_at >= p.behind_since + interval '2 seconds' THEN NULL
            ELSE least(p.behind_since, p_at)
        END
    RETURNING p.tokens INTO allowed;
    RETURN floor(allowed);
END $$;

-- Set back what is due behind an earlier event of its credit that has not arrived: it would only be stepped over, again
-- and again. The earlier one is held meanwhile: while its confirmation is being written, this leaves the matter alone.
-- due -> waiting for `earlier`
CREATE FUNCTION handoff.set_back(p_at timestamptz, p_hop text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH looked AS MATERIALIZED (
        SELECT c.credit_id, c.hop, c.version, c.state FROM handoff.handoff AS c
        WHERE c.hop = p_hop AND c.state IN ('due', 'unknown') AND c.due_at <= p_at
        ORDER BY c.due_at LIMIT 1000
        FOR UPDATE SKIP LOCKED
    ), behind AS MATERIALIZED (
        SELECT l.credit_id, l.hop, l.version FROM looked AS l
        CROSS JOIN LATERAL (
            SELECT e.version, e.state FROM handoff.handoff AS e
            WHERE e.credit_id = l.credit_id AND e.hop = p_hop AND e.version < l.version
            ORDER BY e.version DESC LIMIT 1
        ) AS before
        CROSS JOIN LATERAL (
            SELECT FROM handoff.handoff AS e
            WHERE e.credit_id = l.credit_id AND e.hop = p_hop AND e.version = before.version
                AND e.state NOT IN ('confirmed', 'ended')
            FOR SHARE SKIP LOCKED
        ) AS held
        WHERE l.version > 1 AND l.state = 'due' AND before.state NOT IN ('confirmed', 'ended')
    )
    UPDATE handoff.handoff AS h SET state = 'waiting', waits_for = 'earlier'
    FROM behind AS b
    WHERE h.credit_id = b.credit_id AND h.hop = b.hop AND h.version = b.version;
END $$;

-- Lease what is due, oldest first, as much as each hop has room for. An earlier version of the same credit and hop
-- that is not confirmed holds a later one back. It is enough to look at the one before: that was sent only after the
-- ones before it had been confirmed, and confirmed is for ever.
-- due -> sending to send, unknown -> sending to ask
CREATE FUNCTION handoff.claim(p_at timestamptz, p_rooms handoff.room[]) RETURNS SETOF handoff.step LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    w handoff.room;
    one handoff.step;
    room integer;
    taken integer;
    held boolean;
BEGIN
    FOR w IN SELECT * FROM unnest(p_rooms) AS u ORDER BY u.system, u.hop LOOP
        room := w.room;
        taken := 0;
        held := false;
        IF w.rate > 0 THEN
            room := least(room, handoff.allowance(p_at, w.system, w.rate));
        END IF;
        FOR one IN
            WITH seen AS MATERIALIZED (
                SELECT c.credit_id, c.hop, c.version, c.version > 1 AND coalesce((
                    SELECT e.state FROM handoff.handoff AS e
                    WHERE e.credit_id = c.credit_id AND e.hop = c.hop AND e.version < c.version
                    ORDER BY e.version DESC LIMIT 1
                ), 'confirmed') NOT IN ('confirmed', 'ended') AS blocked
                FROM handoff.handoff AS c
                WHERE c.hop = w.hop AND c.state IN ('due', 'unknown') AND c.due_at <= p_at
                ORDER BY c.due_at LIMIT room
                FOR UPDATE SKIP LOCKED
            ), leased AS (
                UPDATE handoff.handoff AS h SET
                    state = 'sending', kind = CASE h.state WHEN 'due' THEN 'send' ELSE 'probe' END,
                    lease = nextval('handoff.token'), lease_until = w.lease_until,
                    attempts = h.attempts + (h.state = 'due')::integer,
                    deadline = coalesce(h.deadline, w.deadline),
                    probes = CASE h.state WHEN 'due' THEN 0 ELSE h.probes + 1 END,
                    sent_at = CASE h.state WHEN 'due' THEN p_at ELSE h.sent_at END
                FROM seen AS s
                WHERE NOT s.blocked AND h.credit_id = s.credit_id AND h.hop = s.hop AND h.version = s.version
                RETURNING h.*
            )
            SELECT
                'claimed', l.credit_id, l.hop, l.version, l.state, l.lease, l.kind, l.attempts, l.probes, l.replay,
                l.reason_code, l.event_id,
                CASE WHEN m.state = 'unclaimed' AND l.known_since IS NOT NULL THEN 'active' ELSE m.state END,
                m.amount, m.balance, m.currency, m.kind, m.bucket, m.last4, m.recorded_at,
                coalesce(l.known_since -> 'customer', m.customer), m.payload, m.change, m.born_on
            FROM leased AS l
            CROSS JOIN LATERAL (
                SELECT x.* FROM handoff.message AS x WHERE x.credit_id = l.credit_id AND x.version = l.version LIMIT 1
            ) AS m
            UNION ALL
            SELECT
                'held', s.credit_id, w.hop, s.version, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
            FROM seen AS s WHERE s.blocked
        LOOP
            IF one.what = 'held' THEN
                held := true;
            ELSE
                taken := taken + 1;
                RETURN NEXT one;
            END IF;
        END LOOP;
        IF held THEN
            PERFORM handoff.set_back(p_at, w.hop);
        END IF;
        IF w.rate > 0 THEN
            UPDATE handoff.pace AS p SET tokens = p.tokens - taken WHERE p.system = w.system AND taken > 0;
        END IF;
        IF held OR (room < w.room AND taken >= room) THEN
            one := NULL;
            one.what := CASE WHEN held THEN 'more' ELSE 'limited' END;
            one.hop := w.hop;
            RETURN NEXT one;
        END IF;
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

-- The verbs of stored value: where money and messages meet in one commit.
CREATE SCHEMA credit;

-- The print of the secret that codes are hashed with. A hub with another secret would find no code: it must not start.
CREATE TABLE credit.secret_print (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    print text NOT NULL
);

-- What the other systems are to be told of an event, as far as it is known before the event is posted. `route` is set
-- where the amount decides on it: for a new credit.
CREATE TYPE credit.notice AS (event_id uuid, route integer, payload json);

-- Which of a batch's routes a credit takes, by currency and bucket. A star stands for all that are not named.
CREATE TYPE credit.class AS (currency text, bucket text, route integer);

-- Who owns a credit, as the other systems know them. Of several accounts of one system the last one is told, so they come
-- in this order: those of whoever was merged with the owner first, then the owner's own, the first of them last.
CREATE FUNCTION credit.customer(p_owner uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_owner IS NOT NULL THEN jsonb_build_object(
        'customer_id', p_owner,
        'accounts', coalesce((
            SELECT jsonb_object_agg(r.system, r.account_id ORDER BY r.own, r.account_id DESC)
            FROM identity.known_as AS r WHERE r.customer_id = p_owner
        ), '{}'::jsonb)
    ) END
$$;

-- Post a batch and hand off what was posted, in one transaction and one round trip.
CREATE FUNCTION credit.commit_batch(
    p_at timestamptz,
    p_commands ledger.command[],
    p_notices credit.notice[],
    p_classes credit.class[],
    p_routes handoff.new_handoff[]
) RETURNS SETOF ledger.outcome LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    done ledger.written := ledger.write(p_at, p_commands);
    messages handoff.new_message[];
BEGIN
    SELECT array_agg(ROW(
        o.credit_id, o.version, o.event_id, o.state::text, o.amount, o.balance, o.currency, o.kind, o.bucket, o.last4,
        CASE WHEN o.owner IS NOT NULL THEN
            jsonb_build_object('customer_id', o.owner, 'accounts', coalesce(a.accounts, '{}'::jsonb))
        END,
        n.payload, coalesce(n.route, c.route), o.change, o.cohort_date
    )::handoff.new_message) INTO messages
    FROM unnest(done.outcomes) AS o
    JOIN unnest(p_notices) AS n ON n.event_id = o.event_id
    LEFT JOIN LATERAL (
        SELECT jsonb_object_agg(r.system, r.account_id ORDER BY r.own, r.account_id DESC) AS accounts
        FROM identity.known_as AS r
        WHERE o.owner IS NOT NULL AND r.customer_id = o.owner
    ) AS a ON true
    LEFT JOIN LATERAL (
        SELECT x.route FROM unnest(p_classes) AS x
        WHERE n.route IS NULL AND x.currency IN (o.currency, '*') AND x.bucket IN (o.bucket, '*')
        ORDER BY x.currency DESC LIMIT 1
    ) AS c ON true
    WHERE NOT o.replay AND o.refusal IS NULL;

    IF messages IS NOT NULL THEN
        PERFORM handoff.put(p_at, messages, p_routes);
    END IF;
    PERFORM ledger.link(p_at, done);
    RETURN QUERY SELECT o.* FROM unnest(done.outcomes) AS o WHERE o.ordinal >= 0;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Looking up by code.

-- How often look-ups failed, by who asked (`key:NAME`) and by what was asked for (`code:HASH`, whether there is such a
-- code or not), in windows of time. What a window was about is over with it: rows are swept, a few with each failure.
CREATE TABLE credit.failed_lookup (
    subject text NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    failures integer NOT NULL CHECK (failures > 0),
    PRIMARY KEY (subject, window_start)
);

CREATE INDEX failed_lookup_over ON credit.failed_lookup (window_end);

-- Count one failure for each subject and say how many each has by now. The subjects come in one order, the asker first,
-- so that no two failures can wait for each other. Windows that ended before p_over are swept, at most ten at a time.
CREATE FUNCTION credit.count_failure(
    p_subjects text[],
    p_starts timestamptz[],
    p_ends timestamptz[],
    p_over timestamptz
) RETURNS TABLE (subject text, failures integer) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    place integer;
BEGIN
    FOR place IN 1 .. cardinality(p_subjects) LOOP
        RETURN QUERY
        INSERT INTO credit.failed_lookup AS f (subject, window_start, window_end, failures)
        VALUES (p_subjects[place], p_starts[place], p_ends[place], 1)
        ON CONFLICT (subject, window_start) DO UPDATE SET failures = f.failures + 1
        RETURNING f.subject, f.failures;
    END LOOP;
    DELETE FROM credit.failed_lookup AS f USING (
        SELECT o.subject, o.window_start FROM credit.failed_lookup AS o
        WHERE o.window_end < p_over ORDER BY o.window_end LIMIT 10 FOR UPDATE SKIP LOCKED
    ) AS over
    WHERE f.subject = over.subject AND f.window_start = over.window_start;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- What waits for a second person.

-- `request` tells a repeat from a conflict and holds personal texts as digests; `command` is what is to be carried out
-- and is forgotten when it has been, or was turned down. `credit_id` and `refusal` are what came of it.
CREATE TABLE credit.approval (
    approval_id uuid PRIMARY KEY,
    key text NOT NULL UNIQUE CHECK (key <> ''),
    request json NOT NULL,
    command json,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'approved', 'turned-down')),
    decided_by text NOT NULL DEFAULT '',
    decided_at timestamptz,
    reason text NOT NULL DEFAULT '',
    credit_id uuid,
    refusal text NOT NULL DEFAULT '',
    CONSTRAINT decided_once CHECK ((state = 'waiting') = (decided_at IS NULL)),
    CONSTRAINT second_person CHECK (decided_by <> asked_by),
    CONSTRAINT nothing_left CHECK (state <> 'turned-down' OR command IS NULL)
);

CREATE INDEX approval_waiting ON credit.approval (asked_at, approval_id) WHERE state = 'waiting';
CREATE INDEX approval_to_do ON credit.approval (decided_at) WHERE state = 'approved' AND command IS NOT NULL;

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

-- Who may ask the hub, and what for.
CREATE SCHEMA api;

-- What a role may do. The rights are a closed list; which role has which is the retailer's to say. A right that is added
-- one day is added to the list here and granted to `operations`.
CREATE TABLE api.role (
    name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9-]{0,31}$'),
    rights text[] NOT NULL CHECK (rights <@ ARRAY[
        'issue', 'activate', 'load', 'redeem', 'hold', 'refund', 'cash-out', 'card-present', 'read', 'batch', 'void',
        'reissue', 'transfer', 'expire', 'adjust', 'freeze', 'approve', 'import', 'chargeback', 'events', 'replay',
        'review', 'console', 'metrics'
    ]),
    changed_at timestamptz -- null as long as it is as it came
);

INSERT INTO api.role (name, rights) VALUES
    ('register', '{issue,activate,load,redeem,hold,refund,cash-out,card-present,read,batch}'),
    ('system', '{redeem,hold,refund,read,batch,events}'),
    ('support', '{read,adjust,freeze,review,console}'),
    ('monitor', '{metrics}'),
    (
        'operations',
        '{issue,activate,load,redeem,hold,refund,cash-out,card-present,read,batch,void,reissue,transfer,expire,adjust,'
        'freeze,approve,import,chargeback,events,replay,review,console,metrics}'
    );

-- A key is shown once and kept as a hash. Revoking keeps the row: the trail names keys that are gone. A key may be
-- narrowed to one store, or to one register of it.
CREATE TABLE api.key (
    name text PRIMARY KEY CHECK (name <> ''),
    key_hash bytea NOT NULL UNIQUE,
    role text NOT NULL REFERENCES api.role (name),
    system text NOT NULL DEFAULT '',
    store text NOT NULL DEFAULT '',
    register text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT register_in_store CHECK (register = '' OR store <> '')
);

-- Who was turned away, and what was changed about keys and roles. Repeats of one refusal within a minute are one line
-- with their number. `who` is the name of a key, `cli`, or blank for somebody unknown; `subject` is the route that was
-- asked, or the key or the role that was changed.
CREATE TABLE api.audit (
    line_id uuid PRIMARY KEY,
    what text NOT NULL CHECK (what IN ('refused', 'key-made', 'key-revoked', 'role-set', 'unwritten')),
    at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    count integer NOT NULL CHECK (count > 0),
    who text NOT NULL,
    status smallint CHECK ((status IS NOT NULL) = (what = 'refused')),
    method text NOT NULL,
    subject text NOT NULL,
    right_asked text NOT NULL,
    reason text NOT NULL,
    remote text NOT NULL
);

CREATE FUNCTION api.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'api.% is append-only: what was done is followed by a further line', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON api.audit
    FOR EACH STATEMENT EXECUTE FUNCTION api.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON api.audit FROM PUBLIC;
