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
