-- The history of the map: which map hubs ran on, and since when.
CREATE SCHEMA stack;

-- One edition of the map, without any secret. The number is the map's version. Append-only.
CREATE TABLE stack.edition (
    number integer PRIMARY KEY CHECK (number > 0),
    recorded_at timestamptz NOT NULL,
    -- The hub or worker that first ran on it, and the machine it ran on.
    recorded_by text NOT NULL,
    -- The hash of the canonical map.
    print text NOT NULL CHECK (print ~ '^[0-9a-f]{64}$'),
    map jsonb NOT NULL,
    -- What is other than in the edition before, in plain sentences.
    changes text[] NOT NULL
);

CREATE FUNCTION stack.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of the map is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stack.edition
    FOR EACH STATEMENT EXECUTE FUNCTION stack.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON stack.edition FROM PUBLIC;
