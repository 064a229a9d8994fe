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
