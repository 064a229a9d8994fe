-- What the hub fetches by itself: how far each source has come, which files it has read, and the rows that it could not
-- take in. It is remembered here and not in a process, so that a run that was missed is made up by whoever comes next.

CREATE TABLE handoff.source (
    name        text COLLATE "C" PRIMARY KEY CHECK (name <> ''),
    -- When it runs, as the map said it last: another rhythm means another next run.
    rhythm      text NOT NULL,
    -- How far a feed has been read. A source of files has no cursor: the files that are left are what is left.
    cursor      jsonb NOT NULL DEFAULT '{}',
    next_run    timestamptz NOT NULL,
    last_run    timestamptz,
    last_end    timestamptz,
    -- What the last run brought, and why it did not end well; failures are those in a row.
    brought     jsonb NOT NULL DEFAULT '{}',
    trouble     text NOT NULL DEFAULT '',
    failures    integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    -- The fencing token: it grows with each lease, and whoever holds an older one writes nothing any more.
    token       bigint NOT NULL DEFAULT 0 CHECK (token >= 0),
    lease_until timestamptz
);

CREATE TABLE handoff.inbound_file (
    source   text COLLATE "C" NOT NULL REFERENCES handoff.source (name),
    -- SHA-256 of the whole file: the same file under another name is the same file.
    print    bytea NOT NULL CHECK (octet_length(print) = 32),
    name     text NOT NULL,
    state    text NOT NULL CHECK (state IN ('taken', 'set-aside')),
    reason   text NOT NULL DEFAULT '',
    brought  jsonb NOT NULL DEFAULT '{}',
    ended_at timestamptz NOT NULL,
    -- Which file of the source it was, by count: the newest is told from it, whatever the clocks say.
    turn     bigint NOT NULL CHECK (turn > 0),
    PRIMARY KEY (source, print)
);

CREATE INDEX inbound_file_turn ON handoff.inbound_file (source, turn);

CREATE TABLE handoff.quarantine (
    id         uuid PRIMARY KEY,
    source     text COLLATE "C" NOT NULL REFERENCES handoff.source (name),
    -- SHA-256 of what the row says: a row that comes again, in whichever file, is the same row.
    print      bytea NOT NULL CHECK (octet_length(print) = 32),
    -- The file, or the page of a feed, and the row in it; the header of a file is row 1.
    place      text NOT NULL,
    row_number integer NOT NULL CHECK (row_number > 0),
    -- The row as it came, by their columns. It may hold personal data, and goes when the row is dropped.
    raw        jsonb,
    field      text NOT NULL,
    problem    text NOT NULL,
    mend       text NOT NULL,
    state      text NOT NULL CHECK (state IN ('open', 'replayed', 'dropped')),
    -- How often the ledger has refused it: what was refused stays refused, so that the next try has a key of its own.
    refused    integer NOT NULL DEFAULT 0 CHECK (refused >= 0),
    came_at    timestamptz NOT NULL,
    settled_at timestamptz,
    UNIQUE (source, print),
    CHECK ((state = 'open') = (settled_at IS NULL)),
    CHECK ((state = 'dropped') = (raw IS NULL))
);

CREATE INDEX quarantine_open ON handoff.quarantine (source, id) WHERE state = 'open';

-- Messages that a system has sent, by the id that it gave them: the same one again changes nothing.
CREATE TABLE handoff.heard (
    system     text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    -- SHA-256 of the message: another one under the same id is not the same.
    print      bytea NOT NULL CHECK (octet_length(print) = 32),
    heard_at   timestamptz NOT NULL,
    PRIMARY KEY (system, message_id)
);

CREATE INDEX heard_when ON handoff.heard (heard_at);
