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
