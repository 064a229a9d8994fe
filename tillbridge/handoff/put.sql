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

-- Write down what was posted and where it is to go. Called in the posting transaction. Each message takes a route: the
-- same hops for many messages. Whether a credit still has to be claimed is the message's to say: a claim may have come
-- in between.
CREATE FUNCTION handoff.put(
    p_at timestamptz, p_messages handoff.new_message[], p_routes handoff.new_handoff[]
) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE item record;
BEGIN
    WITH told AS MATERIALIZED (
        SELECT m.* FROM unnest(p_messages) AS m
    ), messages AS (
        INSERT INTO handoff.message (credit_id, version, event_id, state, amount, balance, currency, kind, bucket, last4,
            recorded_at, customer, payload)
        SELECT t.credit_id, t.version, t.event_id, t.state, t.amount, t.balance, t.currency, t.kind, t.bucket, t.last4,
            p_at, t.customer, t.payload
        FROM told AS t
    ), routes AS MATERIALIZED (
        -- Each hop as it is for a credit that nobody owns yet, and for one that somebody owns.
        SELECT r.*, o.owned, w.waits_now, r.state = 'waiting' AND w.waits_now = '' AS freed
        FROM unnest(p_routes) AS r
        CROSS JOIN (VALUES (false), (true)) AS o (owned)
        CROSS JOIN LATERAL (
            SELECT CASE WHEN o.owned THEN handoff.without(r.waits_for, 'claim') ELSE r.waits_for END AS waits_now
        ) AS w
    ), planned AS MATERIALIZED (
        SELECT r.route, r.owned, r.hop, CASE WHEN r.freed THEN 'due' ELSE r.state END AS state, r.waits_now,
            CASE WHEN r.waits_now = '' THEN p_at END AS ready_at,
            CASE WHEN r.waits_now = '' THEN coalesce(r.due_at, p_at) END AS due_at,
            CASE WHEN r.waits_now = '' THEN r.deadline END AS deadline,
            coalesce(r.reason_code, '') AS reason_code, coalesce(r.reason, '') AS reason
        FROM routes AS r
    )
    INSERT INTO handoff.handoff (
        credit_id, hop, version, event_id, state, waits_for, recorded_at, ready_at, due_at, deadline, reason_code, reason
    )
    SELECT
        t.credit_id, p.hop, t.version, t.event_id, p.state, p.waits_now, p_at, p.ready_at, p.due_at, p.deadline,
        p.reason_code, p.reason
    FROM told AS t JOIN planned AS p ON p.route = t.route AND p.owned = (t.customer IS NOT NULL)
    -- Only what is unclaimed is claimed one day. What belongs to whoever has it, or is over, is in nobody's account; and
    -- who has not been told of a credit need not hear that it is frozen.
    WHERE t.state = 'unclaimed' OR NOT handoff.waits(p.waits_now, 'claim');

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
END $$;
