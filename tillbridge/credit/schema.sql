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
