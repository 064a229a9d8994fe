-- name: owners_of
-- Who holds each of the identifiers (kinds $1, values $2), verified holders first; customers that are one person are
-- told as one. An account id may be an account with its system (`web:A0001440`) or our own customer id; without its system
-- it merely points to somebody, as one wrong digit makes it another's. More than 50 holders need not be told apart: two are too many. Whoever has no account is nobody.
SELECT a.kind, a.value, c.person AS customer_id, o.verified, o.ended, o.moved_at,
    EXISTS (SELECT FROM identity.conflict AS x WHERE x.kind = a.kind AND x.value = a.value AND x.shared) AS shared
FROM unnest($1::text[], $2::text[]) AS a (kind, value)
CROSS JOIN LATERAL (
    (
        SELECT i.customer_id, i.verified, i.ended_at IS NOT NULL AS ended, i.moved_at, i.system <> '' AS stated
        FROM identity.identifier AS i
        WHERE i.kind = a.kind AND i.value = a.value AND NOT i.denied AND i.given_up_at IS NULL
        ORDER BY i.verified DESC, i.customer_id
        LIMIT 50
    )
    UNION ALL
    (
        SELECT r.customer_id, false, false, NULL, true
        FROM identity.reference AS r
        WHERE a.kind = 'account' AND r.account_id = a.value AND r.gone_at IS NULL
        ORDER BY r.customer_id
        LIMIT 50
    )
    UNION ALL
    SELECT r.customer_id, true, false, NULL, true
    FROM identity.reference AS r
    WHERE a.kind = 'account' AND a.value LIKE '_%:_%' AND r.gone_at IS NULL
        AND r.system = split_part(a.value, ':', 1) AND r.account_id = substr(a.value, strpos(a.value, ':') + 1)
    UNION ALL
    SELECT c.customer_id, true, false, NULL, false
    FROM identity.customer AS c
    WHERE a.kind = 'account' AND c.customer_id = CASE
        WHEN a.value ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN a.value::uuid
    END
) AS o
JOIN identity.customer AS c ON c.customer_id = o.customer_id
WHERE o.stated OR identity.has_account(c.person);

-- name: near
-- Whom one slip may have missed, for each request (numbers $1, keys $2); see the function.
SELECT n.request, c.person AS customer_id, n.weight
FROM identity.near($1, $2, $3, $4) AS n
JOIN identity.customer AS c ON c.customer_id = n.customer_id
ORDER BY n.request, n.weight DESC, n.customer_id;

-- name: mended
-- Who holds values that one step mends ($1: number of the request, kinds $2, values $3), at most $4 for one value.
SELECT a.request, c.person AS customer_id
FROM unnest($1::int[], $2::text[], $3::text[]) AS a (request, kind, value)
CROSS JOIN LATERAL (
    SELECT i.customer_id FROM identity.identifier AS i
    WHERE i.kind = a.kind AND i.value = a.value AND i.given_up_at IS NULL
    ORDER BY i.verified DESC, i.customer_id LIMIT $4
) AS h
JOIN identity.customer AS c ON c.customer_id = h.customer_id
ORDER BY a.request, a.value, h.customer_id;

-- name: customers
-- The people with these ids: channel references, identifiers and particulars of all customers that are one with them.
-- The same identifier from two sources is told once, verified if any source verified it.
SELECT c.customer_id, c.created_at,
    m.ids AS merged,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_array(r.system, r.account_id) ORDER BY r.system, r.account_id), '[]')
        FROM identity.reference AS r
        WHERE r.customer_id = ANY (m.ids) AND r.gone_at IS NULL
    ) AS accounts,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_array(u.kind, u.value, u.raw, u.verified) ORDER BY u.kind, u.value), '[]')
        FROM (
            SELECT i.kind, i.value, min(coalesce(nullif(i.raw, ''), i.value)) AS raw, bool_or(i.verified) AS verified
            FROM identity.identifier AS i
            WHERE i.customer_id = ANY (m.ids) AND NOT i.denied AND i.given_up_at IS NULL
            GROUP BY i.kind, i.value
        ) AS u
    ) AS identifiers,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_array(o.name, o.street, o.place, o.postcode, o.born)), '[]')
        FROM identity.reference AS r
        JOIN identity.portrait AS o ON o.system = r.system AND o.account_id = r.account_id
        WHERE r.customer_id = ANY (m.ids) AND r.gone_at IS NULL
    ) AS particulars
FROM identity.customer AS c
CROSS JOIN LATERAL (
    SELECT array_agg(k.customer_id) AS ids FROM (
        SELECT c.customer_id
        UNION
        SELECT p.customer_id FROM identity.customer AS p WHERE p.person = c.customer_id AND p.merged_into IS NOT NULL
    ) AS k
) AS m
WHERE c.customer_id = ANY ($1::uuid[]);

-- name: references
-- The channel references of these customers.
SELECT r.customer_id, r.system, r.account_id
FROM identity.reference AS r
WHERE r.customer_id = ANY ($1::uuid[]) AND r.gone_at IS NULL
ORDER BY r.customer_id, r.system, r.account_id;

-- name: customer_by_reference
-- Whose account this is.
SELECT r.customer_id FROM identity.reference AS r WHERE r.system = $1 AND r.account_id = $2;

-- name: is_customer
-- Whether a customer has this id.
SELECT EXISTS (SELECT FROM identity.customer AS c WHERE c.customer_id = $1) AS known;

-- name: same_person
-- All the ids of the person whom this customer is, the one that the others were merged into first.
SELECT s.customer_id FROM (
    SELECT c.person AS customer_id, 0 AS place FROM identity.customer AS c WHERE c.customer_id = $1
    UNION ALL
    SELECT p.customer_id, 1 FROM identity.customer AS c
    JOIN identity.customer AS p ON p.person = c.person AND p.merged_into IS NOT NULL
    WHERE c.customer_id = $1
) AS s
ORDER BY s.place, s.customer_id;

-- name: take_in
-- Take in profiles at $1: see the function.
SELECT t.system, t.account_id, t.customer_id, t.new, t.stale FROM identity.take_in($1, $2::identity.profile_in[], $3) AS t;

-- name: prove
-- A one-time code was answered: see the function.
SELECT identity.prove($1, $2, $3, $4, $5::int[], $6) IS NULL AS proved;

-- name: customer_for_claim
-- The verified owner of an identifier where there is exactly one who has an account, nobody states it still who proved it
-- before, and no person found it to be shared.
SELECT min(c.person::text)::uuid AS customer_id
FROM identity.identifier AS i
JOIN identity.customer AS c ON c.customer_id = i.customer_id
WHERE i.kind = $1 AND i.value = $2 AND (i.verified OR i.ended_at IS NOT NULL) AND NOT i.denied
    AND i.given_up_at IS NULL AND (i.system <> '' OR identity.has_account(c.person))
    AND NOT EXISTS (SELECT FROM identity.conflict AS x WHERE x.kind = $1 AND x.value = $2 AND x.shared)
HAVING count(DISTINCT c.person) = 1 AND bool_or(i.verified);

-- name: count_customers
-- How many people and accounts are known.
SELECT (SELECT count(*) FROM identity.customer) AS customers, (SELECT count(*) FROM identity.reference) AS accounts;

-- name: accounts_after
-- The accounts of a system that are not gone, in order, behind one: a page of them; whether each was heard of after $4.
SELECT r.account_id, r.stated_at > $4 AS later FROM identity.reference AS r
WHERE r.system = $1 AND r.account_id > $2 AND r.gone_at IS NULL ORDER BY r.account_id LIMIT $3;

-- name: mark_gone
-- These accounts of a system are gone: see the function.
SELECT identity.mark_gone($1, $2, $3::text[], $4) AS gone;

-- name: settle_index
-- After a large directory was read: what waits to be sorted into the index of keys is sorted in now.
SELECT gin_clean_pending_list('identity.portrait_by_block'::regclass) AS pages;

-- name: analyse
-- Tell the planner about a directory that was just read, instead of leaving it to guess until the next autovacuum.
ANALYZE identity.customer, identity.reference, identity.identifier, identity.portrait;

-- name: merge
-- Two customers are one person: see the function.
SELECT identity.merge($1, $2, $3, $4, $5, $6) AS problem;

-- name: unmerge
-- A merge is taken back: see the function.
SELECT identity.unmerge($1, $2, $3, $4) AS problem;

-- name: move_account
-- An account goes to another customer: see the function.
SELECT identity.move_account($1, $2, $3, $4, $5, $6, $7, $8) AS problem;

-- name: deny
-- An identifier is not this customer's: see the function.
SELECT identity.deny($1, $2, $3, $4, $5, $6, $7) AS rows;

-- name: allow
-- A denial is taken back: see the function.
SELECT identity.allow($1, $2, $3, $4) AS rows;

-- name: lines_of_decision
-- What a decision did, and whether it was taken back.
SELECT * FROM identity.history WHERE decision_id = $1 ORDER BY line;

-- name: history_of
-- What became of these customers, newest first.
SELECT * FROM identity.history
WHERE customer_id = ANY ($1::uuid[]) OR other_id = ANY ($1::uuid[]) ORDER BY line DESC LIMIT $2;

-- name: open_conflicts
-- Values that two people have proved and that nobody has settled, oldest first and behind a cursor ($2, $3), with all who
-- proved them.
SELECT x.conflict_id, x.kind, x.value, x.opened_at, x.settled_at, o.people
FROM identity.conflict AS x
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT c.person) AS people
    FROM identity.identifier AS i JOIN identity.customer AS c ON c.customer_id = i.customer_id
    WHERE i.kind = x.kind AND i.value = x.value AND i.verified
) AS o
WHERE x.settled_at IS NULL AND cardinality(o.people) > 1 AND (x.opened_at, x.conflict_id) > ($2, $3)
ORDER BY x.opened_at, x.conflict_id LIMIT $1;

-- name: conflict
-- One conflict, settled or not, with all who proved the value as of now.
SELECT x.conflict_id, x.kind, x.value, x.opened_at, x.settled_at, coalesce(o.people, '{}') AS people
FROM identity.conflict AS x
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT c.person) AS people
    FROM identity.identifier AS i JOIN identity.customer AS c ON c.customer_id = i.customer_id
    WHERE i.kind = x.kind AND i.value = x.value AND i.verified
) AS o
WHERE x.conflict_id = $1;

-- name: settle_conflict
-- A person has decided about a conflict ($1) at $2: in favour of a customer ($3), by a decision ($4) of $5 on evidence $6.
-- A decision that merged nobody and denied nobody says that the value is shared.
WITH settled AS (
    UPDATE identity.conflict
    SET settled_at = $2, shared = NOT EXISTS (
        SELECT FROM identity.history AS h
        WHERE h.decision_id = $4 AND h.what IN ('merged', 'identifier-unlinked')
    )
    WHERE conflict_id = $1 AND settled_at IS NULL
    RETURNING kind, value
)
INSERT INTO identity.history (at, what, customer_id, kind, value, decision_id, decided_by, evidence)
SELECT $2, 'settled', $3, s.kind, s.value, $4, $5, $6 FROM settled AS s;

-- name: reopen_conflict
-- A decision about a conflict was taken back.
UPDATE identity.conflict SET settled_at = NULL, shared = false WHERE conflict_id = $1;

-- name: meet_again
-- What a decision ($1) gave back meets the proofs of others, at $2: see the function.
SELECT identity.meet_again($1, $2) IS NULL AS met;
