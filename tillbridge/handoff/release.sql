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
