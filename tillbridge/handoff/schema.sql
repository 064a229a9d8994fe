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
    -- What the event did to the balance, and the day from which the credit's age counts, in the retailer's zone.
    change bigint NOT NULL,
    born_on date NOT NULL,
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
        CHECK (state IN ('waiting', 'due', 'sending', 'unknown', 'parked', 'confirmed', 'dead', 'ended')),
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
-- Rows lie in the order they were recorded, and what is confirmed was recorded shortly before: a few bytes find those
-- of the last hour.
CREATE INDEX handoff_recorded ON handoff.handoff USING brin (recorded_at, confirmed_at)
    WITH (pages_per_range = 16, autosummarize = on);

-- What was tried, and what came of it. Append-only. A first attempt that is confirmed has no row here: the handoff's
-- own `sent_at` and `confirmed_at` say it all, and the history is read from both.
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

-- Leases that ran out are few, and counted often.
CREATE INDEX attempt_expired ON handoff.attempt (hop) WHERE outcome = 'expired';

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

-- How much a system with a rate may be sent right now, in events. One row for all processes.
CREATE TABLE handoff.pace (
    system text PRIMARY KEY,
    tokens double precision NOT NULL,
    -- The latest moment that was counted up to, and since when, by their own clock, processes far behind it have seen
    -- nobody else at it.
    counted_at timestamptz NOT NULL,
    behind_since timestamptz
);

-- An event that is to be told, and which of the routes it takes.
CREATE TYPE handoff.new_message AS (
    credit_id uuid, version integer, event_id uuid, state text, amount bigint, balance bigint, currency text,
    kind text, bucket text, last4 text, customer jsonb, payload json, route integer,
    change bigint, born_on date
);

-- One hop of a route. Times are set where it can go at once, or can once the credit is claimed. `waits_past` is what it
-- waits for where the hops that wait for a claim are left out: nobody owns the credit, and nobody will.
CREATE TYPE handoff.new_handoff AS (
    route integer, hop text, state text, waits_for text, due_at timestamptz, deadline timestamptz, reason_code text,
    reason text, waits_past text
);

-- What one lease came to, and what is to become of its handoff.
CREATE TYPE handoff.result AS (
    credit_id uuid, hop text, version integer, lease bigint, replay integer, attempt integer, kind text,
    started_at timestamptz, ended_at timestamptz, outcome text, state text, due_at timestamptz, reason_code text,
    reason text, reference text, retry_after double precision
);

-- A hop that starts where `after` ends, with the due time and the deadline of one that becomes due now.
CREATE TYPE handoff.onward AS (after text, hop text, due_at timestamptz, deadline timestamptz);

-- A hop that can take `room` more deliveries now, each leased until `lease_until`. `rate` is what its system may be
-- sent, in events per second; 0 is any number. `deadline` is for a replayed one that was never promised: it was dead
-- from the start.
CREATE TYPE handoff.room AS (
    hop text, room integer, lease_until timestamptz, system text, rate double precision, deadline timestamptz
);

-- A handoff for which `item` has happened, with the due time and the deadline it is given if that was the last thing.
CREATE TYPE handoff.freed AS (
    credit_id uuid, hop text, version integer, item text, due_at timestamptz, deadline timestamptz
);

-- What a turn came to, row by row: `settled` with the new state, or `claimed` with all that is needed to send; `more`
-- and `limited` name a hop that should have another turn, at once or when its system's rate allows.
CREATE TYPE handoff.step AS (
    what text, credit_id uuid, hop text, version integer, state text, lease bigint, kind text, attempt integer,
    probes integer, replay integer, reason_code text, event_id uuid, event_state text, amount bigint, balance bigint,
    currency text, credit_kind text, bucket text, last4 text, recorded_at timestamptz, customer jsonb, payload json,
    change bigint, born_on date
);

CREATE FUNCTION handoff.waits(p_list text, p_item text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT p_item = ANY (string_to_array(p_list, ' '))
$$;

CREATE FUNCTION handoff.without(p_list text, p_item text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT array_to_string(array_remove(string_to_array(p_list, ' '), p_item), ' ')
$$;
