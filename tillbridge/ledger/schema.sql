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
