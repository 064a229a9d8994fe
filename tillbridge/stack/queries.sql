-- name: newest
-- The edition that was recorded last.
SELECT number, recorded_at, recorded_by, print, map, changes FROM stack.edition ORDER BY number DESC LIMIT 1;

-- name: editions
-- The editions that were recorded last, the newest first.
SELECT number, recorded_at, recorded_by, print, map, changes FROM stack.edition ORDER BY number DESC LIMIT $1;

-- name: add
-- A further edition. Of several hubs that start together one writes it; the others find its number taken.
INSERT INTO stack.edition (number, recorded_at, recorded_by, print, map, changes)
VALUES ($1, $2, $3, $4, $5, $6::text[])
ON CONFLICT (number) DO NOTHING;
