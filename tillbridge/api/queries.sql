-- name: add_key
-- Keep a new key by its hash.
INSERT INTO api.key (name, key_hash, role, system, made_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: revoke_key
-- Take a key back; the first time counts.
UPDATE api.key SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL;

-- name: key_of_hash
-- The key in force that hashes to this.
SELECT name, role, system FROM api.key WHERE key_hash = $1 AND revoked_at IS NULL;

-- name: keys
-- All keys, by name.
SELECT name, role, system, made_at, revoked_at FROM api.key ORDER BY name;

-- name: key_of_name
-- The key in force of this name.
SELECT name, role, system FROM api.key WHERE name = $1 AND revoked_at IS NULL;
