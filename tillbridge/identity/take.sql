-- Take in profiles: an account that is new gets its customer, one that is known keeps it, and what the account states
-- replaces what it stated before. The same profiles again change nothing; of two for one account the newer one counts,
-- then the last one. What is older than what is known of an account is left out, and the answer says `stale`.
-- Accounts are locked in one order, so that two calls at once wait for each other instead of clashing.
--
-- p_dated: the profiles are events, so that what they newly prove was proved now. A full export says no such thing.
CREATE FUNCTION identity.take_in(p_at timestamptz, p_profiles identity.profile_in[], p_dated boolean)
RETURNS TABLE (system text, account_id text, customer_id uuid, new boolean, stale boolean)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_all identity.profile_in[];
    v_profiles identity.profile_in[];
    v_new uuid[];
    v_fresh_people uuid[];
    v_fresh_kinds text[];
    v_fresh_values text[];
BEGIN
    SELECT array_agg(ROW(
        l.system, l.account_id, l.customer_id, l.name, l.street, l.place, l.postcode, l.born, l.blocks, l.identifiers,
        l.moment
    )::identity.profile_in)
    INTO v_all
    FROM (
        SELECT DISTINCT ON (p.system, p.account_id) p.*, least(coalesce(p.stated_at, p_at), p_at) AS moment
        FROM unnest(p_profiles) WITH ORDINALITY AS p (
            system, account_id, customer_id, name, street, place, postcode, born, blocks, identifiers, stated_at,
            ordinal
        )
        ORDER BY p.system, p.account_id, moment DESC, p.ordinal DESC
    ) AS l;

    PERFORM identity.hold_values(array_agg(h.kind), array_agg(h.value))
    FROM (
        SELECT n.kind, n.value FROM unnest(v_all) AS p CROSS JOIN LATERAL unnest(p.identifiers) AS n WHERE n.verified
        UNION ALL
        SELECT i.kind, i.value FROM unnest(v_all) AS p
        JOIN identity.reference AS r ON r.system = p.system AND r.account_id = p.account_id
        JOIN identity.identifier AS i ON i.customer_id = r.customer_id AND i.verified
    ) AS h;

    -- Two calls that bring the same new account: one of them writes, the other waits here and finds it written.
    WITH fresh AS (
        INSERT INTO identity.reference (system, account_id, customer_id, stated_at)
        SELECT p.system, p.account_id, p.customer_id, p.stated_at
        FROM unnest(v_all) AS p
        ORDER BY p.system, p.account_id
        ON CONFLICT DO NOTHING
        RETURNING customer_id
    ), created AS (
        INSERT INTO identity.customer (customer_id, created_at, person)
        SELECT DISTINCT f.customer_id, p_at, f.customer_id
        FROM fresh AS f
        ON CONFLICT DO NOTHING
        RETURNING customer_id
    )
    SELECT coalesce(array_agg(c.customer_id), '{}') INTO v_new FROM created AS c;

    PERFORM 1
    FROM identity.reference AS r
    JOIN unnest(v_all) AS p ON r.system = p.system AND r.account_id = p.account_id
    ORDER BY r.system, r.account_id
    FOR UPDATE OF r;

    SELECT coalesce(array_agg(ROW(p.*)::identity.profile_in), '{}') INTO v_profiles
    FROM unnest(v_all) AS p
    JOIN identity.reference AS r ON r.system = p.system AND r.account_id = p.account_id
    WHERE p.stated_at >= r.stated_at;

    WITH back AS (
        UPDATE identity.reference AS r SET gone_at = NULL
        FROM unnest(v_profiles) AS p
        WHERE r.system = p.system AND r.account_id = p.account_id AND r.gone_at IS NOT NULL
        RETURNING r.system, r.account_id, r.customer_id
    )
    INSERT INTO identity.history (at, what, customer_id, system, account_id)
    SELECT p_at, 'back', b.customer_id, b.system, b.account_id FROM back AS b;

    UPDATE identity.reference AS r SET stated_at = p.stated_at
    FROM unnest(v_profiles) AS p
    WHERE r.system = p.system AND r.account_id = p.account_id AND r.stated_at < p.stated_at;

    IF cardinality(v_new) < cardinality(v_profiles) THEN
        PERFORM identity.give_up(p_at,
            array_agg(i.customer_id), array_agg(i.kind), array_agg(i.value), array_agg(i.system),
            array_agg(i.account_id))
        FROM unnest(v_profiles) AS p
        JOIN identity.reference AS r ON r.system = p.system AND r.account_id = p.account_id
        JOIN identity.identifier AS i
            ON i.customer_id = r.customer_id AND i.system = p.system AND i.account_id = p.account_id
        WHERE i.given_up_at IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM unnest(p.identifiers) AS n WHERE n.kind = i.kind AND n.value = i.value
            )
        HAVING count(*) > 0;
    END IF;

    -- What is over stays over, as long as the account goes on stating it: only a proof of its own revives it. What the
    -- account gave up and states again begins anew, but for a denial.
    WITH written AS (
        INSERT INTO identity.identifier AS i
            (customer_id, kind, value, system, account_id, raw, verified, since)
        SELECT DISTINCT ON (r.customer_id, n.kind, n.value, p.system, p.account_id)
            r.customer_id, n.kind, n.value, p.system, p.account_id, n.raw, n.verified, p_at
        FROM unnest(v_profiles) AS p
        JOIN identity.reference AS r ON r.system = p.system AND r.account_id = p.account_id
        CROSS JOIN LATERAL unnest(p.identifiers) AS n
        ORDER BY r.customer_id, n.kind, n.value, p.system, p.account_id, n.verified DESC, n.raw
        ON CONFLICT (customer_id, kind, value, system, account_id) DO UPDATE
        SET raw = excluded.raw,
            verified = excluded.verified AND NOT i.denied AND (i.ended_at IS NULL OR i.given_up_at IS NOT NULL),
            since = CASE
                WHEN excluded.verified AND NOT i.verified AND NOT i.denied
                    AND (i.ended_at IS NULL OR i.given_up_at IS NOT NULL)
                THEN p_at ELSE i.since END,
            ended_at = CASE WHEN i.given_up_at IS NULL THEN i.ended_at END,
            moved_at = CASE WHEN i.given_up_at IS NULL THEN i.moved_at END,
            given_up_at = NULL
        WHERE i.given_up_at IS NOT NULL OR (i.raw, i.verified) IS DISTINCT FROM
            (excluded.raw, excluded.verified AND NOT i.denied AND i.ended_at IS NULL)
        RETURNING i.customer_id, i.kind, i.value, i.verified, i.since
    )
    SELECT array_agg(w.customer_id), array_agg(w.kind), array_agg(w.value)
    INTO v_fresh_people, v_fresh_kinds, v_fresh_values
    FROM written AS w WHERE w.verified AND w.since = p_at;

    INSERT INTO identity.portrait AS o
        (system, account_id, customer_id, name, street, place, postcode, born, blocks)
    SELECT p.system, p.account_id, r.customer_id, p.name, p.street, p.place, p.postcode, p.born, p.blocks
    FROM unnest(v_profiles) AS p
    JOIN identity.reference AS r ON r.system = p.system AND r.account_id = p.account_id
    ON CONFLICT (system, account_id) DO UPDATE
    SET customer_id = excluded.customer_id, name = excluded.name, street = excluded.street, place = excluded.place,
        postcode = excluded.postcode, born = excluded.born, blocks = excluded.blocks
    WHERE (o.customer_id, o.name, o.street, o.place, o.postcode, o.born, o.blocks) IS DISTINCT FROM
        (excluded.customer_id, excluded.name, excluded.street, excluded.place, excluded.postcode, excluded.born,
        excluded.blocks);

    IF v_fresh_people IS NOT NULL THEN
        PERFORM identity.meet(p_at, v_fresh_people, v_fresh_kinds, v_fresh_values,
            CASE WHEN p_dated THEN ARRAY['phone'] ELSE '{}'::text[] END);
    END IF;

    RETURN QUERY
    SELECT r.system, r.account_id, r.customer_id, r.customer_id = ANY (v_new), p.stated_at < r.stated_at
    FROM identity.reference AS r
    JOIN unnest(v_all) AS p ON r.system = p.system AND r.account_id = p.account_id
    ORDER BY r.system, r.account_id;
END
$$;

-- Whoever proves or gives up one of these values meanwhile waits until this transaction has ended: two who prove one value
-- at the same moment must see each other. So many share a lock, or a large directory would need more than there are.
CREATE FUNCTION identity.hold_values(p_kinds text[], p_values text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_lock integer;
BEGIN
    FOR v_lock IN
        SELECT DISTINCT abs(hashtext(v.kind || ' ' || v.value) % 1024)
        FROM unnest(p_kinds, p_values) AS v (kind, value) ORDER BY 1
    LOOP
        PERFORM pg_advisory_xact_lock(1953066092, v_lock);
    END LOOP;
END
$$;

-- Accounts state these values no longer. What was merely stated is forgotten, but for a phone: who had it goes on giving it
-- at a till, proved or not, and whoever proves it next waits. What was proved has ended, and so has what a
-- one-time code proved of it, unless another account of that person states it: an address that nobody goes on stating may
-- be somebody else's by now. Who else has proved it waits, as if it had come from there. What was denied stays denied.
CREATE FUNCTION identity.give_up(
    p_at timestamptz, p_people uuid[], p_kinds text[], p_values text[], p_systems text[], p_accounts text[]
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    UPDATE identity.identifier AS o SET moved_at = p_at
    FROM unnest(p_people, p_kinds, p_values) AS g (customer_id, kind, value)
    JOIN identity.customer AS c ON c.customer_id = g.customer_id
    WHERE o.kind = g.kind AND o.value = g.value AND o.verified
        AND o.customer_id NOT IN (SELECT s.customer_id FROM identity.same_person(c.person) AS s (customer_id))
        AND EXISTS (
            SELECT FROM identity.same_person(c.person) AS s (customer_id)
            JOIN identity.identifier AS i ON i.customer_id = s.customer_id
            WHERE i.kind = g.kind AND i.value = g.value AND i.verified
        );

    DELETE FROM identity.identifier AS i
    USING unnest(p_people, p_kinds, p_values, p_systems, p_accounts) AS g (customer_id, kind, value, system, account_id)
    WHERE i.customer_id = g.customer_id AND i.kind = g.kind AND i.value = g.value
        AND i.system = g.system AND i.account_id = g.account_id
        AND NOT i.verified AND NOT i.denied AND i.ended_at IS NULL AND i.kind <> 'phone';

    WITH given_up AS (
        INSERT INTO identity.history (at, what, customer_id, kind, value, system, account_id, since)
        SELECT p_at, 'given-up', i.customer_id, i.kind, i.value, i.system, i.account_id, i.since
        FROM unnest(p_people, p_kinds, p_values, p_systems, p_accounts)
            AS g (customer_id, kind, value, system, account_id)
        JOIN identity.identifier AS i ON i.customer_id = g.customer_id AND i.kind = g.kind AND i.value = g.value
            AND i.system = g.system AND i.account_id = g.account_id
        WHERE i.verified
    )
    UPDATE identity.identifier AS i
    SET verified = false, ended_at = coalesce(i.ended_at, p_at), given_up_at = p_at
    FROM unnest(p_people, p_kinds, p_values, p_systems, p_accounts) AS g (customer_id, kind, value, system, account_id)
    WHERE i.customer_id = g.customer_id AND i.kind = g.kind AND i.value = g.value
        AND i.system = g.system AND i.account_id = g.account_id;

    WITH given_up AS (
        UPDATE identity.identifier AS i
        SET verified = false, ended_at = coalesce(i.ended_at, p_at), given_up_at = p_at
        FROM unnest(p_people, p_kinds, p_values) AS g (customer_id, kind, value)
        JOIN identity.customer AS c ON c.customer_id = g.customer_id
        WHERE i.kind = g.kind AND i.value = g.value AND i.system = '' AND i.given_up_at IS NULL
            AND i.customer_id IN (SELECT s.customer_id FROM identity.same_person(c.person) AS s (customer_id))
            AND NOT EXISTS (
                SELECT FROM identity.same_person(c.person) AS s (customer_id)
                JOIN identity.identifier AS t ON t.customer_id = s.customer_id
                WHERE t.kind = g.kind AND t.value = g.value AND t.system <> '' AND t.given_up_at IS NULL
            )
        RETURNING i.customer_id, i.kind, i.value, i.since
    )
    INSERT INTO identity.history (at, what, customer_id, kind, value, since)
    SELECT p_at, 'given-up', u.customer_id, u.kind, u.value, u.since FROM given_up AS u;
END
$$;

-- All customers that are one person, by the id of the one whom the others were merged into.
CREATE FUNCTION identity.same_person(p_person uuid) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    SELECT p_person
    UNION ALL
    SELECT c.customer_id FROM identity.customer AS c WHERE c.person = p_person AND c.merged_into IS NOT NULL
$$;

-- Whether a person has an account that is not gone: credit goes to nobody without one.
CREATE FUNCTION identity.has_account(p_person uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM identity.same_person(p_person) AS s (customer_id)
        JOIN identity.reference AS r ON r.customer_id = s.customer_id
        WHERE r.gone_at IS NULL
    )
$$;

-- Values that were just proved meet the proofs of others. Of a kind in p_moves the new proof takes over from older ones,
-- which end; in any other case two people have proved one value, which is a conflict. What somebody else had proved and
-- gave up comes from there, and rests from that moment on. What a person found to be shared stays shared.
CREATE FUNCTION identity.meet(
    p_at timestamptz, p_people uuid[], p_kinds text[], p_values text[], p_moves text[]
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_met record;
BEGIN
    UPDATE identity.identifier AS i SET moved_at = greatest(i.moved_at, l.left_at)
    FROM (
        SELECT f.customer_id, f.kind, f.value, max(o.ended_at) AS left_at
        FROM unnest(p_people, p_kinds, p_values) AS f (customer_id, kind, value)
        JOIN identity.customer AS c ON c.customer_id = f.customer_id
        JOIN identity.identifier AS o ON o.kind = f.kind AND o.value = f.value AND o.given_up_at IS NOT NULL
            AND NOT o.denied
        JOIN identity.customer AS k ON k.customer_id = o.customer_id AND k.person <> c.person
        GROUP BY f.customer_id, f.kind, f.value
    ) AS l
    WHERE i.customer_id = l.customer_id AND i.kind = l.kind AND i.value = l.value AND i.verified;

    FOR v_met IN
        SELECT f.customer_id, f.kind, f.value, o.customer_id AS other_id, o.system, o.account_id, o.since
        FROM unnest(p_people, p_kinds, p_values) AS f (customer_id, kind, value)
        JOIN identity.customer AS c ON c.customer_id = f.customer_id
        JOIN identity.identifier AS o ON o.kind = f.kind AND o.value = f.value AND o.verified
            AND o.customer_id <> f.customer_id
        JOIN identity.customer AS k ON k.customer_id = o.customer_id AND k.person <> c.person
        WHERE NOT EXISTS (
            SELECT FROM identity.conflict AS x WHERE x.kind = f.kind AND x.value = f.value AND x.shared
        )
        ORDER BY f.kind, f.value, o.customer_id, o.system, o.account_id
    LOOP
        IF v_met.kind = ANY (p_moves) AND v_met.since < p_at THEN
            UPDATE identity.identifier AS i SET verified = false, ended_at = p_at, moved_at = NULL
            WHERE i.customer_id = v_met.other_id AND i.kind = v_met.kind AND i.value = v_met.value
                AND i.system = v_met.system AND i.account_id = v_met.account_id AND i.verified;
            CONTINUE WHEN NOT FOUND;
            UPDATE identity.identifier AS i SET moved_at = p_at
            WHERE i.customer_id = v_met.customer_id AND i.kind = v_met.kind AND i.value = v_met.value AND i.verified;
            INSERT INTO identity.history (at, what, customer_id, other_id, kind, value, system, account_id, since)
            VALUES (p_at, 'taken-over', v_met.customer_id, v_met.other_id, v_met.kind, v_met.value, v_met.system,
                v_met.account_id, v_met.since);
        ELSE
            INSERT INTO identity.conflict AS x (conflict_id, kind, value, opened_at)
            VALUES (md5(v_met.kind || ' ' || v_met.value)::uuid, v_met.kind, v_met.value, p_at)
            ON CONFLICT (kind, value) DO UPDATE SET opened_at = p_at, settled_at = NULL
            WHERE x.settled_at IS NOT NULL;
            IF FOUND THEN
                INSERT INTO identity.history (at, what, customer_id, other_id, kind, value)
                VALUES (p_at, 'conflict', v_met.customer_id, v_met.other_id, v_met.kind, v_met.value);
            END IF;
        END IF;
    END LOOP;
END
$$;

-- A decision gave people back what they had proved, or made two of one: what they prove meets the proofs of others, as if
-- it were proved now, but takes nothing over.
CREATE FUNCTION identity.meet_again(p_decision uuid, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_people uuid[];
    v_kinds text[];
    v_values text[];
BEGIN
    SELECT array_agg(i.customer_id), array_agg(i.kind), array_agg(i.value)
    INTO v_people, v_kinds, v_values
    FROM (
        SELECT DISTINCT s.customer_id
        FROM identity.history AS h
        JOIN identity.customer AS c ON c.customer_id IN (h.customer_id, h.other_id)
        CROSS JOIN LATERAL identity.same_person(c.person) AS s (customer_id)
        WHERE h.decision_id = p_decision
    ) AS k
    JOIN identity.identifier AS i ON i.customer_id = k.customer_id AND i.verified;
    IF v_people IS NOT NULL THEN
        PERFORM identity.hold_values(v_kinds, v_values);
        PERFORM identity.meet(p_at, v_people, v_kinds, v_values, '{}');
    END IF;
END
$$;

-- A one-time code was answered: the customer has proved control of this identifier, now. Again changes nothing. It takes
-- over from whoever proved it before, e-mail or phone: nothing is a better proof. It holds for as long as an account of
-- theirs states the value.
CREATE FUNCTION identity.prove(
    p_customer uuid, p_kind text, p_value text, p_raw text, p_blocks integer[], p_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM identity.hold_values(ARRAY[p_kind], ARRAY[p_value]);
    INSERT INTO identity.identifier AS i (customer_id, kind, value, system, account_id, raw, verified, since)
    VALUES (p_customer, p_kind, p_value, '', '', p_raw, true, p_at)
    ON CONFLICT (customer_id, kind, value, system, account_id) DO UPDATE
    SET verified = true, denied = false, ended_at = NULL, given_up_at = NULL, since = p_at
    WHERE NOT i.verified;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE identity.identifier AS i SET verified = true, ended_at = NULL, since = p_at
    WHERE i.customer_id = p_customer AND i.kind = p_kind AND i.value = p_value AND i.ended_at IS NOT NULL
        AND i.given_up_at IS NULL AND NOT i.denied;
    INSERT INTO identity.portrait (system, account_id, customer_id, name, street, place, postcode, born, blocks)
    VALUES ('', p_customer::text || ' ' || p_value, p_customer, '', '', '', '', '', p_blocks)
    ON CONFLICT (system, account_id) DO NOTHING;
    PERFORM identity.meet(p_at, ARRAY[p_customer], ARRAY[p_kind], ARRAY[p_value], ARRAY['email', 'phone']);
END
$$;

-- Accounts that a full export of p_as_of no longer has: what they stated counts no more. They stay known by their name.
-- Whoever was heard of since then is not gone.
CREATE FUNCTION identity.mark_gone(p_at timestamptz, p_system text, p_accounts text[], p_as_of timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_gone text[];
BEGIN
    PERFORM identity.hold_values(array_agg(i.kind), array_agg(i.value))
    FROM identity.reference AS r
    JOIN identity.identifier AS i ON i.customer_id = r.customer_id AND i.verified
    WHERE r.system = p_system AND r.account_id = ANY (p_accounts);

    WITH gone AS (
        UPDATE identity.reference AS r SET gone_at = p_at, stated_at = p_as_of
        WHERE r.system = p_system AND r.account_id = ANY (p_accounts) AND r.gone_at IS NULL AND r.stated_at <= p_as_of
        RETURNING r.account_id, r.customer_id
    ), unseen AS (
        DELETE FROM identity.portrait AS o USING gone AS g
        WHERE o.system = p_system AND o.account_id = g.account_id
    ), told AS (
        INSERT INTO identity.history (at, what, customer_id, system, account_id)
        SELECT p_at, 'gone', g.customer_id, p_system, g.account_id FROM gone AS g
    )
    SELECT coalesce(array_agg(g.account_id), '{}') INTO v_gone FROM gone AS g;

    PERFORM identity.give_up(p_at,
        array_agg(i.customer_id), array_agg(i.kind), array_agg(i.value), array_agg(i.system), array_agg(i.account_id))
    FROM identity.reference AS r
    JOIN identity.identifier AS i
        ON i.customer_id = r.customer_id AND i.system = r.system AND i.account_id = r.account_id
    WHERE r.system = p_system AND r.account_id = ANY (v_gone) AND i.given_up_at IS NULL
    HAVING count(*) > 0;
    RETURN cardinality(v_gone);
END
$$;

-- For each request (p_requests: its number, once per key) the customers that share its keys, those that share the rarest
-- ones first: at most p_per_key for one key and p_per_request for one request. The planner takes the index, always.
CREATE FUNCTION identity.near(p_requests integer[], p_keys integer[], p_per_key integer, p_per_request integer)
RETURNS TABLE (request integer, customer_id uuid, weight bigint)
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    WITH found AS (
        SELECT a.request, f.customer_id, sum(f.weight) AS weight
        FROM unnest(p_requests, p_keys) AS a (request, key)
        CROSS JOIN LATERAL (
            SELECT h.customer_id, 1000 / (count(*) OVER () + 9) AS weight
            FROM (
                SELECT o.customer_id FROM identity.portrait AS o WHERE o.blocks @> ARRAY[a.key] LIMIT p_per_key
            ) AS h
        ) AS f
        GROUP BY a.request, f.customer_id
    ), ranked AS (
        SELECT f.request, f.customer_id, f.weight,
            row_number() OVER (PARTITION BY f.request ORDER BY f.weight DESC, f.customer_id) AS place
        FROM found AS f
    )
    SELECT r.request, r.customer_id, r.weight::bigint FROM ranked AS r WHERE r.place <= p_per_request
$$;
