-- name: plan
-- A source is known from its first plan on. Another rhythm than before brings its next run forward, never back.
INSERT INTO handoff.source AS s (name, rhythm, next_run)
VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE
SET rhythm = excluded.rhythm, next_run = least(s.next_run, $4)
WHERE s.rhythm <> excluded.rhythm;

-- name: sources
-- Every source that was ever planned.
SELECT name, rhythm, cursor, next_run, last_run, last_end, brought, trouble, failures, token, lease_until
FROM handoff.source
ORDER BY name;

-- name: lease
-- Take a source that is due, or at once where $5, unless somebody has it. A lease that ends later than $6, which no
-- lease may, was given by a clock that ran far ahead, and holds nobody up.
UPDATE handoff.source AS s
SET token = s.token + 1, lease_until = $3, last_run = $2
WHERE s.name = $1
    AND ($5 OR s.next_run <= $2 OR s.next_run > $4)
    AND (s.lease_until IS NULL OR s.lease_until <= $2 OR s.lease_until > $6)
RETURNING s.name, s.rhythm, s.cursor, s.next_run, s.last_run, s.last_end, s.brought, s.trouble, s.failures, s.token,
    s.lease_until;

-- name: renew
-- Hold on to a lease, and note how far a feed has been read.
UPDATE handoff.source SET lease_until = $3, cursor = coalesce($4, cursor) WHERE name = $1 AND token = $2;

-- name: end_run
-- A run is over: when the next one is, what this one brought, and what went wrong.
UPDATE handoff.source
SET lease_until = NULL, last_end = $3, next_run = $4, brought = $5, trouble = $6,
    failures = CASE WHEN $6 = '' THEN 0 ELSE failures + 1 END
WHERE name = $1 AND token = $2;

-- name: file_of
-- What became of a file of this content, and whether it is the newest of its source that was taken.
SELECT f.name, f.state, f.reason, f.ended_at,
    f.state = 'taken' AND NOT EXISTS (
        SELECT FROM handoff.inbound_file AS later
        WHERE later.source = f.source AND later.turn > f.turn AND later.state = 'taken'
    ) AS newest
FROM handoff.inbound_file AS f
WHERE f.source = $1 AND f.print = $2;

-- name: note_file
-- A file is through, or set aside. Only whoever holds the lease says so; what comes again counts as it came last: one
-- that was set aside may be mended by the map, and a directory may say again what it said before another.
INSERT INTO handoff.inbound_file (source, print, name, state, reason, brought, ended_at, turn)
SELECT s.name, $3, $4, $5, $6, $7, $8,
    1 + coalesce((SELECT max(f.turn) FROM handoff.inbound_file AS f WHERE f.source = s.name), 0)
FROM handoff.source AS s
WHERE s.name = $1 AND s.token = $2
ON CONFLICT (source, print) DO UPDATE
SET name = excluded.name, state = excluded.state, reason = excluded.reason, brought = excluded.brought,
    ended_at = excluded.ended_at, turn = excluded.turn;

-- name: set_aside
-- Keep rows that cannot be taken in, each once; how many are new. One row per place of the lists.
INSERT INTO handoff.quarantine (id, source, print, place, row_number, raw, field, problem, mend, state, refused, came_at)
SELECT r.id, $1, r.print, r.place, r.row_number, r.raw, r.field, r.problem, r.mend, 'open', r.refused, $2
FROM unnest(
    $3::uuid[], $4::bytea[], $5::text[], $6::integer[], $7::jsonb[], $8::text[], $9::text[], $10::text[], $11::integer[]
) AS r (id, print, place, row_number, raw, field, problem, mend, refused)
ORDER BY r.print
ON CONFLICT (source, print) DO NOTHING;

-- name: open_rows
-- Rows that wait to be mended, oldest first, behind an id; of one source, or of all.
SELECT id, source, place, row_number, raw, field, problem, mend, state, refused, came_at
FROM handoff.quarantine
WHERE state = 'open' AND ($1 = '' OR source = $1) AND id > $2
ORDER BY id
LIMIT $3;

-- name: rows_of
-- Rows by id, in whatever state.
SELECT id, source, place, row_number, raw, field, problem, mend, state, refused, came_at
FROM handoff.quarantine
WHERE id = ANY ($1::uuid[])
ORDER BY id;

-- name: replayed
-- These rows are taken in.
UPDATE handoff.quarantine SET state = 'replayed', settled_at = $2 WHERE id = ANY ($1::uuid[]) AND state = 'open';

-- name: dropped
-- These rows will never be taken in; what they say is forgotten.
UPDATE handoff.quarantine SET state = 'dropped', settled_at = $2, raw = NULL
WHERE id = ANY ($1::uuid[]) AND state = 'open';

-- name: still_bad
-- A row was tried again and is still bad.
UPDATE handoff.quarantine SET field = $2, problem = $3, mend = $4, refused = refused + $5
WHERE id = $1 AND state = 'open';

-- name: quarantined
-- How many rows wait, by source.
SELECT source, count(*)::integer AS rows, min(came_at) AS oldest
FROM handoff.quarantine
WHERE state = 'open'
GROUP BY source
ORDER BY source;

-- name: heard_as
-- What was heard under this id before.
SELECT print FROM handoff.heard WHERE system = $1 AND message_id = $2;

-- name: hear
-- A message has done its work. A few that are older than anybody repeats go on the way.
WITH gone AS (
    DELETE FROM handoff.heard
    WHERE (system, message_id) IN (SELECT system, message_id FROM handoff.heard WHERE heard_at < $5 LIMIT 20)
)
INSERT INTO handoff.heard (system, message_id, print, heard_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (system, message_id) DO NOTHING;
