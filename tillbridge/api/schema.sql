-- Who may ask the hub, and what for.
CREATE SCHEMA api;

-- What a role may do. The rights are a closed list; which role has which is the retailer's to say. A right that is added
-- one day is added to the list here and granted to `operations`.
CREATE TABLE api.role (
    name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9-]{0,31}$'),
    rights text[] NOT NULL CHECK (rights <@ ARRAY[
        'issue', 'activate', 'load', 'redeem', 'hold', 'refund', 'cash-out', 'card-present', 'read', 'batch', 'void',
        'reissue', 'transfer', 'expire', 'adjust', 'freeze', 'approve', 'import', 'chargeback', 'events', 'replay',
        'review', 'console', 'metrics'
    ]),
    changed_at timestamptz -- null as long as it is as it came
);

INSERT INTO api.role (name, rights) VALUES
    ('register', '{issue,activate,load,redeem,hold,refund,cash-out,card-present,read,batch}'),
    ('system', '{redeem,hold,refund,read,batch,events}'),
    ('support', '{read,adjust,freeze,review,console}'),
    ('monitor', '{metrics}'),
    (
        'operations',
        '{issue,activate,load,redeem,hold,refund,cash-out,card-present,read,batch,void,reissue,transfer,expire,adjust,'
        'freeze,approve,import,chargeback,events,replay,review,console,metrics}'
    );

-- A key is shown once and kept as a hash. Revoking keeps the row: the trail names keys that are gone. A key may be
-- narrowed to one store, or to one register of it.
CREATE TABLE api.key (
    name text PRIMARY KEY CHECK (name <> ''),
    key_hash bytea NOT NULL UNIQUE,
    role text NOT NULL REFERENCES api.role (name),
    system text NOT NULL DEFAULT '',
    store text NOT NULL DEFAULT '',
    register text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT register_in_store CHECK (register = '' OR store <> '')
);

-- Who was turned away, and what was changed about keys and roles. Repeats of one refusal within a minute are one line
-- with their number. `who` is the name of a key, `cli`, or blank for somebody unknown; `subject` is the route that was
-- asked, or the key or the role that was changed.
CREATE TABLE api.audit (
    line_id uuid PRIMARY KEY,
    what text NOT NULL CHECK (what IN ('refused', 'key-made', 'key-revoked', 'role-set', 'unwritten')),
    at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    count integer NOT NULL CHECK (count > 0),
    who text NOT NULL,
    status smallint CHECK ((status IS NOT NULL) = (what = 'refused')),
    method text NOT NULL,
    subject text NOT NULL,
    right_asked text NOT NULL,
    reason text NOT NULL,
    remote text NOT NULL
);

CREATE FUNCTION api.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'api.% is append-only: what was done is followed by a further line', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON api.audit
    FOR EACH STATEMENT EXECUTE FUNCTION api.refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON api.audit FROM PUBLIC;
