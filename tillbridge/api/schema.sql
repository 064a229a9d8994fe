-- Who may ask the hub, and what for.
CREATE SCHEMA api;

-- A key is shown once and kept as a hash. Revoking keeps the row: the trail names keys that are gone.
CREATE TABLE api.key (
    name text PRIMARY KEY CHECK (name <> ''),
    key_hash bytea NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('register', 'system', 'support', 'operations')),
    system text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL,
    revoked_at timestamptz
);
