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
-- What is stuck: a later event of its credit looks here whether it must stay back.
CREATE INDEX handoff_stuck ON handoff.handoff (credit_id) WHERE state IN ('parked', 'dead');
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

-- An event that is to be told, and which of the routes it takes.
CREATE TYPE handoff.new_message AS (
    credit_id uuid, version integer, event_id uuid, state text, amount bigint, balance bigint, currency text,
    kind text, bucket text, last4 text, customer jsonb, payload json, route integer
);

-- One hop of a route. Times are set where it can go at once, or can once the credit is claimed.
CREATE TYPE handoff.new_handoff AS (
    route integer, hop text, state text, waits_for text, due_at timestamptz, deadline timestamptz, reason_code text,
    reason text
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
    probes integer, replay integer, reason_code text, event_id uuid, event_state text, amount bigint, balance bigint,
    currency text, credit_kind text, bucket text, last4 text, recorded_at timestamptz, customer jsonb, payload json
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
            r.reason_code, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::handoff.step;
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
        SELECT h.*, w.lease_until AS until, m.state AS event_state, m.amount, m.balance, m.currency,
            m.credit_kind, m.bucket, m.last4, m.recorded_at, m.customer, m.payload
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
                x.amount, x.balance, x.currency, x.kind AS credit_kind, x.bucket, x.last4, x.recorded_at,
                coalesce(h.known_since -> 'customer', x.customer) AS customer,
                x.payload
            FROM handoff.message AS x
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
            pick.probe, pick.replay, pick.reason_code, pick.event_id, pick.event_state, pick.amount, pick.balance,
            pick.currency, pick.credit_kind, pick.bucket, pick.last4, pick.recorded_at, pick.customer, pick.payload)::handoff.step;
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
        WHERE h.state = 'waiting' AND h.waits_for <> 'claim' AND w.after NOT IN ('claim', 'earlier') AND EXISTS (
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
        h.reason_code, h.event_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::handoff.step;
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
