-- Two customers are found to be one person: from now on they are looked up as one. Both ids and all references stay.
-- Returns why not, or nothing: 'unknown', 'same' (they are one already), 'merged' (the customer is part of another).
CREATE FUNCTION identity.merge(
    p_decision uuid, p_customer uuid, p_into uuid, p_at timestamptz, p_by text, p_evidence text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_customer identity.customer;
    v_into identity.customer;
BEGIN
    -- One order of locks, so that two merges at once wait for each other.
    PERFORM 1 FROM identity.customer AS c WHERE c.customer_id IN (p_customer, p_into) ORDER BY c.customer_id FOR UPDATE;
    SELECT * INTO v_customer FROM identity.customer AS c WHERE c.customer_id = p_customer;
    SELECT * INTO v_into FROM identity.customer AS c WHERE c.customer_id = p_into;
    IF v_customer.customer_id IS NULL OR v_into.customer_id IS NULL THEN
        RETURN 'unknown';
    END IF;
    IF v_customer.person = v_into.person THEN
        RETURN 'same';
    END IF;
    IF v_customer.merged_into IS NOT NULL OR v_into.merged_into IS NOT NULL THEN
        RETURN 'merged';
    END IF;
    UPDATE identity.customer AS c
    SET person = p_into, merged_into = CASE c.customer_id WHEN p_customer THEN p_into ELSE c.merged_into END
    WHERE c.customer_id = p_customer OR c.customer_id IN (
        SELECT k.customer_id FROM identity.customer AS k WHERE k.person = p_customer AND k.merged_into IS NOT NULL
    );
    INSERT INTO identity.history (at, what, customer_id, other_id, decision_id, decided_by, evidence)
    VALUES (p_at, 'merged', p_into, p_customer, p_decision, p_by, p_evidence);
    RETURN NULL;
END
$$;

-- A merge is taken back: each customer stands for itself again, with whoever had been merged into it before.
-- Returns why not, or nothing: 'unknown' (no such merge), 'undone' (it has been).
CREATE FUNCTION identity.unmerge(p_decision uuid, p_at timestamptz, p_by text, p_evidence text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_line identity.history;
BEGIN
    PERFORM 1 FROM identity.customer AS c
    WHERE c.customer_id IN (
        SELECT unnest(ARRAY[h.customer_id, h.other_id]) FROM identity.history AS h
        WHERE h.decision_id = p_decision AND h.what = 'merged'
    ) ORDER BY c.customer_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    IF EXISTS (SELECT FROM identity.history AS h WHERE h.decision_id = p_decision AND h.what = 'unmerged') THEN
        RETURN 'undone';
    END IF;
    FOR v_line IN
        SELECT * FROM identity.history AS h WHERE h.decision_id = p_decision AND h.what = 'merged' ORDER BY h.line DESC
    LOOP
        WITH RECURSIVE part AS (
            SELECT v_line.other_id AS customer_id
            UNION ALL
            SELECT c.customer_id FROM identity.customer AS c JOIN part AS p ON c.merged_into = p.customer_id
        )
        UPDATE identity.customer AS c
        SET person = v_line.other_id,
            merged_into = CASE c.customer_id WHEN v_line.other_id THEN NULL ELSE c.merged_into END
        FROM part AS p WHERE c.customer_id = p.customer_id;
        INSERT INTO identity.history (at, what, customer_id, other_id, decision_id, decided_by, evidence)
        VALUES (p_at, 'unmerged', v_line.customer_id, v_line.other_id, p_decision, p_by, p_evidence);
    END LOOP;
    RETURN NULL;
END
$$;

-- An account belongs to somebody else than was thought: it goes to p_to, who is new where nobody has that id, with all
-- that it states. Returns why not, or nothing: 'unknown' (no such account), 'same' (it is theirs already).
CREATE FUNCTION identity.move_account(
    p_decision uuid, p_system text, p_account text, p_to uuid, p_at timestamptz, p_by text, p_evidence text, p_what text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_from uuid;
BEGIN
    SELECT r.customer_id INTO v_from FROM identity.reference AS r
    WHERE r.system = p_system AND r.account_id = p_account FOR UPDATE;
    IF v_from IS NULL THEN
        RETURN 'unknown';
    END IF;
    IF v_from = p_to THEN
        RETURN 'same';
    END IF;
    INSERT INTO identity.customer (customer_id, created_at, person) VALUES (p_to, p_at, p_to)
    ON CONFLICT (customer_id) DO NOTHING;
    UPDATE identity.reference AS r SET customer_id = p_to WHERE r.system = p_system AND r.account_id = p_account;
    UPDATE identity.identifier AS i SET customer_id = p_to
    WHERE i.customer_id = v_from AND i.system = p_system AND i.account_id = p_account;
    UPDATE identity.portrait AS o SET customer_id = p_to WHERE o.system = p_system AND o.account_id = p_account;
    INSERT INTO identity.history (at, what, customer_id, other_id, system, account_id, decision_id, decided_by, evidence)
    VALUES (p_at, p_what, v_from, p_to, p_system, p_account, p_decision, p_by, p_evidence);
    RETURN NULL;
END
$$;

-- An identifier is not this customer's, whatever their accounts state: it counts no more for them. Returns how many
-- rows that was; none when they do not hold it.
CREATE FUNCTION identity.deny(
    p_decision uuid, p_customer uuid, p_kind text, p_value text, p_at timestamptz, p_by text, p_evidence text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_rows bigint;
BEGIN
    -- What each row said is kept in the line, so that an undo restores it.
    INSERT INTO identity.history
        (at, what, customer_id, kind, value, system, account_id, since, decision_id, decided_by, evidence)
    SELECT p_at, 'identifier-unlinked', i.customer_id, i.kind, i.value, i.system, i.account_id,
        CASE WHEN i.verified THEN i.since END, p_decision, p_by, p_evidence
    FROM identity.identifier AS i
    WHERE i.customer_id = p_customer AND i.kind = p_kind AND i.value = p_value AND NOT i.denied;
    UPDATE identity.identifier AS i SET denied = true, verified = false
    WHERE i.customer_id = p_customer AND i.kind = p_kind AND i.value = p_value AND NOT i.denied;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    RETURN v_rows;
END
$$;

-- A denial is taken back: what was proved then is proved again. Returns how many rows that was.
CREATE FUNCTION identity.allow(p_decision uuid, p_at timestamptz, p_by text, p_evidence text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_rows bigint;
BEGIN
    UPDATE identity.identifier AS i
    SET denied = false, verified = h.since IS NOT NULL AND i.ended_at IS NULL, since = coalesce(h.since, i.since)
    FROM identity.history AS h
    WHERE h.decision_id = p_decision AND h.what = 'identifier-unlinked'
        AND i.customer_id = h.customer_id AND i.kind = h.kind AND i.value = h.value
        AND i.system = h.system AND i.account_id = h.account_id AND i.denied;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    INSERT INTO identity.history (at, what, customer_id, kind, value, decision_id, decided_by, evidence)
    SELECT DISTINCT p_at, 'identifier-relinked', h.customer_id, h.kind, h.value, p_decision, p_by, p_evidence
    FROM identity.history AS h
    WHERE h.decision_id = p_decision AND h.what = 'identifier-unlinked' AND v_rows > 0;
    RETURN v_rows;
END
$$;
