-- The verbs of stored value: where money and messages meet in one commit.
CREATE SCHEMA credit;

-- The print of the secret that codes are hashed with. A hub with another secret would find no code: it must not start.
CREATE TABLE credit.secret_print (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    print text NOT NULL
);

-- What the other systems are to be told of an event, as far as it is known before the event is posted.
CREATE TYPE credit.notice AS (
    event_id uuid,
    currency text,
    decimals integer,
    payload jsonb
);

-- Who owns a credit, as the other systems know them.
CREATE FUNCTION credit.customer(p_owner uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_owner IS NOT NULL THEN jsonb_build_object(
        'customer_id', p_owner,
        'accounts', coalesce((
            SELECT jsonb_object_agg(r.system, r.account_id) FROM identity.known_as AS r WHERE r.customer_id = p_owner
        ), '{}'::jsonb)
    ) END
$$;

-- Post a batch and hand off what was posted, in one transaction and one round trip.
-- The handoffs come with the version they will have unknown: it is the ledger's to say.
CREATE FUNCTION credit.commit_batch(
    p_at timestamptz,
    p_commands ledger.command[],
    p_notices credit.notice[],
    p_handoffs handoff.new_handoff[]
) RETURNS SETOF ledger.outcome LANGUAGE plpgsql AS $$
DECLARE
    done ledger.outcome[];
BEGIN
    SELECT array_agg(o ORDER BY o.ordinal) INTO done FROM ledger.post(p_at, p_commands) AS o;

    PERFORM handoff.put(
        p_at,
        ARRAY(
            SELECT ROW(
                o.credit_id, o.version, o.event_id, o.state::text, o.balance, n.currency,
                n.payload || jsonb_build_object(
                    'recorded_at', o.recorded_at,
                    'amount', round(o.amount / 10::numeric ^ n.decimals, n.decimals)::text,
                    'customer', credit.customer(o.owner)
                )
            )::handoff.new_message
            FROM unnest(p_notices) AS n
            JOIN unnest(done) AS o ON o.event_id = n.event_id
            WHERE NOT o.replay AND o.refusal IS NULL
        ),
        ARRAY(
            SELECT ROW(
                o.credit_id, o.version, o.event_id, h.hop, h.state, h.waits_for, h.due_at, h.deadline,
                h.reason_code, h.reason
            )::handoff.new_handoff
            FROM unnest(p_handoffs) AS h
            JOIN unnest(done) AS o ON o.event_id = h.event_id
            WHERE NOT o.replay AND o.refusal IS NULL
        )
    );
    RETURN QUERY SELECT o.* FROM unnest(done) AS o;
END $$;
