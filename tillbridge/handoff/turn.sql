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
