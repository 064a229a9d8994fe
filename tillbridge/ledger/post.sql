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
