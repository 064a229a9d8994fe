-- name: owners_of
-- Who holds each of the identifiers (kinds $1, values $2), verified holders first. An account id may be an account with
-- its system (`web:A0001440`) or our own customer id. More than 50 holders need not be told apart: two are too many.
SELECT a.kind, a.value, o.customer_id, o.verified
FROM unnest($1::text[], $2::text[]) AS a (kind, value)
CROSS JOIN LATERAL (
    (
        SELECT i.customer_id, i.verified
        FROM identity.identifier AS i
        WHERE i.kind = a.kind AND i.value = a.value
        ORDER BY i.verified DESC, i.customer_id
        LIMIT 50
    )
    UNION ALL
    (
        SELECT r.customer_id, true
        FROM identity.reference AS r
        WHERE a.kind = 'account' AND r.account_id = a.value
        ORDER BY r.customer_id
        LIMIT 50
    )
    UNION ALL
    SELECT r.customer_id, true
    FROM identity.reference AS r
    WHERE a.kind = 'account' AND a.value LIKE '_%:_%'
        AND r.system = split_part(a.value, ':', 1) AND r.account_id = substr(a.value, strpos(a.value, ':') + 1)
    UNION ALL
    SELECT c.customer_id, true
    FROM identity.customer AS c
    WHERE a.kind = 'account' AND c.customer_id = CASE
        WHEN a.value ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN a.value::uuid
    END
) AS o;

-- name: near
-- For each request ($1: its number, once per probe) the customers that share most of its probes (columns $2, kinds $3,
-- keys $4): at most $5 for one probe and $6 for one request, in an order that is the same every time. A value that one
-- step mends weighs more than two thirds of the letters, and those more than the same name, which many have.
WITH found AS (
    SELECT a.request, f.customer_id,
        sum(CASE a.block WHEN 'value' THEN 100 WHEN 'stem' THEN 1 ELSE 10 END) AS weight
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[]) AS a (request, block, kind, key)
    CROSS JOIN LATERAL (
        (
            SELECT i.customer_id FROM identity.identifier AS i
            WHERE a.block = 'value' AND i.kind = a.kind AND i.value = a.key
            ORDER BY i.verified DESC, i.customer_id LIMIT $5
        )
        UNION ALL
        (
            SELECT i.customer_id FROM identity.identifier AS i
            WHERE a.block = 'head' AND i.head <> '' AND i.kind = a.kind AND i.head = a.key
            ORDER BY i.customer_id LIMIT $5
        )
        UNION ALL
        (
            SELECT i.customer_id FROM identity.identifier AS i
            WHERE a.block = 'tail' AND i.tail <> '' AND i.kind = a.kind AND i.tail = a.key
            ORDER BY i.customer_id LIMIT $5
        )
        UNION ALL
        (
            SELECT i.customer_id FROM identity.identifier AS i
            WHERE a.block = 'ends' AND i.ends <> '' AND i.kind = a.kind AND i.ends = a.key
            ORDER BY i.customer_id LIMIT $5
        )
        UNION ALL
        (
            SELECT i.customer_id FROM identity.identifier AS i
            WHERE a.block = 'stem' AND i.stem <> '' AND i.kind = a.kind AND i.stem = a.key
            ORDER BY i.customer_id LIMIT $5
        )
    ) AS f
    GROUP BY a.request, f.customer_id
), ranked AS (
    SELECT f.request, f.customer_id,
        row_number() OVER (PARTITION BY f.request ORDER BY f.weight DESC, f.customer_id) AS place
    FROM found AS f
)
SELECT r.request, r.customer_id FROM ranked AS r WHERE r.place <= $6 ORDER BY r.request, r.place;

-- name: customers
-- The customers with these ids: their channel references and identifiers. The same identifier from two sources is told
-- once, verified if any source verified it.
SELECT c.customer_id, c.created_at,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_array(r.system, r.account_id) ORDER BY r.system, r.account_id), '[]')
        FROM identity.reference AS r
        WHERE r.customer_id = c.customer_id
    ) AS accounts,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_array(u.kind, u.value, u.raw, u.verified) ORDER BY u.kind, u.value), '[]')
        FROM (
            SELECT i.kind, i.value, min(i.raw) AS raw, bool_or(i.verified) AS verified
            FROM identity.identifier AS i
            WHERE i.customer_id = c.customer_id
            GROUP BY i.kind, i.value
        ) AS u
    ) AS identifiers
FROM identity.customer AS c
WHERE c.customer_id = ANY ($1::uuid[]);

-- name: references
-- The channel references of these customers.
SELECT r.customer_id, r.system, r.account_id
FROM identity.reference AS r
WHERE r.customer_id = ANY ($1::uuid[])
ORDER BY r.customer_id, r.system, r.account_id;

-- name: customer_by_reference
-- Whose account this is.
SELECT r.customer_id FROM identity.reference AS r WHERE r.system = $1 AND r.account_id = $2;

-- name: is_customer
-- Whether a customer has this id.
SELECT EXISTS (SELECT FROM identity.customer AS c WHERE c.customer_id = $1) AS known;

-- name: take_in
-- Take in profiles at $1: see the function.
SELECT t.system, t.account_id, t.customer_id, t.new FROM identity.take_in($1, $2::identity.profile_in[]) AS t;

-- name: verify
-- A one-time code was answered: the customer $1 has proved control of this identifier at $9. Again changes nothing.
INSERT INTO identity.identifier
    (customer_id, kind, value, system, account_id, raw, verified, head, tail, ends, stem, taken_at)
VALUES ($1, $2, $3, '', '', $4, true, $5, $6, $7, $8, $9)
ON CONFLICT (customer_id, kind, value, system, account_id) DO NOTHING;

-- name: customer_for_claim
-- The verified owner of an identifier where there is exactly one.
SELECT min(i.customer_id::text)::uuid AS customer_id
FROM identity.identifier AS i
WHERE i.kind = $1 AND i.value = $2 AND i.verified
HAVING count(DISTINCT i.customer_id) = 1;

-- name: count_customers
-- How many people and accounts are known.
SELECT (SELECT count(*) FROM identity.customer) AS customers, (SELECT count(*) FROM identity.reference) AS accounts;

-- name: analyse
-- Tell the planner about a directory that was just read, instead of leaving it to guess until the next autovacuum.
ANALYZE identity.customer, identity.reference, identity.identifier;
