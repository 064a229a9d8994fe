-- name: add_key
-- Keep a new key by its hash.
INSERT INTO api.key (name, key_hash, role, system, store, register, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING;

-- name: revoke_key
-- Take a key back; the first time counts.
UPDATE api.key SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL;

-- name: key_of_hash
-- The key that hashes to this, in force or not, with what its role may do today.
SELECT k.name, k.system, k.store, k.register, r.rights, k.revoked_at IS NOT NULL AS revoked
FROM api.key AS k JOIN api.role AS r ON r.name = k.role WHERE k.key_hash = $1;

-- name: key_of_name
-- The key in force of this name, with what its role may do today.
SELECT k.name, k.system, k.store, k.register, r.rights
FROM api.key AS k JOIN api.role AS r ON r.name = k.role WHERE k.name = $1 AND k.revoked_at IS NULL;

-- name: keys
-- All keys, by name.
SELECT name, role, system, store, register, made_at, revoked_at FROM api.key ORDER BY name;

-- name: roles
-- All roles, by name.
SELECT name, rights, changed_at FROM api.role ORDER BY name;

-- name: set_role
-- Say what a role may do; a new one is made.
INSERT INTO api.role (name, rights, changed_at) VALUES ($1, $2::text[], $3)
ON CONFLICT (name) DO UPDATE SET rights = excluded.rights, changed_at = excluded.changed_at;

-- name: add_lines
-- Write audit lines down. A line that was written before, and whose answer was lost, is not written again.
INSERT INTO api.audit (line_id, what, at, until, count, who, status, method, subject, right_asked, reason, remote)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::text[], $7::smallint[],
    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[]
) ON CONFLICT DO NOTHING;

-- name: lines
-- Audit lines, newest first: those before $1, from $2 on.
SELECT line_id, what, at, until, count, who, status, method, subject, right_asked, reason, remote
FROM api.audit WHERE line_id < $1 AND line_id >= $2 ORDER BY line_id DESC LIMIT $3;
